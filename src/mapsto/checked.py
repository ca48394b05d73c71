"""The one gate for arrays of a model file, whose contents may be hostile although every hash is right.

Whoever rebuilds a part of a model says of each array what it holds: type, shape, the range of its numbers, and with
that what it may index. Nothing else of an array is looked at before, and native code sees it only afterwards. While a
file is read, `every_array` keeps count: an array that nobody declared is refused, so no part can leave one unchecked.

>>> inside(np.array([0, 2]), "codes", kinds="i", shape=(None,), low=0, high=2).tolist()
[0, 2]
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import numpy as np

from mapsto.errors import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_MOST_KINDS = 3
_DECLARED: ContextVar[set[int] | None] = ContextVar("declared", default=None)


def altered(what: str) -> ModelFileError:
    """The error for contents that mapsto would not have written."""
    return ModelFileError(f"the model file was altered: {what}. Copy it again from where it was saved.")


def inside(
    found: np.ndarray | None,
    name: str,
    *,
    kinds: str,
    shape: Sequence[int | None],
    low: float | None = None,
    high: float | None = None,
    finite: bool = True,
    longest: int = 2**48,
    refusal: Callable[[str], ModelFileError] = altered,
) -> np.ndarray:
    """The array, if it is what it has to be.

    Args:
        found: from the file; None where it is missing.
        name: what messages call it.
        kinds: up to three accepted numpy kinds such as "iu", or the name of the only dtype accepted.
        shape: sizes; None where any up to `longest` will do.
        low: the least value, if there is one.
        high: the greatest value, included: what the values index is one longer.
        finite: whether floats must be finite.
        longest: see `shape`.
        refusal: makes the error from what is wrong.

    Raises:
        ModelFileError: it is missing, or of another type or shape, or a number is out of range.
    """
    if found is None:
        raise refusal(f"the array {name!r} is missing")
    if not (found.dtype.name == kinds if len(kinds) > _MOST_KINDS else found.dtype.kind in kinds):
        raise refusal(f"the array {name!r} holds {found.dtype}, expected {kinds}")
    fits = found.ndim == len(shape) and all(
        has <= longest if wanted is None else has == wanted for wanted, has in zip(shape, found.shape, strict=True)
    )
    if not fits:
        raise refusal(f"the array {name!r} has the shape {found.shape}, expected {tuple(shape)}")
    if finite and found.dtype.kind == "f" and not np.isfinite(found).all():
        raise refusal(f"the array {name!r} holds values that are not finite")
    if found.size and (low is not None or high is not None):
        least, most = found.min(), found.max()
        if (low is not None and not least >= low) or (high is not None and not most <= high):
            ends = f"{'' if low is None else low} to {'' if high is None else high}"
            raise refusal(f"the array {name!r} holds values from {least} to {most}, expected {ends}")
    declared = _DECLARED.get()
    if declared is not None:
        declared.add(id(found))
    return found


@contextmanager
def every_array(parts: Mapping[str, tuple[object, Mapping[str, np.ndarray]]]) -> Iterator[None]:
    """Inside, the parts of one file are read; at the end each of their arrays must have been declared.

    Raises:
        ModelFileError: an array that nobody declared; the message names the first.
    """
    declared: set[int] = set()
    token = _DECLARED.set(declared)
    try:
        yield
    finally:
        _DECLARED.reset(token)
    for part, (_, arrays) in parts.items():
        for name, array in arrays.items():
            if id(array) not in declared:
                raise altered(f"nothing reads the array {name!r} of {part!r}")
