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
import warnings
import zlib
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from mapsto.columns.common.parallel import PIXELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

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
_ORIENTATION, _ON_ITS_SIDE = 0x0112, 5


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Pillow's warnings about odd files from the user: a picture is readable, or it is counted as malformed."""
    logger, nowhere = logging.getLogger("PIL"), logging.NullHandler()
    logger.addHandler(nowhere)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
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


def pixels(source: Source, height: int, width: int, channels: int) -> np.ndarray:
    """The picture as uint8 `(height, width, channels)`: upright, its proportions kept, its rim repeated where it is
    too narrow or too low. What is transparent is white. No picture is 0 everywhere: a black one is 1, because 0
    stands for a missing one.

    Args:
        source: an array is uint8 `(H, W)`, `(H, W, C)` or `(C, H, W)`.
        height: of what is returned.
        width: of what is returned.
        channels: 1 for grey, 3 for colour.

    Raises:
        UNREADABLE: it is no picture, damaged, or too large.
    """
    with _opened(source) as image, PIXELS.of(image.width * image.height):
        found = _fitted(_upright(image, max(height, width), "L" if channels == 1 else "RGB"), height, width)
    return found.reshape(height, width, channels)


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
        raise ValueError(str(error)) from error


def _image(source: Source) -> Image.Image:
    from PIL import Image

    if isinstance(source, np.ndarray):
        array = channels_last(source)
        return Image.fromarray(np.ascontiguousarray(array[..., 0] if array.shape[-1] == 1 else array))
    if isinstance(source, bytes):
        return Image.open(BytesIO(source), formats=_FORMATS)
    found = os.stat(source)
    if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:  # a pipe would wait for ever
        message = f"{source!r} is no file of at most {MOST_BYTES:,} bytes"
        raise ValueError(message)
    return Image.open(source, formats=_FORMATS)


def _upright(image: Image.Image, side: int, mode: str) -> Image.Image:
    """Decoded, at least as large as needed, turned as its file says, in grey or colour."""
    from PIL import Image, ImageOps

    image.draft(mode, (side, side))
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        image = paper
    return image if image.mode == mode else image.convert(mode)  # to convert it into its own mode is to copy it


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Grey of 16 bits (or numbers up to 1) in 8."""
    most = 1.0 if values.dtype.kind == "f" and values.max() <= 1 else 65_535.0
    found: np.ndarray = np.clip(np.rint(values * (255 / most)), 0, 255).astype(np.uint8)
    return found


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
