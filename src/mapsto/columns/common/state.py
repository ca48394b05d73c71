"""Checked reading of what a column saved: the contents of a model file may be hostile."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from mapsto.checked import altered, inside
from mapsto.columns.base import Column
from mapsto.columns.common.spans import Span
from mapsto.errors import ModelFileError, OptionError

if TYPE_CHECKING:
    from collections.abc import Collection

C = TypeVar("C", bound=Column)

LONGEST_TEXT = 1_000_000
LONGEST_LIST = 1_000_000
_BITS = 1000
_FARTHEST = 1e300


class State:
    """JSON and arrays of one column; every entry is read with its type, size and range, or a `ModelFileError`.

    >>> State({"name": "age", "scale": 2.0}, {}).number("scale", low=0.0)
    2.0
    """

    def __init__(self, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self.json, self.arrays = json, arrays

    def text(self, entry: str, *, allowed: Collection[str] | None = None) -> str:
        """A string, one of `allowed` if given."""
        value = self._entry(entry)
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            raise self.refusal(entry, value, "text")
        if allowed is not None and value not in allowed:
            raise self.refusal(entry, value, f"one of {sorted(allowed)}")
        return value

    def optional_text(self, entry: str, *, allowed: Collection[str] | None = None) -> str | None:
        """A string or null."""
        return None if self._entry(entry) is None else self.text(entry, allowed=allowed)

    def integer(self, entry: str, *, low: int = 0, high: int = 2**31 - 1) -> int:
        """A whole number in `[low, high]`."""
        value = self._entry(entry)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.refusal(entry, value, f"a whole number from {low} to {high}")
        return value

    def number(self, entry: str, *, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number in `[low, high]`."""
        value = self._entry(entry)
        if type(value) not in (int, float) or (isinstance(value, int) and value.bit_length() > _BITS):
            raise self.refusal(entry, value, "a number")
        if not low <= value <= high or not math.isfinite(value):
            raise self.refusal(entry, value, f"a finite number from {low:g} to {high:g}")
        return float(value)

    def flag(self, entry: str) -> bool:
        """True or false."""
        value = self._entry(entry)
        if not isinstance(value, bool):
            raise self.refusal(entry, value, "true or false")
        return value

    def items(self, entry: str, *kinds: type, longest: int = LONGEST_LIST) -> list[Any]:
        """A list whose items are all of these JSON types."""
        value = self._entry(entry)
        if not isinstance(value, list) or len(value) > longest or not all(type(item) in kinds for item in value):
            names = " or ".join(kind.__name__ for kind in kinds)
            raise self.refusal(entry, value, f"a list of at most {longest} items of {names}")
        return value

    def make(self, kind: type[C], **options: Any) -> C:
        """A column with its name, its reason, its range and these options; options it does not accept are refused."""
        try:
            column = kind(name=self.text("name"), reason=self.text("reason"), **options)
        except OptionError as error:
            message = f"the model file was altered: {error}. Save the model again."
            raise ModelFileError(message) from error
        column.span = self._span()
        return column

    def _span(self) -> Span | None:
        """The range of the column's numbers; None where it has none, as in files of old."""
        found = self.json.get("span")
        if found is None:
            return None
        if not isinstance(found, dict):
            raise self.refusal("span", found, "a range of numbers")
        own = State({"name": self.json.get("name"), **found}, {})
        low = own.number("low", low=-_FARTHEST, high=_FARTHEST)
        high = own.number("high", low=low, high=_FARTHEST)
        least, usual = (own.number(entry, low=0, high=_FARTHEST) for entry in ("least", "usual"))
        return Span(low, high, least, usual, own.flag("whole"))

    def optional_items(self, entry: str, *kinds: type, longest: int = LONGEST_LIST) -> list[Any] | None:
        """A list as `items` reads it, or null."""
        return None if self._entry(entry) is None else self.items(entry, *kinds, longest=longest)

    def rising_list(self, entry: str, *, longest: int = 1000) -> list[float]:
        """A list of finite numbers that rise strictly."""
        found: list[float] = self.items(entry, float, longest=longest)
        if not all(map(math.isfinite, found)) or any(b <= a for a, b in pairwise(found)):
            raise self.refusal(entry, found, "strictly rising finite numbers")
        return found

    def array(self, entry: str, dtype: str, shape: tuple[int | None, ...], *, longest: int = 2**24) -> np.ndarray:
        """An array of this dtype and shape (None: any length up to `longest`); floats are finite."""
        return inside(
            self.arrays.get(entry), entry, kinds=dtype, shape=shape, longest=longest,
            refusal=lambda what: altered(f"{what} (column {self.json.get('name')!r})"),
        )  # fmt: skip

    def rising(self, entry: str, dtype: str, *, longest: int = 2**24) -> np.ndarray:
        """A one-dimensional array that rises strictly."""
        found = self.array(entry, dtype, (None,), longest=longest)
        if len(found) > 1 and not (found[1:] > found[:-1]).all():
            raise self.refusal(entry, "an array that does not rise", "strictly rising numbers")
        return found

    def refusal(self, entry: str, seen: Any, expected: str) -> ModelFileError:
        """The error that says which entry of which column is wrong."""
        shown = repr(seen)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        return ModelFileError(
            f"the model file was altered: entry {entry!r} of column {self.json.get('name')!r} is {shown}, "
            f"expected {expected}. Save the model again."
        )

    def _entry(self, entry: str) -> Any:
        if entry not in self.json:
            raise self.refusal(entry, None, "to be there")
        return self.json[entry]
