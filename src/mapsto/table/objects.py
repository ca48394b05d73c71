"""Python objects in cells as what they say: gaps, numbers, texts, instants, lists, arrays and the bytes of sounds.

What says nothing plain is refused, and never learned as the text in which Python shows it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from io import BytesIO
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, TypeGuard
from uuid import UUID

import numpy as np

from mapsto.errors import DataError
from mapsto.table.pixels import as_cells, is_image

_EXACT = {type(None), str, int, float, bool, bytes, date, datetime, time, timedelta, Decimal, complex}
_PLAIN = (str, int, float, bytes, date, time, timedelta, Decimal, complex, np.generic)
_TEXTS = (UUID, IPv4Address, IPv6Address, IPv4Network, IPv6Network)
"""What has one text that people write."""
_ROWS = Sequence
"""Classes of lists, those of other libraries too."""
_NUMBERS = (int, float, np.number)
_FRACTIONS = (float, np.floating, Decimal)
_GAPS = {"NAType", "NaTType"}
_WRITTEN = {"Period", "Interval"}
"""Classes of pandas that stand for a gap, and those that have a text."""
_RATES = (500, 768_000)
"""Samples a second that a sound may have."""
_AS_THEY_ARE = (np.float32, np.int16, np.int32)
"""Types of samples that a file of sound holds as they stand."""
_LONG = 64
"""Numbers in a list from which on its ends answer for it."""


class _NoFormError(Exception):
    """A value that says nothing plain."""


def holds_objects(values: Iterable[Any]) -> bool:
    """Whether some value is of another class than those that every library of tables reads."""
    return not set(map(type, values)) <= _EXACT


def plain_cells(values: list[Any], name: str) -> list[Any]:
    """The same values without objects; the same list where nothing had to be changed.

    NaN among other things than numbers, NaT and `pandas.NA` are None. Series, tensors and other arrays are numpy
    arrays, instants of numpy those of Python, and a sound with its rate the bytes of a file.

    Args:
        values: a cell each.
        name: of the column, for messages.

    Raises:
        DataError: a value has no plain form.

    >>> plain_cells(["a", float("nan")], "x"), plain_cells([1.5, float("nan")], "x")
    (['a', None], [1.5, nan])
    """
    if holds_objects(values):
        found = []
        for row, value in enumerate(values):
            try:
                found.append(_plain(value))
            except (_NoFormError, DataError) as error:
                raise DataError(_refusal(name, row, error)) from None
        values = _changed(values, found)
    return _without_nan(values)


def _refusal(name: str, row: int, error: Exception) -> str:
    return (
        f"column {name!r}, row {row}: {error} has no plain form. Expected numbers, texts, dates, bytes, "
        "lists, arrays, pictures, or sounds as (array, rate). Give what it holds as such: numbers as an array "
        "(value.to_numpy()), parts as columns of their own, str(value) where its text says all, or drop the column."
    )


def _changed(values: list[Any], found: list[Any]) -> list[Any]:
    """The list itself where nothing in it has changed."""
    return values if all(map(_same, values, found)) else found


def _same(one: Any, other: Any) -> bool:
    return one is other


def _without_nan(values: list[Any]) -> list[Any]:
    """NaN counts as a gap among other things than numbers."""
    types = set(map(type, values)) - {type(None)}
    numbers = {each for each in types if issubclass(each, _NUMBERS) and each is not bool}
    if not any(issubclass(each, _FRACTIONS) for each in types) or numbers == types:
        return values
    return [None if _is_nan(value) else value for value in values]


def _is_nan(value: Any) -> bool:
    return isinstance(value, _FRACTIONS) and bool(value != value)


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in _EXACT:
        return value
    if isinstance(value, list | tuple):
        return _list(value)
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, Mapping):
        return _mapping(value)
    if kind.__module__.startswith("pandas") and kind.__name__ in _GAPS | _WRITTEN:
        return None if kind.__name__ in _GAPS else str(value)
    if isinstance(value, np.datetime64 | np.timedelta64):
        return _moments(np.asarray(value))
    if isinstance(value, _PLAIN) or is_image(value):
        return value
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str | int | float) else value.name
    if isinstance(value, Fraction):
        return float(value)
    if isinstance(value, _TEXTS):
        return str(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    return _holder(value)


def _holder(value: Any) -> Any:
    """What objects of other libraries hold."""
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, set | frozenset):
        return _list(sorted(value, key=str))
    if hasattr(value, "as_py"):  # of pyarrow
        return _plain(value.as_py())
    if hasattr(value, "columns"):
        raise _NoFormError(_called(value))
    if hasattr(value, "__array__"):
        return _array(as_array(value))
    if isinstance(value, _ROWS):
        return value if isinstance(value, range) else _list(list(value))
    raise _NoFormError(_called(value))


def _called(value: Any) -> str:
    kind = type(value)
    module = kind.__module__.partition(".")[0]
    return f"an object of the class {kind.__name__}" + ("" if module in ("builtins", "__main__") else f" of {module}")


def as_array(value: Any) -> np.ndarray:
    """What has `__array__` as a numpy array: tensors without their gradients, from whatever memory they lie in.

    Raises:
        DataError: it cannot be brought to one.
    """
    if hasattr(value, "detach"):  # of PyTorch, which is not imported for this
        value = value.detach().cpu()
        if "bfloat16" in str(value.dtype):  # numpy has none
            value = value.float()
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        message = f"{_called(value)} that is no numpy array ({error})"
        raise DataError(message) from error


def _array(value: np.ndarray) -> Any:
    """An array of numbers of a type that tables know; of anything else a list."""
    kind = value.dtype.kind
    if isinstance(value, np.ma.MaskedArray):
        return _inner(value.tolist())
    if kind in "mM":
        return _moments(value)
    if kind not in "biufc":
        return _inner(value.tolist())
    if not value.ndim:
        return value.item()
    if kind == "f" and value.dtype.itemsize > 8:
        return value.astype(np.float64)
    return value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))


def _inner(found: Any) -> Any:
    return _list(found) if isinstance(found, list) else _plain(found)


def _moments(value: np.ndarray) -> Any:
    """Instants or durations as those of Python; None for NaT and beyond the calendar."""
    if value.ndim or np.datetime_data(value.dtype)[0] != "D" or value.dtype.kind == "m":
        value = value.astype("M8[us]" if value.dtype.kind == "M" else "m8[us]")
    known = value.tolist()
    return _within(known)


def _within(known: Any) -> Any:
    if isinstance(known, list):
        return [_within(each) for each in known]
    return None if isinstance(known, int) else known


def _list(value: list[Any] | tuple[Any, ...]) -> Any:
    if len(value) > _LONG and type(value[0]) in (int, float) and type(value[-1]) in (int, float):
        return value
    if (sound := _pair(value)) is not None:
        return sound
    given = list(value)
    if holds_objects(given):
        found = [_plain(each) for each in given]
        if any(map(is_image, found)):
            return as_cells(found)
        if any(isinstance(each, np.ndarray) for each in found) and not all(
            each is None or isinstance(each, np.ndarray | list | tuple) for each in found
        ):
            message = f"a {type(value).__name__} of arrays and other things"
            raise _NoFormError(message)
        found = _without_nan(_changed(given, found))
    else:
        found = _without_nan(given)
    return value if found is given else found


def _mapping(value: Mapping[Any, Any]) -> Any:
    rate = value.get("sampling_rate")
    if _is_rate(rate) and value.get("array") is not None:
        return sound_file(value["array"], rate)
    found = {str(name): None if _is_nan(each) else _plain(each) for name, each in value.items()}
    same = isinstance(value, dict) and all(found.get(name) is each for name, each in value.items())
    return value if same else found


# -- sounds


def _pair(value: Sequence[Any]) -> bytes | None:
    """A sound as the libraries of sounds give it: samples and their rate, in either order."""
    if len(value) != 2:
        return None
    samples, rate = value if _is_rate(value[1]) else (value[1], value[0])
    is_array = hasattr(samples, "__array__") and not isinstance(samples, np.generic)
    return sound_file(samples, rate) if is_array and _is_rate(rate) else None


def _is_rate(value: Any) -> TypeGuard[float]:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool) and bool(_RATES[0] <= value <= _RATES[1])


def sound_file(samples: Any, rate: float) -> bytes | None:
    """Samples as the bytes of a WAV file, which says their rate; None where there are none.

    Args:
        samples: one channel, or channels first or last: the shorter side.
        rate: samples a second.
    """
    from scipy.io import wavfile

    array = as_array(samples)
    if array.ndim > 2 or array.dtype.kind not in "biuf":
        message = f"a sound of shape {array.shape} and type {array.dtype}"
        raise _NoFormError(message)
    if not array.size:
        return None
    if array.ndim == 2 and array.shape[0] < array.shape[1]:
        array = array.T
    if array.dtype not in _AS_THEY_ARE:
        array = array.astype(np.float32)
    file = BytesIO()
    wavfile.write(file, round(rate), np.ascontiguousarray(array))
    return file.getvalue()
