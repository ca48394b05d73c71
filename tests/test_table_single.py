"""One file as a row: what makes one, what is a table after all, and what is said where it cannot be one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import mapsto
from mapsto import cli
from mapsto.errors import DataError, OptionError
from mapsto.table import one_cell, one_row

PHOTO, LETTER = {"photo": "image"}, {"letter": "text"}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a[1]*.PNG"
    Image.fromarray(np.full((8, 8), 200, dtype=np.uint8)).save(path, format="png")
    return path


def test_a_picture_is_a_row(picture: Path) -> None:
    table = one_row(picture, PHOTO)
    assert table.frame.to_dicts() == [{"photo": str(picture.resolve()), "file": picture.name}]
    assert (table.kind, table.names) == ("path", ("file",))
    assert one_row(picture, {"file": "image"}).frame.to_dicts() == [{"file": str(picture.resolve())}]


@pytest.mark.parametrize("inputs", [{"age": "number"}, PHOTO | {"age": "number"}, PHOTO | {"other": "image"}, {}])
def test_a_model_that_reads_other_columns_refuses_it_by_name(picture: Path, inputs: dict[str, str]) -> None:
    with pytest.raises(DataError, match="is one picture") as error:
        one_row(picture, inputs)
    assert all(f"{name} ({kind})" in str(error.value) for name, kind in inputs.items())


def test_tables_folders_and_what_is_not_there_are_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("photo\na.png\n")
    for place in (tmp_path, tmp_path / "rows.csv", tmp_path / "none.png"):
        assert one_row(place, PHOTO) is None


def test_a_text_is_a_row_unless_it_begins_like_a_table(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text("Dear Sir,\nthe letter did arrive.\n")
    assert one_row(path, LETTER).frame["letter"].to_list() == [path.read_text()]
    assert one_row(path, LETTER | {"age": "number"}) is None
    assert one_row(path, PHOTO) is None
    path.write_text('id,"letter"\n1,hello\n')
    assert one_row(path, LETTER) is None
    with pytest.raises(DataError, match="is one text"):
        one_row(path.rename(tmp_path / "one.md"), PHOTO)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Handwritten zeros and ones as files in folders, and what was learned from them."""
    folder = tmp_path_factory.mktemp("digits")
    found = load_digits(n_class=2)
    for row, (picture, digit) in enumerate(zip(found.images, found.target, strict=True)):
        (folder / "files" / f"n{digit}").mkdir(parents=True, exist_ok=True)
        path = folder / "files" / f"n{digit}" / f"{row}.png"
        Image.fromarray(np.round(picture * 15.9).astype(np.uint8)).save(path)
    model = mapsto.fit(folder / "files", "class", network="nearest", progress=False, threads=1)
    model.save(folder / "digits.mapsto")
    age = pl.DataFrame({"x": range(60), "y": [n % 3 for n in range(60)]})
    mapsto.fit(age, "y", network="linear-model", progress=False, threads=1).save(folder / "plain.mapsto")
    return folder


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object) -> SimpleNamespace:
    monkeypatch.setattr(sys, "argv", ["mapsto", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    return SimpleNamespace(status=ended.value.code or 0, out=said.out, err=said.err)


def test_the_command_predicts_a_single_picture(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted((place / "files").glob("*/*.png"))
    for path in (files[0], files[-1]):
        done = call(capsys, monkeypatch, "predict", place / "digits.mapsto", path, "--json")
        assert done.status == 0, done.err
        (row,) = json.loads(done.out)["predictions"]
        assert row["class"] == path.parent.name
    likely = call(capsys, monkeypatch, "predict", place / "digits.mapsto", files[0], "--proba", "--json")
    (row,) = json.loads(likely.out)["predictions"]
    assert row["n0"] > 0.9


def test_the_command_explains_a_single_picture(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = next((place / "files").glob("*/*.png"))
    done = call(capsys, monkeypatch, "explain", place / "digits.mapsto", picture, "--inside", "image", "--json")
    assert done.status == 0, done.err
    fields = json.loads(done.out)["explanations"]
    assert len(fields) > 1
    assert {field["row"] for field in fields} == {0}
    assert max(field["bottom"] for field in fields) <= 8


def test_rows_says_how_many_of_a_file_are_explained(place: Path, tmp_path: Path) -> None:
    model, path = mapsto.load(place / "plain.mapsto"), tmp_path / "new.csv"
    path.write_text("x\n" + "\n".join(map(str, range(20))) + "\n")
    assert model.explain(path, rows=3)["row"].to_list() == [0, 1, 2]
    with pytest.raises(OptionError, match="rows=0"):
        model.explain(path, rows=0)


def test_the_command_says_what_a_model_of_other_columns_reads(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = next((place / "files").glob("*/*.png"))
    done = call(capsys, monkeypatch, "predict", place / "plain.mapsto", picture)
    assert done.status == 1
    assert "is one picture" in done.err
    assert "x (number)" in done.err


def test_an_array_that_may_be_several_pictures_is_not_one():
    inputs = {"photo": "image"}
    assert one_cell(np.zeros((8, 8), np.uint8), inputs).frame.height == 1
    assert one_cell(np.zeros((8, 8, 3), np.uint8), inputs).frame.height == 1
    assert one_cell(np.zeros((3, 8, 8), np.uint8), inputs) is None
