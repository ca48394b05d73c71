"""The contract of a member: anything that can stand in an ensemble or as a baseline.

A member learns from encoded rows and predicts in the form of each target's task (`mapsto.columns.base.Task`):
probabilities, or numbers in the user's units. It saves as JSON and plain arrays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from mapsto.metrics import Metric
    from mapsto.recipe import Recipe
    from mapsto.schema import Encoded, Schema
    from mapsto.table.notes import Note
    from mapsto.training.budget import Budget
    from mapsto.training.run import Run

Predictions = dict[str, "np.ndarray"]
"""Target name to predictions in the form of its task."""
Folds = list[tuple["np.ndarray", "np.ndarray"]]
"""For each fold: rows to learn from, and rows outside (as `mapsto.table.folds` gives them)."""


@dataclass
class Work:
    """All a member needs to learn."""

    schema: Schema
    train: Encoded
    """Rows to learn from, with truth (a target's missing rows are masked or skipped) and weight."""
    valid: Encoded | None
    """Rows that may choose (early stopping); never those that calibrate or judge. None: learn for a fixed length."""
    metrics: dict[str, Metric]
    """Per target, the figure that decides."""
    recipe: Recipe
    run: Run
    """Clock, decisions, events, checkpoints, interruption."""
    seed: int = 0
    threads: int = 2
    budget: Budget | None = None
    """Time this member may take; None: its length is derived from the data and no clock is looked at."""
    optional: bool = False
    """Whether it may be given up (`NotInTime`) where a part of it is seen to take longer than its time."""
    part: float = 1.0
    """Where no time is given: the share of the rest of the run's limit that it may be planned for, if it is slow."""
    afterwards: int = 0
    """Rows that it will be asked to predict once it is learned, within `budget`."""
    device: str = "auto"
    """Where a network computes: a name of PyTorch, or "auto"."""
    folds: Folds | None = None
    """Ways to try settings, where rows are split by group or time: rows of `train` to learn from, and to judge on."""
    interchangeable: bool = True
    """Whether any row may be learned from to predict any other; not where rows are split by group or time."""
    label: str = ""
    """Put before the names of recorded decisions, so that they stay unique when a member is learned several times."""
    alike: str = ""
    """The same for decisions that all of these times share, since a step of one is like a step of the others."""

    @property
    def seconds(self) -> float | None:
        """Those left now; None: no clock is looked at."""
        return None if self.budget is None else self.budget.seconds

    def share(self, share: float) -> Budget | None:
        """A part of the time that is left now."""
        return None if self.budget is None else self.budget.share(share)


class Member(ABC):
    """A network, a forest, boosted trees, a linear model, a dummy: one protocol."""

    name: ClassVar[str]
    notes: Sequence[Note] = ()
    """What learning had to tell; not saved in models, but kept for a run that is resumed."""

    def over(self, folds: Folds, stop_rows: np.ndarray | None = None) -> Folded:
        """The unfitted member, to be learned once for each fold and averaged (`members/bagged.py`)."""
        from mapsto.members.bagged import Bagged

        return Bagged(self, folds, stop_rows)

    whole: ClassVar[float] = 0.0
    """Learned over folds: the share, in predictions, of one model more that learns from all rows."""

    def of_all(self, work: Work, folded: Sequence[Self]) -> Self:
        """Learn from all rows, without rows to stop at, as long as its models of the folds learned."""
        return self.fit(work)

    def out_of_bag(self, work: Work) -> Predictions | None:
        """Learn from all rows, and say of each what the parts say that did not see it. None, with nothing learned,
        where it has no such parts.
        """
        return None

    @abstractmethod
    def fit(self, work: Work) -> Self:
        """Learn. Same work, same seed: same member. Stops early, with what it has, when `work.run` says so."""

    @abstractmethod
    def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
        """Predictions for every row. A row's prediction does not depend on the other rows. Thread-safe."""

    @abstractmethod
    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON and plain arrays."""

    @classmethod
    @abstractmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse. The contents may be hostile: every index, shape, dtype and size is checked before use, and a
        `ModelFileError` says what is wrong.
        """


class Folded(Member):
    """A member that learns one model a fold, and remembers what each said of the rows that it did not see."""

    out_of_fold: Predictions
    """Predictions of the training rows by the model that did not see them; NaN for rows in no fold. Not saved."""

    count: int
    """Over how many folds it was learned; 0 where it was not."""
