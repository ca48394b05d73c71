"""Metrics of ranking: does a row of a class get a higher probability of it than other rows do?

Both work column by column and average the columns where they are defined: with two classes the second column alone,
with more one class against the rest, with labels each label. Equal scores count half (AUC) or enter together
(average precision).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mapsto.metrics.base import Prepare, Scorer, defined_mean, ratio

Curve = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Cumulated positive and negative weight at the ends of groups of equal scores, best first, `(..., groups)`, to a
figure `(...)`."""


def column_scorer(curve: Curve, positive: np.ndarray, score: np.ndarray) -> Scorer:
    """A `Scorer` for one column: `positive` boolean `(rows,)`, `score` `(rows,)`; sorted once."""
    order = np.argsort(-score, kind="stable")
    positive, score = positive[order], score[order]
    last = np.append(score[1:] != score[:-1], True)
    ends = slice(None) if last.all() else np.flatnonzero(last)

    def scorer(weights: np.ndarray) -> np.ndarray:
        ranked = weights[..., order]
        hits = np.cumsum(ranked * positive, axis=-1)
        return curve(hits[..., ends], (np.cumsum(ranked, axis=-1) - hits)[..., ends])

    return scorer


def area(hits: np.ndarray, misses: np.ndarray) -> np.ndarray:
    """Area under the receiver operating characteristic, by trapezoids."""
    widths = np.diff(misses, axis=-1, prepend=0.0)
    heights = hits.copy()
    heights[..., 1:] += hits[..., :-1]
    return ratio((widths * heights).sum(axis=-1), 2 * hits[..., -1] * misses[..., -1])


def steps(hits: np.ndarray, misses: np.ndarray) -> np.ndarray:
    """Average precision: precision at each threshold, weighted by the recall gained there."""
    gained = np.diff(hits, axis=-1, prepend=0.0)
    chosen = hits + misses
    precision = np.divide(hits, chosen, out=np.zeros_like(hits), where=chosen > 0)
    return ratio((gained * precision).sum(axis=-1), hits[..., -1])


def by_column(curve: Curve) -> Prepare:
    """The mean of `curve` over the columns where it is defined."""

    def prepare(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
        positive = truth > 0.5 if truth.ndim == 2 else truth[:, None] == np.arange(prediction.shape[1])
        first = 1 if truth.ndim == 1 and prediction.shape[1] == 2 else 0
        scorers = [column_scorer(curve, positive[:, j], prediction[:, j]) for j in range(first, prediction.shape[1])]
        if len(scorers) == 1:
            return scorers[0]
        return lambda weights: defined_mean(np.stack([scorer(weights) for scorer in scorers], axis=-1))

    return prepare


auc = by_column(area)
"""Area under the receiver operating characteristic: 0.5 is chance, 1 perfect."""
average_precision = by_column(steps)
"""Area under the precision-recall curve by steps; chance is the share of positive rows."""
