"""Metrics: how good predictions are, as figures with a name and a direction. numpy only.

>>> import numpy as np
>>> auc = get("auc", "classification")
>>> auc(np.array([0, 1, 1, 0]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.4, 0.6]]))
0.75
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from mapsto.errors import OptionError
from mapsto.metrics import choices, numbers, probabilities, ranking, several
from mapsto.metrics.base import Metric, Scorer
from mapsto.metrics.custom import wrap
from mapsto.metrics.truth import MISSING, STRANGE, Task, judging, named, own_labels, present, strange, with_strange

__all__ = [
    "METRICS",
    "MISSING",
    "STRANGE",
    "Metric",
    "Scorer",
    "Task",
    "all_for",
    "default",
    "get",
    "named",
    "own_labels",
    "present",
    "strange",
    "with_strange",
    "wrap",
]

_PLAIN = (
    Metric("accuracy", "accuracy", "classification", True, choices.accuracy, chooses=True),
    Metric("balanced_accuracy", "balanced accuracy", "classification", True, choices.balanced_accuracy, chooses=True),
    Metric("f1", "F1", "classification", True, choices.f1, chooses=True),
    Metric("sensitivity", "sensitivity", "classification", True, choices.sensitivity, chooses=True),
    Metric("specificity", "specificity", "classification", True, choices.specificity, chooses=True),
    Metric("auc", "AUC", "classification", True, ranking.auc),
    Metric("average_precision", "average precision", "classification", True, ranking.average_precision),
    Metric("log_loss", "log loss", "classification", False, probabilities.log_loss),
    Metric("brier", "Brier score", "classification", False, probabilities.brier),
    Metric("rmse", "RMSE", "regression", False, numbers.rmse),
    Metric("mae", "MAE", "regression", False, numbers.mae),
    Metric("median_absolute_error", "median absolute error", "regression", False, numbers.median_absolute_error),
    Metric("r2", "R²", "regression", True, numbers.r2),
    Metric("rmsle", "RMSLE", "regression", False, numbers.rmsle),
    Metric("mape", "mean relative error", "regression", False, numbers.mape),
    Metric("f1_micro", "F1 (micro)", "multilabel", True, several.f1_micro, chooses=True),
    Metric("f1_macro", "F1 (macro)", "multilabel", True, several.f1_macro, chooses=True),
    Metric("hamming", "Hamming loss", "multilabel", False, several.hamming, chooses=True),
    Metric("exact", "all labels right", "multilabel", True, several.exact, chooses=True),
    Metric("auc", "AUC", "multilabel", True, ranking.auc),
    Metric("average_precision", "average precision", "multilabel", True, ranking.average_precision),
    Metric("log_loss", "log loss", "multilabel", False, probabilities.log_loss),
    Metric("brier", "Brier score", "multilabel", False, probabilities.brier),
)

_ALL = tuple(replace(metric, prepare=judging(metric.task, metric.prepare)) for metric in _PLAIN)

METRICS: dict[tuple[Task, str], Metric] = {(metric.task, metric.name): metric for metric in _ALL}
"""Every metric by task and name; `cost` is made by `get`, since it needs its matrix."""


def all_for(task: Task) -> list[Metric]:
    """Every metric of a task, in the order in which they are shown."""
    return [metric for metric in _ALL if metric.task == task]


def get(name: str | Callable[..., Any], task: Task, *, classes: int = 2, costs: np.ndarray | None = None) -> Metric:
    """A metric by its name, or a user's own function as one (see `wrap`).

    Args:
        name: a name of `all_for(task)`, "cost", or a callable.
        task: the form of the target.
        classes: number of classes or labels, needed for a callable.
        costs: matrix `[truth, chosen]`, needed for "cost".

    Raises:
        OptionError: no such metric for this task, or "cost" without costs.

    >>> get("acuracy", "classification")
    Traceback (most recent call last):
    mapsto.errors.OptionError: no metric 'acuracy' for classification; did you mean 'accuracy'? Known: accuracy, ...
    """
    if callable(name):
        return wrap(name, task, classes)
    if name == "cost" and task == "classification":
        if costs is None:
            message = 'the metric "cost" needs costs; give costs={(truth, predicted): cost, ...}'
            raise OptionError(message)
        return Metric("cost", "mean cost", task, False, choices.cost(np.asarray(costs, dtype=np.float64)), chooses=True)
    if (task, name) in METRICS:
        return METRICS[task, name]
    known = [metric.name for metric in all_for(task)] + (["cost"] if task == "classification" else [])
    close = get_close_matches(name.lower().replace(" ", "_"), known, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    message = f"no metric '{name}' for {task}{hint} Known: {', '.join(known)}"
    raise OptionError(message)


def default(task: Task, classes: int = 0) -> Metric:
    """The figure that decides when the user names none: stopping, ensemble weights and verdict follow it.

    * two classes: AUC, since it does not hang on a threshold that the user has not chosen, nor on the share of classes;
    * more classes, and labels: log loss, since it is defined even where a class has no row in a small sample, and
      since it sees improvements that change no decision;
    * numbers: RMSE, in the user's units.
    """
    if task == "regression":
        return METRICS[task, "rmse"]
    return METRICS[task, "auc" if task == "classification" and classes <= 2 else "log_loss"]
