"""One picture, from a path, bytes or an array to pixels of a fixed size.

What is opened may come from a stranger. Only plain picture formats are tried (none that runs another program); a
declared size is refused before anything of that size is allocated; what is no regular file is not opened. Whatever is
wrong with a picture ends in one of `UNREADABLE`.
"""

from __future__ import annotations

import logging
import os
import stat
import struct
import zlib
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from mapsto.columns.common.depths import BYTES, DEPTH, READ, SCALED, SEVERAL, spread
from mapsto.columns.common.parallel import PIXELS
from mapsto.columns.common.spans import Extents
from mapsto.process import silenced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

    from mapsto.columns.common.depths import Depth

Source = str | bytes | np.ndarray
"""A path, the bytes of a file, or pixels."""

MOST_PIXELS = 100_000_000
"""Larger pictures are refused."""
MOST_BYTES = 2**29
"""Larger files are refused."""
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError),
    *(RuntimeError, MemoryError, BufferError, struct.error, zlib.error),
)
"""What reading a damaged picture may raise; Pillow's decoders raise nearly all of these."""

_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
_NONE = "it holds no picture of a known form"
_OF_FRAMES = ("GIF", "TIFF", "WEBP", "PNG")
_ORIENTATION, _ON_ITS_SIDE = 0x0112, 5


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Pillow's warnings about odd files from the user: a picture is readable, or it is counted as malformed."""
    logger, nowhere = logging.getLogger("PIL"), logging.NullHandler()
    logger.addHandler(nowhere)
    with silenced(Warning):
        try:
            yield
        finally:
            logger.removeHandler(nowhere)


def side_lengths(source: Source) -> tuple[int, int]:
    """Height and width of a picture as it is shown; of a file, only the header is read.

    Raises:
        UNREADABLE: it is no picture, or too large.
    """
    if isinstance(source, np.ndarray):
        height, width, _ = channels_last(source).shape
        return height, width
    with _opened(source) as image:
        width, height = image.size
        turned = image.format == "JPEG" and image.getexif().get(_ORIENTATION, 1) >= _ON_ITS_SIDE
    return (width, height) if turned else (height, width)


def pixels(source: Source, height: int, width: int, channels: int, depth: Depth = DEPTH) -> tuple[np.ndarray, int]:
    """The picture as uint8 `(height, width, channels)`: upright, its proportions kept, its rim repeated where it is
    too narrow or too low. What is transparent is white. No picture is 0 everywhere: a black one is 1, because 0
    stands for a missing one. And what is told of it (`depths.py`).

    Args:
        source: an array is uint8 `(H, W)`, `(H, W, C)` or `(C, H, W)`.
        height: of what is returned.
        width: of what is returned.
        channels: 1 for grey, 3 for colour.
        depth: the scale on which the numbers of files of more than 8 bits stand.

    Raises:
        UNREADABLE: it is no picture, damaged, or too large.
    """
    with _opened(source) as image, PIXELS.of(image.width * image.height):
        told = READ | (SEVERAL if _moves(image) else 0)
        image, more = _shallow(image, max(height, width), "L" if channels == 1 else "RGB", depth)
        found = _fitted(_upright(image, "L" if channels == 1 else "RGB"), height, width)
    return found.reshape(height, width, channels), told | more


def deep_extents(source: Source) -> Extents | None:
    """The range of the numbers of a file of more than 8 bits; None of any other.

    Raises:
        UNREADABLE: it is no picture, damaged, or too large.
    """
    if isinstance(source, np.ndarray):
        return None
    with _opened(source) as image:
        if not _is_deep(image):
            return None
        with PIXELS.of(image.width * image.height):
            return Extents.of(np.asarray(image)[None])


def channels_last(array: np.ndarray) -> np.ndarray:
    """A view `(..., H, W, C)` of pixels `(H, W)`, `(H, W, C)` or `(C, H, W)`, by the number of channels.

    Raises:
        ValueError: neither the first nor the last of three sides is 1, 3 or 4.

    >>> channels_last(np.zeros((3, 20, 30))).shape
    (20, 30, 3)
    """
    if array.ndim == 2:
        array = array[..., None]
    elif array.ndim == 3 and array.shape[-1] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        array = np.moveaxis(array, 0, -1)
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4) or 0 in array.shape:
        message = f"an array of shape {array.shape} is no picture; expected (H, W), (H, W, C) or (C, H, W)"
        raise ValueError(message)
    return array


@contextmanager
def _opened(source: Source) -> Iterator[Image.Image]:
    """The picture, its size checked, nothing decoded yet."""
    from PIL import Image

    try:
        with _image(source) as image:
            if image.width * image.height > MOST_PIXELS:
                message = f"it declares {image.width} x {image.height} pixels; more than {MOST_PIXELS:,} are refused"
                raise ValueError(message)
            yield image
    except Image.DecompressionBombError as error:  # Pillow's own limit, also for parts found while decoding
        message = f"it declares more than {MOST_PIXELS:,} pixels, which are refused"
        raise ValueError(message) from error


def why_not(source: Source) -> str:
    """Why a picture of a file cannot be read: its limit, or what is damaged; empty where it can."""
    try:
        with quiet():
            side_lengths(source)
    except ValueError as error:
        limit = "refused" in str(error) or "at most" in str(error)
        return str(error) if limit else _NONE
    except UNREADABLE:
        return _NONE
    try:
        with quiet():
            pixels(source, 1, 1, 1)
    except UNREADABLE:
        return "its pixels are damaged"
    return ""


def _image(source: Source) -> Image.Image:
    from PIL import Image

    if isinstance(source, np.ndarray):
        array = channels_last(source)
        return Image.fromarray(np.ascontiguousarray(array[..., 0] if array.shape[-1] == 1 else array))
    if isinstance(source, bytes):
        return Image.open(BytesIO(source), formats=_FORMATS)
    found = os.stat(source)
    if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:  # a pipe would wait for ever
        message = f"it is no file of at most {MOST_BYTES:,} bytes"
        raise ValueError(message)
    return Image.open(source, formats=_FORMATS)


def _is_deep(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _moves(image: Image.Image) -> bool:
    """Whether a file holds several pictures that mean to be seen: frames, or pages."""
    try:
        return image.format in _OF_FRAMES and bool(getattr(image, "is_animated", False))
    except UNREADABLE:  # the second is damaged; the first may not be
        return False


def _shallow(image: Image.Image, side: int, mode: str, depth: Depth) -> tuple[Image.Image, int]:
    """Decoded, at least as large as needed, in 8 bits; and what is told of it."""
    from PIL import Image, ImageOps

    image.draft(mode, (side, side))
    ImageOps.exif_transpose(image, in_place=True)
    if not _is_deep(image):
        if not np.isnan(depth.full):
            return image, 0 if depth.full == BYTES.high else SCALED
        image = _upright(image, mode)
    values = np.asarray(image)[None]
    found, told = spread(values, *depth.placed(Extents.of(values)))
    if not told[0]:
        message = "none of its pixels is a number"
        raise ValueError(message)
    return Image.fromarray(found[0]), int(told[0])


def _upright(image: Image.Image, mode: str) -> Image.Image:
    """In grey or colour, on white where it is transparent."""
    from PIL import Image

    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        image = paper
    return image if image.mode == mode else image.convert(mode)  # to convert it into its own mode is to copy it


def _fitted(image: Image.Image, height: int, width: int) -> np.ndarray:
    """uint8 `(height, width)` or `(height, width, 3)`: scaled to fit, centred, its rim repeated outwards."""
    if image.size != (width, height):
        scale = min(height / image.height, width / image.width)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        image = image.resize(size, reducing_gap=2.0)
    found = np.asarray(image)
    free = [(height - image.height), (width - image.width)]
    if any(free):
        rims = [(each // 2, each - each // 2) for each in free]
        found = np.pad(found, [*rims, (0, 0)][: found.ndim], mode="edge")
    return found if found.any() else np.ones_like(found)
