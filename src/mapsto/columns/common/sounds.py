"""Recordings of a column as spectrograms packed into one array of bytes, and the part that networks read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
import polars as pl

from mapsto.columns.common.cells import is_text
from mapsto.columns.common.dataurls import opened
from mapsto.columns.common.mel import FRAMES_A_SECOND, spectrogram
from mapsto.columns.common.parallel import in_parallel
from mapsto.columns.common.parts import Block, Ragged, Sense, SensePart
from mapsto.columns.common.steps import is_steps
from mapsto.columns.common.waves import SOUND, UNREADABLE, Source, samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

    from mapsto.columns.common.depths import Depth

T = TypeVar("T")

MIDDLE, STEPS = 128, 32
"""A byte `b` of a packed spectrogram stands for `(b - MIDDLE) / STEPS` standard deviations from its band's mean."""


@dataclass(frozen=True)
class SoundPart(SensePart):
    """A spectrogram a row, `Ragged` of uint8 `(frames, bands)`; without frames where it is missing."""

    bands: int = 64
    frames: int = 64
    """Frames of the picture that networks see."""
    usual: int = 64
    """Frames that a recording usually has."""
    group: ClassVar[str] = "sound"
    senses: ClassVar[tuple[Sense, ...]] = ("picture", "sequence")
    network: ClassVar[str] = "resnet"

    def shape(self, sense: Sense, options: dict[str, Any]) -> tuple[int, ...]:
        """`(1, bands, frames)` as a picture, `(usual frames, bands)` as a sequence."""
        return (1, self.bands, self.frames) if sense == "picture" else (self.usual, self.bands)

    def front(self, sense: Sense, options: dict[str, Any]) -> nn.Module:
        """Standardised, and varied in training (`networks/blocks/frames.py`)."""
        from mapsto.networks.blocks.frames import SoundFront

        return SoundFront(self.frames if sense == "picture" else None, MIDDLE, STEPS, options)

    def holds(self, block: Block) -> bool:
        """Bytes, so many a frame."""
        return isinstance(block, Ragged) and block.values.dtype == np.uint8 and block.values.shape[1:] == (self.bands,)


def sources(series: pl.Series, *, lists: bool = False) -> list[Source | None]:
    """Where the recording of each row comes from: a path, bytes, or samples; None: there is none.

    Args:
        series: any cells.
        lists: whether lists of numbers are recordings.
    """
    if is_text(series.dtype):
        return list(opened(series.cast(pl.String)))
    if series.dtype == pl.Binary:
        return [data or None for data in series.to_list()]
    if not lists or not _is_samples(series.dtype) or not len(series):
        return [None] * len(series)
    cells = series.cast(pl.List(pl.Float64))
    lengths = cells.list.len().fill_null(0).to_numpy().astype(np.int64)
    flat = cells.filter(pl.Series(lengths > 0, dtype=pl.Boolean)).explode().fill_null(np.nan).to_numpy()
    return [cell if len(cell) else None for cell in np.split(flat, np.cumsum(lengths)[:-1])]


def _is_samples(dtype: pl.DataType) -> bool:
    return is_steps(dtype) and not isinstance(dtype.inner, pl.List | pl.Array)  # type: ignore[attr-defined]


def decoded(found: list[Source | None], use: Callable[[Source], T]) -> Iterator[T | None]:
    """`use` of every recording, in parallel and in order; None where there is none or it cannot be read."""
    return in_parallel(found, use, UNREADABLE)


@dataclass(frozen=True)
class Reading:
    """How recordings of a column are read.

    Args:
        rate: samples a second.
        bands: of the spectrogram.
        frames: read at most, of those there are `FRAMES_A_SECOND` of.
        every: frames that are averaged into one, where recordings are long.
        depth: the scale on which samples stand.
    """

    rate: int
    bands: int
    frames: int
    every: int = 1
    depth: Depth = SOUND

    def spectrogram(self, source: Source) -> tuple[np.ndarray, int]:
        """float32 `(at most frames / every, bands)`, and what is told of the recording (`depths.py`)."""
        found, told = samples(source, self.rate, (self.frames + 2) / FRAMES_A_SECOND, self.depth)
        frames = spectrogram(found, self.rate, self.bands)[: self.frames]
        if self.every > 1:
            starts = np.arange(0, len(frames), self.every)
            counts = np.diff([*starts, len(frames)])[:, None]
            frames = (np.add.reduceat(frames, starts, axis=0) / counts).astype(np.float32)
        return frames, told


def packed(
    found: Iterator[tuple[np.ndarray, int] | None], mean: np.ndarray, deviation: np.ndarray
) -> tuple[Ragged, np.ndarray]:
    """Spectrograms as bytes, standardised for each band; and what is told of each, 0 where there is none."""
    rows, lengths, told = [np.zeros((0, len(mean)), np.uint8)], [0], []
    for each in found:
        lengths.append(0 if each is None else len(each[0]))
        told.append(0 if each is None else each[1])
        if each is not None:
            levels = np.rint((each[0] - mean) * (STEPS / deviation)) + MIDDLE
            rows.append(np.clip(levels, 0, 255).astype(np.uint8))
    return Ragged(np.concatenate(rows), np.cumsum(lengths)), np.array(told, dtype=np.uint8)


def unpacked(values: np.ndarray) -> np.ndarray:
    """Bytes as float32 standard deviations from the mean."""
    found: np.ndarray = (values.astype(np.float32) - MIDDLE) / STEPS
    return found
