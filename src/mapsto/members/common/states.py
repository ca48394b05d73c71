"""Saved states of members: parts under prefixes, and checks of contents that may be hostile.

A file with valid hashes may still hold anything, so whoever rebuilds a member takes every value through these
functions. Each raises `ModelFileError` and says what was seen and what was expected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.checked import inside
from mapsto.errors import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Arrays = dict[str, np.ndarray]
State = tuple[dict[str, Any], Arrays]


def refused(what: str) -> ModelFileError:
    """The error for a saved member that cannot be used."""
    return ModelFileError(f"a saved member is damaged or was altered: {what}. Copy the model file again.")


def require(truth: bool, what: str) -> None:  # noqa: FBT001 - a condition is what it is about
    """Raise unless `truth`; `what` says what is wrong when it is not."""
    if not truth:
        raise refused(what)


def prefixed(prefix: str, arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The same arrays with names that begin with `prefix.`.

    >>> list(prefixed("0", {"weights": np.zeros(1)}))
    ['0.weights']
    """
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def unprefixed(prefix: str, arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The arrays whose names begin with `prefix.`, without it: the inverse of `prefixed`."""
    return {name[len(prefix) + 1 :]: array for name, array in arrays.items() if name.startswith(f"{prefix}.")}


def narrow(array: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest signed type that holds them, to keep files small.

    >>> narrow(np.array([0, 300])).dtype
    dtype('int16')
    """
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    types = (np.int8, np.int16, np.int32)
    return array.astype(next((t for t in types if np.iinfo(t).min <= low and high <= np.iinfo(t).max), np.int64))


def entry(json: Any, key: str, kind: type) -> Any:
    """`json[key]`, which must be of this type (a whole number passes for a float, a boolean never for a number)."""
    require(isinstance(json, dict), f"expected a mapping with the entry '{key}', found {type(json).__name__}")
    require(key in json, f"the entry '{key}' is missing")
    value = json[key]
    kinds = (int, float) if kind is float else (kind,)
    fits = isinstance(value, kinds) and (kind is bool or not isinstance(value, bool))
    require(fits, f"the entry '{key}' is {type(value).__name__}, expected {kind.__name__}")
    return value


def whole(json: Any, key: str, low: int, high: int) -> int:
    """The whole number `json[key]`, between `low` and `high` inclusive."""
    value: int = entry(json, key, int)
    require(low <= value <= high, f"the entry '{key}' is {value}, expected {low} to {high}")
    return value


def real(json: Any, key: str) -> float:
    """The finite number `json[key]`."""
    value = float(entry(json, key, float))
    require(bool(np.isfinite(value)), f"the entry '{key}' is {value}, expected a finite number")
    return value


def shares(json: Any, key: str, count: int) -> list[float]:
    """The `count` numbers from 0 of `json[key]`, which sum to 1."""
    found = entry(json, key, list)
    require(all(type(share) in (int, float) for share in found), f"the entry '{key}' holds more than numbers")
    fits = len(found) == count and all(share >= 0 for share in found) and abs(sum(found) - 1) < 1e-6
    require(fits, f"the entry '{key}' is not {count} numbers from 0 that sum to 1")
    return [float(share) for share in found]


def array(
    arrays: Mapping[str, np.ndarray],
    name: str,
    kinds: str,
    shape: Sequence[int | None],
    *,
    low: float | None = None,
    high: float | None = None,
) -> np.ndarray:
    """The array of this name, its floats of any value.

    `kinds`: accepted numpy kinds, such as "i" or "fb"; `shape`: sizes, None where any will do; `low` and `high`: the
    least and the greatest value, both included.
    """
    return inside(arrays.get(name), name, kinds=kinds, shape=shape, low=low, high=high, finite=False, refusal=refused)


def finite(arrays: Mapping[str, np.ndarray], name: str, shape: Sequence[int | None]) -> np.ndarray:
    """The array of finite floats of this name."""
    return inside(arrays.get(name), name, kinds="f", shape=shape, refusal=refused)
