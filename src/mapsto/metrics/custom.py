"""A user's own function as a metric: `metric=callable(truth, prediction)`, a name and a direction found for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from mapsto.errors import OptionError
from mapsto.metrics.base import Metric, Scorer
from mapsto.metrics.truth import Task, judging

Function = Callable[..., Any]
"""`(truth, prediction)` or `(truth, prediction, weight)` to a number."""


def wrap(function: Function, task: Task, classes: int = 2) -> Metric:
    """A metric from `function(truth, prediction)` or `function(truth, prediction, weight)`.

    The direction is the attribute `higher_is_better` of the function where it has one, else what its name says
    (`..._score`, or `..._error`, `..._loss`, `..._deviance`, as scikit-learn names them), else what it answers for a
    perfect and for a reversed prediction.

    Args:
        function: gets truth and predictions in the form of `task`, without rows whose truth is missing, and
            with classes that the model does not have replaced as `mapsto.metrics.truth` says.
        task: the form of the target.
        classes: number of classes or labels of the target.

    Raises:
        OptionError: the direction cannot be told.

    >>> def worst_error(truth, prediction):
    ...     return abs(truth - prediction[:, 0]).max()
    >>> wrap(worst_error, "regression").higher_is_better
    False
    """
    name = getattr(function, "__name__", type(function).__name__)
    weighted = "weight" in inspect.signature(function).parameters

    def prepare(truth: np.ndarray, prediction: np.ndarray) -> Scorer:
        def one(weights: np.ndarray) -> float:
            if weighted:
                return float(function(truth, prediction, weights))
            times = repeats(weights, name)
            return float(function(truth, prediction) if times is None else function(truth[times], prediction[times]))

        def score(weights: np.ndarray) -> np.ndarray:
            flat = weights.reshape(-1, weights.shape[-1])
            return np.array([one(row) for row in flat]).reshape(weights.shape[:-1])

        return score

    return Metric(name, name, task, _direction(function, name, task, classes), judging(task, prepare))


def repeats(weights: np.ndarray, name: str) -> np.ndarray | None:
    """Row numbers, each as often as its weight says; None where every row counts once."""
    if (weights == 1).all():
        return None
    counts = np.rint(weights).astype(np.int64)
    if not np.array_equal(counts, weights):
        message = f"the metric '{name}' takes no weights, but rows have them; give it a third argument `weight`"
        raise OptionError(message)
    return np.repeat(np.arange(len(counts)), counts)


def _direction(function: Function, name: str, task: Task, classes: int) -> bool:
    told = getattr(function, "higher_is_better", None)
    if told is not None:
        return bool(told)
    if name.endswith("_score"):
        return True
    if name.endswith(("_error", "_loss", "_deviance")):
        return False
    truth, good, bad = _probe(task, classes)
    high, low = float(function(truth, good)), float(function(truth, bad))
    if not abs(high - low) > 0:
        message = (
            f"cannot tell whether a higher '{name}' is better: it gives {high} to perfect and {low} to reversed "
            f"predictions; set {name}.higher_is_better = True or False"
        )
        raise OptionError(message)
    return high > low


def _probe(task: Task, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A truth, nearly perfect and reversed predictions."""
    if task == "regression":
        truth = np.arange(1.0, 9.0)
        return truth, truth[:, None] + 0.01, truth[::-1, None]
    classes = max(classes, 2)
    codes = np.arange(4 * classes) % classes
    sure = np.where(np.eye(classes)[codes] > 0, 0.9, 0.1 / (classes - 1))
    if task == "classification":
        return codes, sure, np.roll(sure, 1, axis=1)
    return np.eye(classes, dtype=np.float32)[codes], sure, 1 - sure
