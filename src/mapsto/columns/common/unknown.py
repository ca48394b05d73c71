"""Cells that hold nothing but values that were not learned: what numbers in another range are to numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapsto.columns.common.cells import as_text, examples
from mapsto.columns.common.spans import Remark

if TYPE_CHECKING:
    import polars as pl

FEWEST = 5
"""Cells from which on it is told."""
SHARE = 0.5
"""Share of them that is unknown; some are in any rows of many rare values."""


def unknown_remarks(unknown: np.ndarray, there: int, values: pl.Series, what: str = "values") -> list[Remark]:
    """What is to be told where at least half of the cells that are there hold only what was not learned.

    Args:
        unknown: boolean `(rows,)`, the cells that do.
        there: how many cells hold something.
        values: what is not known, in any order.
        what: what a cell holds.
    """
    rows = np.flatnonzero(unknown)
    if there < FEWEST or len(rows) < SHARE * there:
        return []
    counted = as_text(values).drop_nulls().alias("value").value_counts(sort=True, name="cells")
    shown = examples(counted.sort(["cells", "value"], descending=[True, False])["value"].to_list())
    return [Remark(f"hold {what} that were not learned, such as {shown}: another spelling?", rows)]
