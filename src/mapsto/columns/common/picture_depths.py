"""The numbers of pictures as bytes: on one scale for the whole column (see `depths.py`)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mapsto import processors
from mapsto.columns.common.depths import BYTES, READ, SCALED, Depth, spread
from mapsto.columns.common.pixels import UNREADABLE, Source, deep_extents, quiet
from mapsto.columns.common.spans import Extents, Span

if TYPE_CHECKING:
    from mapsto.columns.common.picture_cells import Arrays, Sources

_DEEP = 200
"""Files that are looked at for more than 8 bits."""
_TOGETHER = 2**22
"""Numbers that are converted at once."""
_TAIL = 0.01
"""Share of pictures whose brightest and darkest pixels may lie far out."""


def extents_of(found: Arrays) -> Extents:
    """The range of the numbers of each row."""
    if isinstance(found, np.ndarray):
        return Extents.of(found)
    nothing = np.zeros((1, 0))
    return Extents.together([Extents.of(nothing if cell is None else cell[None]) for cell in found])


def span_of(found: Sources) -> Span | None:
    """The range of a column: of bytes all that bytes can be, else that of its numbers. Of files it is the range of the
    first that hold more than 8 bits, where there are such.
    """
    if not isinstance(found, np.ndarray) and any(isinstance(each, str | bytes) for each in found):
        return Span.learn(Extents.together(_of_files(found)), tail=_TAIL) or BYTES
    span = Span.learn(extents_of(found), tail=_TAIL)  # type: ignore[arg-type]
    return replace(BYTES, least=span.least, usual=span.usual) if span is not None and _is_bytes(found) else span


def span_of_old(scale: float) -> Span:
    """The range that a file of old says by the factor that brings numbers to bytes."""
    return BYTES if scale == 1 else Span(0.0, 255 / scale, 0.0, 255 / scale, scale != BYTES.high)


def _of_files(found: Sources) -> list[Extents]:
    """The ranges of the first files of more than 8 bits."""

    def extents(source: Source | None) -> Extents | None:
        try:
            return None if source is None else deep_extents(source)
        except UNREADABLE:
            return None

    with quiet(), ThreadPoolExecutor(processors.available()) as pool:
        return [each for each in pool.map(extents, found[:: -(-len(found) // _DEEP) or 1]) if each is not None]


def as_bytes(found: Arrays, depth: Depth) -> tuple[Arrays, np.ndarray]:
    """Arrays as uint8, the range of their column spread over all of it; and what is told of each row (`depths.py`)."""
    if not isinstance(found, np.ndarray):
        each = [None if cell is None else as_bytes(cell[None], depth) for cell in found]
        told = np.array([0 if one is None else one[1][0] for one in each], dtype=np.uint8)
        return [one[0][0] if one is not None and one[1][0] else None for one in each], told
    plain = found.dtype == np.uint8
    if plain and depth.range in ((0.0, 255.0), (0.0, 1.0)):
        return found, np.full(len(found), READ if depth.full == 255 else READ | SCALED, dtype=np.uint8)
    values, told = np.empty(found.shape, np.uint8), np.empty(len(found), np.uint8)
    for start in range(0, len(found), step := max(1, _TOGETHER // max(1, found[0].size))):
        some = slice(start, start + step)
        low, high, known = depth.placed(Extents.of(found[some]), bytes_=plain)
        values[some], told[some] = spread(found[some], low, high, known)
    return values if told.all() else [each if t else None for each, t in zip(values, told, strict=True)], told


def _is_bytes(found: Sources) -> bool:
    if isinstance(found, np.ndarray):
        return found.dtype == np.uint8
    return all(cell is None or cell.dtype == np.uint8 for cell in found)  # type: ignore[union-attr]
