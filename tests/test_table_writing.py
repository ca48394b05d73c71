from __future__ import annotations

import polars as pl
import pytest

from mapsto.errors import OptionError
from mapsto.table import Note, read, write


def test_lists_become_texts_in_csv(tmp_path):
    frame = pl.DataFrame({"s": [["a", "b"], [], None]})
    assert read(write(frame, tmp_path / "t.csv")).frame["s"].to_list() == ["a|b", None, None]
    assert read(write(frame, tmp_path / "t.parquet")).frame["s"].to_list() == [["a", "b"], [], None]


def test_wrong_suffix_and_folder_are_named(tmp_path):
    with pytest.raises(OptionError, match=r"\.docx"):
        write(pl.DataFrame({"a": [1]}), tmp_path / "t.docx")
    with pytest.raises(OptionError, match="does not exist"):
        write(pl.DataFrame({"a": [1]}), tmp_path / "no" / "t.csv")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("old")
    with pytest.raises(pl.exceptions.PolarsError):
        write(pl.DataFrame({"s": [{"a": 1}]}), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_notes_survive_json():
    note = Note("repair", "Two cells.", column="x", rows=(1, 2), count=2, lines=(3,))
    assert Note.from_dict(note.to_dict()) == note
    assert Note.from_dict({"kind": "evil", "rows": "no", "count": []}) == Note("info", "")
