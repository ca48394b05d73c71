"""Metrics of ranking: whether the rows of a class get a higher probability of it than other rows do.

Both work column by column and average the columns where they are defined: with two classes the second column alone,
with more one class against the rest, with labels each label. Equal scores count half (AUC) or enter together
(average precision).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mapsto.metrics.base import Prepare, Scorer, defined_mean, ratio


def area(positive: np.ndarray, score: np.ndarray) -> Scorer:
    """Area under the receiver operating characteristic of one column, both `(rows,)`.

    It is the share of pairs of a positive and a negative row that are ranked rightly (Mann and Whitney, 1947).
    """
    hits, others = np.flatnonzero(positive), np.flatnonzero(~positive)
    hits, others = hits[np.argsort(score[hits])], others[np.argsort(score[others])]
    worse = np.searchsorted(score[others], score[hits], side="left")
    not_better = np.searchsorted(score[others], score[hits], side="right")
    ties = not np.array_equal(worse, not_better)

    def scorer(weights: np.ndarray) -> np.ndarray:
        own = weights[..., hits]
        below = np.zeros((*weights.shape[:-1], len(others) + 1))
        np.cumsum(weights[..., others], axis=-1, out=below[..., 1:])
        beaten = (below[..., worse] + below[..., not_better]) / 2 if ties else below[..., worse]
        return ratio(np.einsum("...i,...i->...", own, beaten), own.sum(axis=-1) * below[..., -1])

    return scorer


def steps(positive: np.ndarray, score: np.ndarray) -> Scorer:
    """Average precision of one column: precision at each threshold, weighted by the recall gained there."""
    order = np.argsort(-score)
    positive, score = positive[order], score[order]
    ends = np.flatnonzero(np.append(score[1:] != score[:-1], True))

    def scorer(weights: np.ndarray) -> np.ndarray:
        ranked = weights[..., order]
        hits = np.cumsum(ranked * positive, axis=-1)[..., ends]
        chosen = np.cumsum(ranked, axis=-1)[..., ends]
        gained = np.diff(hits, axis=-1, prepend=0.0)
        precision = np.divide(hits, chosen, out=np.zeros_like(hits), where=chosen > 0)
        return ratio(np.einsum("...i,...i->...", gained, precision), hits[..., -1])

    return scorer


def by_column(column: Callable[[np.ndarray, np.ndarray], Scorer]) -> Prepare:
    """The mean of a figure over the columns where it is defined."""

    def prepare(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
        positive = truth > 0.5 if truth.ndim == 2 else truth[:, None] == np.arange(prediction.shape[1])
        first = 1 if truth.ndim == 1 and prediction.shape[1] == 2 else 0
        scorers = [column(positive[:, j], prediction[:, j]) for j in range(first, prediction.shape[1])]
        if len(scorers) == 1:
            return scorers[0]
        return lambda weights: defined_mean(np.stack([scorer(weights) for scorer in scorers], axis=-1))

    return prepare


auc = by_column(area)
"""Area under the receiver operating characteristic: 0.5 is chance, 1 perfect."""
average_precision = by_column(steps)
"""Area under the precision-recall curve by steps; chance is the share of positive rows."""
