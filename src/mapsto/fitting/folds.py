"""Folds that keep to the split: classes in their shares, groups whole, and time in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapsto.errors import DataError
from mapsto.table import folds
from mapsto.table.groups import codes_of
from mapsto.table.instants import instants

if TYPE_CHECKING:
    import polars as pl

    from mapsto.fitting.options import Options
    from mapsto.members.base import Folds
    from mapsto.schema import Schema
    from mapsto.table import Selection


def cut_folds(
    frame: pl.DataFrame | Selection,
    strata: np.ndarray | None,
    options: Options,
    count: int,
    times: np.ndarray | None = None,
) -> Folds:
    """`count` folds of these rows, or fewer where there are too few rows, groups or instants.

    By time they are windows that grow: the first half of the rows only teaches, the second is cut into blocks, and each
    block is predicted from all that is older. Otherwise every row is predicted once.
    """
    if times is not None:
        return time_folds(times, count)
    return folds(frame.height, strata, groups_of(frame, options), count, options.recipe.seed)


def times_of(frame: pl.DataFrame, schema: Schema, split: str) -> np.ndarray | None:
    """Each row's place in time where rows are split by time, as the column's own type reads it; None otherwise."""
    how, _, name = split.partition(":")
    if how != "time" or name not in frame.columns:
        return None
    column = next((column for column in schema.columns if column.name == name), None)
    found = None if column is None else column.times(frame[name])
    return instants(frame[name]) if found is None else found


def groups_of(frame: pl.DataFrame | Selection, options: Options) -> np.ndarray | None:
    """A code a row where rows are split by group; None otherwise."""
    how, _, column = options.split.partition(":")
    return codes_of(frame[column]) if how == "group" else None


def time_folds(times: np.ndarray, count: int) -> Folds:
    """Growing windows: all older rows, and the block of rows that follows them.

    Rows of one instant stay together. Rows without a time teach always and are never predicted.

    >>> [(a.tolist(), b.tolist()) for a, b in time_folds(np.array([5.0, 1.0, 2.0, 3.0]), 2)]
    [([1, 2], [3]), ([1, 2, 3], [0])]
    """
    known = np.sort(times[~np.isnan(times)])
    if not len(known) or known[0] == known[-1]:
        message = "split by time: all rows have the same time; expected at least two different times"
        raise DataError(message)
    places = np.linspace(len(known) // 2, len(known), count, endpoint=False).astype(np.int64)
    starts = np.unique(known[places])
    starts = starts[starts > known[0]]
    if not len(starts):
        starts = known[known > known[0]][:1]
    ends = np.append(starts[1:], np.inf)
    return [
        (np.flatnonzero(~(times >= start)), np.flatnonzero((times >= start) & (times < end)))
        for start, end in zip(starts, ends, strict=True)
    ]
