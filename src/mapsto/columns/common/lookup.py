"""Where cells lie in a list of known values: the one way in which values become codes.

Text is compared without blanks at its ends, numbers by value whatever their dtype, so that `1`, `1.0` and (in a list
of numbers) `"1"` are the same. Few rows take a dictionary, many a polars dictionary cast or a binary search; both
give the same places.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mapsto.columns.common.cells import BLANKS, as_text, is_number, is_text, missing

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSING, UNSEEN = -1, -2
"""Places of cells that are missing or unknown: the last two entries of any table indexed by place."""
_FEW = 64
_CASTABLE = 2_000_000
_EXACT = 2**53


def canonical(value: Any) -> str | int | float:
    """The form in which a value is compared."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, int | float) else str(value).strip(BLANKS)


class Lookup:
    """Places of cells in `keys` (distinct, all text or all numbers, canonical).

    >>> Lookup(["a", "b"]).places(pl.Series(["b", " a ", None, "z"])).tolist()
    [1, 0, -1, -2]
    """

    def __init__(self, keys: Sequence[str] | Sequence[int | float], *, fold_case: bool = False) -> None:
        """`fold_case`: compare text in lower case; keys must then be in lower case."""
        self.keys = list(keys)
        self._fold_case = fold_case
        self._numbers = bool(self.keys) and not isinstance(self.keys[0], str)
        self._place: dict[Any, int] = {key: place for place, key in enumerate(self.keys)}

    def places(self, series: pl.Series) -> np.ndarray:
        """int32 `(rows,)`: place in `keys`, or `MISSING`, or `UNSEEN`."""
        natural = is_number(series.dtype) if self._numbers else is_text(series.dtype)
        if len(series) <= _FEW and natural:
            return np.array([self._place_of(value) for value in series.to_list()], dtype=np.int32)
        return self._number_places(series) if self._numbers else self._text_places(as_text(series), missing(series))

    def codes(self, series: pl.Series, table: np.ndarray) -> np.ndarray:
        """`table[place]` for each cell; `table` has an entry per key, then one for unseen and one for missing."""
        return np.take(table, self.places(series), mode="wrap")

    def _place_of(self, value: Any) -> int:
        if value is None:
            return MISSING
        if isinstance(value, str):
            value = value.strip(BLANKS)
            if not value:
                return MISSING
            if self._fold_case:
                value = value.lower()
        elif value != value:  # NaN
            return MISSING
        return self._place.get(value, UNSEEN)

    @cached_property
    def _categories(self) -> pl.Enum:
        return pl.Enum([key for key in self.keys if isinstance(key, str)])

    def _text_places(self, text: pl.Series, absent: np.ndarray) -> np.ndarray:
        """Exact matches first, by far the most; only what is left is stripped and looked up again."""
        places = self._exact(text)
        places[absent] = MISSING
        rest = np.flatnonzero(places == UNSEEN)
        if len(rest):
            stripped = text.gather(rest).str.strip_chars(BLANKS)
            if self._fold_case:
                stripped = stripped.str.to_lowercase()
            found = self._exact(stripped)
            found[(stripped == "").fill_null(False).to_numpy()] = MISSING
            places[rest] = found
        return places

    def _exact(self, text: pl.Series) -> np.ndarray:
        found = text.cast(self._categories, strict=False).to_physical()
        return found.cast(pl.Int32).fill_null(UNSEEN).to_numpy().copy()

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        keys = np.array(self.keys)
        order = np.argsort(keys, kind="stable")
        return keys[order], order.astype(np.int32)

    @cached_property
    def _long(self) -> bool:
        """Whether the numbers are whole, and some have more digits than a float keeps."""
        keys, _ = self._sorted
        return keys.dtype.kind == "i" and max(-int(keys[0]), int(keys[-1])) > _EXACT

    def _number_places(self, series: pl.Series) -> np.ndarray:
        absent = missing(series)
        if series.dtype == pl.Boolean:
            series = series.cast(pl.Int8)
        if is_number(series.dtype):
            cells = series.fill_null(0) if series.null_count() else series
        else:
            text = as_text(series).str.strip_chars(BLANKS)
            absent |= (text == "").fill_null(False).to_numpy()
            if self._long:
                cells = text.cast(pl.Int64, strict=False).fill_null(np.iinfo(np.int64).min)
            else:
                cells = text.cast(pl.Float64, strict=False).fill_null(float("inf"))
        x = cells.to_numpy()
        keys, order = self._sorted
        at = np.minimum(np.searchsorted(keys, x), len(keys) - 1)
        places = np.where(keys[at] == x, order[at], UNSEEN).astype(np.int32)
        places[absent] = MISSING
        return places


def table(codes: Sequence[int] | np.ndarray, *, unseen: int, absent: int, dtype: Any = np.int32) -> np.ndarray:
    """The table `Lookup.codes` wants."""
    return np.array([*codes, unseen, absent], dtype=dtype)
