"""Calibration: making a probability of 0.8 come true in 8 of 10 cases, and measuring how nearly it does.

Temperature scaling divides the logits by one number T, found on rows that neither trained nor chose anything; it
softens (T > 1) or sharpens (T < 1) without changing which class is most probable. Guo et al., On Calibration of Modern
Neural Networks (ICML 2017). The error of calibration is taken over bins that hold equally many rows, since bins
of equal width leave most of them empty. Nixon et al., Measuring Calibration in Deep Learning (2019).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapsto.metrics import get, named, own_labels, present

if TYPE_CHECKING:
    from mapsto.metrics import Task

_RANGE = (np.log(0.05), np.log(20.0))
_TINY = 1e-12


def fit_temperature(task: Task, truth: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The temperature that gives the least log loss on these rows.

    A temperature far from 1 is charged as one row's worth of surprise, so that few rows move it little. Without rows,
    or for numbers, it is 1.

    Args:
        task: the form of truth and predictions.
        truth: rows that calibrate only.
        prediction: probabilities of these rows.
        weight: `(rows,)`, or None.
    """
    if task == "regression" or not (rows := named(task, truth)).any():
        return 1.0
    truth, prediction = truth[rows], prediction[rows]
    truth = own_labels(truth) if task == "multilabel" else truth
    weight = None if weight is None else weight[rows]
    loss = get("log_loss", task)

    def surprise(log_temperature: float) -> float:
        fitted = loss(truth, apply_temperature(task, prediction, float(np.exp(log_temperature))), weight)
        return len(truth) * fitted + 0.5 * log_temperature**2

    return float(np.exp(golden_section(surprise, *_RANGE)))


def apply_temperature(task: Task, prediction: np.ndarray, temperature: float) -> np.ndarray:
    """Predictions with their logits divided by `temperature`, same shape, float64; numbers are returned unchanged."""
    if task == "regression" or temperature == 1.0:
        return prediction
    p = np.clip(prediction.astype(np.float64), _TINY, 1.0)
    logits = np.log(p) if task == "classification" else np.log(p) - np.log(np.clip(1.0 - p, _TINY, 1.0))
    logits /= temperature
    if task == "multilabel":
        return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def golden_section(function: Callable[[float], float], low: float, high: float, *, tolerance: float = 1e-4) -> float:
    """Where a function with one minimum in `[low, high]` is least, to within `tolerance`.

    >>> round(golden_section(lambda x: (x - 2) ** 2, 0, 10), 3)
    2.0
    """
    share = (np.sqrt(5.0) - 1) / 2
    left, right = high - share * (high - low), low + share * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > tolerance:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - share * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + share * (high - low)
            at_right = function(right)
    return float(low + high) / 2


@dataclass(frozen=True)
class Reliability:
    """What was said and what came true, one entry a bin of about equally many rows, said probability rising."""

    said: np.ndarray
    true: np.ndarray
    rows: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of what was said from what came true; NaN without rows."""
        total = self.rows.sum()
        return float((np.abs(self.said - self.true) * self.rows).sum() / total) if total else float("nan")


def reliability(task: Task, truth: np.ndarray, prediction: np.ndarray, *, bins: int = 15) -> Reliability:
    """Probabilities against outcomes.

    With two classes, the probability of the second; with more, that of the most probable class against its being right;
    with labels, every label of every row. Rows of equal probability share a bin.
    """
    rows = present(task, truth)
    said, true = _statements(task, truth[rows], prediction[rows])
    if not len(said):
        empty = np.empty(0)
        return Reliability(empty, empty, empty)
    edges = np.unique(np.quantile(said, np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.searchsorted(edges, said, side="left")
    count = np.bincount(place, minlength=len(edges) + 1)
    held = count > 0
    means = [np.bincount(place, values, minlength=len(count))[held] / count[held] for values in (said, true)]
    return Reliability(means[0], means[1], count[held])


def calibration_error(task: Task, truth: np.ndarray, prediction: np.ndarray, *, bins: int = 15) -> float:
    """Expected calibration error over bins of equally many rows; see `reliability`."""
    return reliability(task, truth, prediction, bins=bins).error


def _statements(task: Task, truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each probability that was said and whether it came true, both `(statements,)` float64."""
    if task == "multilabel":
        said, true = prediction.ravel(), truth.ravel() > 0.5
    elif prediction.shape[1] == 2:
        said, true = prediction[:, 1], truth == 1
    else:
        said, true = prediction.max(axis=1), prediction.argmax(axis=1) == truth
    return said.astype(np.float64), true.astype(np.float64)
