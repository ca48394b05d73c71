"""Targets as single-output problems: a number, a class, or one label of several.

Learners that give one output at a time (boosting, forests, linear models) learn one problem after another; their
outputs are put together again to predictions in the form of each target's task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapsto.metrics import own_labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mapsto.columns.base import Column
    from mapsto.members.base import Predictions
    from mapsto.schema import Encoded, Schema


@dataclass(frozen=True)
class Problem:
    """One thing to learn."""

    key: str
    """Its name in saved states: position of the target, and of the label where there are several."""
    target: Column
    label: int | None = None

    @property
    def classes(self) -> int:
        """Number of classes, 0 for a number."""
        if self.label is not None:
            return 2
        return len(self.target.classes) if self.target.task == "classification" else 0

    @property
    def title(self) -> str:
        """How the log calls it."""
        return self.target.name if self.label is None else f"{self.target.name}={self.target.classes[self.label]}"

    def truth(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """Rows whose truth is known, and their truth: int64 class codes, or float64 numbers counted from `origin`."""
        truth = encoded.truth[self.target.name]
        if self.label is not None:
            truth = own_labels(truth[:, self.label])
        rows = np.flatnonzero(np.isfinite(truth) if truth.dtype.kind == "f" else truth >= 0)
        return rows, truth[rows].astype(np.int64) if self.classes else truth[rows].astype(np.float64) - self.origin

    @property
    def origin(self) -> float:
        """Where numbers are counted from: 0, unless they lie far from it, as what is learned has 32 bits."""
        return 0.0 if self.classes else self.target.origin


def problems(schema: Schema) -> list[Problem]:
    """The problems of all targets, in order."""
    found: list[Problem] = []
    for position, target in enumerate(schema.targets):
        if target.task == "multilabel":
            found += [Problem(f"{position}-{label}", target, label) for label in range(len(target.classes))]
        else:
            found.append(Problem(str(position), target))
    return found


def together(schema: Schema, outputs: Mapping[str, np.ndarray]) -> Predictions:
    """Outputs by problem key, each `(rows, 1)` or `(rows, classes)`, as predictions of every target."""
    found: Predictions = {}
    for problem in problems(schema):
        output = outputs[problem.key]
        if problem.label is None:
            found[problem.target.name] = output.astype(np.float64) + problem.origin if problem.origin else output
        else:
            before = found.get(problem.target.name, output[:, :0])
            found[problem.target.name] = np.concatenate([before, output[:, 1:]], axis=1)
    return found


def weights(encoded: Encoded, rows: np.ndarray) -> np.ndarray | None:
    """Weights of these rows as float64, None where all count alike."""
    return None if encoded.weight is None else encoded.weight[rows].astype(np.float64)
