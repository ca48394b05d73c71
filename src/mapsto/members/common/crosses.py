"""Columns made of other columns, where trees cannot make them by themselves.

A tree cuts across one column at a time. A slanted border (coordinates), a proportion (price per size), or pairs of
values (a day of a month) take it many cuts. Each class below gives such columns; which of them help is decided by trial
(`members/tuning.py`) and written in the recipe as a list such as
`[{"kind": "rotation", "columns": ["longitude", "latitude"]}]`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from mapsto.errors import OptionError
from mapsto.members.common import states
from mapsto.members.common.preparation import MAX_CODES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Spec = dict[str, Any]
"""What to make: `{"kind": ..., "columns": [...]}`."""

_ANGLES = np.deg2rad(np.array([15, 30, 45, 60, 75, 105, 120, 135, 150, 165])).astype(np.float32)


@dataclass(frozen=True)
class Cross(ABC):
    """One way of making columns, learned from training rows."""

    kind: ClassVar[str]

    columns: tuple[int, ...]
    """Which columns of the prepared matrix it reads."""

    @property
    @abstractmethod
    def count(self) -> int:
        """Columns it gives."""

    @classmethod
    @abstractmethod
    def fit(cls, columns: tuple[int, ...], values: np.ndarray, truth: np.ndarray) -> Self:
        """Learn from prepared training rows `(rows, columns)` and the truth as numbers `(rows,)`."""

    @abstractmethod
    def apply(self, values: np.ndarray) -> np.ndarray:
        """Prepared `(rows, columns)` to `(rows, count)` float32."""

    def apply_to_training(self, values: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """As `apply`, for the rows and truth it was learned from; what looks at the truth leaves out a row's own."""
        return self.apply(values)

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """What it has learned."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, columns: tuple[int, ...], arrays: Mapping[str, np.ndarray]) -> Self:
        """The inverse of `arrays`, contents checked."""


@dataclass(frozen=True)
class Rotation(Cross):
    """Two columns, standardised and turned by ten angles: a slanted border becomes one cut."""

    kind: ClassVar[str] = "rotation"
    mean: np.ndarray
    scale: np.ndarray

    @property
    def count(self) -> int:
        """One column for each angle."""
        return len(_ANGLES)

    @classmethod
    def fit(cls, columns: tuple[int, ...], values: np.ndarray, truth: np.ndarray) -> Self:
        """Learn means and standard deviations."""
        return cls(columns, *_standard(values[:, columns]))

    def apply(self, values: np.ndarray) -> np.ndarray:
        """The turned columns; missing where either is."""
        first, second = ((values[:, self.columns] - self.mean) / self.scale).T
        return np.asarray(first[:, None] * np.cos(_ANGLES) + second[:, None] * np.sin(_ANGLES))

    def arrays(self) -> dict[str, np.ndarray]:
        """Means and scales."""
        return {"mean": self.mean, "scale": self.scale}

    @classmethod
    def from_arrays(cls, columns: tuple[int, ...], arrays: Mapping[str, np.ndarray]) -> Self:
        """Means and scales, two of each."""
        states.require(len(columns) == 2, "a rotation needs two columns")
        return cls(columns, *_saved_standard(arrays, 2))


@dataclass(frozen=True)
class Ratio(Cross):
    """The quotient of every two columns."""

    kind: ClassVar[str] = "ratio"

    @property
    def count(self) -> int:
        """One column for each pair."""
        return len(self.columns) * (len(self.columns) - 1) // 2

    @classmethod
    def fit(cls, columns: tuple[int, ...], values: np.ndarray, truth: np.ndarray) -> Self:
        """Nothing to learn."""
        return cls(columns)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """The quotients; missing where either is, or the divisor is nearly zero."""
        first, second = np.triu_indices(len(self.columns), 1)
        chosen = values[:, self.columns]
        divisor = chosen[:, second]
        with np.errstate(over="ignore"):
            found = chosen[:, first] / np.where(np.abs(divisor) < 1e-9, np.float32(np.nan), divisor)
        found[np.isinf(found)] = np.nan
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """None."""
        return {}

    @classmethod
    def from_arrays(cls, columns: tuple[int, ...], arrays: Mapping[str, np.ndarray]) -> Self:
        """From its columns alone."""
        return cls(columns)


@dataclass(frozen=True)
class Cells(Cross):
    """What the truth was, on average, where columns of few values have the same ones (a day of a month): in a cell."""

    kind: ClassVar[str] = "cells"
    most: ClassVar[int] = 100_000
    """Cells, those of rare and missing values included."""
    prior: ClassVar[float] = 10.0
    """A cell's mean is taken as if this many more rows had the mean of all."""
    levels: tuple[np.ndarray, ...]
    """For each column its most frequent values, rising: float32. All others, and missing, are one more level."""
    means: np.ndarray
    """Of the truth, for each cell: float32."""
    shares: np.ndarray
    """Of the training rows, for each cell: float32."""

    @property
    def count(self) -> int:
        """Mean and share."""
        return 2

    @classmethod
    def fit(cls, columns: tuple[int, ...], values: np.ndarray, truth: np.ndarray) -> Self:
        """Learn the levels, and means and shares of the cells; `OptionError` if there are too many of these."""
        levels = tuple(_frequent(values[:, column]) for column in columns)
        size = _size(levels)
        if size > cls.most:
            message = f"recipe entry members.boosting.crosses: {size:,} cells; expected {cls.most:,} at most"
            raise OptionError(message)
        cell = _cell(values, columns, levels)
        shares = np.bincount(cell, minlength=size) / max(1, len(cell))
        return cls(columns, levels, cls._means(cell, truth, size), shares.astype(np.float32))

    @classmethod
    def _means(cls, cell: np.ndarray, truth: np.ndarray, size: int) -> np.ndarray:
        count = np.bincount(cell, minlength=size) + cls.prior
        total = np.bincount(cell, weights=truth, minlength=size) + cls.prior * (truth.mean() if len(truth) else 0.0)
        return np.asarray(total / count, dtype=np.float32)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Mean and share of each row's cell."""
        cell = _cell(values, self.columns, self.levels)
        return np.column_stack([self.means[cell], self.shares[cell]])

    def apply_to_training(self, values: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """The mean of a training row's cell comes from the four fifths of the rows it is not in."""
        cell = _cell(values, self.columns, self.levels)
        part = np.random.default_rng(len(values)).permutation(len(values)) % 5
        found = np.column_stack([self.means[cell], self.shares[cell]])
        for number in range(5):
            others, own = part != number, part == number
            found[own, 0] = self._means(cell[others], truth[others], len(self.means))[cell[own]]
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Levels one after another, how many each column has, means and shares."""
        sizes = np.array([len(each) for each in self.levels], dtype=np.int64)
        return {"levels": np.concatenate(self.levels), "sizes": sizes, "means": self.means, "shares": self.shares}

    @classmethod
    def from_arrays(cls, columns: tuple[int, ...], arrays: Mapping[str, np.ndarray]) -> Self:
        """Rising levels, and a mean and a share for each cell."""
        sizes = states.array(arrays, "sizes", "i", (len(columns),)).astype(np.int64)
        states.require(bool(((sizes >= 0) & (sizes <= MAX_CODES)).all()), "a column has too many levels")
        joined = states.finite(arrays, "levels", (int(sizes.sum()),)).astype(np.float32)
        levels = tuple(np.split(joined, np.cumsum(sizes)[:-1]))
        states.require(all(bool((np.diff(each) > 0).all()) for each in levels), "levels are not rising")
        size = _size(levels)
        states.require(size <= cls.most, f"expected at most {cls.most:,} cells, found {size:,}")
        means, shares = (states.finite(arrays, name, (size,)).astype(np.float32) for name in ("means", "shares"))
        return cls(columns, levels, means, shares)


KINDS: dict[str, type[Cross]] = {cross.kind: cross for cross in (Rotation, Ratio, Cells)}


def _frequent(column: np.ndarray) -> np.ndarray:
    """The most frequent values, rising; as many as there may be codes."""
    found, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    return np.sort(found[np.argsort(-counts, kind="stable")[:MAX_CODES]])


def _place(column: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The number of each value among the known ones; `len(known)` where it is none of them, or missing."""
    if not len(known):
        return np.zeros(len(column), dtype=np.int64)
    at = np.minimum(np.searchsorted(known, column), len(known) - 1)
    return np.where(known[at] == column, at, len(known))


def _cell(values: np.ndarray, columns: Sequence[int], levels: Sequence[np.ndarray]) -> np.ndarray:
    """The number of each row's cell."""
    cell = np.zeros(len(values), dtype=np.int64)
    for column, known in zip(columns, levels, strict=True):
        cell = cell * (len(known) + 1) + _place(values[:, column], known)
    return cell


def _size(levels: Sequence[np.ndarray]) -> int:
    """How many cells there are."""
    return math.prod(len(each) + 1 for each in levels)


def _standard(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, missing left out; 0 and 1 where there is nothing to measure."""
    here = ~np.isnan(values)
    count = np.maximum(here.sum(axis=0), 1)
    mean = np.where(here, values, 0).sum(axis=0, dtype=np.float64) / count
    spread = np.sqrt(np.where(here, (values - mean) ** 2, 0).sum(axis=0) / count)
    return mean.astype(np.float32), np.where(spread >= np.finfo(np.float32).tiny, spread, 1).astype(np.float32)


def _saved_standard(arrays: Mapping[str, np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    mean = states.finite(arrays, "mean", (count,)).astype(np.float32)
    scale = states.finite(arrays, "scale", (count,)).astype(np.float32)
    states.require(bool((scale > 0).all()), "a scale is not above 0")
    return mean, scale


@dataclass(frozen=True)
class Crosses:
    """Several crosses in order; by default none."""

    parts: tuple[Cross, ...] = field(default=())

    @property
    def count(self) -> int:
        """Columns they add."""
        return sum(part.count for part in self.parts)

    @classmethod
    def fit(cls, specs: Sequence[Spec], names: list[str], values: np.ndarray, truth: np.ndarray) -> Self:
        """Learn what the specs ask for, from prepared training rows, their columns' names and the truth as numbers."""
        return cls(tuple(_fit(spec, names, values, truth) for spec in specs))

    def widen(self, values: np.ndarray, *, truth: np.ndarray | None = None) -> np.ndarray:
        """Prepared rows with the made columns behind them.

        `truth`: given where these are the rows that `fit` was given, with what it was given as their truth.
        """
        if not self.parts:
            return values
        made = [part.apply(values) if truth is None else part.apply_to_training(values, truth) for part in self.parts]
        return np.concatenate([values, *made], axis=1, dtype=np.float32)

    def to_state(self) -> tuple[list[Spec], dict[str, np.ndarray]]:
        """JSON and arrays."""
        json = [{"kind": part.kind, "columns": list(part.columns)} for part in self.parts]
        arrays: dict[str, np.ndarray] = {}
        for number, part in enumerate(self.parts):
            arrays |= states.prefixed(str(number), part.arrays())
        return json, arrays

    @classmethod
    def from_state(cls, json: list[Spec], arrays: Mapping[str, np.ndarray], columns: int) -> Self:
        """The inverse; `columns`: how many the prepared matrix has."""
        return cls(tuple(_saved(s, states.unprefixed(str(n), arrays), columns) for n, s in enumerate(json)))


def _fit(spec: Spec, names: list[str], values: np.ndarray, truth: np.ndarray) -> Cross:
    kind, columns = spec.get("kind"), spec.get("columns")
    if kind not in KINDS or not isinstance(columns, list) or not columns or not set(columns) <= set(names):
        message = (
            f"recipe entry members.boosting.crosses: cannot make {spec!r}. "
            f"Expected a kind ({', '.join(KINDS)}) and names of columns out of {', '.join(names)}."
        )
        raise OptionError(message)
    return KINDS[kind].fit(tuple(names.index(name) for name in columns), values, truth)


def _saved(spec: Spec, arrays: Mapping[str, np.ndarray], columns: int) -> Cross:
    kind = states.entry(spec, "kind", str)
    states.require(kind in KINDS, f"'{kind}' is no known way of making columns")
    chosen = states.entry(spec, "columns", list)
    states.require(0 < len(chosen) <= 64, f"expected 1 to 64 columns to combine, found {len(chosen)}")
    states.require(all(type(c) is int and 0 <= c < columns for c in chosen), "a column to combine does not exist")
    return KINDS[kind].from_arrays(tuple(chosen), arrays)
