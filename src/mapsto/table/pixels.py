"""Pictures that stand in a list as objects: numpy arrays or Pillow images, made into cells that a table can hold."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl

Cells = np.ndarray | list[Any] | pl.Series

_ORIENTATION = 0x0112
_CHANNELS = (1, 3, 4)
_PLAIN = ("L", "RGB")
_STRAIGHT = {"La": "LA", "RGBa": "RGBA"}
"""Modes whose colours are multiplied by their opacity, and those in which they are not."""


def as_cells(values: list[Any]) -> Cells:
    """The values themselves, or where they are pictures: one array of all if they are alike, else bytes or lists.

    Args:
        values: a cell each. Pictures are arrays of two or more dimensions or Pillow images; None is missing. Arrays of
            one dimension become lists of one type where they differ.

    >>> as_cells([np.zeros((2, 3), np.uint8), np.ones((2, 3), np.uint8)]).shape
    (2, 2, 3)
    >>> as_cells([1, 2])
    [1, 2]
    """
    first = next((value for value in values if value is not None), None)
    if isinstance(first, np.ndarray) and first.ndim == 1:
        return _of_several_lengths(values)
    if not (is_image(first) or (isinstance(first, np.ndarray) and first.ndim > 1)):
        return values
    if all(value is None or _is_plain(value) for value in values):
        arrays = [None if value is None else _numbers(value) for value in values]
        found = [array for array in arrays if array is not None]
        if len({(array.shape, array.dtype) for array in found}) == 1 and len(found) == len(arrays):
            return np.stack(found)
        if not any(map(is_image, values)):
            return _of_several_shapes(arrays, found)
    return [_cell(value) for value in values]


def _of_several_lengths(values: list[Any]) -> Cells:
    """Arrays of one dimension as lists of the type that holds all their numbers, unless they are alike."""
    found = [value for value in values if value is not None]
    if not all(isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "biuf" for value in found):
        return [value.tolist() if isinstance(value, np.ndarray) else value for value in values]
    kinds = {value.dtype for value in found}
    if len(found) == len(values) and len(kinds) == 1:
        return values
    kind = np.result_type(*kinds)
    cells = [None if value is None else pl.Series(value.astype(kind, copy=False)) for value in values]
    return pl.Series(cells, dtype=pl.List(pl.Series(np.zeros(0, kind)).dtype))


def _numbers(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return on_or_off(array) if array.dtype == bool else array


def on_or_off(pixels: np.ndarray) -> np.ndarray:
    """Truth values as pixels: black or white, as Pillow has them."""
    return pixels.view(np.uint8) * np.uint8(255)


def _of_several_shapes(arrays: list[np.ndarray | None], found: list[np.ndarray]) -> Cells:
    """Arrays as lists of one depth: a grey picture among coloured ones has one channel. Numbers keep the type that they
    share, which tells pixels from other numbers.

    Args:
        arrays: one a row.
        found: those that are there.
    """
    if {array.ndim for array in found} == {2, 3}:
        coloured = [array.shape for array in found if array.ndim == 3]
        place = -1 if all(shape[-1] in _CHANNELS for shape in coloured) else 0
        arrays = [np.expand_dims(one, place) if one is not None and one.ndim == 2 else one for one in arrays]
    cells = [None if array is None else array.tolist() for array in arrays]
    kinds, depths = {array.dtype for array in found}, {array.ndim for array in arrays if array is not None}
    if len(kinds) > 1 or len(depths) > 1 or found[0].dtype.kind not in "uif":
        return cells
    dtype: Any = pl.Series(np.zeros(0, found[0].dtype)).dtype
    for _ in range(depths.pop()):
        dtype = pl.List(dtype)
    return pl.Series(cells, dtype=dtype)


def is_image(value: Any) -> bool:
    """Whether a value is an image of Pillow."""
    pillow = sys.modules.get("PIL.Image")  # who has one has imported it
    kind = () if pillow is None else pillow.Image
    return isinstance(value, kind)


def _is_plain(value: Any) -> bool:
    """Whether an array says all that the value says."""
    if is_image(value):
        return value.mode in _PLAIN and value.getexif().get(_ORIENTATION, 1) == 1
    return isinstance(value, np.ndarray)


def _cell(value: Any) -> Any:
    """An image as the bytes of a file without loss, an array as lists."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if not is_image(value):
        return value
    file = BytesIO()
    try:
        value.save(file, "TIFF", exif=value.getexif())
    except OSError:  # TIFF has no such mode (HSV, premultiplied alpha)
        file = BytesIO()
        value.convert(_STRAIGHT.get(value.mode, "RGB")).save(file, "TIFF", exif=value.getexif())
    return file.getvalue()
