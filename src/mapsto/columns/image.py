"""Images: pictures by path, as the bytes of a file, or as arrays of pixels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from mapsto.columns.base import Features, Guide
from mapsto.columns.common.cells import as_text, is_text, missing, sample
from mapsto.columns.common.depths import DEPTH, SEVERAL
from mapsto.columns.common.file_column import MOSTLY, FileColumn, holds_files, require_files, share_of_names
from mapsto.columns.common.insides import PictureInside
from mapsto.columns.common.parts import Ragged
from mapsto.columns.common.picture_cells import is_array, numbers, sources, surely_pixels
from mapsto.columns.common.picture_depths import span_of, span_of_old
from mapsto.columns.common.pictures import PicturePart, packed, sizes
from mapsto.columns.common.pixels import UNREADABLE, quiet, side_lengths, why_not
from mapsto.columns.common.state import State
from mapsto.columns.common.thumbnails import Thumbnails
from mapsto.columns.common.tiles import TilesPart
from mapsto.errors import ColumnRefused, OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.columns.common.depths import Depth
    from mapsto.columns.common.parts import Part

_TRIED = 40
"""Cells that a claim opens."""
_LEARN_ROWS, _SIZE_ROWS = 5_000, 1_000
_SUMMARY_ROWS = 500
_GREY_ROWS = 100
_LEVELS_TOGETHER = 2**20
_SMALLEST, _LARGEST = 8, 1024
_CAP, _CAP_OF_MANY, _MANY_ROWS = 128, 64, 20_000
"""Longer sides are shrunk to this, and to this for many rows."""
_MOST_TILES = 4
_LEVELS = tuple(range(0, 257, 16))


@dataclass
class Image(FileColumn):
    """A picture. It cannot be a target.

    Cells are paths, the bytes of a file (png, jpg, gif, bmp, webp, tiff, ppm), or numbers in two or three dimensions.
    Every picture is brought to one size, its proportions kept; classical learners read mean colours and the main
    components of small copies.

    >>> import numpy as np, polars as pl
    >>> cells = pl.Series("digit", np.arange(4 * 28 * 28, dtype=np.uint8).reshape(4, 28, 28))
    >>> column = Image.claim(cells, name="digit")
    >>> column.learn(cells)
    >>> column.encode(cells)[0].shape
    (4, 28, 28, 1)
    """

    type: ClassVar[str] = "image"
    inner: ClassVar[str] = "fields"
    suspect: ClassVar[bool] = False
    tells: ClassVar[dict[int, str]] = {
        **FileColumn.tells,
        SEVERAL: "hold several frames or pages, of which the first is read (the type 'video' reads them all)",
    }

    size: int | tuple[int, int] | None = None
    """Height and width that networks see, or the side of a square; None: the median of the training pictures, at most
    128, of many rows 64."""
    channels: int | None = None
    """1 for grey, 3 for colour; None: grey where all training pictures are."""
    tiles: int | None = None
    """Large pictures as a set: an overview of `size`, and n x n tiles of that size, so that nothing small is lost.
    None and 1: no tiles."""

    _shape: tuple[int, int, int] = field(default=(32, 32, 3), init=False)
    _mean: tuple[float, ...] = field(default=(127.5,) * 3, init=False)
    _deviation: tuple[float, ...] = field(default=(64.0,) * 3, init=False)
    _thumbnails: Thumbnails = field(init=False)

    def __post_init__(self) -> None:
        sides = [self.size] * 2 if isinstance(self.size, int) else list(self.size or (_SMALLEST, _SMALLEST))
        if len(sides) != 2 or not all(type(side) is int and _SMALLEST <= side <= _LARGEST for side in sides):
            message = f"an image's size={self.size!r}: a side or (height, width) has {_SMALLEST} to {_LARGEST} pixels"
            raise OptionError(message)
        if self.channels not in (None, 1, 3):
            message = f"an image's channels={self.channels!r} must be 1 (grey) or 3 (colour)"
            raise OptionError(message)
        most = _LARGEST // max(*sides, _SMALLEST)
        if self.tiles is not None and not (type(self.tiles) is int and 1 <= self.tiles <= min(_MOST_TILES, most)):
            message = (
                f"an image's tiles={self.tiles!r} must be 1 (none) to {_MOST_TILES}, and together at most {_LARGEST} "
                f"pixels wide and high, which for size={self.size!r} is up to {most}"
            )
            raise OptionError(message)
        self.size = None if self.size is None else (sides[0], sides[1])
        self._thumbnails = Thumbnails.learn(np.zeros((0, *self._shape), np.uint8))

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Paths that end like pictures and can be opened, bytes that are pictures, and arrays that may be."""
        if target:
            message = "a picture cannot be predicted yet"
            raise ColumnRefused(message)
        if is_array(series.dtype):
            return cls(name=name, reason=_why_pixels(series))
        if not (series.dtype == pl.Binary or is_text(series.dtype)):
            message = f"cells are {series.dtype}, not paths, bytes or pixels"
            raise ColumnRefused(message)
        cells = sample(series)
        if is_text(series.dtype) and share_of_names(as_text(cells), cls.type) < MOSTLY:
            message = "text that does not end like the names of pictures"
            raise ColumnRefused(message)
        tried = sample(cells, _TRIED)
        found = sizes(sources(tried))
        inline = holds_files(cells, cls.type)
        what = "bytes" if series.dtype == pl.Binary else "texts in base64" if inline else "paths"
        if is_text(series.dtype):
            require_files(cells, tried, len(found), name=name, kind=cls.type)
        if not len(tried) or 2 * len(found) < len(tried):
            message = f"{what}, but only {len(found)} of {len(tried)} open as pictures"
            raise ColumnRefused(message, near=inline)
        height, width = np.median(found, axis=0).astype(int)
        return cls(name=name, reason=f"{what} of pictures, {width} x {height} pixels in the middle")

    # -- learn and encode

    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """Size, colour or grey, mean colours, and the components of small copies."""
        self._known.clear()
        some = sample(series, _LEARN_ROWS)
        found = sources(some)
        self.span = span_of(found)
        if isinstance(self.size, tuple):
            height, width = self.size
        else:
            few = found[:: -(-len(found) // _SIZE_ROWS) or 1]
            height, width = _usual(sizes(few) / self._across, len(series))
        height, width = height * self._across, width * self._across
        pictures, told = packed(found, height, width, self.channels or 3, self._depth)
        pictures = pictures if told.all() else pictures[told > 0]
        if self.channels is None and _is_grey(pictures):
            pictures = pictures[..., :1]
        self._shape = (height, width, pictures.shape[-1])
        self._mean, self._deviation = _statistics(pictures)
        self._thumbnails = Thumbnails.learn(pictures)

    @property
    def _depth(self) -> Depth:
        """On which scale the numbers of pictures stand."""
        return replace(DEPTH, span=self.span) if self.span is not None else DEPTH

    @property
    def _across(self) -> int:
        return self.tiles or 1

    @property
    def parts(self) -> Sequence[Part]:
        """One picture, or a large one that is read in tiles."""
        given = (self.name, *self._shape, self._mean, self._deviation)
        return [PicturePart(*given) if self._across == 1 else TilesPart(*given, self._across)]

    def encode(self, series: pl.Series) -> list[np.ndarray | Ragged]:
        """uint8 `(rows, height, width, channels)`; 0 everywhere where there is no picture or it cannot be read."""
        found, told = packed(sources(series), *self._shape, self._depth)
        self._remember(series, told)
        return [found]

    def _told(self, series: pl.Series) -> np.ndarray:
        return packed(sources(series), *self._shape, self._depth)[1]

    def features(self, arrays: Sequence[np.ndarray | Ragged]) -> Features:
        """Mean colours, and the components of small copies."""
        pictures = arrays[0]
        if isinstance(pictures, Ragged):
            message = f"an image's features come from an array of pixels, got {type(pictures).__name__}"
            raise TypeError(message)
        values, names = self._thumbnails.features(pictures)
        return Features(values, [f"{self.name}, {name}" for name in names], [False] * len(names))

    # -- for people, and persistence

    def inside(self, arrays: Sequence[np.ndarray | Ragged], text: str | None = None) -> PictureInside | None:
        """Fields of the picture."""
        picture = np.asarray(arrays[0])[0]
        return PictureInside(picture, self._thumbnails.middle(*self._shape)) if picture.any() else None

    def show(self, value: Any) -> str:
        """Of a path the file's name; otherwise the size."""
        if value is None or isinstance(value, str):
            return super().show(value)
        try:
            with quiet():
                height, width = side_lengths(value) if isinstance(value, bytes) else (len(value), len(value[0]))
        except (*UNREADABLE, TypeError, IndexError):  # neither a picture's bytes nor lines of pixels
            height = 0
        return f"picture, {width} x {height}" if height else "unreadable picture"

    def fault(self, value: Any) -> str:
        """That a file is not there, too large, or no picture."""
        if found := super().fault(value):
            return found
        (source,) = sources(pl.Series([value])) if isinstance(value, str | bytes) else (None,)
        return why_not(source) if isinstance(source, str | bytes) else ""

    def summary(self, series: pl.Series) -> dict[str, Any]:
        """Rows, missing cells, the size that networks see, and how bright a sample of the pictures is."""
        some = sample(series, _SUMMARY_ROWS)
        found, told = packed(sources(some), *self._shape, self._depth)
        bright = found[told > 0].mean(axis=(1, 2, 3))
        counts, _ = np.histogram(bright, _LEVELS)
        height, width, channels = self._shape
        return {
            "rows": len(series),
            "missing": int(missing(series).sum()),
            "height": height,
            "width": width,
            "channels": channels,
            "brightness": float(bright.mean()) if len(bright) else 0.0,
            "edges": list(_LEVELS),
            "counts": counts.tolist(),
        }

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Options, size and mean colours as JSON; the components as arrays."""
        json = {
            "name": self.name,
            "reason": self.reason,
            "size": None if self.size is None else list(self.size),  # type: ignore[arg-type]
            "channels": self.channels,
            "tiles": self.tiles,
            "shape": list(self._shape),
            "mean": list(self._mean),
            "deviation": list(self._deviation),
            "span": self.span_json,
        }
        return json, self._thumbnails.arrays()

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`, checked."""
        state = State(json, arrays)
        size = state.optional_items("size", int, longest=2)
        given = None if size is None else tuple(size)
        options = {
            entry: None if json.get(entry) is None else state.integer(entry, low=1) for entry in ("channels", "tiles")
        }
        column = state.make(cls, size=given, **options)
        shape = state.items("shape", int, longest=3)
        if len(shape) != 3 or not all(_SMALLEST <= side <= _LARGEST for side in shape[:2]) or shape[2] not in (1, 3):
            raise state.refusal("shape", shape, f"height and width from {_SMALLEST} to {_LARGEST}, and 1 or 3 channels")
        if any(side % column._across or side < _SMALLEST * column._across for side in shape[:2]):
            raise state.refusal("shape", shape, f"sides that are {column._across} tiles of {_SMALLEST} pixels or more")
        column._shape = (shape[0], shape[1], shape[2])
        column._mean, column._deviation = (
            _colours(state, "mean", shape[2], 0),
            _colours(state, "deviation", shape[2], 1),
        )
        if "scale" in json:
            column.span = span_of_old(state.number("scale", low=1e-9, high=255))
        column._thumbnails = Thumbnails.from_state(state, *shape)
        return column


def _why_pixels(series: pl.Series) -> str:
    """Why arrays are taken for pictures; refused if a side is too short, or they may as well be sequences."""
    cells = sample(series, _TRIED)
    found = numbers(cells)
    sides = sizes(found)
    if not len(sides) or sides.min() < _SMALLEST:
        message = f"arrays, but no pictures: sides from {_SMALLEST} pixels up are"
        raise ColumnRefused(message)
    if not surely_pixels(found):
        message = "numbers in two dimensions that may be a sequence of vectors; say type 'image' if they are pixels"
        raise ColumnRefused(message)
    height, width = np.median(sides, axis=0).astype(int)
    return f"arrays of {width} x {height} pixels"


def _usual(found: np.ndarray, rows: int) -> tuple[int, int]:
    """The median height and width; shrunk sides are multiples of 8."""
    if not len(found):
        return 32, 32
    middle = np.median(found, axis=0)
    shrink = (_CAP_OF_MANY if rows > _MANY_ROWS else _CAP) / middle.max()
    sides = np.rint(middle if shrink >= 1 else middle * shrink / 8) * (1 if shrink >= 1 else 8)
    height, width = np.clip(sides, _SMALLEST, _CAP).astype(int).tolist()
    return height, width


def _is_grey(pictures: np.ndarray) -> bool:
    """Whether the channels of all pictures are equal; the first that differ settle it."""
    few = (pictures[start : start + _GREY_ROWS] for start in range(0, len(pictures), _GREY_ROWS))
    return len(pictures) > 0 and all(bool((some == some[..., :1]).all()) for some in few)


def _statistics(pictures: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel; sums of whole numbers in float64 are exact in any order."""
    channels = pictures.shape[-1]
    if not len(pictures):
        return (127.5,) * channels, (64.0,) * channels
    total, squares = np.zeros(channels), np.zeros(channels)
    rows = -(-_LEVELS_TOGETHER // pictures[0].size)
    for start in range(0, len(pictures), rows):
        levels = pictures[start : start + rows].reshape(-1, channels).astype(np.float64)
        total += np.ones(len(levels)) @ levels
        squares += np.diagonal(levels.T @ levels)
    pixels = pictures.size // channels
    mean = total / pixels
    deviation = np.sqrt(np.maximum(squares / pixels - mean**2, 1.0))
    return tuple(mean.tolist()), tuple(deviation.tolist())


def _colours(state: State, entry: str, channels: int, low: float) -> tuple[float, ...]:
    found = state.items(entry, float, longest=3)
    if len(found) != channels or not all(low <= value <= 255 for value in found):
        raise state.refusal(entry, found, f"{channels} numbers from {low:g} to 255")
    return tuple(found)
