"""Audio: recordings by path, as the bytes of a file, or as samples."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from mapsto.columns.base import Features, Guide
from mapsto.columns.common.cells import as_text, is_text, missing, sample
from mapsto.columns.common.depths import CUT, SHORT, TURNED
from mapsto.columns.common.file_column import MOSTLY, FileColumn, holds_files, require_files, share_of_names
from mapsto.columns.common.insides import SoundInside
from mapsto.columns.common.mel import FRAMES_A_SECOND, borders
from mapsto.columns.common.parts import Ragged
from mapsto.columns.common.sounds import MIDDLE, Reading, SoundPart, decoded, packed, sources, unpacked
from mapsto.columns.common.spans import Extents, Span
from mapsto.columns.common.state import State
from mapsto.columns.common.steps import cut_at, statistics
from mapsto.columns.common.waves import RATES, SOUND, Source, extents, header, readable
from mapsto.errors import ColumnRefused, OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mapsto.columns.common.depths import Depth
    from mapsto.columns.common.parts import Part

_TRIED = 40
"""Cells that a claim opens."""
_LEARN_ROWS, _SUMMARY_ROWS = 1_000, 100
_HEADERS = 200
_RATE = 16_000
"""Samples a second at most where the user does not say: all of speech, most of music."""
_LONGEST = 60_000
"""Frames that are read at most: ten minutes."""
_LOOKED_AT = 10.0
"""Seconds of a recording from which its scale is found."""
_TAIL = 0.01
"""Share of recordings whose loudest sample may lie far out."""
_WIDEST = 500
"""Frames of the picture that networks see, at most; where most recordings are longer, frames are means of several."""
_LEAST = 3_000
"""Frames that are read of a recording in any case."""
_GROUPS = 16
_FLATTEST = 1e-3
_KEPT = ("mean", "deviation", "slope")
_EDGES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


@dataclass
class Audio(FileColumn):
    """A recording. It cannot be a target.

    Cells are paths, the bytes of a file (wav, flac, ogg, mp3, aiff, au), or, where `rate` says how many there are a
    second, lists of samples from -1 to 1 (whole numbers of 8, 16 or 32 bits are divided by their largest).
    Channels are averaged (those of opposite phase turned) and brought to one rate; samples stand on one scale, that of
    the training recordings. Networks read a logarithmic mel spectrogram, each band standardised, as a picture or frame
    by frame: 100 frames a second, fewer where recordings are longer than 5 s, so that all of them is seen. Classical
    learners read statistics of groups of bands.

    >>> import numpy as np, polars as pl
    >>> tone = np.sin(np.arange(8000) * 0.3).tolist()
    >>> column = Audio(rate=8000, name="beep")
    >>> column.learn(pl.Series([tone, tone[:4000]]))
    >>> column.encode(pl.Series([tone, None]))[0].values.shape
    (98, 64)
    """

    type: ClassVar[str] = "audio"
    inner: ClassVar[str] = "fields"
    tells: ClassVar[dict[int, str]] = {
        **FileColumn.tells,
        CUT: "are longer than nearly all that was learned from, and are cut",
        SHORT: "end before they say they do, as if they were cut; what is there is read",
        TURNED: "have channels of opposite phase, which are turned before their mean is taken, as they would be silent",
    }

    rate: int | None = None
    """Samples a second to which all recordings are brought, and which lists of samples have; None: the commonest of the
    training recordings, at most 16,000."""
    bands: int = 64
    """Bands of the spectrogram."""

    _rate: int = field(default=_RATE, init=False)
    _longest: int = field(default=_LEAST, init=False)
    _every: int = field(default=1, init=False)
    _frames: int = field(default=64, init=False)
    _usual: int = field(default=64, init=False)
    _mean: np.ndarray = field(init=False)
    _deviation: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        if self.rate is not None and not RATES[0] <= self.rate <= RATES[1]:
            message = f"a recording's rate={self.rate} must be {RATES[0]} to {RATES[1]:,} samples a second"
            raise OptionError(message)
        if not 8 <= self.bands <= 256:
            message = f"a recording's bands={self.bands} must be 8 to 256"
            raise OptionError(message)
        self._mean, self._deviation = np.zeros(self.bands, np.float32), np.ones(self.bands, np.float32)

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Paths that end like recordings and can be opened, and bytes that are recordings."""
        if target:
            message = "a recording cannot be predicted yet"
            raise ColumnRefused(message)
        if not (series.dtype == pl.Binary or is_text(series.dtype)):
            message = f"cells are {series.dtype}, not paths or bytes; for samples say type 'audio' and their rate"
            raise ColumnRefused(message)
        cells = sample(series)
        if is_text(series.dtype) and share_of_names(as_text(cells), cls.type) < MOSTLY:
            message = "text that does not end like the names of recordings"
            raise ColumnRefused(message)
        tried = sample(cells, _TRIED)
        found = [about for about in decoded(sources(tried), _about) if about is not None]
        inline = holds_files(cells, cls.type)
        what = "bytes" if series.dtype == pl.Binary else "texts in base64" if inline else "paths"
        if is_text(series.dtype):
            require_files(cells, tried, len(found), name=name, kind=cls.type)
        if 2 * len(found) < max(1, len(tried)):
            message = f"{what}, but only {len(found)} of {len(tried)} open as recordings"
            raise ColumnRefused(message, near=inline)
        return cls(name=name, reason=f"{what} of recordings, {np.median([s for _, s in found]):.1f} s in the middle")

    # -- learn and encode

    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """The scale of samples, their rate, how long recordings are, mean and deviation of each band."""
        self._known.clear()
        some = self._sources(sample(series, _LEARN_ROWS))
        few = some[:: -(-len(some) // _HEADERS) or 1]
        peaks = list(filter(None, decoded(few, lambda source: extents(source, _LOOKED_AT))))
        self.span = Span.learn(Extents.together(peaks), tail=_TAIL)
        about = list(filter(None, decoded(few, lambda source: _about(source, self.rate or RATES[0]))))
        rates = [rate for rate, _ in about]
        self._rate = self.rate or int(min(np.bincount(rates).argmax() if rates else _RATE, _RATE))
        self._longest, self._every = _length(np.array([seconds for _, seconds in about]))
        found = [each[0] for each in self._spectrograms(some) if each is not None]
        lengths = np.array([len(each) for each in found] or [64])
        self._usual = int(np.median(lengths))
        self._frames = int(np.clip(-(-np.quantile(lengths, 0.95) // 8) * 8, 16, _WIDEST))
        every = np.concatenate([*found, np.zeros((0, self.bands), np.float32)])
        self._mean, self._deviation = _standards(every)

    @property
    def parts(self) -> Sequence[Part]:
        """The spectrogram."""
        return [SoundPart(self.name, bands=self.bands, frames=self._frames, usual=self._usual)]

    def encode(self, series: pl.Series) -> list[np.ndarray | Ragged]:
        """Spectrograms as bytes `(frames, bands)`, see `columns/common/sounds.py`; none where missing or unreadable."""
        found, told = packed(self._spectrograms(self._sources(series)), self._mean, self._deviation)
        self._remember(series, told)
        return [found]

    def _told(self, series: pl.Series) -> np.ndarray:
        return packed(self._spectrograms(self._sources(series)), self._mean, self._deviation)[1]

    def _sources(self, series: pl.Series) -> list[Source | None]:
        return sources(series, lists=self.rate is not None)

    def _spectrograms(self, found: list[Source | None]) -> Iterator[tuple[np.ndarray, int] | None]:
        reading = Reading(self._rate, self.bands, self._longest, self._every, self._depth)
        return decoded(found, reading.spectrogram)

    @property
    def _depth(self) -> Depth:
        """On which scale samples stand."""
        return replace(SOUND, span=self.span)

    @property
    def _a_second(self) -> float:
        """Frames a second, as they are kept."""
        return FRAMES_A_SECOND / self._every

    def features(self, arrays: Sequence[np.ndarray | Ragged]) -> Features:
        """Seconds, and statistics over time of loudness, of the centre of the spectrum, and of groups of bands."""
        packed_ = arrays[0]
        if not isinstance(packed_, Ragged):
            message = f"a recording's features come from its frames, got {type(packed_).__name__}"
            raise TypeError(message)
        levels = unpacked(packed_.values)
        parts = np.array_split(np.arange(self.bands), min(_GROUPS, self.bands))
        groups = np.stack([levels[:, part].mean(axis=1) for part in parts], axis=1)
        power = np.exp(levels * self._deviation + self._mean)
        total = power.sum(axis=1, keepdims=True)
        center = power @ np.arange(self.bands, dtype=np.float32)[:, None] / total
        found = statistics(Ragged(np.hstack([np.log(total), center, groups]), packed_.offsets), _KEPT)
        seconds = np.diff(packed_.offsets).astype(np.float32)[:, None] / np.float32(self._a_second)
        what = ["loudness", "centre", *(f"bands {part[0] + 1} to {part[-1] + 1}" for part in parts)]
        names = ["seconds", *(f"{each}, {which}" for each in what for which in _KEPT)]
        flat = found.reshape(len(packed_), (len(parts) + 2) * len(_KEPT))
        values = np.hstack([np.where(seconds > 0, seconds, np.nan), flat])
        return Features(values, [f"{self.name}, {name}" for name in names], [False] * len(names))

    def lengths(self, arrays: Sequence[np.ndarray | Ragged]) -> np.ndarray | None:
        """Frames of each row."""
        return np.diff(arrays[0].offsets) if isinstance(arrays[0], Ragged) else None

    # -- for people, and persistence

    def inside(self, arrays: Sequence[np.ndarray | Ragged], text: str | None = None) -> SoundInside | None:
        """Fields of the spectrogram."""
        frames = arrays[0].values if isinstance(arrays[0], Ragged) else np.zeros((0, self.bands), np.uint8)
        seconds = np.arange(len(frames) + 1) / self._a_second
        return SoundInside(frames, MIDDLE, seconds, borders(self._rate, self.bands)) if len(frames) else None

    def show(self, value: Any) -> str:
        """Of a path the file's name; otherwise how long it is."""
        if value is None or isinstance(value, str):
            return super().show(value)
        found = self._sources(pl.Series([value], strict=False))
        (about,) = decoded(found, lambda source: header(source, self._rate))
        return "unreadable recording" if about is None else f"recording of {about[1]:.2f} s"

    def summary(self, series: pl.Series) -> dict[str, Any]:
        """Rows, missing cells, and how long a sample of the recordings says it is."""
        found = self._sources(sample(series, _SUMMARY_ROWS))
        seconds = [about[1] for about in decoded(found, lambda source: header(source, self._rate)) if about is not None]
        counts, _ = np.histogram(np.clip(seconds, 0, _EDGES[-1]), _EDGES)
        return {
            "rows": len(series),
            "missing": int(missing(series).sum()),
            "rate": self._rate,
            "mean_seconds": float(np.mean(np.clip(seconds, 0, _EDGES[-1]))) if seconds else 0.0,
            "edges": list(_EDGES),
            "counts": counts.tolist(),
        }

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Options, rate and lengths as JSON; mean and deviation of the bands as arrays."""
        json = {
            "name": self.name,
            "reason": self.reason,
            "rate": self.rate,
            "bands": self.bands,
            "read_rate": self._rate,
            "span": self.span_json,
            "longest": self._longest,
            "every": self._every,
            "frames": self._frames,
            "usual": self._usual,
        }
        return json, {"mean": self._mean, "deviation": self._deviation}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`, checked."""
        state = State(json, arrays)
        given = None if json.get("rate") is None else state.integer("rate")
        column = state.make(cls, rate=given, bands=state.integer("bands"))
        column._rate = state.integer("read_rate", low=RATES[0], high=RATES[1])
        if "most" in json:  # as files of old say it
            most = state.number("most", low=1, high=2.0**31)
            column.span = Span(-most, most, 0.0, most, most > 1)
        column._longest = state.integer("longest", low=1, high=_LONGEST)
        column._every = state.integer("every", low=1, high=_LONGEST) if "every" in json else 1
        column._frames = state.integer("frames", low=1, high=_WIDEST)
        column._usual = state.integer("usual", low=1, high=_LONGEST)
        column._mean = state.array("mean", "float32", (column.bands,))
        column._deviation = state.array("deviation", "float32", (column.bands,))
        if (np.abs(column._mean) > 100).any() or (column._deviation < _FLATTEST).any():
            raise state.refusal("deviation", column._deviation, "a deviation above 0 for each band")
        return column


def _about(source: Any, own_rate: int = RATES[0]) -> tuple[int, float] | None:
    """Rate and seconds of a recording that has a sample."""
    return header(source, own_rate) if readable(source) else None


def _length(seconds: np.ndarray) -> tuple[int, int]:
    """Frames that are read of a recording, and how many are averaged into one, from how long recordings are."""
    frames = np.minimum(seconds * FRAMES_A_SECOND, _LONGEST)
    if not len(frames):
        return _LEAST, 1
    return max(cut_at(frames), _LEAST), max(1, int(-(-np.quantile(frames, 0.95) // _WIDEST)))


def _standards(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each band; 0 and 1 where there is nothing to know."""
    if not len(frames):
        return np.zeros(frames.shape[1], np.float32), np.ones(frames.shape[1], np.float32)
    deviation = frames.std(axis=0, dtype=np.float64)
    return frames.mean(axis=0, dtype=np.float64).astype(np.float32), np.maximum(deviation, _FLATTEST).astype(np.float32)
