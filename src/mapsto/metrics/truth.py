"""What is known of a row's truth, and what of it a model can say at all.

A truth is *missing* where nobody knows it: the row counts nowhere. It is *strange* where it is a class, or one label of
several, that no row the model learned from had: then it is known well enough, the model is wrong about it whatever it
says, and the row counts in every figure. In the form of a target's truth:

* classification: `MISSING` (-1) and `STRANGE` (-2), beside class codes from 0;
* multilabel: a row of NaN is missing; a row with n strange labels holds -n for 0 and 1 + n for 1, so that "above 0.5"
  means what it always does.

In figures a strange class is taken for the class that was given least (of equal ones the last), and a strange label for
the label given least among those that the row lacks: of all answers the model could have been asked for, the one it was
furthest from. Decisions (F1, accuracy, at a threshold or not) are then always wrong, a log loss is that of the least
probability given to any class, and a ranking is turned round, whatever the metric and without a rule of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

Task = Literal["regression", "classification", "multilabel"]
"""The forms of truth and predictions, as `mapsto.columns.base.Task` describes them."""

MISSING, STRANGE = -1, -2
"""Class codes of a truth that nobody knows, and of one that the model has no class for."""


def present(task: Task, truth: np.ndarray) -> np.ndarray:
    """Boolean `(rows,)`: rows whose truth is known, be it strange to the model or not.

    >>> present("classification", np.array([0, MISSING, 2, STRANGE]))
    array([ True, False,  True,  True])
    """
    if task == "classification":
        return np.asarray(truth != MISSING)
    return np.asarray(~np.isnan(truth) if truth.ndim == 1 else ~np.isnan(truth).any(axis=1))


def named(task: Task, truth: np.ndarray) -> np.ndarray:
    """Boolean `(rows,)`: rows whose truth has a code, so that something can be learned from them; of several labels
    those the model has.

    >>> named("classification", np.array([0, MISSING, 2, STRANGE]))
    array([ True, False,  True, False])
    """
    return np.asarray(truth >= 0) if task == "classification" else present(task, truth)


def strange(task: Task, truth: np.ndarray) -> np.ndarray:
    """int64 `(rows,)`: how many classes or labels of each row's truth the model does not have.

    >>> strange("multilabel", np.array([[0, 1], [-1, 2], [np.nan, np.nan]])).tolist()
    [0, 1, 0]
    """
    if task == "regression":
        return np.zeros(len(truth), dtype=np.int64)
    if task == "classification":
        return np.asarray(truth == STRANGE, dtype=np.int64)
    beyond = np.maximum(-truth, truth - 1).max(axis=1, initial=0)
    return np.asarray(np.nan_to_num(beyond), dtype=np.int64)


def own_labels(truth: np.ndarray) -> np.ndarray:
    """Truth of several labels as 0 and 1 for those the model has, NaN where missing; strange ones are left out."""
    return np.asarray(np.clip(truth, 0, 1))


def with_strange(truth: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Truth of several labels, 0 and 1, with so many strange ones a row: the inverse of `own_labels` and `strange`."""
    return np.asarray(np.where(truth > 0.5, truth + count[:, None], truth - count[:, None]), dtype=truth.dtype)


def furthest(task: Task, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """The truth with every strange class or label taken for the one that `prediction` gives least.

    >>> furthest("classification", np.array([0, STRANGE]), np.array([[0.9, 0.1], [0.3, 0.7]]))
    array([0, 0])
    """
    rows = np.flatnonzero(strange(task, truth))
    if not len(rows):
        return truth
    if task == "classification":
        found = truth.copy()
        found[rows] = prediction.shape[1] - 1 - prediction[rows, ::-1].argmin(axis=1)
        return found
    found = own_labels(truth)
    own, count = found[rows] > 0.5, strange(task, truth)[rows]
    # Ranks among the labels that a row lacks, from the least probable; where it has all, the surest is taken away.
    order = np.argsort(np.where(own, np.inf, prediction[rows]), axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    turned = np.where(rank < count[:, None], True, own)
    every = own.all(axis=1)
    turned[every, prediction[rows][every].argmax(axis=1)] = False
    found[rows] = turned
    return found


Prepare = Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]]


def judging(task: Task, prepare: Prepare) -> Prepare:
    """The same figure for truths that may be strange."""
    return lambda truth, prediction: prepare(furthest(task, truth, prediction), prediction)
