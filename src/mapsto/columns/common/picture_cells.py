"""Cells that may hold a picture: paths, the bytes of files, and numbers in two or three dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from mapsto.columns.common.cells import is_text
from mapsto.columns.common.dataurls import opened
from mapsto.columns.common.pixels import Source

Arrays = np.ndarray | Sequence[np.ndarray | None]
"""Numbers of each row: `(rows, ...)` where all are arrays of one shape, else one by one; None: there are none."""
Sources = np.ndarray | Sequence[Source | None]
"""A picture a row: `(rows, ...)` where all are arrays of one shape, else one by one; None: there is none."""

_ALIKE, _FARTHER = 0.6, 1.5


def is_array(dtype: pl.DataType) -> bool:
    """Whether cells of this dtype are numbers in two or three dimensions.

    >>> is_array(pl.Array(pl.UInt8, (28, 28))), is_array(pl.List(pl.UInt8)), is_array(pl.List(pl.List(pl.String)))
    (True, False, False)
    """
    depth, inner = _unnested(dtype)
    return depth in (2, 3) and inner.is_numeric()


def surely_pixels(found: Arrays) -> bool:
    """Whether arrays are pixels rather than sequences of vectors: they have channels, or are bytes or whole numbers of
    16 bits by their type; or all have one shape, and hold whole numbers up to 255, or from 0 to 1, or what changes
    little from one to the next in both directions, as pictures do.
    """
    some = found if isinstance(found, np.ndarray) else [cell for cell in found if cell is not None]
    if not len(some) or some[0].ndim == 3 or all(cell.dtype in (np.uint8, np.uint16) for cell in some):
        return len(some) > 0
    if len({cell.shape for cell in some}) > 1:
        return False
    cells = np.stack(list(some)).astype(np.float64)
    known = cells[np.isfinite(cells)]
    if not known.size:
        return False
    whole, low, high = bool((known == np.rint(known)).all()), known.min(), known.max()
    return bool((low >= 0 and high <= (255 if whole else 1)) or _smooth(cells))


def _smooth(cells: np.ndarray) -> bool:
    """Whether neighbours are much alike in both directions, and more than what is far apart."""
    spread = np.nanvar(np.where(np.isfinite(cells), cells, np.nan), axis=(1, 2), keepdims=True)
    cells = cells[(spread > 0)[:, 0, 0]] / np.sqrt(spread[spread > 0])[:, None, None]

    def apart(axis: int, steps: int) -> float:
        """Half the mean square of what lies so many steps apart: about 1 where that has nothing in common."""
        first, second = (np.take(cells, where, axis) for where in (range(cells.shape[axis] - steps),
                                                                   range(steps, cells.shape[axis])))  # fmt: skip
        return float(np.nanmean((first - second) ** 2) / 2)

    return len(cells) > 0 and all(
        apart(axis, 1) < _ALIKE and apart(axis, 1) * _FARTHER < apart(axis, cells.shape[axis] // 2) for axis in (1, 2)
    )


def _unnested(dtype: pl.DataType) -> tuple[int, pl.DataType]:
    depth = 0
    while isinstance(dtype, pl.List | pl.Array):
        depth, dtype = depth + 1, dtype.inner  # type: ignore[assignment]
    return depth, dtype


def numbers(series: pl.Series) -> Arrays:
    """Arrays as they stand: together where all rows have one of one shape, else one by one; None: there is none."""
    if not is_array(series.dtype) or series.null_count() == len(series):
        return [None] * len(series)
    if not series.null_count() and (values := _regular(series)) is not None:
        return values
    return [None if cell is None else _one(cell) for cell in series]


def sources(series: pl.Series) -> Sources:
    """Where the picture of each row comes from; what holds no picture has none."""
    if is_text(series.dtype):
        return opened(series.cast(pl.String))
    return series.to_list() if series.dtype == pl.Binary else numbers(series)


def _regular(cells: pl.Series) -> np.ndarray | None:
    """Cells as one array `(rows, ...)`; None where they have several shapes."""
    shape, one = [], cells[0]
    while isinstance(one, pl.Series):
        shape.append(len(one))
        one = one[0] if len(one) else None
    try:
        return cells.cast(pl.Array(_unnested(cells.dtype)[1], tuple(shape))).to_numpy()
    except pl.exceptions.PolarsError:
        return None


def _one(cell: pl.Series) -> np.ndarray | None:
    """One array; None where its lines have several lengths."""
    found = _regular(pl.Series([cell], dtype=pl.List(cell.dtype)))
    return None if found is None else found[0]
