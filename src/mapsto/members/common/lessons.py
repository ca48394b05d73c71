"""What one problem is learned from: prepared rows whose truth is known, and rows that may stop the learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapsto.errors import DataError
from mapsto.members.common.problems import Problem, problems, weights

if TYPE_CHECKING:
    from mapsto.members.base import Work
    from mapsto.members.common.preparation import Preparation
    from mapsto.schema import Schema


@dataclass(frozen=True)
class Lesson:
    """One problem with its rows. Class codes count only the classes that occur in training."""

    problem: Problem
    native: int
    """Leading columns that hold codes."""
    categories: int
    """The largest number of codes in one of them."""
    values: np.ndarray
    """Prepared training rows `(rows, columns)`."""
    truth: np.ndarray
    """Numbers, or codes into `present`: `(rows,)`."""
    weight: np.ndarray | None
    present: np.ndarray
    """Codes of the classes that occur in training."""
    valid: np.ndarray | None = None
    valid_truth: np.ndarray | None = None
    valid_weight: np.ndarray | None = None

    def number(self, *, logarithm: bool = False) -> np.ndarray:
        """The truth as one number a row: its logarithm if wanted; for classes, whether it is not the first."""
        if self.problem.classes:
            return (self.truth > 0).astype(np.float64)
        return np.log(self.truth) if logarithm else self.truth


def lessons(work: Work, preparation: Preparation, inputs: Schema | None = None) -> list[Lesson]:
    """The lessons of all problems; rows without a truth are left out, and validation rows of unknown classes.

    `inputs`: whose features `preparation` was learned from; None: all columns.

    Raises `DataError` if a target has no training row at all.
    """
    inputs = inputs or work.schema
    train = preparation.apply(inputs.features(work.train).values)
    valid = None if work.valid is None else preparation.apply(inputs.features(work.valid).values)
    return [_lesson(problem, work, preparation, train, valid) for problem in problems(work.schema)]


def rows_with_truth(problem: Problem, work: Work) -> tuple[np.ndarray, np.ndarray]:
    """Training rows whose truth is known, and their truth; `DataError` if there is none."""
    rows, truth = problem.truth(work.train)
    if not len(rows):
        message = (
            f"target '{problem.title}' has no value in any of {work.train.rows:,} training rows; "
            "nothing can be learned. Give rows that have it, or leave the target out."
        )
        raise DataError(message)
    return rows, truth


def _lesson(
    problem: Problem, work: Work, preparation: Preparation, train: np.ndarray, valid: np.ndarray | None
) -> Lesson:
    rows, truth = rows_with_truth(problem, work)
    present = np.unique(truth) if problem.classes else np.arange(0)
    native, categories = preparation.native, preparation.categories
    own = (train[rows], _coded(truth, present), weights(work.train, rows), present)
    learned = Lesson(problem, native, categories, *own)
    if valid is None or work.valid is None:
        return learned
    rows, truth = problem.truth(work.valid)
    if problem.classes:
        known = np.isin(truth, present)
        rows, truth = rows[known], truth[known]
    if not len(rows):
        return learned
    return Lesson(problem, native, categories, *own, valid[rows], _coded(truth, present), weights(work.valid, rows))


def _coded(truth: np.ndarray, present: np.ndarray) -> np.ndarray:
    return np.searchsorted(present, truth) if len(present) else truth
