"""What is there and could not be read: found from what was encoded, and told the same way in fitting and predicting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapsto.columns.common.cells import examples as shown
from mapsto.columns.common.parts import Ragged
from mapsto.table.notes import Note, examples, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from mapsto.columns.base import Column
    from mapsto.columns.common.parts import Block

_UNSEEN = 1
"""The code of a cell that is there and says nothing that was learned."""
_LONGEST = 60
"""Characters of an example."""
_SHOWN = 3
"""Examples."""
FIRST = 20
"""Cells from which different ones are taken as examples."""


def blank(arrays: Sequence[Block], rows: int) -> np.ndarray:
    """Boolean `(rows,)`: where encoded arrays hold nothing. Of no arrays nothing is known, so everywhere.

    >>> blank([np.array([np.nan, 1.0]), np.array([1, 0])], 2).tolist()
    [True, False]
    """
    found = np.ones(rows, dtype=bool)
    for array in arrays:
        if isinstance(array, Ragged):
            found &= np.diff(array.offsets) == 0
        elif isinstance(array, np.ndarray):
            inner = tuple(range(1, array.ndim))
            if array.dtype.kind == "f":
                found &= np.isnan(array).all(axis=inner)
            else:
                found &= array <= _UNSEEN if not inner else ~array.any(axis=inner)
    return found


def unread(column: Column, series: pl.Series, suspected: np.ndarray) -> np.ndarray:
    """Rows whose cells are there and cannot be read as the column's type.

    `suspected`: boolean `(rows,)`, where nothing came out of the cell. Only these are read once more, so that a column
    without such cells costs next to nothing.
    """
    rows = np.flatnonzero(suspected)
    if not len(rows) or series.null_count() == len(series):
        return np.zeros(0, dtype=np.int64)
    rows = rows[series.is_not_null().to_numpy()[rows]] if series.null_count() else rows
    whole = len(rows) == len(series)
    return np.asarray(rows[column.malformed(series if whole else series.gather(rows))])


def unread_note(column: Column, cells: pl.Series, rows: np.ndarray, there: int, *, target: bool = False) -> Note:
    """What is lost and what that means: how many cells, their share, some of them, and their rows.

    Args:
        column: the column.
        cells: the first cells that cannot be read.
        rows: the rows of all of them, as the user counts.
        there: how many cells are there in all.
        target: whether it is a target.
    """
    what = f"{'Target' if target else 'Column'} {column.name!r}"
    end = ": their rows are neither learned from nor judged" if target else " and count as missing"
    values = list({repr(value): value for value in cells.head(FIRST).to_list()}.values())
    some = values[:_SHOWN]
    faults = [column.fault(value) for value in some]
    why = f": {faults[0]}" if faults[0] and len(set(faults)) == 1 else ""
    named = shown(some, longest=_LONGEST)
    if len(set(faults)) > 1:  # each has its own reason
        named = ", ".join(
            f"{shown([value], longest=_LONGEST)}{f' ({fault})' if fault else ''}"
            for value, fault in zip(some, faults, strict=True)
        )
    text = (
        f"{what}: {_counted(rows, there)} cannot be read as {column.type}, "
        f"such as {named}{why}{end if not why else end.replace(': ', '; ')} ({_rows(rows)})."
    )
    return Note("warning", text, column.name, examples(rows), len(rows))


def remark_note(column: Column, what: str, rows: np.ndarray, there: int) -> Note:
    """What is told of cells that are read: how many they are, their share, and their rows."""
    text = f"Column {column.name!r}: {_counted(rows, there)} {what} ({_rows(rows)})."
    return Note("warning", text, column.name, examples(rows), len(rows))


def _counted(rows: np.ndarray, there: int) -> str:
    return f"{len(rows):,} of {there:,} cells ({len(rows) / max(there, 1):.1%})"


def _rows(rows: np.ndarray) -> str:
    return f"{'row' if len(rows) == 1 else 'rows'} {listed(rows, len(rows))}"
