"""T15: keys of a JSON document align, and which of several files was taken is said or refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from mapsto.errors import DataError
from mapsto.table import read

FILES = Path(__file__).parent / "files"


def told(table):
    return " ".join(note.text for note in table.notes)


def test_columns_align_by_their_keys():
    assert read(FILES / "cols.json").frame.rows() == [(1, "x"), (2, "y"), (3, "z")]


def test_keys_that_some_columns_lack(tmp_path):
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"a": {"x": 1, "y": 2}, "b": {"y": "q", "z": "r"}}))
    assert read(path).frame.rows() == [(1, None), (2, "q"), (None, "r")]


@pytest.mark.parametrize(("name", "left", "shape"), [("adult", "adult.txt", (60, 2)), ("iris", "iris.names", (1, 2))])
def test_the_table_is_taken_and_the_other_named(name, left, shape):
    table = read(FILES / f"{name}.zip")
    assert table.frame.shape == shape
    assert left in told(table)


def test_two_tables_for_one_role_are_refused_with_both_names():
    with pytest.raises(DataError, match=r"'train\.csv', 'train\.tsv'"):
        read(FILES / "train.zip")


def test_the_same_in_a_folder(tmp_path):
    for name in ("adult", "train"):
        folder = tmp_path / name
        zipfile.ZipFile(FILES / f"{name}.zip").extractall(folder)
    table = read(tmp_path / "adult")
    assert table.frame.shape == (60, 2)
    assert "adult.txt" in told(table)
    with pytest.raises(DataError, match=r"'train\.csv', 'train\.tsv'"):
        read(tmp_path / "train")


def test_texts_with_the_same_columns_are_tables(tmp_path):
    (tmp_path / "one.csv").write_text("a,b\n1,2\n")
    (tmp_path / "two.txt").write_text("a,b\n3,4\n")
    assert read(tmp_path).frame.rows() == [(1, 2), (3, 4)]
