"""Cells that may hold a picture: paths, the bytes of files, and numbers in two or three dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from mapsto.columns.common.cells import BLANKS, is_text
from mapsto.columns.common.pixels import Source

Sources = np.ndarray | list[Source | None]
"""A picture a row: uint8 `(rows, ...)` where all are arrays of one shape, else one by one; None: there is none."""


def is_array(dtype: pl.DataType) -> bool:
    """Whether cells of this dtype are numbers in two or three dimensions.

    >>> is_array(pl.Array(pl.UInt8, (28, 28))), is_array(pl.List(pl.UInt8)), is_array(pl.List(pl.List(pl.String)))
    (True, False, False)
    """
    depth, inner = _unnested(dtype)
    return depth in (2, 3) and inner.is_numeric()


def surely_pixels(cells: pl.Series) -> bool:
    """Whether arrays are pixels rather than a sequence of vectors: bytes, three dimensions, or whole numbers up to 255
    or numbers up to 1 in an array of one shape.
    """
    depth, inner = _unnested(cells.dtype)
    if inner == pl.UInt8 or depth == 3:
        return True
    together = _together(cells, 1.0)
    numbers = _flat(cells)
    whole = inner.is_integer() or bool((numbers == numbers.round()).all())
    most = float(numbers.max() or 0)  # type: ignore[arg-type]
    return isinstance(together, np.ndarray) and most <= (255 if whole else 1)


def _flat(cells: pl.Series) -> pl.Series:
    while isinstance(cells.dtype, pl.List | pl.Array):
        cells = cells.drop_nulls().explode(empty_as_null=False)
    return cells.drop_nulls()


def _unnested(dtype: pl.DataType) -> tuple[int, pl.DataType]:
    depth = 0
    while isinstance(dtype, pl.List | pl.Array):
        depth, dtype = depth + 1, dtype.inner  # type: ignore[assignment]
    return depth, dtype


def scale_of(cells: pl.Series) -> float:
    """The factor that brings the numbers of arrays to [0, 255]: from [0, 1], or from whole numbers of some bits.

    >>> scale_of(pl.Series([[[0.0, 0.5], [1.0, 0.1]]])), scale_of(pl.Series([[[0, 3000], [1, 1]]])) * 4095
    (255.0, 255.0)
    """
    known = _flat(cells)
    known = known.filter(known.is_finite())
    most = float(known.max() or 0)  # type: ignore[arg-type]
    if known.dtype.is_float() and most <= 1:
        return 255.0
    levels = 1 << max(8, int(most).bit_length())
    return 255.0 / (levels - 1)


def sources(series: pl.Series, scale: float = 1.0) -> Sources:
    """Where the picture of each row comes from.

    Args:
        series: any cells; what holds no picture has none.
        scale: for arrays of numbers other than uint8, see `scale_of`.
    """
    if is_text(series.dtype):
        return [path or None for path in series.cast(pl.String).str.strip_chars(BLANKS).to_list()]
    if series.dtype == pl.Binary:
        return series.to_list()
    if not is_array(series.dtype) or series.null_count() == len(series):
        return [None] * len(series)
    there = series.is_not_null().to_numpy()
    cells = _together(series.drop_nulls(), scale)
    if isinstance(cells, np.ndarray) and there.all():
        return cells
    found: list[Source | None] = [None] * len(series)
    for row, cell in zip(np.flatnonzero(there).tolist(), cells, strict=True):
        found[row] = cell
    return found


def _together(cells: pl.Series, scale: float) -> Sources:
    """Arrays as uint8: as one, sharing the memory where it can be, if they have one shape and hold only numbers."""
    try:
        values = _regular(cells)
    except pl.exceptions.PolarsError:  # they have several shapes
        return [_one(cell, scale) for cell in cells.to_list()]
    if values.dtype == np.uint8:
        return values
    bad = ~(np.isfinite(values) & (values >= 0)).reshape(len(values), -1).all(axis=1)
    if not bad.any():
        return _scaled(values, scale)
    found: list[Source | None] = [None] * len(values)
    for row, cell in zip(np.flatnonzero(~bad).tolist(), _scaled(values[~bad], scale), strict=True):
        found[row] = cell
    return found


def _regular(cells: pl.Series) -> np.ndarray:
    """Cells as one array `(rows, ...)`; raises a `PolarsError` where they have several shapes."""
    shape, one = [], cells[0]
    while isinstance(one, pl.Series):
        shape.append(len(one))
        one = one[0] if len(one) else None
    return cells.cast(pl.Array(_unnested(cells.dtype)[1], tuple(shape))).to_numpy()


def _one(cell: Any, scale: float) -> np.ndarray | None:
    try:
        values = np.asarray(cell, dtype=np.float64)
    except (ValueError, TypeError):  # lines of several lengths, or gaps
        return None
    return _scaled(values, scale) if (np.isfinite(values) & (values >= 0)).all() else None


def _scaled(values: np.ndarray, scale: float) -> np.ndarray:
    found: np.ndarray = np.minimum(np.rint(values * np.float32(scale)), 255).astype(np.uint8)
    return found
