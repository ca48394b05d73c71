"""Decision trees as plain arrays, shared by forests and boosting.

All trees of a model lie one after another in flat arrays: for each node the column it reads, the threshold, its two
children; for each leaf a value. A row walks down all trees at once, one level a step, in numpy. The nodes of a level
are compared by one vectorised expression because missing values and categories are turned into ordinary numbers
first: a node that sends missing values left reads a copy of its column in which missing is minus infinity, and a
split by a set of categories reads a column of 0 (in the set) and 1 (not in it).

Many rows take another way to the same sums: small trees are looked up in tables (`tables.py`), others are walked by
scikit-learn's compiled code (`compiled.py`). All three add in float64 and in the order of the trees, so that a row's
sum is the same bit for bit however many rows there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mapsto.members.common import states

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FEW = 2**16
"""Pairs of row and tree up to which all trees are walked at once: a millisecond or two."""
_MAX_DEPTH = 512
_MAX_CATEGORIES = 255


@dataclass(frozen=True)
class Trees:
    """Trees in flat arrays. Lengths: T trees, N nodes, L leaves, S splits by a set of categories.

    A row reaches one leaf of each tree. With values of width W and O outputs, tree t adds its W values to the outputs
    of group `t % (O / W)`: boosting grows one tree an output (W = 1), a forest's leaf holds all outputs (W = O).
    """

    features: int
    """Columns of the rows it reads, F."""
    native: int
    """How many leading columns hold codes 0, 1, ... that sets of categories may split; the others hold numbers."""
    starts: np.ndarray
    """First node of each tree, and N at the end: `(T + 1,)` int64."""
    feature: np.ndarray
    """Column that a node reads, -1 at a leaf: `(N,)` int64."""
    threshold: np.ndarray
    """A row goes left when its value is at most this: `(N,)` float32."""
    left: np.ndarray
    """Number of the left child, counted over all trees: `(N,)` int64; 0 at a leaf."""
    right: np.ndarray
    missing_left: np.ndarray
    """Whether a missing value goes left: `(N,)` bool."""
    categorical: np.ndarray
    """Whether a node splits by a set of categories: `(N,)` bool."""
    sets: np.ndarray
    """Which categories go left at the n-th categorical node: `(S, categories)` bool."""
    values: np.ndarray
    """What a leaf adds, in the order of the leaves: `(L, W)` float32."""

    @classmethod
    def none(cls, features: int, native: int) -> Self:
        """No trees at all: totals stay where they begin."""
        whole, flags = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
        threshold, sets = np.zeros(0, dtype=np.float32), np.zeros((0, 1), dtype=bool)
        values = np.zeros((0, 1), dtype=np.float32)
        return cls(features, native, np.zeros(1, np.int64), whole, threshold, whole, whole, flags, flags, sets, values)

    @property
    def count(self) -> int:
        """Number of trees."""
        return len(self.starts) - 1

    # -- predicting

    def totals(self, x_RF: np.ndarray, start_O: np.ndarray) -> np.ndarray:
        """`start` plus what the leaves add: `(rows, columns)` float32 to `(rows, outputs)` float64.

        Runs on the calling thread. A row's result does not depend on the other rows.
        """
        if len(x_RF) * self.count > _FEW and self._engine is not None:
            return self._engine(x_RF, start_O)
        rows = max(1, _FEW // max(1, self.count))
        found = np.empty((len(x_RF), len(start_O)))
        for at in range(0, len(x_RF), rows):
            found[at : at + rows] = self._totals(x_RF[at : at + rows], start_O)
        return found

    def _totals(self, x_RF: np.ndarray, start_O: np.ndarray) -> np.ndarray:
        groups = self.count * self.values.shape[1] // len(start_O)
        added = self.values[self.leaves(x_RF)].reshape(len(x_RF), groups, len(start_O))
        start = np.broadcast_to(start_O, (len(x_RF), 1, len(start_O)))
        # A running sum adds strictly in order, whatever the number of rows; np.sum does not.
        return np.cumsum(np.concatenate([start, added], axis=1), axis=1)[:, -1]

    def leaves(self, x_RF: np.ndarray) -> np.ndarray:
        """The leaf (0..L-1) that each row reaches in each tree: `(rows, trees)`, by our own traversal."""
        plan = self._plan
        readable = self._readable(x_RF)
        flat, width = readable.ravel(), readable.shape[1]
        node = np.tile(self.starts[:-1], len(x_RF))
        row = np.repeat(np.arange(len(x_RF)) * width, self.count)
        for _ in range(self.depth):
            goes_left = flat.take(plan.column.take(node) + row) <= plan.threshold.take(node)
            node = plan.child.take(2 * node + goes_left)
        return self.leaf.take(node).reshape(len(x_RF), self.count)

    def _readable(self, x_RF: np.ndarray) -> np.ndarray:
        """The columns that nodes read: as they are, with missing as minus infinity, and one per set of categories."""
        features, splits = self.features, len(self.sets)
        wide = np.empty((len(x_RF), 2 * features + splits), dtype=np.float32)
        wide[:, :features] = x_RF
        wide[:, features : 2 * features] = np.where(np.isnan(x_RF), np.float32(-np.inf), x_RF)
        if splits:
            categories = self.sets.shape[1]
            native = x_RF[:, : self.native]
            code = np.where(np.isnan(native), categories, native).astype(np.intp)
            of_split = code.take(self._plan.split_feature, axis=1) + self._plan.split_start
            wide[:, 2 * features :] = self._plan.outside.take(of_split)
        return wide

    @cached_property
    def _engine(self) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
        """A faster way to the same totals for many rows: tables for small trees, compiled walking for others."""
        from mapsto.members.common.compiled import Compiled
        from mapsto.members.common.tables import Tables

        engine = Tables.of(self) or Compiled.of(self)
        return None if engine is None else engine.totals

    @cached_property
    def _plan(self) -> _Plan:
        return _Plan.of(self)

    @cached_property
    def leaf(self) -> np.ndarray:
        """Number of the leaf at each node; meaningless at inner nodes: `(N,)`."""
        return np.cumsum(self.feature < 0) - 1

    @cached_property
    def levels(self) -> list[np.ndarray]:
        """Nodes by their distance from the root, roots first; no further than one level beyond the limit."""
        found = [self.starts[:-1]]
        while len(found) <= _MAX_DEPTH + 1:
            inner = found[-1][self.feature[found[-1]] >= 0]
            if not len(inner):
                break
            found.append(np.concatenate([self.left[inner], self.right[inner]]))
        return found

    @property
    def depth(self) -> int:
        """Steps from a root to the deepest leaf."""
        return len(self.levels) - 1

    # -- persistence

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON and arrays; children are counted from their tree's root, sets are packed into bits."""
        root = np.repeat(self.starts[:-1], np.diff(self.starts))
        inner = self.feature >= 0
        arrays = {
            "starts": states.narrow(self.starts),
            "feature": states.narrow(self.feature),
            "threshold": self.threshold,
            "left": states.narrow(np.where(inner, self.left - root, 0)),
            "right": states.narrow(np.where(inner, self.right - root, 0)),
            "missing_left": self.missing_left,
            "categorical": self.categorical,
            "sets": np.packbits(self.sets, axis=1),
            "values": self.values,
        }
        return {"categories": self.sets.shape[1]}, arrays

    @classmethod
    def from_state(
        cls, json: dict[str, Any], arrays: Mapping[str, np.ndarray], *, features: int, native: int, width: int
    ) -> Self:
        """The inverse. Everything native code will follow is checked: see `_check`.

        `features`: columns of the rows to come, of which the first `native` hold codes; `width`: values a leaf.
        """
        categories = states.whole(json, "categories", 1, _MAX_CATEGORIES)
        starts = states.array(arrays, "starts", "i", (None,)).astype(np.int64)
        states.require(len(starts) > 0 and starts[0] == 0 and bool((np.diff(starts) > 0).all()), "trees overlap")
        nodes = int(starts[-1])
        root = np.repeat(starts[:-1], np.diff(starts))
        feature = states.array(arrays, "feature", "i", (nodes,)).astype(np.int64)
        inner = feature >= 0
        categorical = states.array(arrays, "categorical", "b", (nodes,))
        packed = states.array(arrays, "sets", "u", (int(categorical.sum()), -(-categories // 8)))
        states.require(packed.dtype == np.uint8, "sets of categories are not bytes")
        trees = cls(
            features=features,
            native=native,
            starts=starts,
            feature=feature,
            threshold=states.array(arrays, "threshold", "f", (nodes,)).astype(np.float32),
            left=np.where(inner, states.array(arrays, "left", "i", (nodes,)).astype(np.int64) + root, 0),
            right=np.where(inner, states.array(arrays, "right", "i", (nodes,)).astype(np.int64) + root, 0),
            missing_left=states.array(arrays, "missing_left", "b", (nodes,)),
            categorical=categorical,
            sets=np.unpackbits(packed, axis=1, count=categories).astype(bool),
            values=states.finite(arrays, "values", (int((~inner).sum()), width)).astype(np.float32),
        )
        trees._check()
        return trees

    def _check(self) -> None:
        """Children lie in their tree and after their parent, so that every walk ends; columns exist; sets are of codes.

        Raises `ModelFileError`.
        """
        exists = (self.feature >= -1) & (self.feature < self.features)
        states.require(bool(exists.all()), "a tree reads a column that does not exist")
        end = np.repeat(self.starts[1:], np.diff(self.starts))
        own = np.arange(len(self.feature))
        for child in (self.left, self.right):
            fits = (child > own) & (child < end)
            states.require(bool(fits[self.feature >= 0].all()), "a child is outside its tree or not after its parent")
        split_by = self.feature[self.categorical]
        of_codes = (split_by >= 0) & (split_by < self.native)
        states.require(bool(of_codes.all()), "a set of categories on a column of numbers")
        states.require(not np.isnan(self.threshold).any(), "a threshold is not a number")
        children = np.sort(np.concatenate([self.left[self.feature >= 0], self.right[self.feature >= 0]]))
        others = np.delete(own, self.starts[:-1])
        states.require(np.array_equal(children, others), "a node is the child of no node, or of several")
        by_number = self.feature[~self.categorical & (self.feature >= 0)]
        states.require(bool((by_number >= self.native).all()), "a threshold on a column of codes")
        states.require(self.depth <= _MAX_DEPTH, f"a tree is deeper than {_MAX_DEPTH}")


def not_above(threshold: np.ndarray) -> np.ndarray:
    """The largest float32 numbers not above these: a float32 value is at most one exactly if at most the other.

    >>> float(not_above(np.array([0.1]))[0]) <= 0.1
    True
    """
    with np.errstate(over="ignore"):
        rounded = threshold.astype(np.float32)
        return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)


@dataclass(frozen=True)
class _Plan:
    """What our own traversal looks up, derived once from the trees."""

    column: np.ndarray
    """Column of the readable matrix that a node reads: `(N,)`."""
    child: np.ndarray
    """Right and left child of each node, side by side; a leaf is its own child: `(2 N,)`."""
    threshold: np.ndarray
    split_start: np.ndarray
    """Where each set begins in `outside`: `(S,)`."""
    split_feature: np.ndarray
    """Column of codes that each set reads: `(S,)`."""
    outside: np.ndarray
    """1 where a category (the last: missing) goes right, set after set: `(S * (categories + 1),)` uint8."""

    @classmethod
    def of(cls, trees: Trees) -> Self:
        """Derive the lookups."""
        leaf, sets = trees.feature < 0, np.flatnonzero(trees.categorical)
        own = np.arange(len(leaf))
        column = np.where(leaf, 0, trees.feature + np.where(trees.missing_left, trees.features, 0))
        column[sets] = 2 * trees.features + np.arange(len(sets))
        threshold = trees.threshold.copy()
        threshold[sets] = 0.5
        child = np.column_stack([np.where(leaf, own, trees.right), np.where(leaf, own, trees.left)])
        inside = np.column_stack([trees.sets, trees.missing_left[sets]])
        starts = np.arange(len(sets)) * inside.shape[1]
        return cls(column, child.ravel(), threshold, starts, trees.feature[sets], (~inside).ravel().astype(np.uint8))
