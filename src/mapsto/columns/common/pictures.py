"""Pictures of a column packed into one array of bytes, and the part that networks read."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mapsto import processors
from mapsto.columns.common.depths import DEPTH
from mapsto.columns.common.lines import lines
from mapsto.columns.common.parts import Block, Ragged, Sense, SensePart
from mapsto.columns.common.picture_cache import Kept
from mapsto.columns.common.picture_depths import as_bytes
from mapsto.columns.common.pixels import UNREADABLE, channels_last, pixels, quiet, side_lengths
from mapsto.errors import DataError

if TYPE_CHECKING:
    from torch import nn

    from mapsto.columns.common.depths import Depth
    from mapsto.columns.common.picture_cells import Sources

IN_MEMORY = 2**30
"""Bytes up to which packed pictures lie in memory; more lie in a file."""
_CHUNK = 32


@dataclass(frozen=True)
class PicturePart(SensePart):
    """A picture a row, uint8 `(rows, height, width, channels)`; 0 everywhere where it is missing."""

    height: int = 32
    width: int = 32
    channels: int = 3
    mean: tuple[float, ...] = (127.5, 127.5, 127.5)
    """Of the training pictures, for each channel, in [0, 255]."""
    deviation: tuple[float, ...] = (64.0, 64.0, 64.0)
    group: ClassVar[str] = "picture"
    senses: ClassVar[tuple[Sense, ...]] = ("picture", "pixels")
    network: ClassVar[str] = "resnet"
    quick: ClassVar[str] = "hog"

    def shape(self, sense: Sense, options: dict[str, Any]) -> tuple[int, ...]:
        """`(channels, height, width)`."""
        return self.channels, self.height, self.width

    def front(self, sense: Sense, options: dict[str, Any]) -> nn.Module:
        """Standardised (or from 0 to 1), and varied in training (`networks/blocks/pictures.py`)."""
        from mapsto.networks.blocks.pictures import Augmentation, PictureFront

        varied = Augmentation.chosen(options)
        if sense == "pixels":
            return PictureFront([0.0] * self.channels, [255.0] * self.channels, varied)
        return PictureFront(self.mean, self.deviation, varied)

    @property
    def sketch_width(self) -> int:
        """Of `lines`."""
        return int(lines(np.zeros((0, self.height, self.width, self.channels), np.uint8)).shape[1])

    def sketch(self, block: Block, *, mirrored: bool) -> np.ndarray:
        """The lines of pictures."""
        if isinstance(block, Ragged):
            message = f"the pictures of {self.column!r} have no common size"
            raise TypeError(message)
        return lines(block, mirrored=mirrored)

    def holds(self, block: Block) -> bool:
        """Bytes of the part's size."""
        size = (self.height, self.width, self.channels)
        return isinstance(block, np.ndarray) and block.dtype == np.uint8 and block.shape[1:] == size


def sizes(found: Sources) -> np.ndarray:
    """Height and width of the pictures that can be read, int64 `(pictures, 2)`; of files, the headers are read."""
    if isinstance(found, np.ndarray):
        found = [found[0]] if len(found) else []

    def size(source: Any) -> tuple[int, int] | None:
        try:
            return side_lengths(source)
        except UNREADABLE:
            return None

    with quiet(), ThreadPoolExecutor(processors.available()) as pool:
        known = [each for each in pool.map(size, [s for s in found if s is not None]) if each is not None]
    return np.array(known, dtype=np.int64).reshape(-1, 2)


def packed(
    found: Sources, height: int, width: int, channels: int, depth: Depth = DEPTH
) -> tuple[np.ndarray, np.ndarray]:
    """All pictures at one size, decoded in parallel; those of many files are kept on disk (see `picture_cache`).

    Returns:
        uint8 `(rows, height, width, channels)`, 0 where there is no picture; and uint8 `(rows,)`: what is told of each
        (`depths.py`), 0 where there is none that can be read. Arrays that fit already are not copied (so the result
        may be read-only).
    """
    size = (height, width, channels)
    told = np.zeros(len(found), dtype=np.uint8)
    if isinstance(found, np.ndarray) or any(isinstance(each, np.ndarray) for each in found):
        found, told = as_bytes(found, depth)  # type: ignore[arg-type]
        depth = DEPTH
    if isinstance(found, np.ndarray) and (ready := _as_they_are(found, size)) is not None:
        return ready, told
    if not isinstance(found, np.ndarray) and all(isinstance(each, str | None) for each in found):
        kept = Kept.of(found, size, depth)  # type: ignore[arg-type]
        done = None if kept is None else kept.load() or kept.make(partial(_decode, found, depth))
        if done is not None:
            return done
    into, seen = _room((len(found), *size)), np.zeros(len(found), dtype=np.uint8)
    _decode(found, depth, into, seen)
    return into, np.where(seen > 0, seen | told, 0).astype(np.uint8)


def _decode(found: Sources, depth: Depth, into: np.ndarray, told: np.ndarray) -> None:
    """Fill in the pictures that can be read, and what is told of each; in parallel, a few at a time."""
    size: tuple[int, int, int] = into.shape[1:]

    def fill(start: int) -> None:
        for row in range(start, min(start + _CHUNK, len(found))):
            source = found[row]
            if source is None:
                continue
            try:
                into[row], told[row] = pixels(source, *size, depth=depth)
            except UNREADABLE:
                continue

    with quiet(), ThreadPoolExecutor(processors.available()) as pool:
        for _ in pool.map(fill, range(0, len(found), _CHUNK)):
            pass


def _as_they_are(found: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray | None:
    """Arrays of just this size; where one is black, a copy in which it is 1 (see `pixels`)."""
    try:
        if not len(found) or channels_last(found[0]).shape != shape:
            return None
    except ValueError:
        return None
    every = found[..., None] if found.ndim == 3 else found if found.shape[1:] == shape else np.moveaxis(found, 1, -1)
    black = ~found.reshape(len(found), -1).any(axis=1)
    if black.any():
        every = every.copy()
        every[black] = 1
    return np.ascontiguousarray(every)


def _room(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros in memory, or in a temporary file that vanishes with the array.

    Raises:
        DataError: the disk has no room for the file.
    """
    size = int(np.prod(shape))
    if size <= IN_MEMORY:
        return np.zeros(shape, dtype=np.uint8)
    with tempfile.TemporaryFile() as file:
        try:
            if hasattr(os, "posix_fallocate"):  # where room is not reserved, a full disk would end the process
                os.posix_fallocate(file.fileno(), 0, size)
            return np.asarray(np.memmap(file, np.uint8, "w+", shape=shape))
        except OSError as error:
            message = (
                f"{shape[0]:,} pictures of {shape[2]} x {shape[1]} need {size / 2**30:.1f} GiB of temporary files in "
                f"{tempfile.gettempdir()!r}: {error}. Make room, set TMPDIR, or give a smaller size."
            )
            raise DataError(message) from error
