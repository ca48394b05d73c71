"""A column of the names of files that are not there is refused, with where they were looked for; it is no text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import polars as pl
import pytest

import mapsto
from mapsto.errors import DataError
from mapsto.schema import Schema

NAMES = {"image": "photos/{}.jpg", "audio": "calls/{}.wav", "video": "clips/{}.mp4"}


def claim(cells: pl.Series | list[object], **types: object) -> Schema:
    frame = pl.DataFrame({"photo": cells, "size": range(len(cells)), "y": ["a", "b"] * (len(cells) // 2)})
    return Schema.claim(frame, targets=["y"], types=types)


@pytest.mark.parametrize("name", NAMES.values())
def test_none_is_there(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no file of column 'photo' was found from") as error:
        claim([name.format(i) for i in range(40)])
    assert str(tmp_path) in str(error.value)
    assert name.format(0) in str(error.value)


def test_the_class_is_not_read_from_the_path(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "photo,y\n" + "".join(f"{y}/{i}.png,{y}\n" for i in range(30) for y in ("cat", "dog"))
    )
    with pytest.raises(DataError, match="no file of column 'photo' was found"):
        mapsto.fit(tmp_path / "t.csv", target="y", network="linear", progress=False)


@pytest.mark.parametrize("address", ["https://example.org/{}.jpg", "http://example.org/{}.png?size=large#top"])
def test_addresses_are_not_fetched(address: str) -> None:
    with pytest.raises(DataError, match="no file of column 'photo' was found: its cells are addresses"):
        claim([address.format(i) for i in range(40)])


def test_lists_of_paths() -> None:
    with pytest.raises(DataError, match="no file of column 'photo' was found"):
        claim([[f"{i}.png", f"{i}_back.png"] for i in range(20)])


def test_most_are_absent_or_broken(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{i}.png") for i in range(20)]
    for path in paths[:4]:
        PIL.Image.fromarray(np.zeros((9, 9), np.uint8)).save(path)
    with pytest.raises(DataError, match="only 4 of 20 files of column 'photo' were found"):
        claim(paths)
    for path in paths[4:]:
        Path(path).write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match="20 are there but only 4 open as pictures"):
        claim(paths)


def test_some_are_absent(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{i}.png") for i in range(20)]
    for path in paths[:15]:
        PIL.Image.fromarray(np.zeros((9, 9), np.uint8)).save(path)
    (column,) = (column for column in claim(paths).inputs if column.name == "photo")
    assert column.type == "image"
    assert column.malformed(pl.Series(paths)).sum() == 5
    assert column.fault(paths[15]) == "there is no such file"
    assert column.fault(paths[0]) == ""
    assert column.fault("https://example.org/1.png") == "addresses are not fetched"


def test_who_means_the_names_says_so() -> None:
    names = [f"{kind}/{i}.png" for i in range(20) for kind in "ab"]
    assert claim(names, photo="text").inputs[0].type == "text"
    assert claim(names, photo="ignored").left_out[0].type == "ignored"


def test_sentences_that_name_files_are_text() -> None:
    said = [f"see {i}.png" if i % 3 else f"nothing to see here, {i}" for i in range(60)]
    assert claim(said).columns[0].type == "text"
