"""Bin edges for the piecewise-linear encoding of numbers (Gorishniy et al., NeurIPS 2022, arXiv 2203.05556).

Edges are quantiles of the training values or, where a target guides, the splits of a small decision tree that
predicts the target from this number alone: bins are narrow where the target changes (section 3.2 of the paper).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mapsto.columns.base import Guide

MOST = 128
"""Bins at most."""
_MOST_OF_CLASSES = 32
"""Bins at most where the target has classes; more did not help (`dev/LOG.md`)."""
FEW_VALUES = 256
"""Up to this many distinct values the target places the edges, and the curve may jump at them."""
_ROWS = 50_000
"""Rows that edges are learned from, at most."""


def bin_count(rows: int, most: int = MOST) -> int:
    """Bins that `rows` training rows can fill.

    >>> [bin_count(rows) for rows in (10, 100, 900, 100_000)]
    [3, 10, 30, 128]
    """
    return max(2, min(most, int(rows**0.5)))


def learn_edges(
    z: np.ndarray, guide: Guide | None, most: int = MOST, *, how: str = "auto"
) -> tuple[tuple[float, ...], bool]:
    """Strictly rising float32 edges for scaled training values `z` (float32, NaN missing), and whether to jump at them.

    A value seen in training has an edge of its own where there are few distinct values; no edges if there is only one.

    Args:
        z: scaled values.
        guide: the target, if it may be looked at.
        most: bins at most.
        how: "target" or "quantile" edges; "auto": the target's for few distinct values, where a spike at one value
            (an amount of exactly 0, a legal maximum) is often what matters; quantiles otherwise.
    """
    rows = _some(len(z))
    z = z[rows]
    known = np.isfinite(z)
    x = z[known]
    if guide is not None and guide.task != "regression":
        most = min(most, _MOST_OF_CLASSES)
    bins = bin_count(len(x), most)
    distinct = np.unique(x)
    few = len(distinct) <= FEW_VALUES
    if guide is None or not len(x) or how == "quantile" or not (few or how == "target"):
        few_enough = len(distinct) <= bins + 1
        return _rising(distinct if few_enough else np.quantile(x, np.linspace(0, 1, bins + 1))), False
    splits = _splits(x, guide.task == "classification", guide.truth[rows][known], bins)
    return _rising(np.concatenate([[x.min()], splits, [x.max()]])), few


def _some(rows: int) -> np.ndarray:
    if rows <= _ROWS:
        return np.arange(rows)
    return np.unique(np.random.default_rng(rows).integers(0, rows, _ROWS))


def _rising(edges: np.ndarray) -> tuple[float, ...]:
    found = np.unique(edges.astype(np.float32))
    return tuple(found.tolist()) if len(found) > 1 else ()


def _splits(x: np.ndarray, classes: bool, truth: np.ndarray, bins: int) -> np.ndarray:  # noqa: FBT001
    """Thresholds of a tree with at most `bins` leaves."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    known = truth >= 0 if classes else np.isfinite(truth.reshape(len(truth), -1)).all(axis=1)
    if not known.any():
        return np.zeros(0)
    tree = (DecisionTreeClassifier if classes else DecisionTreeRegressor)(
        max_leaf_nodes=bins, min_samples_leaf=max(1, min(64, len(x) // (2 * bins))), random_state=0
    )
    tree.fit(x[known, None], truth[known])
    inner = tree.tree_.children_left >= 0
    return np.asarray(tree.tree_.threshold[inner])
