"""T14: accounting negatives and the minus sign are numbers; what cannot be read is counted and shown."""

from __future__ import annotations

import polars as pl
import pytest

from mapsto.columns import Number
from mapsto.fitting.options import make_options
from mapsto.fitting.prepare import prepare
from mapsto.schema import Schema
from mapsto.table import read

CELLS = {
    "($50)": -50, "(1,200.50)": -1200.5, "($50.00)": -50, "(5)%": -5, "\u22122.0%": -2, "\u20132": -2, "-$5": -5,
    "$-5": -5, "5-": -5, "+5": 5, "$ 5": 5, "5 €": 5, "EUR 5": 5, "5 usd": 5, "12%": 12, "1'234.5": 1234.5,
}  # fmt: skip
"""Numbers with marks."""
NONE = ["10+", "<0.1", "5k", "1-2", "--5", "(5", "5)", "n.k.", "3/4", "1.2.3"]


@pytest.mark.parametrize(("cell", "value"), CELLS.items())
def test_one_among_many(cell: str, value: float) -> None:
    series = pl.Series([f"${i}.25" for i in range(40)] + [cell])
    column = Number.claim(series, name="x")
    column.learn(series)
    assert column.encode_target(series)[-1] == value
    assert not column.malformed(series).any()


@pytest.mark.parametrize("cell", NONE)
def test_what_is_dropped_is_counted_and_shown(cell: str) -> None:
    cells = [f"{i}.25" for i in range(60)]
    cells[7] = cells[30] = cell
    frame = pl.DataFrame({"x": cells, "y": [float(i % 13) for i in range(60)]})
    prepared = prepare(read(frame), make_options(target="y", network="linear-model"))
    (column,) = prepared.schema.inputs
    assert column.type == "number"
    (note,) = [note for note in prepared.notes if "cannot be read" in note.text]
    assert f"2 of 60 cells (3.3%) cannot be read as number, such as {cell!r}" in note.text
    assert note.rows == (7, 30)


def test_too_many_of_them_and_the_reason_is_shown() -> None:
    cells = [f"{i}.25" if i % 4 else "10+" for i in range(60)]
    frame = pl.DataFrame({"x": cells, "y": [float(i % 13) for i in range(60)]})
    column = next(c for c in Schema.claim(frame, targets=["y"]).columns if c.name == "x")
    assert "not read as number: only 75% of cells read as numbers, not such as '10+'" in column.doubt
