"""Any member, learned once for each fold on the rows outside it, and averaged.

Each model predicts the rows it did not see, so that every training row gets an honest prediction
(`out_of_fold`): these choose ensemble weights and calibrate where rows are too few to set some apart. The models
together see all rows and, averaged, err less than one of them (bagging over folds, "cross-validated committee";
Parmanto et al. 1996).
"""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from mapsto.members.base import Folded, Member, Predictions
from mapsto.members.common import nested, states
from mapsto.table.notes import Note
from mapsto.training.budget import NotInTime

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mapsto.members.base import Folds, Work
    from mapsto.schema import Encoded, Schema
    from mapsto.training.budget import Budget


_HURRY = 0.8
"""Share of the time of the first fold that another takes at least: it may learn for a shorter time."""


class Bagged(Folded):
    """One model a fold.

    Args:
        member: an unfitted member; each fold learns a copy.
        folds: rows of the training table that each model learns from, and those it does not see.
        stop_rows: which of the unseen rows may stop a model early. None: all of them, which makes the out-of-fold
            predictions very slightly optimistic, for every member alike. An empty array: none, so that models learn
            for a fixed length.
    """

    name: ClassVar[str] = "bagged"

    members: list[Member]
    """One fitted model a fold."""

    def __init__(self, member: Member, folds: Folds, stop_rows: np.ndarray | None = None) -> None:
        self.member, self.folds, self.stop_rows = member, folds, stop_rows
        self.notes = []

    @classmethod
    def of(cls, members: Sequence[Member]) -> Self:
        """From members fitted elsewhere."""
        bag = cls.__new__(cls)
        bag.members, bag.out_of_fold, bag.notes = list(members), {}, []
        return bag

    @property
    def count(self) -> int:
        """How many models there are."""
        return len(self.members)

    def fit(self, work: Work) -> Self:
        """Learn one model a fold from `work.train`, each with an equal share of the time left.

        `work.valid` is not used: what may stop a model are the rows outside its fold.
        """
        self.members, self.out_of_fold, begun = [], {}, work.run.elapsed
        for number, (inside, outside) in enumerate(self.folds):
            member = self._fold(work, number, inside, outside, work.share(1 / (len(self.folds) - number)))
            self._fill(member.predict(work.train.take(outside), threads=work.threads), outside, work.train.rows)
            self.members.append(member)
            if number == 0:
                self._give_up(work, work.run.elapsed - begun)
        self.notes = _once(note for member in self.members for note in member.notes)
        return self

    def _give_up(self, work: Work, took: float) -> None:
        """What may be left out is, where the folds to come would take longer than the time left for them."""
        if work.budget is None or not work.optional:
            return
        name, rest = f"{work.label}{self.member.name}: the other folds", (len(self.folds) - 1) * took
        if not work.budget.fits(name, lambda: _HURRY * rest):
            message = f"one of {len(self.folds)} folds took {took:.3g} s, and {work.budget.seconds:.3g} s were left"
            raise NotInTime(message)

    def _fold(self, work: Work, number: int, inside: np.ndarray, outside: np.ndarray, budget: Budget | None) -> Member:
        """Learn the model of one fold, or take it up where an earlier process finished it."""
        place = f"folds/{_slug(work.label + self.member.name)}/{number}"
        kept = None if work.run.folder is None else work.run.kept(place)
        if kept is not None:
            json, arrays = kept
            return nested.hear(type(self.member).from_state(json["state"], arrays, work.schema), json)
        stop = outside if self.stop_rows is None else outside[np.isin(outside, self.stop_rows)]
        own = replace(
            work,
            train=work.train.take(inside),
            valid=work.train.take(stop) if len(stop) else None,
            seed=work.seed + number,
            budget=budget,
            part=work.part / (len(self.folds) - number),
            afterwards=work.afterwards + len(outside),
            label=f"{work.label}fold {number + 1} of {len(self.folds)}: ",
            alike=f"{work.alike or work.label}each of {len(self.folds)} folds: ",
        )
        member = copy.deepcopy(self.member).fit(own)
        if work.run.folder is not None:
            json, arrays = member.to_state()
            work.run.keep(place, {"state": json, "notes": nested.told(member)}, arrays)
        return member

    def _fill(self, predictions: Predictions, outside: np.ndarray, rows: int) -> None:
        for name, values in predictions.items():
            if name not in self.out_of_fold:
                self.out_of_fold[name] = np.full((rows, values.shape[1]), np.nan, dtype=values.dtype)
            self.out_of_fold[name][outside] = values

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
        """The mean of all models' predictions."""
        return nested.averaged([member.predict(encoded, threads=threads) for member in self.members])

    def to_state(self) -> states.State:
        """The models of all folds."""
        json, arrays = nested.save(self.members)
        return {"members": json}, arrays

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse, without `out_of_fold`."""
        saved = states.entry(json, "members", list)
        return cls.of(nested.load(saved, arrays, schema, most=100, without=("bagged", "ensemble", "hybrid")))


def _once(notes: Iterable[Note]) -> list[Note]:
    """Notes that differ in nothing but numbers as one.

    >>> [note.text for note in _once(Note("info", f"fold {k} of 2 went on for {7 * k} steps.") for k in (1, 2))]
    ['fold 1 of 2 went on for 7 steps. So it is with 1 other fold.']
    """
    alike: dict[str, list[Note]] = {}
    for note in notes:
        alike.setdefault(re.sub(r"\d[\d.,e+-]*", "#", note.text), []).append(note)
    found = []
    for first, *others in alike.values():
        more = f" So it is with {len(others)} other fold{'s' * (len(others) > 1)}." if others else ""
        found.append(replace(first, text=first.text + more))
    return found


def _slug(text: str) -> str:
    """`text` as a name of a kept piece.

    >>> _slug("baseline: Forest")
    'baseline-forest'
    """
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
