"""How often a network passes over its training rows, where nothing else says so."""

from __future__ import annotations

import math

_AT_ROWS = 60_000


def passes(rows: int, epochs: int, *, most: int = 60) -> int:
    """Epochs for so many rows, where `epochs` are right for 60,000: the root of the ratio more or fewer.

    >>> passes(60_000, 16), passes(6_000, 16), passes(100, 16), passes(10_000_000, 16)
    (16, 51, 60, 2)
    """
    return max(2, min(most, round(epochs * math.sqrt(_AT_ROWS / max(rows, 1)))))
