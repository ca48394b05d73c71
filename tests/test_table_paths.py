"""Cells that are paths: found beside their table, left alone otherwise, and watched for change."""

from __future__ import annotations

import os
import zipfile

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import shared_data
from mapsto.table import files_fingerprint, read, write
from mapsto.table.paths import path_columns


@pytest.fixture
def home(tmp_path):
    """A folder with pictures below it, to put a table in."""
    with zipfile.ZipFile(shared_data("att_faces", "faces_png.zip")) as archive:
        archive.extractall(tmp_path / "home" / "photos", archive.namelist()[:20])
    return tmp_path / "home"


def rows(home):
    paths = sorted(path.relative_to(home).as_posix() for path in home.glob("photos/*/*.png"))
    return pl.DataFrame({"photo": paths, "price": range(len(paths)), "said": [f"see {path}!" for path in paths]})


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "t.jsonl"])
def test_relative_paths_are_found_beside_the_table(home, name):
    frame = rows(home)
    table = read(write(frame, home / name))
    assert table.frame["photo"].to_list() == [str(home / path) for path in frame["photo"]]
    assert all(map(os.path.exists, table.frame["photo"]))
    assert table.frame.drop("photo").equals(frame.drop("photo"))
    assert [note.column for note in table.notes] == ["photo"]


def test_each_part_has_its_own_folder(home):
    frame = rows(home)
    for part in ("train", "test"):
        (home / part).mkdir()
        write(frame, home / part / "t.csv")
    (home / "photos").rename(home / "test" / "photos")
    table = read(home)
    assert table.frame["photo"].to_list() == frame["photo"].to_list()  # there are none beside it
    assert table.parts["test"]["photo"].to_list() == [str(home / "test" / path) for path in frame["photo"]]


def test_lists_of_paths(home):
    frame = rows(home).select(pl.concat_list("photo", pl.col("photo").reverse()).alias("photos"))
    found = read(write(frame, home / "t.parquet")).frame["photos"]
    assert found.list.eval(pl.element().str.starts_with(str(home))).list.all().all()


def test_paths_from_here_stay_as_they_are(home, monkeypatch):
    monkeypatch.chdir(home)
    frame = rows(home)
    assert read(write(frame, home / "t.csv")).frame.equals(frame)


def test_cells_that_are_not_below_the_table_stay_as_they_are(home):
    photo = [*rows(home)["photo"], "/elsewhere/1.png", "../up.png", "a/../../up.png", "http://x.org/1.png", "C:\\1.png"]
    frame = pl.DataFrame({"photo": [*photo, None]})
    found = read(write(frame, home / "t.parquet")).frame["photo"]
    assert found[-6:].to_list() == frame["photo"][-6:].to_list()
    assert found[:-6].str.starts_with(str(home)).all()


def test_texts_that_mention_files_are_no_paths(home):
    frame = pl.DataFrame({"said": ["see a.png", "no", "nothing here", "x"], "where": ["a.txt"] * 4, "n": range(4)})
    assert path_columns(frame) == []
    assert read(write(frame, home / "t.csv")).notes == []
    absent = pl.DataFrame({"photo": ["gone/1.png", "gone/2.png"]})
    assert read(write(absent, home / "t.csv")).frame.equals(absent)


def test_a_name_of_a_stranger_cannot_break_the_look(tmp_path):
    odd = pl.DataFrame({"photo": ["x" * 5000 + ".png", "\u202e.png", "a\nb.png", " .png"]})
    assert read(write(odd, tmp_path / "t.parquet")).frame.height == 4
    assert files_fingerprint(pl.DataFrame({"p": ["a\0b.png", "y" * 5000 + ".png"]}))


def test_changed_files_change_the_fingerprint(home):
    frame = read(write(rows(home), home / "t.csv")).frame
    before = files_fingerprint(frame)
    assert before == files_fingerprint(frame.clone())
    path = home / "photos" / "s1" / "1.png"
    data = path.read_bytes()
    path.write_bytes(data + b"x")
    assert (longer := files_fingerprint(frame)) != before
    path.write_bytes(data[:-1] + b"x")
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000))
    assert (later := files_fingerprint(frame)) not in (before, longer)
    path.unlink()
    assert files_fingerprint(frame) not in (before, longer, later)


def test_tables_without_paths_have_no_fingerprint_of_files():
    assert files_fingerprint(pl.DataFrame({"a": [1], "t": ["x"], "l": [[1]], "b": [b"x.png"]})) == ""


@given(st.lists(st.text(max_size=12), min_size=1, max_size=5))
def test_any_text_passes(texts):
    frame = pl.DataFrame({"t": texts, "l": [texts] * len(texts)})
    assert set(path_columns(frame)) <= {"t", "l"}
    files_fingerprint(frame)
