"""Categories: one of a list of values, learned by frequency, with codes for missing and for unseen or rare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from mapsto.columns.base import Features, Guide
from mapsto.columns.common.cells import distinct_share, examples, is_number, is_text, sample, there_or_not
from mapsto.columns.common.classes import ClassTarget
from mapsto.columns.common.evidence import few_whole_numbers, named_like_code, too_long
from mapsto.columns.common.lookup import MISSING as ABSENT
from mapsto.columns.common.lookup import UNSEEN, Lookup, canonical, table
from mapsto.columns.common.parts import CodePart, NumberPart
from mapsto.columns.common.state import State
from mapsto.columns.common.unknown import unknown_remarks
from mapsto.columns.common.vocabulary import Vocabulary
from mapsto.errors import ColumnRefused, DataError, OptionError
from mapsto.metrics import MISSING, STRANGE

if TYPE_CHECKING:
    from mapsto.columns.common.parts import Part, Ragged
    from mapsto.columns.common.spans import Remark

_MISSING, _UNSEEN, _FIRST = 0, 1, 2
_SHORT = 40
_FEW = 20
_TOP = 20


@dataclass
class Category(ClassTarget):
    """One of a list of values. Code 0 is missing, 1 unseen or rare, then values by falling frequency.

    Values seen once in training are rare: they teach the model what an unseen value is like. As a target every value
    seen in training is a class, in sorted order.

    >>> import polars as pl
    >>> column = Category(name="city")
    >>> column.learn(pl.Series(["Bonn", "Oslo", "Bonn", "Oslo", "Bonn", "Rome"]))
    >>> column.encode(pl.Series(["Bonn", "Oslo", "Rome", "Paris", None]))
    [array([2, 3, 1, 1, 0], dtype=int32)]
    """

    type: ClassVar[str] = "category"

    max_size: int = 1000
    """Values kept at most; further ones count as rare."""
    min_count: int = 2
    """Values seen less often in training are rare."""
    ordered: Sequence[Any] | None = None
    """All values in their order; networks then also read the rank as a number, that of values no training row has too.
    """

    _vocabulary: Vocabulary = field(default_factory=Vocabulary, init=False)
    _all_levels: bool = field(default=True, init=False, repr=False)
    """Whether ranks count all values of `ordered`; in files of earlier versions only those seen in training."""
    _class_values: pl.Series | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.max_size < 1 or self.min_count < 1:
            message = f"a category's max_size={self.max_size} and min_count={self.min_count} must be at least 1"
            raise OptionError(message)
        if self.ordered is not None:
            self.ordered = list(self.ordered)
            if len({canonical(value) for value in self.ordered}) != len(self.ordered) or not self.ordered:
                message = f"a category's ordered={self.ordered!r} must name each value once"
                raise OptionError(message)
        self._index()

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Categorical cells, text that repeats, whole numbers that are codes or (as target) classes, and whatever has
        one value that some rows lack.
        """
        dtype, cells = series.dtype, sample(series)
        if dtype == pl.Enum:
            order = dtype.categories.to_list()  # type: ignore[attr-defined]
            return cls(ordered=order, name=name, reason=f"categories in a given order, {len(order)} values")
        if dtype == pl.Categorical:
            return cls(name=name, reason=f"categories, {cells.n_unique()} values")
        if not target and there_or_not(series):
            reason = f"one value, {examples(cells.head(1).to_list())}, or none: what tells is whether it is there"
            return cls(name=name, reason=reason)
        if is_text(dtype):
            return cls(name=name, reason=cls._reason_for_text(series, cells, target=target))
        if target and (distinct := few_whole_numbers(series)):
            doubt = f"if they are counts or grades to be predicted as a quantity, types={{{name!r}: 'number'}}"
            reason = f"{distinct} distinct whole numbers, so classes rather than a quantity"
            return cls(name=name, reason=reason, doubt=doubt if distinct > 2 else "")
        whole = is_number(dtype) and bool(dtype.is_integer() or (cells == cells.round()).all())
        if not target and whole and named_like_code(name):
            return cls(name=name, reason=f"codes by their name, {cells.n_unique():,} distinct")
        if too_long(series) and (not target or cells.n_unique() <= cls.max_size):
            reason = f"whole numbers of more digits than a quantity keeps: codes, {cells.n_unique():,} distinct"
            return cls(name=name, reason=reason)
        message = f"cells are {dtype} and do not look like codes"
        raise ColumnRefused(message)

    @classmethod
    def _reason_for_text(cls, series: pl.Series, cells: pl.Series, *, target: bool) -> str:
        distinct, share = cells.n_unique(), distinct_share(series)
        lengths = cells.str.len_chars()
        short = bool((lengths.mean() or 0) <= _SHORT)  # type: ignore[operator]
        if target and distinct > cls.max_size:
            message = f"{distinct:,} distinct values are more classes than can be told apart ({cls.max_size:,})"
            raise ColumnRefused(message)
        if (share > 0.5 and not (distinct <= _FEW and short)) or (not short and distinct > 5 * _FEW):
            message = f"text that rarely repeats ({distinct:,} distinct values in {len(cells):,} cells)"
            raise ColumnRefused(message)
        return f"text with {distinct:,} distinct values"

    # -- learn and encode

    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """The values and their counts, by falling frequency or in the given order."""
        if self.ordered is None and series.dtype == pl.Enum:
            self.ordered = series.dtype.categories.to_list()  # type: ignore[attr-defined]
        found = Vocabulary.learn(series, self.max_size)
        self._vocabulary = found if self.ordered is None else self._in_order(found)
        self._index()

    def _in_order(self, found: Vocabulary) -> Vocabulary:
        order = {canonical(value): place for place, value in enumerate(self.ordered or ())}
        unknown = [value for value, key in zip(found.values, found.keys, strict=True) if key not in order]
        if unknown:
            message = f"column {self.name!r} holds {unknown[:5]}, which ordered={self.ordered} does not name; add them"
            raise DataError(message)
        place = sorted(range(len(found.values)), key=lambda i: order[found.keys[i]])
        return Vocabulary(
            tuple(found.values[i] for i in place), tuple(found.counts[i] for i in place), found.kind, found.dropped
        )

    def _index(self) -> None:
        """What encoding looks up: places to codes, to ranks and to classes."""
        self._class_values = None
        vocabulary = self._vocabulary
        size = len(vocabulary.values)
        self._kept = size if self.ordered is not None else sum(count >= self.min_count for count in vocabulary.counts)
        places = np.arange(size)
        self._lookup = Lookup(vocabulary.keys)
        self._codes = table(np.where(places < self._kept, places + _FIRST, _UNSEEN), unseen=_UNSEEN, absent=_MISSING)
        levels: list[Any] = (
            vocabulary.keys if self.ordered is None or not self._all_levels else list(map(canonical, self.ordered))
        )
        middle = (len(levels) - 1) / 2
        self._levels = Lookup(levels)
        self._ranks = (np.arange(len(levels)) - middle) / max(1, middle)
        classes = range(size) if self.ordered is not None else sorted(range(size), key=vocabulary.keys.__getitem__)
        self._order = np.array(classes, dtype=np.int64)
        self._classes = table(np.argsort(self._order), unseen=STRANGE, absent=MISSING, dtype=np.int64)

    @property
    def parts(self) -> Sequence[Part]:
        """A code; where values are ordered, also the rank between -1 and 1, with an edge at each."""
        code = CodePart(self.name, self._kept + _FIRST)
        if self.ordered is None:
            return [code]
        seen = self._levels.places(pl.Series(self._vocabulary.keys)) if self._vocabulary.keys else np.zeros(0, np.int64)
        edges = self._ranks.astype(np.float32)[np.sort(seen)].tolist()
        return [code, NumberPart(self.name, tuple(edges) if len(edges) > 1 else (), name="rank")]

    def encode(self, series: pl.Series) -> list[np.ndarray | Ragged]:
        """int32 codes, and float32 ranks where values are ordered."""
        codes = self._lookup.codes(series, self._codes)
        if self.ordered is None:
            return [codes]
        ranks = table(self._ranks, unseen=np.nan, absent=np.nan, dtype=np.float32)  # type: ignore[arg-type]
        return [codes, self._levels.codes(series, ranks)]

    def features(self, arrays: Sequence[np.ndarray | Ragged]) -> Features:
        """The code; where values are ordered, the rank."""
        if self.ordered is not None:
            return Features(np.asarray(arrays[1], dtype=np.float32)[:, None], [self.name], [False])
        return Features(np.asarray(arrays[0], dtype=np.float32)[:, None], [self.name], [True])

    def remarks(self, series: pl.Series) -> list[Remark]:
        """Where most values are none of those that were learned; the rare among these were."""
        if not self._vocabulary.values or self._vocabulary.dropped:
            return []
        places = self._lookup.places(series)
        unknown = places == UNSEEN
        if self.ordered is not None:
            unknown &= self._levels.places(series) == UNSEEN
        there = int((places != ABSENT).sum())
        return unknown_remarks(unknown, there, series.filter(pl.Series(unknown, dtype=pl.Boolean)))

    # -- as a target

    @property
    def class_values(self) -> pl.Series:
        """Every value seen in training, sorted."""
        if self._class_values is None:
            self._class_values = self._restored_classes()
        return self._class_values

    def _restored_classes(self) -> pl.Series:
        if self._vocabulary.dropped:
            count = self._vocabulary.dropped + len(self._vocabulary.values)
            message = (
                f"target column {self.name!r} has {count:,} distinct values, more than max_size={self.max_size:,}; "
                "raise max_size, or join rare classes"
            )
            raise DataError(message)
        return self._vocabulary.restored(self.name, self.ordered).gather(self._order)

    def _reorder(self, classes: list[Any]) -> None:
        self.ordered = classes
        self._vocabulary = self._in_order(self._vocabulary)
        self._index()

    def encode_target(self, series: pl.Series) -> np.ndarray:
        """int64 class codes, -1 where missing, -2 where not seen in training."""
        return self._lookup.codes(series, self._classes)

    # -- for people, and persistence

    def summary(self, series: pl.Series) -> dict[str, Any]:
        """Rows, missing and unseen cells, and counts of the most frequent values of the training rows."""
        vocabulary = self._vocabulary
        if not vocabulary.values:
            vocabulary = Vocabulary.learn(series, self.max_size)
        size = len(vocabulary.values)
        table_ = table(np.arange(size), unseen=size, absent=size + 1)
        counts = np.bincount(Lookup(vocabulary.keys).codes(series, table_), minlength=size + 2)
        top = np.argsort(-np.array(vocabulary.counts, dtype=np.int64), kind="stable")[:_TOP]
        return {
            "rows": len(series),
            "missing": int(counts[size + 1]),
            "unseen": int(counts[size]),
            "distinct": size + vocabulary.dropped,
            "values": [self.show(vocabulary.values[i]) for i in top],
            "counts": counts[top].tolist(),
        }

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Options and vocabulary."""
        json = {
            "name": self.name,
            "reason": self.reason,
            "max_size": self.max_size,
            "min_count": self.min_count,
            "ordered": None if self.ordered is None else [_plain(value) for value in self.ordered],
            "all_levels": self._all_levels,
            **self._vocabulary.to_json(),
        }
        return json, {}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`, checked."""
        state = State(json, arrays)
        column = state.make(
            cls,
            max_size=state.integer("max_size", low=1),
            min_count=state.integer("min_count", low=1),
            ordered=state.optional_items("ordered", str, int, float, bool),
        )
        column._vocabulary = Vocabulary.from_state(state)
        column._all_levels = state.flag("all_levels") if "all_levels" in json else False
        column._index()
        return column


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) else str(value)
