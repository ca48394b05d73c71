"""Pictures that stand in a list as objects: numpy arrays or Pillow images, made into cells that a table can hold."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Any

import numpy as np

Cells = np.ndarray | list[Any]

_ORIENTATION = 0x0112
_PLAIN = ("L", "RGB")
_STRAIGHT = {"La": "LA", "RGBa": "RGBA"}
"""Modes whose colours are multiplied by their opacity, and those in which they are not."""


def as_cells(values: list[Any]) -> Cells:
    """The values themselves, or where they are pictures: one array of all if they are alike, else bytes or lists.

    Args:
        values: a cell each. Pictures are arrays of two or more dimensions or Pillow images; None is missing.

    >>> as_cells([np.zeros((2, 3), np.uint8), np.ones((2, 3), np.uint8)]).shape
    (2, 2, 3)
    >>> as_cells([1, 2])
    [1, 2]
    """
    first = next((value for value in values if value is not None), None)
    if not (_is_image(first) or (isinstance(first, np.ndarray) and first.ndim > 1)):
        return values
    if all(map(_is_plain, values)):
        arrays = [np.asarray(value) for value in values]
        if len({(array.shape, array.dtype) for array in arrays}) == 1:
            return np.stack(arrays)
    return [_cell(value) for value in values]


def _is_image(value: Any) -> bool:
    pillow = sys.modules.get("PIL.Image")  # who has one has imported it
    kind = () if pillow is None else pillow.Image
    return isinstance(value, kind)


def _is_plain(value: Any) -> bool:
    """Whether an array says all that the value says."""
    if _is_image(value):
        return value.mode in _PLAIN and value.getexif().get(_ORIENTATION, 1) == 1
    return isinstance(value, np.ndarray)


def _cell(value: Any) -> Any:
    """An image as the bytes of a file without loss, an array as lists."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if not _is_image(value):
        return value
    file = BytesIO()
    try:
        value.save(file, "TIFF", exif=value.getexif())
    except OSError:  # TIFF has no such mode (HSV, premultiplied alpha)
        file = BytesIO()
        value.convert(_STRAIGHT.get(value.mode, "RGB")).save(file, "TIFF", exif=value.getexif())
    return file.getvalue()
