"""Booleans: true and false in any of their usual spellings."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from mapsto.columns.base import Features, Guide
from mapsto.columns.common.cells import BLANKS, as_text, examples, is_number, is_text, present, sample
from mapsto.columns.common.classes import ClassTarget
from mapsto.columns.common.evidence import refuse_one_value
from mapsto.columns.common.lookup import Lookup, table
from mapsto.columns.common.parts import CodePart
from mapsto.columns.common.state import State
from mapsto.columns.common.vocabulary import Vocabulary
from mapsto.errors import ColumnRefused
from mapsto.metrics import MISSING, STRANGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.columns.common.parts import Part, Ragged

_PAIRS = (("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("0", "1"), ("off", "on"))
_PLAIN = (("false", "true"), ("0", "1"))
_WORDS = Lookup([word for pair in _PAIRS for word in pair], fold_case=True)
_NUMBERS = Lookup([0, 1])
_SIDES = [side for _ in _PAIRS for side in (0, 1)]
_MISSING, _UNSEEN, _FALSE, _TRUE = 0, 1, 2, 3
_SIDE_OF_CODE = np.array([MISSING, STRANGE, 0, 1], dtype=np.int64)
_CODES = table([_FALSE + side for side in _SIDES], unseen=_UNSEEN, absent=_MISSING)


@dataclass
class Boolean(ClassTarget):
    """True or false: booleans, or text such as yes/no, in any case and with blanks around it.

    Codes are 0 missing, 1 unreadable, 2 false, 3 true. As a target it has two classes, false first, and gives back
    the user's own spelling.

    >>> import polars as pl
    >>> column = Boolean(name="paid")
    >>> column.learn(pl.Series(["Yes", "no", " yes ", "Yes"]))
    >>> column.encode(pl.Series(["YES", "No", "maybe", None]))
    [array([3, 2, 1, 0], dtype=int32)]
    >>> column.classes
    ['no', 'Yes']
    """

    type: ClassVar[str] = "boolean"

    _values: tuple[Any, Any] = field(default=(False, True), init=False)
    _kind: str = field(default="Boolean", init=False)

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Booleans, and text of which every cell is a usual spelling of true or false."""
        refuse_one_value(series, target=target)
        if series.dtype == pl.Boolean:
            return cls(name=name, reason="true or false")
        if series.dtype != pl.String:
            message = f"cells are {series.dtype}, not true or false"
            raise ColumnRefused(message)
        cells = sample(series)
        if len(cells) == 0 or (_codes(cells) < _FALSE).any():
            message = "cells are not all true/false, yes/no, y/n, t/f, on/off or 0/1"
            raise ColumnRefused(message)
        spellings = sorted(present(as_text(series)).unique().to_list())
        sides = dict(zip(map(_folded, spellings), _codes(pl.Series(spellings)).tolist(), strict=True))
        if len(odd := [word for word in spellings if sides[_folded(word)] < _FALSE]):
            message = f"nearly all cells say true or false, but {examples(odd)} stand among them as well"
            raise ColumnRefused(message)
        if len(set(sides.values())) < len(sides):
            message = (
                f"a boolean has two values, and the cells have {len(sides)}: {examples(sorted(sides), len(sides))}"
            )
            raise ColumnRefused(message)
        return cls(name=name, reason=f"true or false, written {examples(spellings)}")

    # -- learn and encode

    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """The user's commonest spelling of each side; of a side never seen, its usual counterpart."""
        self.__dict__.pop("_table", None)
        if not is_text(series.dtype):
            self._values, self._kind = (False, True), "Boolean"
            return
        found = Vocabulary.learn(series, len(series))
        places = _WORDS.places(pl.Series(found.keys, dtype=pl.String))
        known = [(_SIDES[place], value) for place, value in zip(places, found.values, strict=True) if place >= 0]
        spelled = dict(reversed(known))
        pair = _PAIRS[next((place for place in places if place >= 0), 0) // 2]
        self._values = (spelled.get(0, pair[0]), spelled.get(1, pair[1]))
        self._kind = "String"

    @property
    def parts(self) -> Sequence[Part]:
        """One code."""
        return [CodePart(self.name, _TRUE + 1)]

    def encode(self, series: pl.Series) -> list[np.ndarray | Ragged]:
        """int32 codes."""
        return [self._codes(series)]

    def features(self, arrays: Sequence[np.ndarray | Ragged]) -> Features:
        """1 for true, 0 for false, NaN otherwise."""
        values = np.array([np.nan, np.nan, 0, 1], dtype=np.float32)[np.asarray(arrays[0])]
        return Features(values[:, None], [self.name], [False])

    def malformed(self, series: pl.Series) -> np.ndarray:
        """Cells that are no spelling of true or false."""
        return np.asarray(self._codes(series) == _UNSEEN)

    def _codes(self, series: pl.Series) -> np.ndarray:
        """int32 `(rows,)` codes. Where the training rows said Y and N, a T is no spelling of Y but something else."""
        return _WORDS.codes(series, self._table) if is_text(series.dtype) else _codes(series)

    @cached_property
    def _table(self) -> np.ndarray:
        """Codes of words: those of the pairs seen in training, and true, false, 1 and 0, which mean nothing else."""
        if self._kind == "Boolean":
            return _CODES
        seen = {_folded(value) for value in self._values}
        read = [not seen.isdisjoint(pair) or pair in _PLAIN for pair in _PAIRS]
        return table(
            [_FALSE + side if read[place // 2] else _UNSEEN for place, side in enumerate(_SIDES)],
            unseen=_UNSEEN,
            absent=_MISSING,
        )

    # -- as a target

    @property
    def class_values(self) -> pl.Series:
        """False, then true, in the user's spelling."""
        return pl.Series(self.name, list(self._values), dtype=pl.Boolean if self._kind == "Boolean" else pl.String)

    def encode_target(self, series: pl.Series) -> np.ndarray:
        """int64: 0 false, 1 true, -1 missing, -2 where it is neither of the two."""
        return np.asarray(_SIDE_OF_CODE[self._codes(series)])

    # -- for people, and persistence

    def summary(self, series: pl.Series) -> dict[str, Any]:
        """Rows, missing and unreadable cells, and how often each side occurs."""
        counts = np.bincount(self._codes(series), minlength=_TRUE + 1)
        return {
            "rows": len(series),
            "missing": int(counts[_MISSING]),
            "unseen": int(counts[_UNSEEN]),
            "values": [self.show(value) for value in self._values],
            "counts": counts[_FALSE:].tolist(),
        }

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The spellings."""
        return {"name": self.name, "reason": self.reason, "values": list(self._values)}, {}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`, checked."""
        state = State(json, arrays)
        column = state.make(
            cls,
        )
        values = state.items("values", str, bool, longest=2)
        plain = values == [False, True]
        if not plain and (len(values) != 2 or not all(isinstance(v, str) for v in values) or values[0] == values[1]):
            raise state.refusal("values", values, "two spellings, of false and of true")
        column._values, column._kind = (values[0], values[1]), "Boolean" if plain else "String"
        return column


def _folded(word: str) -> str:
    return word.strip(BLANKS).lower()


def _codes(series: pl.Series) -> np.ndarray:
    """int32 `(rows,)`: 0 missing, 1 unreadable, 2 false, 3 true."""
    if series.dtype == pl.Boolean:
        x = series.cast(pl.Int8).fill_null(_MISSING - _FALSE) if series.null_count() else series.cast(pl.Int8)
        return x.to_numpy().astype(np.int32) + _FALSE
    if is_number(series.dtype):
        return _NUMBERS.codes(series, table([_FALSE, _TRUE], unseen=_UNSEEN, absent=_MISSING))
    return _WORDS.codes(series, _CODES)
