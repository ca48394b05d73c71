"""Metrics of the class chosen: counts of right and wrong decisions.

The chosen class is the most probable one (the first of equals), unless `Metric.at` sets a threshold. With two
classes, the second is the positive one; with more, a figure of one class against the rest is averaged over the
classes that occur.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mapsto.metrics.base import Prepare, Scorer, defined_mean, ratio, weighted_mean

Counts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Weight of rows per class, each `(..., classes)`: chosen rightly, true, chosen, and all rows `(..., 1)`."""


def accuracy(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
    """Share of rows whose class is right."""
    return weighted_mean(prediction.argmax(axis=1) == truth)


def cost(matrix: np.ndarray) -> Prepare:
    """Mean cost of the decisions that these probabilities make cheapest, with `matrix[truth, chosen]`.

    A truth that the model has no class for costs what the decision costs at most.
    """
    most = matrix.max(axis=0)

    def prepare(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
        chosen = (prediction.astype(np.float64) @ matrix).argmin(axis=1)
        return weighted_mean(np.where(truth < 0, most[chosen], matrix[truth, chosen]))

    return prepare


def totals(weights: np.ndarray, codes: np.ndarray, classes: int) -> np.ndarray:
    """Weight of the rows of each code: `(..., rows), (rows,) -> (..., classes)`."""
    flat = weights.reshape(math.prod(weights.shape[:-1]), weights.shape[-1])
    found = [np.bincount(codes, row, minlength=classes) for row in flat]
    return np.array(found).reshape(*weights.shape[:-1], classes)


def counted(figure: Callable[[Counts], np.ndarray]) -> Prepare:
    """A metric that is a function of `Counts`."""

    def prepare(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
        classes = prediction.shape[1]
        chosen = prediction.argmax(axis=1)
        right = chosen == truth

        def score(weights: np.ndarray) -> np.ndarray:
            hits = totals(weights[..., right], truth[right], classes)
            counts = (
                hits,
                totals(weights, truth, classes),
                totals(weights, chosen, classes),
                weights.sum(axis=-1, keepdims=True),
            )
            return figure(counts)

        return score

    return prepare


def positive_or_mean(values: np.ndarray) -> np.ndarray:
    """A figure per class `(..., classes)` as one: the second of two classes, or the mean of those defined."""
    return values[..., 1] if values.shape[-1] == 2 else defined_mean(values)


def recall(counts: Counts) -> np.ndarray:
    """Share of each class's rows that are found."""
    hits, true, _, _ = counts
    return ratio(hits, true)


def f1_per_class(counts: Counts) -> np.ndarray:
    """Harmonic mean of precision and recall; undefined for a class neither true nor chosen."""
    hits, true, chosen, _ = counts
    return ratio(2 * hits, true + chosen)


def specificity_per_class(counts: Counts) -> np.ndarray:
    """Share of the rows outside each class that are kept out of it."""
    hits, true, chosen, rows = counts
    return ratio(rows - true - chosen + hits, rows - true)


balanced_accuracy = counted(lambda counts: defined_mean(recall(counts)))
"""Mean over the classes of the share found."""
f1 = counted(lambda counts: positive_or_mean(f1_per_class(counts)))
"""Harmonic mean of precision and recall."""
sensitivity = counted(lambda counts: positive_or_mean(recall(counts)))
"""Share of the positive rows that are found."""
specificity = counted(lambda counts: positive_or_mean(specificity_per_class(counts)))
"""Share of the negative rows that are left alone."""
