"""Where rows lie: every column as flat numbers on a common scale, so that distances between rows mean something.

Numbers count in robust standard deviations (the middle half of the training rows spans 1.35 of them), a category that
differs counts 1, a value missing in one of two rows counts 1, and every column of the user weighs the same however
many numbers it becomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from mapsto.columns.common.parts import CodePart

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.schema import Encoded, Schema

_UNSEEN = 1
"""Code of an unseen or rare category, by the convention of `CodePart`."""
_FAR = 1e6
_SAME = 1e-12
"""Squared distances below this are rounding."""
_CHUNK = 4096


@dataclass(frozen=True)
class Space:
    """The scale that training rows give, and these rows in it."""

    columns: list[Column]
    """Those that are looked at; one at least."""
    schema: Schema
    scales: list[_Scale]
    places: np.ndarray
    """The training rows, `(rows, width)`."""
    rare: dict[str, np.ndarray]
    """By block of codes: which of its columns have rare values in training, `(columns,)` bool."""
    reach: float
    """99th percentile of the distances of training rows to their nearest neighbours."""

    @classmethod
    def of(cls, schema: Schema, encoded: Encoded, columns: list[Column] | None = None) -> Self:
        """Learn the scale from training rows; `columns`: those that are looked at, None: all inputs."""
        columns = schema.inputs if columns is None else columns
        scales = [
            _Scale.learn(values, is_category=category, share=1 / np.sqrt(len(of_column)))
            for of_column in _features(schema, encoded, columns)
            for values, category in of_column
        ]
        rare = {key: np.any(encoded.blocks[key] == _UNSEEN, axis=0) for key in _code_blocks(schema)}
        draft = cls(columns, schema, scales, np.empty((0, 0)), rare, 1.0)
        places = draft.place(encoded)
        own = distances(places, places)
        np.fill_diagonal(own, np.inf)
        reach = float(np.quantile(own.min(axis=1), 0.99)) if len(places) > 1 else 0.0
        return cls(columns, schema, scales, places, rare, reach or 1.0)

    def place(self, encoded: Encoded) -> np.ndarray:
        """Rows in this space, `(rows, width)` float64."""
        values = [one for of_column in _features(self.schema, encoded, self.columns) for one, _ in of_column]
        return np.concatenate([scale.place(one) for scale, one in zip(self.scales, values, strict=True)], axis=1)

    def nearest(self, encoded: Encoded, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The nearest training rows, nearest first, and how far they are in units of `reach`: both `(rows, count)`."""
        count = min(count, len(self.places))
        rows, far = [], []
        for at in range(0, encoded.rows, _CHUNK):
            part = encoded.take(np.arange(at, min(at + _CHUNK, encoded.rows)))
            between = distances(self.place(part), self.places)
            order = np.argpartition(between, count - 1, axis=1)[:, :count] if count < len(self.places) else None
            order = np.tile(np.arange(count), (part.rows, 1)) if order is None else order
            apart = np.take_along_axis(between, order, axis=1)
            inner = np.lexsort((order, apart), axis=1)
            rows.append(np.take_along_axis(order, inner, axis=1))
            far.append(np.take_along_axis(apart, inner, axis=1) / self.reach)
        return np.concatenate(rows), np.concatenate(far)

    def unseen(self, encoded: Encoded) -> np.ndarray:
        """How many categories of each row the training rows did not have, `(rows,)`."""
        found = np.zeros(encoded.rows, dtype=np.int64)
        for key, rare in self.rare.items():
            found += ((encoded.blocks[key] == _UNSEEN) & ~rare).sum(axis=1)
        return found


@dataclass(frozen=True)
class _Scale:
    """How one flat number is placed: scaled, with a place of its own for missing; or one place a category."""

    middle: float
    width: float
    categories: np.ndarray | None
    share: float

    @classmethod
    def learn(cls, values: np.ndarray, *, is_category: bool, share: float) -> _Scale:
        known = values[~np.isnan(values)]
        if is_category:
            return cls(0.0, 1.0, np.unique(known), share)
        if len(known) == 0:
            return cls(0.0, 1.0, None, share)
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        return cls(float(middle), float((high - low) / 1.349 or known.std() or 1.0), None, share)

    def place(self, values: np.ndarray) -> np.ndarray:
        """`(rows,)` to `(rows, 2)` for numbers, `(rows, categories + 2)` for categories (the last: other, missing)."""
        missing = np.isnan(values)
        if self.categories is None:
            scaled = np.clip((np.where(missing, self.middle, values) - self.middle) / self.width, -_FAR, _FAR)
            return np.column_stack([scaled, missing]) * self.share
        size = len(self.categories)
        known = np.where(missing, self.categories[0] if size else 0.0, values)
        at = np.searchsorted(self.categories, known)
        inside = (at < size) & (self.categories[np.minimum(at, size - 1)] == known) if size else np.zeros_like(missing)
        code = np.where(missing, size + 1, np.where(inside, at, size))
        return np.asarray(np.eye(size + 2)[code] * (self.share / np.sqrt(2)))


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances between rows, `(len(a), len(b))`.

    >>> distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]))
    array([[5.]])
    """
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.sqrt(np.where(squared < _SAME, 0.0, squared)))


def _features(schema: Schema, encoded: Encoded, columns: list[Column]) -> list[list[tuple[np.ndarray, bool]]]:
    """For each of the columns its flat numbers, each with whether it is a category."""
    found = []
    for column in columns:
        features = column.features(schema.arrays(encoded, column))
        found.append([(features.values[:, j].astype(np.float64), flag) for j, flag in enumerate(features.categorical)])
    return found


def _code_blocks(schema: Schema) -> list[str]:
    return [key for key, parts in schema.parts.items() if isinstance(parts[0], CodePart)]
