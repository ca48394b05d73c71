"""Truths that the model has no class or label for: they count as wrong in every figure, and are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapsto.metrics import strange
from mapsto.table.notes import Note, examples, plural

if TYPE_CHECKING:
    import polars as pl

    from mapsto.columns.base import Column

_NAMED = 5


def strangers(target: Column, cells: pl.Series, rows: np.ndarray | None = None, rows_are: str = "") -> list[Note]:
    """A warning that names the values and says how many rows have them; none where every truth has its class.

    Args:
        target: that was learned.
        cells: the truth of a table as the user gave it.
        rows: the rows that are meant; None: all.
        rows_are: what these rows are, such as "test"; empty: nothing but rows.
    """
    task = target.task or "regression"
    if task == "regression":
        return []
    every = np.arange(len(cells)) if rows is None else rows
    some = cells if rows is None else cells.gather(rows)
    meant = np.flatnonzero(strange(task, target.encode_target(some)))
    if not len(meant):
        return []
    found = target.strangers(some.gather(meant)).value_counts(sort=True, name="rows")
    listed = ", ".join(f"{value!r} ({count:,})" for value, count in found.head(_NAMED).iter_rows())
    listed += f" and {found.height - _NAMED:,} more" if found.height > _NAMED else ""
    what = "labels" if target.task == "multilabel" else "values"
    text = (
        f"{len(meant):,} of {plural(len(every), f'{rows_are} row'.strip())} have {what} of {target.name!r} that no row "
        f"the model learned from has: {listed}. It cannot be right about them, and they count as wrong."
    )
    return [Note("warning", text, column=target.name, rows=examples(every[meant]), count=len(meant))]
