"""Within-class whitening: directions in which rows of one class differ count little, those in which they agree much.

A face turned aside differs from itself seen from the front much as other faces do; the scatter of rows around the mean
of their class says how. Vectors are mapped so that this scatter is the same in every direction, and cosines are taken
then: Hatch, Kajarekar and Stolcke, "Within-class covariance normalization for SVM-based speaker recognition",
Interspeech 2006. The scatter of few rows is mixed with that of a ball.

Shape legend: N rows, D width, R width kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from mapsto.members.common import states

_BALL = 0.3
"""Share of the ball in the scatter: on faces .1 to .5 do alike (dev/LOG.md)."""
_ROWS = 10_000
"""Rows that the scatter is learned from; of more, so many spread evenly."""
_MOST = 1024
"""Directions looked at; of wider vectors, those in which the rows differ most."""


@dataclass(frozen=True)
class Whitening:
    """`v_ND -> (v - middle) @ directions`."""

    middle: np.ndarray
    """`(D,)`."""
    directions: np.ndarray
    """`(D, R)`."""

    @classmethod
    def learn(cls, vectors: np.ndarray, classes: np.ndarray) -> Self:
        """From rows `(N, D)` and the class of each; classes of single rows say nothing.

        >>> rows = np.array([[0, 0], [0, 2], [5, 0], [5, 2]])  # classes differ in the first direction only
        >>> Whitening.learn(rows, np.array([0, 0, 1, 1])).apply(rows).round(1).tolist()
        [[-6.5, -1.1], [-6.5, 1.1], [6.5, -1.1], [6.5, 1.1]]
        """
        if len(vectors) > _ROWS:
            some = np.linspace(0, len(vectors) - 1, _ROWS).astype(np.int64)
            vectors, classes = vectors[some], classes[some]
        rows = vectors.astype(np.float64)
        middle = rows.mean(axis=0)
        basis = np.eye(rows.shape[1])
        if rows.shape[1] > _MOST:
            _, _, axes = np.linalg.svd(rows - middle, full_matrices=False)
            basis = axes[:_MOST].T
        placed = (rows - middle) @ basis
        _, code, sizes = np.unique(classes, return_inverse=True, return_counts=True)
        sums = np.zeros((len(sizes), placed.shape[1]))
        np.add.at(sums, code, placed)
        apart = placed - (sums / sizes[:, None])[code]
        scatter = apart.T @ apart / len(rows)
        size = float(np.trace(scatter)) / len(scatter)
        mixed = (1 - _BALL) * scatter + _BALL * (size or 1.0) * np.eye(len(scatter))
        return cls(middle, basis @ np.linalg.cholesky(np.linalg.inv(mixed)))

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """`(N, D)` to `(N, R)`."""
        return np.asarray((vectors - self.middle) @ self.directions)

    def arrays(self) -> dict[str, np.ndarray]:
        """For a file."""
        return {"middle": self.middle, "directions": self.directions}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], width: int) -> Self:
        """The inverse, for vectors of this width; the contents may be hostile."""
        return cls(states.finite(arrays, "middle", (width,)), states.finite(arrays, "directions", (width, None)))
