"""One recording, from a path, bytes or samples to one channel of samples at a given rate.

What is opened may come from a stranger. A header is never believed: samples are read in blocks, until there are no
more or enough, so that what is allocated follows what is there. Whatever is wrong with a recording ends in one of
`UNREADABLE`; what was read before it went wrong is kept.
"""

from __future__ import annotations

import os
import stat
from fractions import Fraction
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.columns.common.depths import CUT, READ, SHORT, TURNED, Depth
from mapsto.columns.common.spans import Extents

if TYPE_CHECKING:
    from collections.abc import Iterator

Source = str | bytes | np.ndarray
"""A path, the bytes of a file, or samples `(length,)`."""

MOST_BYTES = 2**30
"""Larger files are refused."""
RATES = (500, 768_000)
"""Samples a second of recordings that are read."""
UNREADABLE = (OSError, RuntimeError, ValueError, TypeError, MemoryError, EOFError, OverflowError)
"""What reading a damaged recording may raise."""
SOUND = Depth((2.0**15, 2.0**23, 2.0**31), signed=True)
"""The scale of samples: from -1 to 1, or whole numbers of 16, 24 or 32 bits."""
_OPPOSITE = -0.5
"""Correlation with the loudest channel below which a channel is turned."""
_BLOCK = 2**16
_WHOLE = 0.98
"""Share of the samples that a recording says it has from which on it is whole."""
_HEAD = 2**16
"""Bytes in which the samples of a wav begin."""
_UNKNOWN, _ENDLESS = 2**31 - 4096, 2**62
"""Sizes, in bytes and in samples, by which who wrote a stream said that he did not know yet."""
_CHANNELS = 32
_TERMS = 1000
"""Rates are taken to have a ratio of whole numbers up to this: an error of a thousandth in pitch at most."""


def header(source: Source, own_rate: int) -> tuple[int, float]:
    """Rate and seconds that a recording claims to have.

    Raises:
        UNREADABLE: it is no recording.
    """
    if isinstance(source, np.ndarray):
        return own_rate, len(source) / own_rate
    with _opened(source) as file:
        return file.samplerate, file.frames / file.samplerate


def samples(source: Source, rate: int, seconds: float, depth: Depth = SOUND) -> tuple[np.ndarray, int]:
    """float32 `(length,)` in [-1, 1], of all channels together, cut after `seconds`; and what is told (`depths.py`).

    Channels are averaged, those of opposite phase turned, since they would be silent together.

    Args:
        source: samples that are given are taken to have this rate.
        rate: of what is returned.
        seconds: read at most.
        depth: the scale on which samples stand.

    Raises:
        UNREADABLE: it is no recording, or has no sample.
    """
    if isinstance(source, np.ndarray):
        most, own = int(seconds * rate), rate
        if not len(source) or not np.isfinite(source[:most]).all():
            message = "there are no samples, or not all are numbers"
            raise ValueError(message)
        found, told = source[: most + 1], READ
    else:
        with _opened(source) as file:
            own = file.samplerate
            most = int(seconds * own)
            found, told = _mixed(_blocks(file, most + 1))
            if len(found) < _WHOLE * min(_declared(source, file), most):
                told |= SHORT
    if len(found) > most:
        told |= CUT
    found = found[:most]
    _, high, more = depth.placed(Extents.of(found[None]))
    scaled = np.clip(found / np.float32(high[0]), -1, 1).astype(np.float32)
    return resampled(scaled, own, rate), told | int(more[0])


def extents(source: Source, seconds: float) -> Extents:
    """The least and the largest sample of a recording's beginning, as they stand.

    Raises:
        UNREADABLE: it is no recording, or has no sample.
    """
    if isinstance(source, np.ndarray):
        return Extents.of(source[None])
    with _opened(source) as file:
        return Extents.of(_mixed(_blocks(file, int(seconds * file.samplerate) + 1))[0][None])


def resampled(x: np.ndarray, own: int, rate: int) -> np.ndarray:
    """Samples at another rate, low-passed so that nothing folds back.

    >>> len(resampled(np.zeros(44_100, np.float32), 44_100, 16_000))
    16000
    """
    if own == rate:
        return x
    from scipy.signal import resample_poly

    ratio = Fraction(rate, own).limit_denominator(_TERMS)
    found: np.ndarray = resample_poly(x, max(1, ratio.numerator), ratio.denominator).astype(np.float32)
    return found


def readable(source: Source) -> bool:
    """Whether a recording has a sample: exactly where `samples` does not raise."""
    try:
        if isinstance(source, np.ndarray):
            return len(samples(source, RATES[1], 1.0)[0]) > 0
        with _opened(source) as file:
            return len(list(_blocks(file, 1))) > 0
    except UNREADABLE:
        return False


def _mixed(blocks: Iterator[np.ndarray]) -> tuple[np.ndarray, int]:
    """The mean of the channels `(length, channels)`; of those that say the opposite of the loudest, turned round."""
    first = next(blocks)
    power = np.sqrt((first.astype(np.float64) ** 2).sum(axis=0))
    alike = first.T.astype(np.float64) @ first[:, power.argmax()] / np.maximum(power * power.max(), 1e-12)
    sign = np.where(alike < _OPPOSITE, -1.0, 1.0).astype(np.float32)
    mixed = [(block * sign).mean(axis=1, dtype=np.float32) for block in chain([first], blocks)]
    return np.concatenate(mixed), READ | (TURNED if (sign < 0).any() else 0)


def _blocks(file: Any, most: int) -> Iterator[np.ndarray]:
    """Blocks of samples `(length, channels)`, at most about so many; what is damaged ends them.

    Raises:
        UNREADABLE: not even the first block can be read, or no sample is a number.
    """
    read, known = 0, False
    while read < most:
        try:
            block = file.read(_BLOCK, dtype="float32", always_2d=True)
        except UNREADABLE:
            if read:
                break
            raise
        if not len(block):
            break
        read += len(block)
        known = known or bool(np.isfinite(block).any())
        yield np.nan_to_num(block, posinf=0.0, neginf=0.0)
    if not known:
        message = "it holds no samples" if not read else "none of its samples is a number"
        raise ValueError(message)


def _declared(source: str | bytes, file: Any) -> float:
    """Samples that a recording says it has; 0 where it says nothing.

    The library tells of a wav what is there; what its header says has to be read.
    """
    head = source[:_HEAD] if isinstance(source, bytes) else b""
    if isinstance(source, str):
        with open(source, "rb") as opened:
            head = opened.read(_HEAD)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return float(file.frames) if file.frames < _ENDLESS else 0.0
    start, a_second = 12, 0
    while start + 8 <= len(head):
        size = int.from_bytes(head[start + 4 : start + 8], "little")
        if head[start : start + 4] == b"fmt ":
            a_second = int.from_bytes(head[start + 16 : start + 20], "little")  # bytes
        if head[start : start + 4] == b"data":
            return file.samplerate * size / a_second if a_second and size < _UNKNOWN else 0.0
        start += 8 + size + size % 2
    return 0.0


def _opened(source: str | bytes) -> Any:
    """The file, checked for what it says of itself."""
    import soundfile

    if isinstance(source, str):
        about = os.stat(source)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MOST_BYTES:
            message = f"it is no file, or larger than {MOST_BYTES >> 20} MiB"
            raise ValueError(message)
    file = soundfile.SoundFile(source if isinstance(source, str) else BytesIO(source))
    if not RATES[0] <= file.samplerate <= RATES[1] or not 1 <= file.channels <= _CHANNELS:
        file.close()
        message = f"it says {file.samplerate} samples a second and {file.channels} channels"
        raise ValueError(message)
    return file
