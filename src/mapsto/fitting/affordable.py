"""Rows whose files can be read in the time that was given: opening a few tells how long all take."""

from __future__ import annotations

import time as clock
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.columns.common.cells import sample
from mapsto.columns.common.file_column import FileColumn
from mapsto.table.groups import take_strata
from mapsto.table.notes import Note

if TYPE_CHECKING:
    import polars as pl

    from mapsto.schema import Schema
    from mapsto.training.run import Run

_OPENED = (4, 4, 16, 64)
"""Files that are timed, one after the other, as long as they seem to take too long: the first time pays for what is
loaded once, and any may have to wait for another process.
"""
_TIMED = 0.05
"""Of the time, what timing may take after the first time."""
_READINGS = 3
"""How often a file is read: to learn the column, to encode it, and of some to sum it up."""
_SHARE = 0.4
"""Of the time, what reading may take."""
_FEWEST = 10
"""Rows that are read in any case."""


def rows_in_time(
    frame: pl.DataFrame, schema: Schema, strata: np.ndarray, run: Run, seed: int
) -> tuple[np.ndarray | None, list[Note]]:
    """Which rows of `frame` to read, boolean, of each stratum its share; and why they are not all. None: all.

    Args:
        frame: all rows.
        schema: claimed.
        strata: a code a row.
        run: its time, and the decision, which a resumed run takes over.
        seed: of the draw.
    """
    files = [column for column in schema.inputs if isinstance(column, FileColumn)]
    if run.time is None or not files:
        return None, []

    def decide() -> dict[str, Any]:
        seconds = a_row(_OPENED[0])
        start = clock.perf_counter()
        for count in _OPENED[1:]:
            if enough(seconds) >= frame.height or clock.perf_counter() - start > _TIMED * (run.time or 0.0):
                break
            seconds = min(seconds, a_row(count))
        return {"seconds": round(seconds, 5), "rows": min(frame.height, max(_FEWEST, enough(seconds)))}

    def enough(seconds: float) -> int:
        return int(_SHARE * (run.left or 0.0) / max(_READINGS * seconds, 1e-9))

    def a_row(count: int) -> float:
        return sum(_seconds_a_cell(column, frame[column.name], count) for column in files)

    found = run.decide("rows read in time", decide)
    if found["rows"] >= frame.height:
        return None, []
    there = take_strata(strata, found["rows"], np.random.default_rng(seed), protect=False)
    names = ", ".join(repr(column.name) for column in files)
    text = (
        f"Only {there.sum():,} of {frame.height:,} rows are used, drawn at random: to read the files of all ({names}) "
        f"takes about {_READINGS * found['seconds'] * frame.height:.0f} s, too much of time={run.time:g}."
    )
    return there, [Note("warning", text, count=int((~there).sum()))]


def _seconds_a_cell(column: FileColumn, series: pl.Series, count: int) -> float:
    """How long a cell takes to be read, on average over all rows; those without a file take none."""
    some = sample(series, count)
    if not len(some):
        return 0.0
    start = clock.perf_counter()
    column.encode(some)
    there = 1 - series.null_count() / max(1, len(series))
    return there * (clock.perf_counter() - start) / len(some)
