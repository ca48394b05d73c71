"""Features as the matrix that trees read: codes ranked by how often they occur, columns of codes first.

A code never seen in training becomes missing, so that trees need no notion of unknown categories. Columns of at most
250 codes are split as sets; larger ones are read as numbers, the most frequent code being 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mapsto.checked import altered
from mapsto.members.common import states

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mapsto.columns.base import Features

MAX_CODES = 250
"""Codes a column may have to be split as a set of categories."""


@dataclass(frozen=True)
class Preparation:
    """Learned from training features; `apply` gives float32 columns with NaN where missing."""

    columns: int
    """Columns of the features it reads."""
    native: int
    """How many leading columns of its result hold codes to be split as sets."""
    order: np.ndarray
    """Which column of the features each column of the result is: `(width,)`; those left out are not in it."""
    ranks: dict[int, np.ndarray]
    """For each column of codes of the result: rank of every code, -1 where it was never seen."""

    @classmethod
    def fit(cls, features: Features, *, sets: bool = True, only: np.ndarray | None = None) -> Self:
        """Learn from training rows; without `sets`, all codes are read as numbers. `only`: the columns to read."""
        read = list(range(len(features.names))) if only is None else only.tolist()
        coded = [j for j in read if features.categorical[j]]
        ranks = {j: _ranks(features.values[:, j]) for j in coded}
        native = [j for j in coded if sets and ranks[j].max(initial=-1) < MAX_CODES]
        first = set(native)
        order = [*native, *(j for j in read if j not in first)]
        place = {j: at for at, j in enumerate(order)}
        found = {place[j]: rank for j, rank in ranks.items()}
        return cls(len(features.names), len(native), np.array(order, dtype=np.int64), found)

    @property
    def width(self) -> int:
        """Columns of the result."""
        return len(self.order)

    @property
    def categories(self) -> int:
        """The largest number of codes of a column that is split as sets."""
        return max((int(r.max(initial=-1)) + 1 for j, r in self.ranks.items() if j < self.native), default=0)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """`(rows, columns)` of any features to the matrix `(rows, width)` that trees read."""
        if values.shape[1] != self.columns:
            raise altered(f"its columns make {values.shape[1]} numbers, its members read {self.columns}")
        found = values.take(self.order, axis=1)
        found[np.isinf(found)] = np.nan
        if self.ranks:
            table, sizes, starts, coded = self._lookup
            codes = found[:, coded]
            inside = (codes >= 0) & (codes < sizes)
            found[:, coded] = table.take(np.where(inside, codes, sizes).astype(np.int64) + starts)
        return found

    @cached_property
    def _lookup(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
        """Ranks of all columns in one table, each followed by missing; sizes, where each begins, and whose it is."""
        coded = sorted(self.ranks)
        table = np.concatenate([np.append(np.where(r < 0, np.nan, r), np.nan) for r in (self.ranks[j] for j in coded)])
        sizes = np.array([len(self.ranks[j]) for j in coded])
        return table.astype(np.float32), sizes, np.cumsum(sizes + 1) - sizes - 1, coded

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON and arrays."""
        arrays = {f"rank.{j}": states.narrow(rank) for j, rank in self.ranks.items()}
        json = {"columns": self.columns, "native": self.native, "coded": sorted(self.ranks)}
        return json, {"order": states.narrow(self.order), **arrays}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The inverse; `ModelFileError` if a column or rank is out of range."""
        columns = states.whole(json, "columns", 0, 2**31)
        order = states.array(arrays, "order", "i", (None,)).astype(np.int64)
        inside = bool(((order >= 0) & (order < columns)).all())
        states.require(inside and len(np.unique(order)) == len(order), "columns are read twice, or do not exist")
        native = states.whole(json, "native", 0, len(order))
        coded = states.entry(json, "coded", list)
        known = set(range(len(order)))
        states.require(all(type(j) is int and j in known for j in coded), "a column of codes does not exist")
        states.require(set(range(native)) <= set(coded), "a column split as sets has no codes")
        ranks = {j: states.array(arrays, f"rank.{j}", "i", (None,)).astype(np.int64) for j in coded}
        for j, rank in ranks.items():
            limit = MAX_CODES if j < native else len(rank)
            states.require(bool(((rank >= -1) & (rank < limit)).all()), "the rank of a code is out of range")
        return cls(columns, native, order, ranks)


def _ranks(codes: np.ndarray) -> np.ndarray:
    """Rank of each code by falling frequency, ties by code; -1 for codes that do not occur."""
    present = codes[np.isfinite(codes) & (codes >= 0)].astype(np.int64)
    counts = np.bincount(present)
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    ranks = np.full(len(counts), -1)
    ranks[order] = np.arange(len(order))
    return ranks
