"""Video: clips as stacks of frames, by path, or as the bytes of a file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from mapsto.columns.base import Features, Guide
from mapsto.columns.common.cells import as_text, is_text, missing, sample
from mapsto.columns.common.clips import (
    ClipPart,
    files,
    frames_of,
    is_album,
    is_clip,
    packed_clips,
    size_of,
    span_of_clips,
)
from mapsto.columns.common.depths import DEPTH
from mapsto.columns.common.file_column import MOSTLY, FileColumn, require_files, share_of_names
from mapsto.columns.common.insides import FramesInside
from mapsto.columns.common.parallel import in_parallel
from mapsto.columns.common.parts import Ragged
from mapsto.columns.common.picture_cells import sources
from mapsto.columns.common.picture_depths import span_of_old
from mapsto.columns.common.pictures import sizes
from mapsto.columns.common.pixels import UNREADABLE
from mapsto.columns.common.state import State
from mapsto.columns.common.steps import statistics
from mapsto.errors import ColumnRefused, OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.columns.common.depths import Depth
    from mapsto.columns.common.parts import Part

_TRIED = 20
_LEARN_ROWS, _SUMMARY_ROWS = 200, 40
_BANDS, _MOST_BANDS = 2, 16
"""Where the last side is at most so long, and so many times shorter than the others, it is one of channels."""
_SMALLEST, _LARGEST, _CAP = 4, 256, 64
_FRAMES, _MOST_FRAMES = 32, 1_000
_TINT = 3.0
"""Levels by which the channels of grey frames differ at most on average: coding leaves traces."""
_GRID = 4
_KEPT = ("mean", "deviation", "first", "last", "slope")
_MOTION = ("brightness", "change", "middle across", "middle down")


@dataclass
class Video(FileColumn):
    """A clip, or several pictures of one thing. It cannot be a target.

    Cells are stacks of frames (numbers in three dimensions for grey, four for colour), lists of pictures (paths, or
    the bytes of files), or paths or bytes of clips, for which the optional part "video" must be installed. Frames are
    brought to one size; longer clips are thinned out.
    Classical learners read brightness, change and where the light is, over time, and a coarse mean frame.

    >>> import numpy as np, polars as pl
    >>> cells = pl.Series("clip", np.arange(2 * 5 * 8 * 8, dtype=np.uint8).reshape(2, 5, 8, 8))
    >>> column = Video(name="clip")
    >>> column.learn(cells)
    >>> column.encode(cells)[0].values.shape
    (10, 8, 8, 1)
    """

    type: ClassVar[str] = "video"
    inner: ClassVar[str] = "frames"

    size: int | None = None
    """The side to which frames are brought; None: their own, at most 64 pixels."""
    frames: int = _FRAMES
    """Frames of a clip that are read at most."""
    ordered: bool | None = None
    """Whether one frame follows another; None: not in lists of pictures, which are read as a set."""

    _shape: tuple[int, int, int] = field(default=(32, 32, 1), init=False)
    _usual: int = field(default=1, init=False)
    _mean: float = field(default=127.5, init=False)
    _deviation: float = field(default=64.0, init=False)
    _in_order: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        if self.size is not None and not _SMALLEST <= self.size <= _LARGEST:
            message = f"a clip's size={self.size} must be {_SMALLEST} to {_LARGEST} pixels"
            raise OptionError(message)
        if not 1 <= self.frames <= _MOST_FRAMES:
            message = f"a clip's frames={self.frames} must be 1 to {_MOST_FRAMES:,}"
            raise OptionError(message)

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Stacks of frames, and paths that end like clips and can be opened."""
        if target:
            message = "a clip cannot be predicted yet"
            raise ColumnRefused(message)
        if not (is_clip(series.dtype) or is_text(series.dtype)):
            message = f"cells are {series.dtype}, not stacks of frames or names of clips"
            raise ColumnRefused(message)
        tried = sample(sample(series), _TRIED).head(_TRIED)
        if is_clip(series.dtype) and len(tried):
            frames, lengths = frames_of(tried)
            named = is_text(frames.dtype)
            if named and share_of_names(as_text(frames), "image") < MOSTLY:
                message = "lists of text that does not end like the names of pictures"
                raise ColumnRefused(message)
            found = sizes(sources(frames))
            if named:
                require_files(frames, frames.drop_nulls(), len(found), name=name, kind="image")
            if len(found) and found.min() >= _SMALLEST:
                height, width = np.median(found, axis=0).astype(int)
                if not named and width <= _MOST_BANDS and _BANDS * width <= min(height, lengths.mean()):
                    message = (
                        f"arrays of {lengths.mean():.0f} x {height} x {width} look like pictures of {width} channels, "
                        "of which 1, 3 or 4 are read; give some of them, or type 'video' if the first axis is time"
                    )
                    raise ColumnRefused(message, near=True)
                what = "lists of {} pictures, {}" if is_album(series.dtype) else "stacks of {} frames of {}"
                return cls(name=name, reason=what.format(round(lengths.mean()), f"{width} x {height} pixels"))
        if not len(tried) or not is_text(series.dtype) or share_of_names(as_text(tried), cls.type) < MOSTLY:
            message = f"cells are {series.dtype}, not stacks of frames or names of clips"
            raise ColumnRefused(message)
        known = [each for each in in_parallel(files(tried), size_of, UNREADABLE) if each is not None]
        require_files(tried, tried, len(known), name=name, kind=cls.type)
        if 2 * len(known) < len(tried):
            message = f"paths, but only {len(known)} of {len(tried)} open as clips"
            raise ColumnRefused(message)
        height, width = np.median(known, axis=0).astype(int)
        return cls(name=name, reason=f"paths of clips, {width} x {height} pixels in the middle")

    # -- learn and encode

    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """The size of frames, grey or colour, how long clips are, and how bright."""
        some = sample(series, _LEARN_ROWS)
        self._known.clear()
        self.span = span_of_clips(some)
        self._in_order = not is_album(series.dtype) if self.ordered is None else self.ordered
        height, width = (self.size, self.size) if self.size else _usual(some)
        clips, _ = packed_clips(some, (height, width, 3), self.frames, self._depth)
        grey = not len(clips.values) or float((clips.values.max(axis=3) - clips.values.min(axis=3)).mean()) < _TINT
        lengths = np.diff(clips.offsets)
        self._shape = (height, width, 1 if grey else 3)
        self._usual = max(1, int(np.median(lengths[lengths > 0]))) if lengths.any() else 1
        self._mean, self._deviation = 127.5, 64.0
        if len(clips.values):
            self._mean = float(clips.values.mean())
            self._deviation = max(1.0, float(clips.values.std()))

    @property
    def parts(self) -> Sequence[Part]:
        """The frames."""
        return [ClipPart(self.name, *self._shape, self._usual, self._mean, self._deviation, self._in_order)]

    def encode(self, series: pl.Series) -> list[np.ndarray | Ragged]:
        """Frames, uint8 `(frames, height, width, channels)`; none where missing or unreadable."""
        clips, told = packed_clips(series, self._shape, self.frames, self._depth)
        self._remember(series, told)
        return [clips]

    def _told(self, series: pl.Series) -> np.ndarray:
        return packed_clips(series, self._shape, self.frames, self._depth)[1]

    @property
    def _depth(self) -> Depth:
        """On which scale the numbers of frames stand."""
        return replace(DEPTH, span=self.span) if self.span is not None else DEPTH

    def features(self, arrays: Sequence[np.ndarray | Ragged]) -> Features:
        """Frames, brightness, change and where the light is, over time; and the mean frame in a coarse grid."""
        clips = arrays[0]
        if not isinstance(clips, Ragged):
            message = f"a clip's features come from its frames, got {type(clips).__name__}"
            raise TypeError(message)
        grey = clips.values.mean(axis=3, dtype=np.float32)
        motion = statistics(Ragged(_motion(grey, clips.offsets), clips.offsets), _KEPT)
        grid = statistics(Ragged(_coarse(grey), clips.offsets), ("mean",))
        count = np.diff(clips.offsets).astype(np.float32)[:, None]
        flat = [each.reshape(len(clips), each.shape[1] * each.shape[2]) for each in (motion, grid)]
        cells = [f"cell {row + 1}, {column + 1}" for row in range(_GRID) for column in range(_GRID)]
        names = ["frames", *(f"{what}, {which}" for what in _MOTION for which in _KEPT), *cells]
        return Features(np.hstack([count, *flat]), [f"{self.name}, {n}" for n in names], [False] * len(names))

    def lengths(self, arrays: Sequence[np.ndarray | Ragged]) -> np.ndarray | None:
        """Frames of each row."""
        return np.diff(arrays[0].offsets) if isinstance(arrays[0], Ragged) else None

    # -- for people, and persistence

    def inside(self, arrays: Sequence[np.ndarray | Ragged], text: str | None = None) -> FramesInside | None:
        """Stretches of frames."""
        frames = arrays[0].values if isinstance(arrays[0], Ragged) else np.zeros((0, *self._shape), np.uint8)
        return FramesInside(frames, round(self._mean)) if len(frames) else None

    def show(self, value: Any) -> str:
        """Of a path the file's name; otherwise the number of frames."""
        if isinstance(value, list | tuple | np.ndarray):
            return f"clip of {len(value):,} frames" if self._in_order else f"{len(value):,} pictures"
        return "clip" if isinstance(value, bytes) else super().show(value)

    def summary(self, series: pl.Series) -> dict[str, Any]:
        """Rows, missing cells, the size of frames, and how many a sample of the clips has."""
        clips, _ = packed_clips(sample(series, _SUMMARY_ROWS), self._shape, self.frames, self._depth)
        counts = np.diff(clips.offsets)
        edges = np.unique(np.linspace(0, self.frames, 9).astype(int)).tolist()
        height, width, channels = self._shape
        return {
            "rows": len(series),
            "missing": int(missing(series).sum()),
            "height": height,
            "width": width,
            "channels": channels,
            "mean_frames": float(counts[counts > 0].mean()) if counts.any() else 0.0,
            "edges": edges,
            "counts": np.histogram(counts[counts > 0], edges)[0].tolist(),
        }

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Everything as JSON."""
        json = {
            "name": self.name,
            "reason": self.reason,
            "size": self.size,
            "frames": self.frames,
            "ordered": self.ordered,
            "in_order": self._in_order,
            "shape": list(self._shape),
            "usual": self._usual,
            "mean": self._mean,
            "deviation": self._deviation,
            "span": self.span_json,
        }
        return json, {}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`, checked."""
        state = State(json, arrays)
        given = None if json.get("size") is None else state.integer("size")
        column = state.make(cls, size=given, frames=state.integer("frames"), ordered=_flag(state, "ordered"))
        column._in_order = _flag(state, "in_order") is not False
        shape = state.items("shape", int, longest=3)
        if len(shape) != 3 or not all(_SMALLEST <= side <= _LARGEST for side in shape[:2]) or shape[2] not in (1, 3):
            raise state.refusal("shape", shape, f"height and width from {_SMALLEST} to {_LARGEST}, and 1 or 3 channels")
        column._shape = (shape[0], shape[1], shape[2])
        column._usual = state.integer("usual", low=1, high=_MOST_FRAMES)
        column._mean = state.number("mean", low=0, high=255)
        column._deviation = state.number("deviation", low=1, high=255)
        if "scale" in json:
            column.span = span_of_old(state.number("scale", low=1e-9, high=255))
        return column


def _flag(state: State, entry: str) -> bool | None:
    """A flag that may be absent, as it is in files written before there was one."""
    return None if state.json.get(entry) is None else state.flag(entry)


def _usual(some: pl.Series) -> tuple[int, int]:
    """The median height and width of the frames, shrunk where the longer side is above the cap."""
    if is_clip(some.dtype):
        found = sizes(sources(frames_of(some)[0]))
    else:
        known = [each for each in in_parallel(files(some), size_of, UNREADABLE) if each is not None]
        found = np.array(known, dtype=np.int64).reshape(-1, 2)
    if not len(found):
        return 32, 32
    middle = np.median(found, axis=0)
    height, width = np.clip(np.rint(middle * min(1.0, _CAP / middle.max())), _SMALLEST, _CAP).astype(int).tolist()
    return height, width


def _motion(grey: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """`(frames, len(_MOTION))`: brightness, change since the frame before, and the middle of the light."""
    frames, height, width = grey.shape
    change = np.zeros(frames, np.float32)
    change[1:] = np.abs(grey[1:] - grey[:-1]).mean(axis=(1, 2))
    change[offsets[:-1][offsets[:-1] < frames]] = 0
    total = np.maximum(grey.sum(axis=(1, 2)), 1)
    across = (grey.sum(axis=1) @ np.linspace(-1, 1, width, dtype=np.float32)) / total
    down = (grey.sum(axis=2) @ np.linspace(-1, 1, height, dtype=np.float32)) / total
    return np.stack([grey.mean(axis=(1, 2)), change, across, down], axis=1)


def _coarse(grey: np.ndarray) -> np.ndarray:
    """`(frames, cells)`: mean brightness in a grid."""
    rows, columns = (np.arange(_GRID) * side // _GRID for side in grey.shape[1:])
    sums = np.add.reduceat(np.add.reduceat(grey, rows, axis=1), columns, axis=2)
    area = np.diff([*rows, grey.shape[1]])[:, None] * np.diff([*columns, grey.shape[2]])
    return np.asarray((sums / area).reshape(len(grey), _GRID * _GRID), dtype=np.float32)
