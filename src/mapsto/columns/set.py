"""Sets: several labels in one cell, as a list or as text with a separator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from mapsto.columns.base import Column, Features, Guide, Task
from mapsto.columns.common.cells import BLANKS, as_text, examples, is_text, missing, present, sample
from mapsto.columns.common.lookup import Lookup, table
from mapsto.columns.common.orders import in_order, order_varies
from mapsto.columns.common.parts import BagPart, Ragged
from mapsto.columns.common.state import State
from mapsto.columns.common.unknown import unknown_remarks
from mapsto.columns.common.vocabulary import Vocabulary
from mapsto.errors import ColumnRefused, DataError, OptionError
from mapsto.metrics import own_labels, with_strange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.columns.common.parts import Part
    from mapsto.columns.common.spans import Remark
    from mapsto.losses import Loss

_UNSEEN, _FIRST = 0, 1
_FEATURES = 64
_TOP = 20
_SEPARATORS = {"|": 0.7, ";": 0.7, ",": 0.5}
"""Separator to the most distinct labels per distinct cell: a comma also occurs in ordinary text."""
_LONGEST = 40
_SHARE = 0.1
_FREE = 0.5
"""Of labels that follow another somewhere, the share that must stand first somewhere: of "angina, severe" none does."""
_ORDER = "the same labels come in several orders, so their places are read too (order=False leaves them out)"
_LOSS_OPTIONS = ("label_smoothing", "class_weights")


@dataclass
class Set(Column):
    """Several labels a row: lists of text or whole numbers, or text such as "Comedy|Drama".

    Networks read the bag of labels, each weighted `1 / sqrt(labels in the row)`; code 0 is an unseen or rare label.
    Where the same labels come in several orders, places and neighbours of labels are in the bag as well.
    As a target every label seen in training is predicted on its own (multilabel); an empty cell has no labels, a
    missing one is unknown.

    >>> import polars as pl
    >>> column = Set(separator="|", min_count=1, name="genres")
    >>> column.learn(pl.Series(["a|b", "b", None]))
    >>> column.encode_target(pl.Series(["b|a", "", None])).tolist()
    [[1.0, 1.0], [0.0, 0.0], [nan, nan]]
    """

    type: ClassVar[str] = "set"
    task: ClassVar[Task | None] = "multilabel"

    separator: str | None = None
    """What stands between labels in text; None: found in the training rows."""
    max_size: int = 1000
    """Labels kept at most; further ones count as rare."""
    min_count: int = 2
    """Labels seen in fewer training rows are rare."""

    order: bool | None = None
    """Whether the places of labels in a cell, and which follow each other, are read too (as an input); None: where the
    same labels come in several orders.
    """

    _separator: str | None = field(default=None, init=False)
    _order_read: bool = field(default=False, init=False)
    _places: tuple[str, ...] = field(default=(), init=False)
    _vocabulary: Vocabulary = field(default_factory=Vocabulary, init=False)

    def __post_init__(self) -> None:
        if self.max_size < 1 or self.min_count < 1:
            message = f"a set's max_size={self.max_size} and min_count={self.min_count} must be at least 1"
            raise OptionError(message)
        if self.separator is not None and not self.separator.strip(BLANKS):
            message = f"a set's separator={self.separator!r} must hold more than blanks"
            raise OptionError(message)
        self._index()

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Lists of text or whole numbers, and text in which a separator divides labels that recur."""
        if isinstance(series.dtype, pl.List):
            inner = series.dtype.inner
            if is_text(inner) or inner.is_integer():  # type: ignore[arg-type]
                ordered = not target and order_varies(present(series))
                return cls(order=ordered, name=name, reason="lists of labels", doubt=_ORDER if ordered else "")
            message = f"lists of {inner} are not labels"
            raise ColumnRefused(message)
        if series.dtype != pl.String:
            message = f"cells are {series.dtype}, not lists of labels"
            raise ColumnRefused(message)
        separator = _find_separator(present(series))
        if separator is None:
            message = "no separator divides the cells into labels that recur in other combinations"
            raise ColumnRefused(message)
        shown = examples(sample(series).to_list(), 1)
        reason = f"text with several labels a cell, divided by {separator!r}, such as {shown}"
        ordered = not target and order_varies(present(series).unique().str.split(separator.strip(BLANKS)))
        doubt = f"if a cell is one class, types={{{name!r}: 'category'}}" if target else _ORDER if ordered else ""
        return cls(separator=separator, order=ordered, name=name, reason=reason, doubt=doubt)

    # -- learn and encode

    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """The separator and the labels."""
        text = is_text(series.dtype)
        self._separator = (self.separator or _find_separator(present(as_text(series))) or "|") if text else None
        self._vocabulary = Vocabulary.learn(self._labels(series).explode().drop_nulls(), self.max_size)
        places = self._order_read = order_varies(self._cells(series)) if self.order is None else self.order
        found = Vocabulary.learn(in_order(self._cells(series))[0], self.max_size) if places else Vocabulary()
        self._places = tuple(
            value for value, count in zip(found.values, found.counts, strict=True) if count >= self.min_count
        )
        self._index()

    def _index(self) -> None:
        vocabulary = self._vocabulary
        places = np.arange(len(vocabulary.values))
        self._kept = sum(count >= self.min_count for count in vocabulary.counts)
        self._lookup = Lookup(vocabulary.keys)
        self._codes = table(np.where(places < self._kept, places + _FIRST, _UNSEEN), unseen=_UNSEEN, absent=_UNSEEN)
        self._order = np.array(sorted(places, key=vocabulary.keys.__getitem__), dtype=np.int64)
        self._classes = table(np.argsort(self._order), unseen=-1, absent=-1, dtype=np.int64)

    @property
    def parts(self) -> Sequence[Part]:
        """One bag."""
        return [BagPart(self.name, self._kept + _FIRST + len(self._places))]

    def encode(self, series: pl.Series) -> list[np.ndarray | Ragged]:
        """A bag of int32 codes; empty where missing."""
        labels, lengths = self._flat(series)
        codes = self._lookup.codes(labels, self._codes)
        if self._places:
            codes, lengths = self._with_places(series, codes, lengths)
        weights = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
        return [Ragged(codes, np.concatenate([[0], np.cumsum(lengths)]), weights)]

    def _with_places(self, series: pl.Series, codes: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The codes of each row, followed by those of its labels' places and neighbours, and how many a row has."""
        texts, rows = in_order(self._cells(series))
        first = self._kept + _FIRST
        known = table(np.arange(first, first + len(self._places)), unseen=-1, absent=-1)
        more = Lookup(self._places).codes(texts, known)
        rows, more = rows[more >= 0], more[more >= 0]
        every = np.concatenate([np.repeat(np.arange(len(lengths)), lengths), rows])
        order = np.argsort(every, kind="stable")
        return np.concatenate([codes, more])[order].astype(np.int32), np.bincount(every, minlength=len(lengths))

    def features(self, arrays: Sequence[np.ndarray | Ragged]) -> Features:
        """The number of labels, and one column for each of the most frequent, and of the most frequent places."""
        bag = arrays[0]
        if not isinstance(bag, Ragged):
            message = f"a set's features come from a bag, got {type(bag).__name__}"
            raise TypeError(message)
        row = np.repeat(np.arange(len(bag)), np.diff(bag.offsets))
        first = self._kept + _FIRST
        kept = [
            *range(_FIRST, min(first, _FIRST + _FEATURES)),
            *range(first, first + min(len(self._places), _FEATURES)),
        ]
        column = np.full(first + len(self._places) + 1, -1)
        column[kept] = np.arange(1, len(kept) + 1)
        values = np.zeros((len(bag), len(kept) + 1), dtype=np.float32)
        values[:, 0] = np.bincount(row[bag.values < first], minlength=len(bag))
        place = column[bag.values]
        values[row[place > 0], place[place > 0]] = 1
        shown = [self.show(value) for value in self._vocabulary.values[: min(self._kept, _FEATURES)]]
        names = [f"{self.name}: {value}" for value in [*shown, *self._places[:_FEATURES]]]
        return Features(values, [f"{self.name}, labels", *names], [False] * (len(kept) + 1))

    def malformed(self, series: pl.Series) -> np.ndarray:
        """Cells of a dtype that holds no labels."""
        if isinstance(series.dtype, pl.List) or is_text(series.dtype):
            return np.zeros(len(series), dtype=bool)
        return series.is_not_null().to_numpy()

    def remarks(self, series: pl.Series) -> list[Remark]:
        """Where most cells hold no label that was learned."""
        if not self._vocabulary.values or self._vocabulary.dropped:
            return []
        labels, lengths = self._flat(series)
        known = self._lookup.places(labels) >= 0
        rows = np.repeat(np.arange(len(series)), lengths)
        unknown = (lengths > 0) & (np.bincount(rows[known], minlength=len(series)) == 0)
        of_these = labels.filter(pl.Series(unknown[rows], dtype=pl.Boolean))
        return unknown_remarks(unknown, int((lengths > 0).sum()), of_these, "only labels")

    def _labels(self, series: pl.Series) -> pl.Series:
        """A series of lists of distinct labels without blanks around them, null where missing."""
        return self._cells(series).list.eval(pl.element().unique(maintain_order=True))

    def _cells(self, series: pl.Series) -> pl.Series:
        """A series of lists of labels without blanks around them, null where missing."""
        if is_text(series.dtype):
            cells = as_text(series).str.split((self._separator or self.separator or "|").strip(BLANKS))
        elif isinstance(series.dtype, pl.List):
            cells = series
        else:
            return pl.Series(series.name, [None], dtype=pl.List(pl.String)).new_from_index(0, len(series))
        label = pl.element()
        if is_text(cells.dtype.inner):  # type: ignore[attr-defined]
            label = label.cast(pl.String).str.strip_chars(BLANKS)
            label = label.filter(label.str.len_bytes() > 0)
        return cells.list.eval(label.drop_nulls())

    def _flat(self, series: pl.Series) -> tuple[pl.Series, np.ndarray]:
        """All labels one after another, and how many each row has (0 where missing)."""
        cells = self._labels(series)
        lengths = cells.list.len().fill_null(0).to_numpy().astype(np.int64)
        return cells.filter(pl.Series(lengths > 0, dtype=pl.Boolean)).explode(), lengths

    # -- as a target

    @property
    def classes(self) -> list[Any]:
        """Every label seen in training, sorted."""
        if self._vocabulary.dropped:
            count = self._vocabulary.dropped + len(self._vocabulary.values)
            message = f"target column {self.name!r} has {count:,} labels, over max_size={self.max_size:,}; raise it"
            raise DataError(message)
        return [self._vocabulary.values[place] for place in self._order]

    @property
    def out_features(self) -> int:
        """One output a label."""
        return len(self.classes)

    def encode_target(self, series: pl.Series) -> np.ndarray:
        """float32 `(rows, labels)` of 0 and 1, NaN in missing rows; labels not seen in training are counted."""
        labels, lengths = self._flat(series)
        codes = self._lookup.codes(labels, self._classes)
        truth = np.zeros((len(series), len(self._order)), dtype=np.float32)
        rows = np.repeat(np.arange(len(series)), lengths)
        truth[rows[codes >= 0], codes[codes >= 0]] = 1
        truth = with_strange(truth, np.bincount(rows[codes < 0], minlength=len(series)))
        truth[missing(series) | self.malformed(series)] = np.nan
        return truth

    def strangers(self, series: pl.Series) -> pl.Series:
        """Labels that are there and none of those seen in training."""
        found, _ = self._flat(series)
        return as_text(found.filter(pl.Series(self._lookup.codes(found, self._classes) < 0, dtype=pl.Boolean))).alias(
            self.name
        )

    def to_training(self, truth: np.ndarray) -> np.ndarray:
        """0 and 1 for the labels that it has."""
        return own_labels(truth)

    def loss(self, name: str | None, options: dict[str, Any]) -> Loss:
        """Binary cross-entropy per label by default."""
        from mapsto import losses

        given = {key: options[key] for key in _LOSS_OPTIONS if options.get(key) is not None}
        return losses.get(name or "binary", "multilabel", **given)

    def link(self, outputs: np.ndarray) -> np.ndarray:
        """The logistic function."""
        return np.asarray(np.exp(-np.logaddexp(0, -outputs)))

    def decode(self, prediction: np.ndarray, *, threshold: float | None = None) -> pl.Series:
        """The labels with a probability of at least `threshold` (0.5), in the form the column came in."""
        unknown = np.isnan(prediction).any(axis=1)
        chosen = prediction >= (0.5 if threshold is None else threshold)
        rows, codes = np.nonzero(chosen)
        labels = self._vocabulary.restored(self.name).gather(self._order[codes])
        lists = pl.DataFrame({"row": rows, "label": labels}).group_by("row", maintain_order=True).agg("label")
        every = pl.DataFrame({"row": np.arange(len(prediction))}).join(
            lists, on="row", how="left", maintain_order="left"
        )
        cells = pl.col("label").fill_null([])
        if self._separator is not None:
            cells = cells.list.join(self._separator)
        return every.select(pl.when(pl.lit(pl.Series(~unknown))).then(cells).alias(self.name)).to_series()

    def naive(self, truth: np.ndarray, rows: int, weight: np.ndarray | None = None) -> np.ndarray:
        """How often each label occurs."""
        weight = ~np.isnan(truth).any(axis=1) * (1.0 if weight is None else weight)
        shares = weight @ np.nan_to_num(own_labels(truth)) / (weight.sum() or 1)
        return np.tile(shares, (rows, 1))

    # -- for people, and persistence

    def show(self, value: Any) -> str:
        """Labels with commas between them."""
        if isinstance(value, pl.Series | list | tuple):
            value = ", ".join(str(label) for label in value)
        return super().show(value)

    def summary(self, series: pl.Series) -> dict[str, Any]:
        """Rows, missing cells, labels a row, and counts of the most frequent labels of the training rows."""
        labels, lengths = self._flat(series)
        vocabulary = self._vocabulary if self._vocabulary.values else Vocabulary.learn(labels, self.max_size)
        size = len(vocabulary.values)
        every = table(np.arange(size), unseen=size, absent=size)
        counts = np.bincount(Lookup(vocabulary.keys).codes(labels, every), minlength=size + 1)
        return {
            "rows": len(series),
            "missing": int(missing(series).sum()),
            "unseen": int(counts[size]),
            "distinct": size + vocabulary.dropped,
            "labels_a_row": float(lengths.mean()) if len(lengths) else 0.0,
            "values": [self.show(value) for value in vocabulary.values[:_TOP]],
            "counts": counts[:size][:_TOP].tolist(),
        }

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Options and vocabulary."""
        json = {
            "name": self.name,
            "reason": self.reason,
            "separator": self.separator,
            "read_separator": self._separator,
            "max_size": self.max_size,
            "min_count": self.min_count,
            "order": self.order,
            "read_order": self._order_read,
            "places": list(self._places),
            **self._vocabulary.to_json(),
        }
        return json, {}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`, checked."""
        state = State(json, arrays)
        given, read = (state.optional_text(entry) for entry in ("separator", "read_separator"))
        for entry, separator in (("separator", given), ("read_separator", read)):
            if separator is not None and not separator.strip(BLANKS):
                raise state.refusal(entry, separator, "a separator")
        column = state.make(
            cls,
            separator=given,
            max_size=state.integer("max_size", low=1),
            min_count=state.integer("min_count", low=1),
            order=None if json.get("order") is None else state.flag("order"),
        )
        column._separator = read
        if "places" in json:  # files of earlier versions read no order
            column._order_read = state.flag("read_order")
            column._places = tuple(state.items("places", str, longest=column.max_size))
            if len(set(column._places)) < len(column._places):
                raise state.refusal("places", column._places, "different texts")
        column._vocabulary = Vocabulary.from_state(state)
        column._index()
        return column


def _find_separator(cells: pl.Series) -> str | None:
    """The separator that divides these cells into short labels that recur in other combinations and at any place, with
    the blank after it if there is one.
    """
    distinct = cells.unique()
    for separator, most in _SEPARATORS.items():
        holds = cells.str.contains(separator, literal=True)
        if not len(cells) or holds.mean() < _SHARE:  # type: ignore[operator]
            continue
        parts = distinct.str.split(separator).list.eval(pl.element().str.strip_chars(BLANKS))
        parts = parts.list.eval(pl.element().filter(pl.element() != ""))
        labels = parts.explode().drop_nulls().unique()
        if not len(labels) or len(labels) > most * len(distinct) or labels.str.len_chars().max() > _LONGEST:  # type: ignore[operator]
            continue
        later = parts.list.slice(1).explode().drop_nulls().unique()
        if later.is_in(parts.list.first().unique().implode()).mean() < _FREE:  # type: ignore[operator]
            continue
        spaced = cells.filter(holds).str.contains(f"{separator} ", literal=True).mean()
        return f"{separator} " if spaced > 0.5 else separator  # type: ignore[operator]
    return None
