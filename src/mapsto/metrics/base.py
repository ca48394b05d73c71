"""What a metric is: a name, a direction, and a way to score many weightings of the same rows at once.

A metric first *prepares* truth and predictions (sorts the scores, computes the losses), then answers for a weight a
row. Because the second step takes a stack of weightings `(..., rows)`, a thousand bootstrap resamples of a metric
cost little more than the preparation done once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mapsto.metrics.truth import Task, present

Scorer = Callable[[np.ndarray], np.ndarray]
"""Weights `(..., rows)` to scores `(...)`."""

Prepare = Callable[[np.ndarray, np.ndarray], Scorer]
"""Truth and predictions without missing rows to a `Scorer`."""


@dataclass(frozen=True)
class Metric:
    """One figure of how good predictions are; call it with truth and predictions in the form of its task.

    Rows whose truth is missing are dropped; one that the model has no class for counts as wrong, see
    `mapsto.metrics.truth`. Where the figure is undefined (no rows, one class only where two are
    needed, predictions that are not finite) it is NaN.

    Args:
        name: the name a user gives in `metric=`.
        label: how a person reads it in a sentence, e.g. "log loss".
        task: the form of truth and predictions.
        higher_is_better: its direction; values always keep their natural sign.
        prepare: truth and predictions to a function of the weights.
        chooses: it looks only at the class chosen, so a threshold changes it (see `at`).
    """

    name: str
    label: str
    task: Task
    higher_is_better: bool
    prepare: Prepare
    chooses: bool = False

    def __call__(self, truth: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None = None) -> float:
        """The figure, with `weight` a row (None: all equal)."""
        weights = np.ones(len(truth)) if weight is None else np.asarray(weight, dtype=np.float64)
        return float(self.scorer(truth, prediction)(weights))

    @property
    def sign(self) -> int:
        """1 where higher is better, -1 otherwise: `sign * value` always rises with quality."""
        return 1 if self.higher_is_better else -1

    def scorer(self, truth: np.ndarray, prediction: np.ndarray) -> Scorer:
        """The figure of these rows as a function of weights `(..., rows)`, in float64."""
        rows = present(self.task, truth)
        if not rows.all():
            inner = self.scorer(truth[rows], prediction[rows])
            return lambda weights: inner(weights[..., rows])
        if len(truth) == 0 or not np.isfinite(prediction).all():
            return lambda weights: np.full(weights.shape[:-1], np.nan)
        return self.prepare(truth, np.asarray(prediction).reshape(len(truth), -1))

    def at(self, threshold: float) -> Metric:
        """The same figure when a class is chosen from this probability on: the second of two classes, or a label.

        A metric that does not choose is returned as it is.
        """
        if not self.chooses:
            return self
        return replace(self, prepare=lambda truth, p: self.prepare(truth, _decided(self.task, p, threshold)))


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, NaN where `below` is 0."""
    above, below = np.broadcast_arrays(np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0))


def weighted_mean(values: np.ndarray) -> Scorer:
    """The weighted mean of one value a row, `(rows,)`."""
    values = np.asarray(values, dtype=np.float64)
    return lambda weights: ratio(weights @ values, weights.sum(axis=-1))


def defined_mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of the entries that are defined (not NaN); NaN where none is."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1))


def _decided(task: Task, prediction: np.ndarray, threshold: float) -> np.ndarray:
    if task == "multilabel":
        return (prediction >= threshold).astype(np.float64)
    second = prediction[:, 1] >= threshold
    return np.column_stack([~second, second]).astype(np.float64)
