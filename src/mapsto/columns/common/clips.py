"""Clips of a column as frames packed into one array of bytes, and the part that networks read."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from mapsto.columns.common.cells import is_text
from mapsto.columns.common.depths import BYTES, DEPTH, READ
from mapsto.columns.common.parallel import PIXELS, in_parallel
from mapsto.columns.common.parts import Block, Ragged, Sense, SensePart
from mapsto.columns.common.picture_cells import is_array, numbers, sources
from mapsto.columns.common.picture_depths import span_of
from mapsto.columns.common.pictures import packed
from mapsto.columns.common.pixels import MOST_BYTES, MOST_PIXELS, UNREADABLE
from mapsto.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from mapsto.columns.common.depths import Depth
    from mapsto.columns.common.spans import Span

Shape = tuple[int, int, int]
"""Height, width and channels of a frame."""
_LOOKED_AT = 20_000
"""Frames of a file, at most."""
_SPARE = 4
_HELD = 4
"""Frames that a decoder holds at once, about."""
_FORMS = "mov,matroska,avi,mpeg,mpegts,ogg,flv,asf,gif,m4v,h264,hevc"


@dataclass(frozen=True)
class ClipPart(SensePart):
    """A clip a row, `Ragged` of uint8 `(frames, height, width, channels)`; without frames where it is missing."""

    height: int = 32
    width: int = 32
    channels: int = 1
    usual: int = 8
    """Frames that a clip usually has."""
    mean: float = 127.5
    deviation: float = 64.0
    ordered: bool = True
    """Whether one frame follows another, or they are several pictures of one thing."""
    group: ClassVar[str] = "clip"
    senses: ClassVar[tuple[Sense, ...]] = ("clip", "sequence")

    @property
    def network(self) -> str:  # type: ignore[override]
        """In their order, or the mean of what is seen in each."""
        return "convlstm" if self.ordered else "bag"

    def shape(self, sense: Sense, options: dict[str, Any]) -> tuple[int, ...]:
        """`(usual frames, channels, height, width)`; as a sequence `(usual frames, width of a frame's vector)`."""
        each = (self.channels, self.height, self.width) if sense == "clip" else (options["sense_width"],)
        return self.usual, *each

    def front(self, sense: Sense, options: dict[str, Any]) -> nn.Module:
        """Standardised; as a sequence, each frame read by a small convolution (`networks/blocks/clips.py`)."""
        from mapsto.networks.blocks.clips import ClipFront, FramesFront

        clips = ClipFront(self.mean, self.deviation)
        return clips if sense == "clip" else FramesFront(clips, self.channels, options["sense_width"])

    def holds(self, block: Block) -> bool:
        """Bytes of frames of its size."""
        frame = (self.height, self.width, self.channels)
        return isinstance(block, Ragged) and block.values.dtype == np.uint8 and block.values.shape[1:] == frame


def is_clip(dtype: pl.DataType) -> bool:
    """Whether cells of this dtype are stacks of frames: numbers in three or four dimensions, or lists of pictures.

    >>> is_clip(pl.Array(pl.UInt8, (8, 28, 28))), is_clip(pl.Array(pl.UInt8, (28, 28)))
    (True, False)
    """
    return is_album(dtype) or (isinstance(dtype, pl.List | pl.Array) and is_array(dtype.inner))  # type: ignore[arg-type]


def is_album(dtype: pl.DataType) -> bool:
    """Whether cells of this dtype may be lists of pictures, by path or as the bytes of files.

    >>> is_album(pl.List(pl.Binary)), is_album(pl.String)
    (True, False)
    """
    return isinstance(dtype, pl.List | pl.Array) and (is_text(dtype.inner) or dtype.inner == pl.Binary)  # type: ignore[arg-type]


def frames_of(series: pl.Series) -> tuple[pl.Series, np.ndarray]:
    """The frames of stacks one after another, and how many each row has."""
    lists = series.arr.to_list() if isinstance(series.dtype, pl.Array) else series
    lengths = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
    return lists.filter(pl.Series(lengths > 0, dtype=pl.Boolean)).explode(), lengths


def span_of_clips(series: pl.Series) -> Span | None:
    """The range of the numbers of stacks; that of bytes for files."""
    stacks = is_clip(series.dtype) and not is_album(series.dtype)
    return span_of(numbers(frames_of(series)[0])) if stacks else BYTES


def packed_clips(series: pl.Series, shape: Shape, longest: int, depth: Depth = DEPTH) -> tuple[Ragged, np.ndarray]:
    """All clips with frames of one size, and uint8 `(rows,)`: what is told of each (`depths.py`), 0 where none is read.

    Where a frame of a clip cannot be read, the clip is not.
    """
    rows = len(series)
    told = np.zeros(rows, dtype=np.uint8)
    if is_text(series.dtype) or series.dtype == pl.Binary:
        found = _files(series, shape, longest)
        lengths = np.array([0 if each is None else len(each) for each in found], dtype=np.int64)
        values = np.concatenate([np.zeros((0, *shape), np.uint8), *(each for each in found if each is not None)])
        told[lengths > 0] = READ
    elif is_clip(series.dtype):
        frames, lengths = frames_of(series)
        frames, lengths = _thinned(frames, lengths, longest)
        values, each_told = packed(sources(frames), *shape, depth)
        row = np.repeat(np.arange(rows), lengths)
        whole = np.bincount(row, weights=each_told == 0, minlength=rows) == 0
        np.bitwise_or.at(told, row, each_told)
        told[~whole] = 0
        values = values if whole.all() else values[np.repeat(whole, lengths)]
        lengths = lengths * whole
    else:
        values, lengths = np.zeros((0, *shape), np.uint8), np.zeros(rows, np.int64)
    return Ragged(values, np.concatenate([[0], np.cumsum(lengths)])), told


def _thinned(frames: pl.Series, lengths: np.ndarray, longest: int) -> tuple[pl.Series, np.ndarray]:
    """Of clips with more frames, so many, spread evenly."""
    if not (lengths > longest).any():
        return frames, lengths
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
    place, count = np.arange(len(starts)) - starts, np.repeat(lengths, lengths)
    share = np.minimum(longest, count)
    kept = place * share // count != (place - 1) * share // count
    return frames.filter(pl.Series(kept)), np.minimum(lengths, longest)


def files(series: pl.Series) -> list[str | bytes | None]:
    """Paths or bytes; None where there is none."""
    return [each if isinstance(each, str | bytes) and each else None for each in sources(series)]


def size_of(source: str | bytes) -> tuple[int, int]:
    """Height and width of a file's frames as they are shown, by the first of them.

    Raises:
        UNREADABLE: it is no clip.
        MissingExtra: the optional part that reads clips is not installed.
    """
    with _opened(source) as container, _room(container):
        frame = next(container.decode(video=0), None)
        if frame is None:
            raise _no_frames()
        width, height = _sides(frame)
        return height, width


def _files(series: pl.Series, shape: Shape, longest: int) -> list[np.ndarray | None]:
    """The frames of files, decoded in parallel; None where there is no file or it cannot be read."""
    return list(in_parallel(files(series), lambda source: _decoded(source, shape, longest), UNREADABLE))


def _decoded(source: str | bytes, shape: Shape, longest: int) -> np.ndarray:
    """At most `longest` frames, spread evenly, without trust in how many a header claims there are.

    Where a few times as many are kept as wanted, every second is dropped, and of what follows every second left out.
    """
    height, width, channels = shape
    kept: list[np.ndarray] = []
    step = 1
    with _opened(source) as container, _room(container):
        for place, frame in enumerate(container.decode(video=0)):
            if place >= _LOOKED_AT or frame.width * frame.height > MOST_PIXELS:
                break
            if place % step:
                continue
            turns = _turns(frame)
            lying = (height, width) if turns % 2 else (width, height)
            small = frame.reformat(*lying, format="gray" if channels == 1 else "rgb24").to_ndarray()
            kept.append(np.rot90(small, turns).reshape(shape))
            if len(kept) >= _SPARE * longest:
                kept, step = kept[::2], 2 * step
    if not kept:
        raise _no_frames()
    return np.stack(kept)[np.rint(np.linspace(0, len(kept) - 1, min(len(kept), longest))).astype(np.int64)]


@contextmanager
def _opened(source: str | bytes) -> Iterator[Any]:
    """A file of frames. Only forms that hold their frames themselves are tried: a playlist could name other files."""
    try:
        import av
    except ImportError as error:
        what = "reading clips from files"
        raise MissingExtra(what, "video") from error
    if isinstance(source, str):
        about = os.stat(source)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MOST_BYTES:
            message = f"it is no file, or larger than {MOST_BYTES >> 20} MiB"
            raise ValueError(message)
    try:
        options = {"format_whitelist": _FORMS, "protocol_whitelist": "file"}
        with av.open(source if isinstance(source, str) else BytesIO(source), options=options) as container:
            if not container.streams.video or not _sane(container.streams.video[0]):
                message = "it has no frames, or too large ones"
                raise ValueError(message)
            yield container
    except av.FFmpegError as error:
        message = f"it cannot be decoded: {error}"
        raise ValueError(message) from error


def _room(container: Any) -> Any:
    """Room for the few frames that a decoder holds."""
    video = container.streams.video[0]
    return PIXELS.of(_HELD * video.width * video.height)


def _turns(frame: Any) -> int:
    """Quarter turns against the clock by which a frame is shown, as a telephone held upright says."""
    return int(round(frame.rotation / 90) % 4)


def _sides(frame: Any) -> tuple[int, int]:
    """Width and height of a frame as it is shown."""
    return (frame.height, frame.width) if _turns(frame) % 2 else (frame.width, frame.height)


def _no_frames() -> ValueError:
    return ValueError("it has no frames")


def _sane(video: Any) -> bool:
    return bool(0 < video.width * video.height <= MOST_PIXELS)
