"""Which of very many columns trees are grown on: those that tell most about the targets, each by itself.

Growing takes time for every column at every split, and where there are many more columns than rows, most of what a tree
finds in them is chance. So trees see as many columns as there are rows, a thousand at least; they are chosen on the
rows that teach and on no others. A column tells something if its mean, or its distance from the middle, differs between
classes or goes with a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapsto.metrics import present

if TYPE_CHECKING:
    from collections.abc import Container

    from mapsto.columns.base import Features
    from mapsto.members.base import Work

FEWEST = 1_000
"""Up to so many columns all are kept."""
_BLOCK = 2**22
_ROWS = 20_000


def telling(features: Features, work: Work, keep: Container[str] = ()) -> np.ndarray:
    """Which columns trees see, rising: all codes, those named in `keep`, and the numbers that tell most.

    Args:
        features: of `work.train`.
        work: rows and their truth.
        keep: names of columns that are asked for.
    """
    every, most = np.arange(len(features.names)), max(FEWEST, work.train.rows)
    if len(every) <= most:
        return every
    wanted = np.array([c or n in keep for n, c in zip(features.names, features.categorical, strict=True)])
    rows = np.arange(work.train.rows)
    if len(rows) > _ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, _ROWS, replace=False))
    answers = [_standard(each) for each in _answers(work, rows)]
    score = np.zeros(len(every))
    wide = max(1, _BLOCK // max(1, len(rows)))
    for at in range(0, len(every), wide):
        score[at : at + wide] = _scores(features.values[rows, at : at + wide], answers)
    score[wanted] = np.inf
    kept = np.argsort(-score, kind="stable")[: max(most, int(wanted.sum()))]
    return np.sort(kept)


def _answers(work: Work, rows: np.ndarray) -> list[np.ndarray]:
    """Each target as columns of numbers `(rows, n)`: itself, or which class or label a row has; 0 where unknown."""
    found = []
    for target in work.schema.targets:
        task, truth = target.task or "regression", work.train.truth[target.name][rows]
        known = present(task, truth)
        if task == "classification":
            codes = np.unique(truth[known])
            found.append(((truth[:, None] == codes) & known[:, None]).astype(np.float64))
        else:
            numbers = np.nan_to_num(truth.astype(np.float64)).reshape(len(rows), -1)
            middle = numbers[known].mean(axis=0) if known.any() else 0.0
            found.append(np.where(known[:, None], numbers, middle))
    return found


def _standard(values: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and length 1; 0 where all are equal."""
    centred = values - values.mean(axis=0)
    length = np.sqrt(np.square(centred).sum(axis=0))
    return np.asarray(centred / np.where(length > 0, length, 1.0))


def _scores(values: np.ndarray, answers: list[np.ndarray]) -> np.ndarray:
    """The largest correlation of each column, or of its distance from the middle, with any answer: `(columns,)`."""
    missing = ~np.isfinite(values)
    x = np.where(missing, 0.0, values.astype(np.float64))
    middle = x.sum(axis=0) / np.maximum(1, (~missing).sum(axis=0))
    x = np.where(missing, 0.0, x - middle)
    views = [_standard(x), _standard(np.abs(x)), _standard(missing.astype(np.float64))]
    found = [np.abs(view.T @ answer).max(axis=1) for view in views for answer in answers if answer.shape[1]]
    return np.asarray(np.max(found, axis=0)) if found else np.zeros(values.shape[1])
