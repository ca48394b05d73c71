"""Cells of workbooks whose formula failed are told by column."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapsto.table import read


@pytest.mark.parametrize("start", [1, 3])
def test_cells_that_failed_are_told(tmp_path: Path, start: int) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "A & B"
    for row, cells in enumerate([("a", "b", "y"), *((k, k / 2, k % 7) for k in range(60))], start=1):
        for place, value in enumerate(cells):
            broken = row > 1 and place == 1 and row % 4 == 2
            book.active.cell(row, start + place, ("#REF!" if row < 40 else "#DIV/0!") if broken else value)
    book.create_sheet("other").append(["#N/A"])
    book.save(tmp_path / "t.xlsx")
    table = read(tmp_path / "t.xlsx")
    assert table.frame["b"].null_count() == 15
    (note,) = [note for note in table.notes if note.kind == "warning"]
    assert note.column == "b"
    assert note.count == 15
    assert "15 cells of sheet 'A & B' without a value but an error (#DIV/0!, #REF!)" in note.text
    assert "rows 2, 6, 10" in note.text
