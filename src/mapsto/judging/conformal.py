"""Split conformal prediction: intervals for numbers and sets for classes that hold the truth as often as promised.

Rows that only calibrate get a *nonconformity score*, how badly the prediction fits the truth: the absolute residual
(divided by a scale a row, where one is given), or one minus the probability of the true class (the "least ambiguous
sets" of Sadinle, Lei and Wasserman, 2019). With n such rows, a new row's score lies at or below the
`ceil((n + 1) * level)`-th smallest of them with probability at least `level` and at most `level + 1 / (n + 1)` (without
ties), whatever the model, as long as new rows are exchangeable with the calibration rows. Vovk, Gammerman and Shafer
(2005); Lei et al., Distribution-Free Predictive Inference for Regression (2018). The promise is for rows on average,
not for each kind of row. Where the model is right more often than `level`, sets hold the truth more often than
promised, because a set always contains at least the most probable class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mapsto.errors import ModelFileError, OptionError
from mapsto.metrics import present

if TYPE_CHECKING:
    from mapsto.metrics import Task

_KEPT = 1000
"""Scores kept at most; thinning rounds a level up by at most one in a thousand, so the promise stands."""


@dataclass(frozen=True)
class Conformal:
    """What calibration rows say about how wrong predictions are.

    Args:
        task: "regression" or "classification".
        rows: number of calibration rows.
        scores: nonconformity scores, rising, at ranks `ceil(k * rows / len(scores))`, k = 1, 2, ...
    """

    task: Task
    rows: int
    scores: np.ndarray

    @classmethod
    def fit(cls, task: Task, truth: np.ndarray, prediction: np.ndarray, scale: np.ndarray | None = None) -> Self:
        """Learn from calibration rows.

        Args:
            task: the form of truth and predictions.
            truth: rows that calibrate only.
            prediction: predictions of these rows, already temperature-scaled as they will be later.
            scale: for numbers, `(rows,)` above 0, how uncertain each prediction is, up to a factor; None: all alike.

        Raises:
            OptionError: the task has no conformal form.
        """
        if task == "multilabel":
            message = "intervals and sets are offered for numbers and for one class a row, not for several labels a row"
            raise OptionError(message)
        known = present(task, truth)
        truth, prediction = truth[known], prediction[known]
        if task == "classification":
            found = 1.0 - prediction[np.arange(len(truth)), truth].astype(np.float64)
            found[truth < 0] = 1.0  # a class that the model does not have is in none of its sets
        else:
            found = np.abs(truth - prediction.reshape(-1))
            found = found if scale is None else found / scale[known]
        found = np.sort(found)
        return cls(task, len(found), found[_ranks(len(found), min(_KEPT, len(found))) - 1])

    def radius(self, level: float) -> float:
        """The score that a new row stays at or below with probability `level`.

        Infinite where too few rows calibrate for that level.

        Raises:
            OptionError: the level is not between 0 and 1.
        """
        if not 0 < level < 1:
            message = f"an interval needs a level between 0 and 1, such as 0.9; got {level!r}"
            raise OptionError(message)
        wanted = math.ceil(round((self.rows + 1) * level, 9))
        ranks = _ranks(self.rows, len(self.scores))
        place = int(np.searchsorted(ranks, wanted))
        return float(self.scores[place]) if place < len(ranks) else math.inf

    def interval(
        self, prediction: np.ndarray, level: float, scale: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds `(rows,)` that hold a number with probability `level`; `scale` as given to `fit`."""
        radius = self.radius(level) * (np.ones(len(prediction)) if scale is None else scale)
        centre = prediction.reshape(-1).astype(np.float64)
        return centre - radius, centre + radius

    def sets(self, prediction: np.ndarray, level: float) -> np.ndarray:
        """Boolean `(rows, classes)`: the classes that together hold the true one with probability `level`."""
        # A score computed from rounded probabilities may miss its own bound by one rounding step.
        inside = 1.0 - prediction.astype(np.float64) <= self.radius(level) + 1e-12
        inside[np.arange(len(prediction)), prediction.argmax(axis=1)] = True
        return np.asarray(inside)

    def to_json(self) -> dict[str, Any]:
        """JSON; `from_json` is the inverse."""
        return {"task": self.task, "rows": self.rows, "scores": self.scores.tolist()}

    @classmethod
    def from_json(cls, json: dict[str, Any]) -> Self:
        """The inverse of `to_json`; the contents may be hostile.

        Raises:
            ModelFileError: a field is missing, of the wrong type, or impossible.
        """
        task, rows, found = (json.get(key) for key in ("task", "rows", "scores"))
        if task not in ("regression", "classification") or type(rows) is not int or not isinstance(found, list):
            message = "conformal state: expected a task, a number of rows and a list of scores; the file is damaged"
            raise ModelFileError(message)
        numeric = all(type(score) is float for score in found)
        if len(found) != min(rows, _KEPT) or not numeric or not _rising(scores := np.array(found, dtype=np.float64)):
            message = f"conformal state: {len(found)} scores do not fit {rows} rows, or are not finite and rising"
            raise ModelFileError(message)
        return cls(task, rows, scores)


def _ranks(rows: int, kept: int) -> np.ndarray:
    """Which of `rows` sorted scores are kept, counted from 1; the last is always among them."""
    return -(-np.arange(1, kept + 1) * rows // max(kept, 1))


def _rising(scores: np.ndarray) -> bool:
    return bool(np.isfinite(scores).all() and (np.diff(scores) >= 0).all() and (scores >= 0).all())
