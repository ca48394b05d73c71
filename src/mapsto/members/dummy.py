"""The simplest guess: always the mean, or the class frequencies. What learns nothing must not do better."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from mapsto.errors import DataError
from mapsto.members.base import Member, Predictions
from mapsto.members.common import states
from mapsto.metrics import named

if TYPE_CHECKING:
    from typing import Any

    from mapsto.members.base import Work
    from mapsto.schema import Encoded, Schema


class Dummy(Member):
    """Repeats each target's naive guess (`Column.naive`)."""

    name: ClassVar[str] = "dummy"

    guesses: dict[str, np.ndarray]
    """By target: the guess for one row, `(1, width)`."""

    def fit(self, work: Work) -> Self:
        """Take the guess from the training rows whose truth is known."""
        self.guesses = {}
        for target in work.schema.targets:
            truth = work.train.truth[target.name]
            known, weight = named(target.task or "regression", truth), work.train.weight
            if not known.any():
                message = (
                    f"target '{target.name}' has no value in any of {len(truth):,} training rows; "
                    "nothing can be learned. Give rows that have it, or leave the target out."
                )
                raise DataError(message)
            given = () if weight is None else (weight[known],)
            self.guesses[target.name] = np.asarray(target.naive(truth[known], 1, *given), dtype=np.float64)
        return self

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
        """The same guess for every row."""
        return {name: np.repeat(guess, encoded.rows, axis=0) for name, guess in self.guesses.items()}

    def to_state(self) -> states.State:
        """One small array a target, by position."""
        return {}, {str(position): guess for position, guess in enumerate(self.guesses.values())}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse of `to_state`."""
        member = cls()
        member.guesses = {}
        for position, target in enumerate(schema.targets):
            width = 1 if target.task == "regression" else len(target.classes)
            member.guesses[target.name] = states.finite(arrays, str(position), (1, width)).astype(np.float64)
        return member
