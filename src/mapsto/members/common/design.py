"""Prepared columns as the columns of a model that adds or measures: standardised numbers, flags, one for each code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from mapsto.members.common import states
from mapsto.members.common.preparation import MAX_CODES, Preparation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scipy.sparse import csr_matrix

_WIDEST = 10.0
"""Standard deviations at which a number is cut off, so that one wild cell cannot carry a prediction away."""


@dataclass(frozen=True)
class Design:
    """Which prepared column becomes which columns: numbers, flags for missing ones, and one for each code."""

    numbers: np.ndarray
    """Which prepared columns hold numbers: `(m,)`."""
    coded: np.ndarray
    """Which hold codes: `(c,)`."""
    sizes: np.ndarray
    """Columns for the codes of each; the last is for missing, unseen and rarer ones: `(c,)`."""
    median: np.ndarray
    scale: np.ndarray
    """Median and standard deviation of each number: `(m,)` float32."""

    @classmethod
    def fit(cls, preparation: Preparation, values: np.ndarray) -> Self:
        """Learn from prepared training rows."""
        coded = np.array(sorted(preparation.ranks), dtype=np.int64)
        numbers = np.setdiff1d(np.arange(preparation.width), coded)
        sizes = [min(int(preparation.ranks[int(j)].max(initial=-1)) + 1, MAX_CODES) + 1 for j in coded]
        there = values[:, numbers]
        median, missing = _medians(there), np.isnan(there)
        spread = np.where(missing, median, there).std(axis=0, dtype=np.float64)
        scale = np.where(spread > 0, spread, 1).astype(np.float32)
        return cls(numbers, coded, np.array(sizes, dtype=np.int64), median, scale)

    @property
    def width(self) -> int:
        """Columns of the result."""
        return 2 * len(self.numbers) + int(self.sizes.sum())

    def apply(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Prepared rows as dense columns `(rows, 2 m)` (numbers, flags) and the place of each code `(rows, c)`.

        Places are columns of the result.
        """
        there = values[:, self.numbers]
        missing = np.isnan(there)
        standard = (np.where(missing, self.median, there).astype(np.float64) - self.median) / self.scale
        dense = np.concatenate([np.clip(standard, -_WIDEST, _WIDEST), missing], axis=1)
        codes = values[:, self.coded]
        last = self.sizes - 1
        places = np.where(codes < last, codes, last).astype(np.int64)
        return dense, places + 2 * len(self.numbers) + np.cumsum(self.sizes) - self.sizes

    def sparse(self, values: np.ndarray) -> csr_matrix:
        """Prepared rows as a sparse matrix `(rows, width)`."""
        from scipy.sparse import csr_matrix, hstack

        dense, places = self.apply(values)
        rows, each = places.shape
        ones, begin = np.ones(places.size), np.arange(rows + 1) * each
        codes = csr_matrix((ones, places.ravel() - dense.shape[1], begin), (rows, self.width - dense.shape[1]))
        return hstack([csr_matrix(dense), codes], format="csr")

    def dense(self, values: np.ndarray) -> np.ndarray:
        """Prepared rows as float64 `(rows, width)`."""
        numbers, places = self.apply(values)
        found = np.zeros((len(values), self.width))
        found[:, : numbers.shape[1]] = numbers
        np.put_along_axis(found, places, 1.0, axis=1)
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """What `from_arrays` reads."""
        return {"median": self.median, "scale": self.scale, "sizes": states.narrow(self.sizes)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], preparation: Preparation) -> Self:
        """From a saved state; `ModelFileError` if it does not fit the preparation."""
        coded = np.array(sorted(preparation.ranks), dtype=np.int64)
        numbers = np.setdiff1d(np.arange(preparation.width), coded)
        sizes = states.array(arrays, "sizes", "i", (len(coded),)).astype(np.int64)
        states.require(bool(((sizes > 0) & (sizes <= MAX_CODES + 1)).all()), "a number of codes is out of range")
        median = states.finite(arrays, "median", (len(numbers),)).astype(np.float32)
        scale = states.finite(arrays, "scale", (len(numbers),)).astype(np.float32)
        states.require(bool((scale > 0).all()), "a scale is not above 0")
        return cls(numbers, coded, sizes, median, scale)


def _medians(values: np.ndarray) -> np.ndarray:
    """The median of what is there of each column, 0 where there is nothing; full columns at once, as most are.

    >>> _medians(np.array([[1.0, 4.0, np.nan], [3.0, np.nan, np.nan]])).tolist()
    [2.0, 4.0, 0.0]
    """
    found, full = np.zeros(values.shape[1], np.float32), ~np.isnan(values).any(axis=0)
    with np.errstate(over="ignore"):  # the mean of two of the largest numbers there are
        if len(values):
            found[full] = np.median(values[:, full], axis=0)
        for column in np.flatnonzero(~full):
            there = values[~np.isnan(values[:, column]), column]
            found[column] = np.median(there) if len(there) else 0.0
    return np.nan_to_num(found)
