"""What the numbers of a column mean: the range on which they stand, found once over the column and kept.

A picture of numbers from 0 to 1 and one of bytes look alike and mean something else, and so do centimetres and metres.
So the range is a property of the column, learned with it; what comes later in another range is told, and read on its
own scale where there is no doubt which it is (`columns/common/depths.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_FAR = 1.0
"""Widths of the learned range by which a number lies beyond it before one is told."""
_FEW, _MANY = 5, 20
"""Cells from which on it is told that most lie outside the range, and that all are of another size."""
_SMALLER = 20.0


@dataclass(frozen=True)
class Extents:
    """The least and the largest number of each cell, float64 `(rows,)`, NaN where it has none; and which are whole."""

    low: np.ndarray
    high: np.ndarray
    whole: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Self:
        """Of cells that are rows of numbers, `(rows, ...)`; what is no finite number does not count."""
        rows = len(values)
        if not values.size:
            return cls(np.full(rows, np.nan), np.full(rows, np.nan), np.zeros(rows, dtype=bool))
        flat = values.reshape(rows, -1)
        if flat.dtype.kind != "f":
            low, high = flat.min(axis=1).astype(np.float64), flat.max(axis=1).astype(np.float64)
            return cls(low, high, np.ones(rows, dtype=bool))
        known = np.isfinite(flat)
        if known.all():
            return cls(flat.min(axis=1).astype(np.float64), flat.max(axis=1).astype(np.float64), _whole(flat))
        low = np.where(known, flat, np.inf).min(axis=1).astype(np.float64)
        high = np.where(known, flat, -np.inf).max(axis=1).astype(np.float64)
        empty = ~known.any(axis=1)
        low[empty] = high[empty] = np.nan
        return cls(low, high, _whole(np.where(known, flat, 0)))

    @classmethod
    def of_rows(cls, values: np.ndarray, lengths: np.ndarray) -> Self:
        """Of cells that are rows of steps `(steps, channels)`, one after another, so many steps each."""
        low, high = np.full((2, len(lengths)), np.nan)
        whole = np.zeros(len(lengths), dtype=bool)
        rows = np.flatnonzero(lengths)
        if len(rows):
            starts = (np.cumsum(lengths) - lengths)[rows]
            known = np.isfinite(values)
            low[rows] = np.minimum.reduceat(np.where(known, values, np.inf).min(axis=1), starts)
            high[rows] = np.maximum.reduceat(np.where(known, values, -np.inf).max(axis=1), starts)
            whole[rows] = np.logical_and.reduceat(((values == np.rint(values)) | ~known).all(axis=1), starts)
            nothing = ~np.isfinite(low)
            low[nothing] = high[nothing] = np.nan
        return cls(low, high, whole)

    @classmethod
    def together(cls, each: list[Extents]) -> Self:
        """Those of several cells as one."""
        if not each:
            return cls.of(np.zeros((0, 1)))
        return cls(*(np.concatenate([getattr(one, name) for one in each]) for name in ("low", "high", "whole")))

    @property
    def known(self) -> np.ndarray:
        """Where a cell has a number."""
        return np.asarray(~np.isnan(self.low))

    @property
    def size(self) -> np.ndarray:
        """The largest magnitude of each cell."""
        return np.asarray(np.maximum(-self.low, self.high))


@dataclass(frozen=True)
class Remark:
    """Something to tell of cells that are read, though perhaps not as they are meant."""

    what: str
    """After "3 of 40 cells": "hold several frames, of which the first is read"."""
    rows: np.ndarray
    """Their row numbers."""


@dataclass(frozen=True)
class Span:
    """The range of the numbers of a column, over all cells that it was learned from."""

    low: float
    high: float
    least: float
    """The largest magnitude of a cell, of the cell that has hardly any: the first percentile."""
    usual: float
    """The same, of nearly the largest: the 95th percentile."""
    whole: bool
    """Whether all numbers are whole."""

    @classmethod
    def learn(cls, cells: Extents, *, tail: float = 0.0) -> Self | None:
        """Of cells; None where none has a number.

        `tail`: share of cells whose numbers may lie so far out that they are left aside, such as a broken pixel.
        """
        known = cells.known
        if not known.any():
            return None
        lows, highs = cells.low[known], cells.high[known]
        low, high = float(np.quantile(lows, tail)), float(np.quantile(highs, 1 - tail))
        if tail:
            low, high = max(float(lows.min()), low - (high - low) / 4), min(float(highs.max()), high + (high - low) / 4)
        least, usual = np.quantile(cells.size[known], [0.01, 0.95])
        return cls(low, high, float(least), float(usual), bool(cells.whole[known].all()))

    def remarks(
        self, cells: Extents, *, show: Callable[[float], str] = "{:.4g}".format, far: bool = False
    ) -> list[Remark]:
        """What is to be told of cells whose numbers lie far outside, or which are all much smaller.

        Args:
            cells: of the rows at hand.
            show: a number as a person reads it.
            far: only what lies far outside is told, since it is usual that all lie a little outside.
        """
        known = np.flatnonzero(cells.known)
        if not len(known):
            return []
        low, high = cells.low[known], cells.high[known]
        if low.min() >= self.low and high.max() <= self.high and (far or len(known) < _MANY):
            return []
        outside = (low < self.low) | (high > self.high)
        width = max(self.high - self.low, np.finfo(np.float64).tiny) * _FAR
        told = outside & ((low < self.low - width) | (high > self.high + width))
        if not far and len(known) >= _FEW and outside.mean() > 0.5:
            told = outside
        learned = f"learned were {show(self.low)} to {show(self.high)}"
        if told.any():
            seen = f"{show(low[told].min())} to {show(high[told].max())}"
            return [Remark(f"lie outside the range that was learned ({seen}; {learned}): another unit?", known[told])]
        if not far and len(known) >= _MANY and 0 < np.quantile(cells.size[known], 0.95) * _SMALLER < self.usual:
            seen = f"{show(low.min())} to {show(high.max())}"
            return [Remark(f"are far smaller than what was learned ({seen}; {learned}): another unit?", known)]
        return []

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def _whole(flat: np.ndarray) -> np.ndarray:
    return np.asarray((flat == np.rint(flat)).all(axis=1))
