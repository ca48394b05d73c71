"""On which scale the numbers of a picture or a recording stand: from 0 to 1, bytes, whole numbers of more bits, or one
of their own. Found over the whole column (`Span`); a cell on another scale is read on that where it is certain which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.columns.common.spans import Span

if TYPE_CHECKING:
    from mapsto.columns.common.spans import Extents

READ, SCALED, BEYOND, GAPS, SEVERAL, CUT, TURNED, UNREAD = (1 << bit for bit in range(8))
"""What is told of a cell, as bits: it is read; on another scale than learned; beyond what was learned, and cut; some of
its numbers are none; it holds several frames; it is longer than is read; its channels are turned; it cannot be read.
"""
SHORT = SEVERAL
"""Of recordings, which have no frames to hold: it ends before the end that it names."""

_OVER = 0.1
"""What fractions may lie below 0 or above the largest number of their scale, as resampling makes them."""
_FRACTIONS = 0.25
"""Fractions on a scale of bytes reach at least this share of it."""
_SLACK = 0.25
"""Share of the learned range by which a cell may leave it before that is told."""
_TINY = 10.0
"""A cell whose numbers are so many times smaller than those of nearly all cells stands on another scale, perhaps."""
_LOUD = 4.0
"""Up to here recordings on a scale from -1 to 1 are too loud rather than whole numbers."""


@dataclass(frozen=True)
class Depth:
    """The scale of a column.

    Args:
        scales: the largest numbers of scales of whole numbers, rising; 1 is one besides.
        span: the range of the column's numbers; None: nothing was learned.
        signed: whether numbers lie around 0, as those of recordings.
    """

    scales: tuple[float, ...]
    span: Span | None = None
    signed: bool = False

    @property
    def full(self) -> float:
        """The largest number of the learned scale; NaN where it is one of its own, or nothing was learned."""
        if self.span is None:
            return float("nan")
        if self.span.whole and not self.signed and self.span.low >= 0 and self.span.high > 1:
            return float((1 << max(8, int(self.span.high).bit_length())) - 1)  # of the column the bits are known
        return float(self._full(*_as_rows(self.span))[0])

    @property
    def range(self) -> tuple[float, float]:
        """The numbers that stand for nothing (or for the most negative) and for the most that can be."""
        if self.span is None:
            return self._from(self.scales[0]), self.scales[0]
        full = self.full
        if np.isnan(full):
            most = max(abs(self.span.low), abs(self.span.high))
            low, high = (-most, most) if self.signed else (self.span.low, self.span.high)
        else:
            # What overshoots a little is kept, as far as it goes.
            low, high = min(self._from(full), self.span.low), max(full, self.span.high)
            if self.signed:
                high = max(-low, high)
                low = -high
        return low, high if high > low else low + 1

    def placed(self, cells: Extents, *, bytes_: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which numbers of each cell stand for nothing and for the most, float64 `(rows,)`; and what is told of it.

        `bytes_`: the cells are bytes by their type, so that there is no doubt about their scale.
        """
        rows = len(cells.low)
        low, high = self.range
        own = np.full(rows, 255.0) if bytes_ else self._full(cells.low, cells.high, cells.whole)
        told = np.where(cells.known, READ, 0).astype(np.uint8)
        if self.span is None:
            on_own = ~np.isnan(own)
            return np.where(on_own, self._from(own), low), np.where(on_own, own, high), told
        slack = _SLACK * (high - low)
        inside = (cells.low >= low - slack) & (cells.high <= high + slack)
        small = cells.size * _TINY < self.span.least
        other = ~np.isnan(own) & (own != self.full) & ~np.isnan(self.full)
        if not bytes_:
            other &= ~inside | (small & ((own > 1) | ~cells.whole)) | (~cells.whole & (own == 1) & self.span.whole)
        beyond = ~other & (~inside | ((cells.size > 0) & small))
        told[other] |= SCALED
        told[beyond & cells.known] |= BEYOND
        factor = np.where(other, own / self.full, 1.0)
        return low * factor, high * factor, told

    def _from(self, full: Any) -> Any:
        return -full if self.signed else 0.0 * full

    def _full(self, low: np.ndarray, high: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """The largest number of the scale on which each cell stands, NaN where that is not known."""
        size = np.maximum(-low, high)
        scales = np.array(self.scales)
        next_ = scales[np.minimum(np.searchsorted(scales, size), len(scales) - 1)]
        if self.signed:
            loud = np.minimum(np.searchsorted(scales * (1 + _OVER), size), len(scales) - 1)
            return np.where(np.isnan(size), np.nan, np.where(size <= _LOUD, 1.0, scales[loud]))
        unit = (low >= -_OVER) & (high <= 1 + _OVER)
        fractions = (low >= -_OVER * scales[0]) & (high > _FRACTIONS * scales[0]) & (high <= (1 + _OVER) * scales[0])
        of_fractions = np.where(unit, 1.0, np.where(fractions, scales[0], np.nan))
        of_whole = np.where(low < 0, np.nan, np.where(high <= 1, 1.0, next_))
        return np.where(whole, of_whole, of_fractions)


BYTES = Span(0.0, 255.0, 0.0, 255.0, True)
"""What bytes, and the pixels of nearly all files, can be."""
DEPTH = Depth((255.0, 4095.0, 65_535.0, 2.0**32 - 1), BYTES)
"""The scale of pictures of bytes."""


def spread(values: np.ndarray, low: np.ndarray, high: np.ndarray, told: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers `(rows, ...)` as uint8, `low` as 0 and `high` as 255; what is no number as the lowest.

    Returns:
        The bytes; and `told`, to which is added where there were such.
    """
    shape = (len(values), *[1] * (values.ndim - 1))
    factor = (255.0 / (high - low)).reshape(shape)
    if values.dtype.kind != "f" or values.dtype.itemsize < 8:
        scaled = (values.astype(np.float32) - low.astype(np.float32).reshape(shape)) * factor.astype(np.float32)
    else:
        scaled = (values - low.reshape(shape)) * factor
    gaps = ~np.isfinite(scaled).reshape(len(values), -1).all(axis=1)
    if gaps.any():
        told = np.where(gaps & (told > 0), told | GAPS, told).astype(np.uint8)
        scaled = np.nan_to_num(scaled, nan=0.0)
    found: np.ndarray = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return found, told


def _as_rows(span: Span) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.array([span.low]), np.array([span.high]), np.array([span.whole])
