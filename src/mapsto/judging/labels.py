"""Suspected wrong labels: rows whose given label disagrees with what the other rows taught.

Confident learning: a row is counted as truly of class j when its out-of-sample probability of j is at least as high as
is usual among the rows labelled j; a row confidently of another class than its own is suspected, and those whose own
label looks least likely come first. Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset
Labels (JAIR 2021). For numbers, rows whose residual lies far outside the middle of all residuals are suspected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mapsto.metrics import named

if TYPE_CHECKING:
    from mapsto.metrics import Task

_FAR = 6.0
"""Robust standard deviations from which on a residual is suspect; residuals of real tables have heavy tails."""


@dataclass(frozen=True)
class Suspects:
    """Rows whose label may be wrong, most suspicious first; all arrays `(suspects,)`.

    Args:
        rows: row numbers, of the rows given.
        given: the label as it stands: class code, number, or 0/1 of the label `column`.
        suggested: what the model thinks it should be, in the same form.
        suspicion: how far the model disagrees: the suggested minus the given label's probability (0 to 1), or for
            numbers the residual in robust standard deviations.
        label: code of the label concerned where a row has several; otherwise zeros.
    """

    rows: np.ndarray
    given: np.ndarray
    suggested: np.ndarray
    suspicion: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: np.ndarray | slice) -> Suspects:
        """Those at these places; `take(slice(20))` gives the first twenty."""
        parts = (self.rows, self.given, self.suggested, self.suspicion, self.label)
        return Suspects(*(part[places] for part in parts))


def suspected_labels(task: Task, truth: np.ndarray, prediction: np.ndarray) -> Suspects:
    """Rows whose given label is probably wrong.

    Args:
        task: the form of truth and predictions.
        truth: labels as given.
        prediction: predictions by models that did not learn from the row they predict (out-of-fold or held-out).
    """
    known = np.flatnonzero(named(task, truth))
    find = {"classification": _classes, "multilabel": _several, "regression": _numbers}[task]
    found = find(truth[known], prediction[known].astype(np.float64))
    ranked = found.take(np.argsort(-found.suspicion, kind="stable"))
    return replace(ranked, rows=known[ranked.rows])


def _classes(truth: np.ndarray, p: np.ndarray) -> Suspects:
    classes = p.shape[1]
    counts = np.bincount(truth, minlength=classes)
    own = p[np.arange(len(truth)), truth]
    sums = np.bincount(truth, own, minlength=classes)
    usual = np.divide(sums, counts, out=np.full(classes, np.inf), where=counts > 0)
    confident = np.where(p >= usual, p, -1.0)
    other = confident.argmax(axis=1)
    rows = np.flatnonzero((confident.max(axis=1) >= 0) & (other != truth))
    margin = p[rows, other[rows]] - own[rows]
    rows, margin = rows[margin > 0], margin[margin > 0]
    return Suspects(rows, truth[rows], other[rows], margin, np.zeros(len(rows), dtype=np.int64))


def _several(truth: np.ndarray, p: np.ndarray) -> Suspects:
    """Every label as a question of its own with two answers."""
    codes = (truth > 0.5).astype(np.int64)
    found = [_classes(codes[:, j], np.column_stack([1 - p[:, j], p[:, j]])) for j in range(p.shape[1])]
    return Suspects(
        np.concatenate([one.rows for one in found]),
        np.concatenate([one.given for one in found]),
        np.concatenate([one.suggested for one in found]),
        np.concatenate([one.suspicion for one in found]),
        np.repeat(np.arange(len(found)), [len(one.rows) for one in found]),
    )


def _numbers(truth: np.ndarray, prediction: np.ndarray) -> Suspects:
    residual = truth - prediction[:, 0]
    away = np.abs(residual - np.median(residual)) if len(residual) else residual
    deviation = 1.4826 * np.median(away) if len(away) else 0.0
    far = away / deviation if deviation > 0 else np.zeros(len(away))
    rows = np.flatnonzero(far > _FAR)
    return Suspects(rows, truth[rows], prediction[rows, 0], far[rows], np.zeros(len(rows), dtype=np.int64))
