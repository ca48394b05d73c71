"""Recordings of a column as spectrograms packed into one array of bytes, and the part that networks read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
import polars as pl

from mapsto.columns.common.cells import BLANKS, is_text
from mapsto.columns.common.mel import FRAMES_A_SECOND, spectrogram
from mapsto.columns.common.parallel import in_parallel
from mapsto.columns.common.parts import Block, Ragged, Sense, SensePart
from mapsto.columns.common.steps import is_steps
from mapsto.columns.common.waves import UNREADABLE, Source, samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

T = TypeVar("T")

MIDDLE, STEPS = 128, 32
"""A byte `b` of a packed spectrogram stands for `(b - MIDDLE) / STEPS` standard deviations from its band's mean."""
_LOUDEST = (2.0**15, 2.0**23, 2.0**31)


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


def loudest(series: pl.Series) -> float:
    """The largest number that samples may be: 1, or of whole numbers that of 16, 24 or 32 bits."""
    if not _is_samples(series.dtype) or not series.dtype.inner.is_integer():  # type: ignore[attr-defined]
        return 1.0
    numbers = series.cast(pl.List(pl.Float64)).drop_nulls().explode(empty_as_null=False).abs()
    most = float(numbers.max() or 0)  # type: ignore[arg-type]
    return next((each for each in _LOUDEST if most <= each), _LOUDEST[-1])


def sources(series: pl.Series, most: float | None = None) -> list[Source | None]:
    """Where the recording of each row comes from: a path, bytes, or samples; None: there is none.

    Args:
        series: any cells.
        most: what samples are divided by; None: lists of numbers are no recordings.
    """
    if is_text(series.dtype):
        return [path or None for path in series.cast(pl.String).str.strip_chars(BLANKS).to_list()]
    if series.dtype == pl.Binary:
        return [data or None for data in series.to_list()]
    if most is None or not _is_samples(series.dtype) or not len(series):
        return [None] * len(series)
    lists = series.cast(pl.List(pl.Float64))
    lengths = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
    flat = lists.filter(pl.Series(lengths > 0, dtype=pl.Boolean)).explode().fill_null(np.nan).to_numpy() / most
    return [cell if len(cell) else None for cell in np.split(flat, np.cumsum(lengths)[:-1])]


def _is_samples(dtype: pl.DataType) -> bool:
    return is_steps(dtype) and not isinstance(dtype.inner, pl.List | pl.Array)  # type: ignore[attr-defined]


def decoded(found: list[Source | None], use: Callable[[Source], T]) -> Iterator[T | None]:
    """`use` of every recording, in parallel and in order; None where there is none or it cannot be read."""
    return in_parallel(found, use, UNREADABLE)


def spectrograms(found: list[Source | None], rate: int, bands: int, frames: int) -> Iterator[np.ndarray | None]:
    """The spectrogram of every recording, float32 `(at most frames, bands)`; None where there is none."""
    seconds = (frames + 2) / FRAMES_A_SECOND

    def use(source: Source) -> np.ndarray:
        return spectrogram(samples(source, rate, seconds), rate, bands)[:frames]

    return decoded(found, use)


def packed(found: Iterator[np.ndarray | None], mean: np.ndarray, deviation: np.ndarray) -> Ragged:
    """Spectrograms as bytes, standardised for each band."""
    rows, lengths = [np.zeros((0, len(mean)), np.uint8)], [0]
    for each in found:
        lengths.append(0 if each is None else len(each))
        if each is not None:
            levels = np.rint((each - mean) * (STEPS / deviation)) + MIDDLE
            rows.append(np.clip(levels, 0, 255).astype(np.uint8))
    return Ragged(np.concatenate(rows), np.cumsum(lengths))


def unpacked(values: np.ndarray) -> np.ndarray:
    """Bytes as float32 standard deviations from the mean."""
    found: np.ndarray = (values.astype(np.float32) - MIDDLE) / STEPS
    return found
