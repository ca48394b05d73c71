"""Many rows through small trees by table lookups, without walking.

Every node rules out the leaves on one of its sides, and which side follows from the bin its column falls in. So all
nodes of a tree that read one column make one table from bin to leaves still possible, a bit for each; the bits that
survive the tables of all columns are a single one, the leaf. Missing values and categories are bins like any other,
and several trees share a 64-bit word. The idea of bits in place of branches is QuickScorer's (Lucchese et al., SIGIR
2015); whole columns as tables suit numpy, which looks up thousands of rows in one call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from mapsto.members.common.trees import Trees

_MAX_ENTRIES = 2**24
_FEWEST_ROWS, _ROWS = 2**13, 2**16
"""Rows a turn: many, because every lookup is a call of numpy and takes its lock, but see `_PLACES`."""
_PLACES = 2**20
"""Places looked up in a turn, of all columns together: they are 8 bytes each."""


@dataclass(frozen=True)
class Tables:
    """Lookup tables of trees of at most 64 leaves. Trees are taken in groups that fill a word; a tree has a lane."""

    trees: Trees
    thresholds: dict[int, np.ndarray]
    """Rising thresholds of each column of numbers that is read."""
    starts: np.ndarray
    """Where the bins of each column begin, and their number at the end: `(F + 1,)`."""
    words: np.ndarray
    """Leaves still possible, by group and bin: `(groups, bins)` uint64."""
    start: np.ndarray
    """Leaves of each group's trees before any table is looked up: `(groups,)` uint64."""
    reads: list[np.ndarray]
    """Columns that the trees of each group read."""
    first_leaf: np.ndarray
    """Number of each tree's first leaf: `(T,)`."""
    lane: np.dtype[np.unsignedinteger]

    @classmethod
    def of(cls, trees: Trees) -> Self | None:
        """The tables of these trees; None where they are too large to be looked up."""
        first_leaf = np.searchsorted(np.flatnonzero(trees.feature < 0), trees.starts)
        leaves = np.diff(first_leaf)
        lane = next((np.dtype(f"u{bits // 8}") for bits in (8, 16, 32, 64) if leaves.max(initial=0) <= bits), None)
        thresholds, starts = _bins(trees)
        if lane is None or trees.count * int(starts[-1]) > _MAX_ENTRIES:
            return None
        lanes = 8 // lane.itemsize
        own = np.zeros((-(-trees.count // lanes), lanes), dtype=lane)
        own.reshape(-1)[: trees.count] = np.left_shift(np.uint64(1), leaves.astype(np.uint64) - 1) * 2 - 1
        group = np.repeat(np.arange(trees.count) // lanes, np.diff(trees.starts))
        reads = [np.unique(columns[columns >= 0]) for columns in _split(trees.feature, group, len(own))]
        words = _words(trees, thresholds, starts, first_leaf, own)
        return cls(trees, thresholds, starts, words, own.view(np.uint64)[:, 0], reads, first_leaf[:-1], lane)

    def totals(self, x_RF: np.ndarray, start_O: np.ndarray) -> np.ndarray:
        """As `Trees.totals`; equal to walking bit for bit, since both add in float64 in the order of the trees."""
        found = np.empty((len(x_RF), len(start_O)))
        columns = len(np.unique(np.concatenate(self.reads)))
        rows = min(_ROWS, max(_FEWEST_ROWS, _PLACES // max(1, columns)))
        for at in range(0, len(x_RF), rows):
            found[at : at + rows] = self._totals(x_RF[at : at + rows], start_O)
        return found

    def _totals(self, x_RF: np.ndarray, start_O: np.ndarray) -> np.ndarray:
        rows, outputs, values = len(x_RF), len(start_O), self.trees.values.astype(np.float64)
        bins = {column: self._bin(x_RF[:, column], column) for column in np.unique(np.concatenate(self.reads)).tolist()}
        sums = np.tile(start_O[:, None], rows)
        possible, looked_up = np.empty(rows, dtype=np.uint64), np.empty(rows, dtype=np.uint64)
        for group, columns in enumerate(self.reads):
            possible.fill(self.start[group])
            for column in columns.tolist():
                # Bins are in range by construction; "clip" only spares numpy its check.
                np.take(self.words[group], bins[column], out=looked_up, mode="clip")
                np.bitwise_and(possible, looked_up, out=possible)
            lanes = possible.view(self.lane).reshape(rows, -1)
            first = group * lanes.shape[1]
            for tree in range(first, min(first + lanes.shape[1], self.trees.count)):
                leaf = _only_bit(lanes[:, tree - first]) + self.first_leaf[tree]
                if values.shape[1] == 1:
                    sums[tree % outputs] += values[:, 0].take(leaf)
                else:
                    sums += values[leaf].T
        return sums.T

    def _bin(self, x_R: np.ndarray, column: int) -> np.ndarray:
        """Where each value of a column is looked up: `(rows,)`."""
        missing = self.starts[column + 1] - 1
        if column < self.trees.native:
            return np.asarray(np.where(np.isnan(x_R), missing, self.starts[column] + x_R).astype(np.intp))
        found = self.starts[column] + np.searchsorted(self.thresholds[column], x_R)
        return np.asarray(np.where(np.isnan(x_R), missing, found))


def _bins(trees: Trees) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Thresholds of each column of numbers, and where its bins start: one between thresholds or a code, one missing."""
    cuts = {f: trees.threshold[trees.feature == f] for f in np.unique(trees.feature).tolist() if f >= trees.native}
    thresholds = {f: np.unique(values) for f, values in cuts.items()}
    sizes = np.array([len(thresholds.get(f, ())) + 2 for f in range(trees.features)], dtype=np.int64)
    sizes[: trees.native] = trees.sets.shape[1] + 1
    return thresholds, np.concatenate([[0], np.cumsum(sizes)])


def _split(values: np.ndarray, group: np.ndarray, groups: int) -> list[np.ndarray]:
    """`values` cut where the rising `group` changes."""
    return np.split(values, np.searchsorted(group, np.arange(1, groups)))


def _only_bit(word: np.ndarray) -> np.ndarray:
    """Number of the only bit that is set: the exponent of the word as a float, which is exact."""
    if word.dtype.itemsize == 8:
        return (word.astype(np.float64).view(np.int64) >> 52) - 1023
    return (word.astype(np.float32).view(np.int32) >> 23) - 127


def _under(trees: Trees, first_leaf: np.ndarray, lane: np.dtype[np.unsignedinteger]) -> np.ndarray:
    """The leaves below each node as bits, counted from the first leaf of its tree: `(N,)`."""
    leaf = trees.feature < 0
    own = trees.leaf - np.repeat(first_leaf[:-1], np.diff(trees.starts))
    bits = np.where(leaf, np.left_shift(np.uint64(1), np.where(leaf, own, 0).astype(np.uint64)), np.uint64(0))
    for level in reversed(trees.levels):
        inner = level[~leaf[level]]
        bits[inner] = bits[trees.left[inner]] | bits[trees.right[inner]]
    return bits.astype(lane)


def _words(
    trees: Trees, thresholds: dict[int, np.ndarray], starts: np.ndarray, first_leaf: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """For each group and bin, the leaves that no node reading the bin's column rules out: `(groups, bins)` uint64."""
    groups, lanes = own.shape
    tree = np.repeat(np.arange(trees.count), np.diff(trees.starts))
    under = _under(trees, first_leaf, own.dtype)
    left, right = ~under[trees.right], ~under[trees.left]  # what stays possible for a row that goes left, or right

    def at(nodes: np.ndarray, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return tree[nodes] // lanes, bins, tree[nodes] % lanes

    below = np.full((groups, int(starts[-1]), lanes), ~own.dtype.type(0))
    above = below.copy()
    for column, cuts in thresholds.items():
        # All bins up to a threshold go left: what that rules out runs downwards, and upwards for the bins beyond.
        nodes = np.flatnonzero(trees.feature == column)
        bins = np.s_[:, starts[column] : starts[column + 1] - 1]
        cut = starts[column] + np.searchsorted(cuts, trees.threshold[nodes])
        np.bitwise_and.at(below, at(nodes, cut), left[nodes])
        np.bitwise_and.at(above, at(nodes, cut + 1), right[nodes])
        below[bins] = np.bitwise_and.accumulate(below[bins][:, ::-1], axis=1)[:, ::-1]
        above[bins] = np.bitwise_and.accumulate(above[bins], axis=1)
    words = below & above
    nodes = np.flatnonzero(trees.feature >= 0)
    side = np.where(trees.missing_left, left, right)[nodes]
    np.bitwise_and.at(words, at(nodes, starts[trees.feature[nodes] + 1] - 1), side)
    for code in range(trees.sets.shape[1]):
        nodes = np.flatnonzero(trees.categorical)
        side = np.where(trees.sets[:, code], left[nodes], right[nodes])
        np.bitwise_and.at(words, at(nodes, starts[trees.feature[nodes]] + code), side)
    return np.asarray(words.view(np.uint64)[:, :, 0])
