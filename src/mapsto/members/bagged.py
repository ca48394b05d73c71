"""Any member, learned once for each fold on the rows outside it, and averaged.

Each model predicts the rows it did not see, so that every training row gets an honest prediction
(`out_of_fold`): these choose ensemble weights and calibrate where rows are too few to set some apart. The models
together see all rows and, averaged, err less than one of them (bagging over folds, "cross-validated committee";
Parmanto et al. 1996). Beside them may stand one more that learns from all rows (`Member.whole`): what has no noise is
learned better from more rows. A forest needs no folds: its trees each leave rows out (`Member.out_of_bag`).
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
    from collections.abc import Callable, Iterable, Sequence

    from mapsto.members.base import Folds, Work
    from mapsto.schema import Encoded, Schema
    from mapsto.training.budget import Budget


_HURRY = 0.8
"""Share of the time of the first fold that another takes at least: it may learn for a shorter time."""


MOST = 100
"""Models of one member at most."""


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
    """The fitted models: one a fold, then the one of all rows."""
    shares: list[float]
    """Of each in predictions, summing to 1."""

    def __init__(self, member: Member, folds: Folds, stop_rows: np.ndarray | None = None) -> None:
        self.member, self.folds, self.stop_rows = member, folds, stop_rows
        self.notes = []

    @classmethod
    def of(cls, members: Sequence[Member], shares: Sequence[float] | None = None) -> Self:
        """From members fitted elsewhere; without `shares` all count alike."""
        bag = cls.__new__(cls)
        bag.members, bag.out_of_fold, bag.notes = list(members), {}, []
        bag.count = len(bag.members)
        bag.shares = [1 / bag.count] * bag.count if shares is None else list(shares)
        return bag

    def fit(self, work: Work) -> Self:
        """Learn one model a fold from `work.train`, each with an equal share of the time left.

        `work.valid` is not used: what may stop a model are the rows outside its fold.
        """
        self.count, begun = len(self.folds), work.run.elapsed
        if work.interchangeable:
            member = copy.deepcopy(self.member)
            found = member.out_of_bag(replace(work, valid=None))
            if found is not None:
                self.members, self.shares, self.out_of_fold = [member], [1.0], found
                return self
        self.members, self.out_of_fold = [], {}
        whole = self.member.whole if work.interchangeable else 0.0
        trainings = len(self.folds) + (whole > 0)

        for number, (inside, outside) in enumerate(self.folds):
            member = self._fold(work, number, inside, outside, work.share(1 / (trainings - number)))
            self._fill(member.predict(work.train.take(outside), threads=work.threads), outside, work.train.rows)
            self.members.append(member)
            if number == 0:
                self._give_up(work, work.run.elapsed - begun)
        self.shares = [(1 - whole) / len(self.folds)] * len(self.folds)
        if whole:
            own = replace(work, valid=None, label=f"{work.label}all rows: ")
            self.members.append(self._kept(own, "all", lambda: copy.deepcopy(self.member).of_all(own, self.members)))
            self.shares.append(whole)
        self.members = [member for member, share in zip(self.members, self.shares, strict=True) if share]
        self.shares = [share for share in self.shares if share]
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
        """Learn the model of one fold."""
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
        return self._kept(work, str(number), lambda: copy.deepcopy(self.member).fit(own))

    def _kept(self, work: Work, name: str, learn: Callable[[], Member]) -> Member:
        """What an earlier process kept under this name, or what is learned now."""
        if work.run.folder is None:
            return learn()
        place = f"folds/{_slug(work.label + self.member.name)}/{name}"
        kept = work.run.kept(place)
        if kept is not None:
            json, arrays = kept
            return nested.hear(type(self.member).from_state(json["state"], arrays, work.schema), json)
        member = learn()
        json, arrays = member.to_state()
        work.run.keep(place, {"state": json, "notes": nested.told(member)}, arrays)
        return member

    def _fill(self, predictions: Predictions, outside: np.ndarray, rows: int) -> None:
        for name, values in predictions.items():
            if name not in self.out_of_fold:
                self.out_of_fold[name] = np.full((rows, values.shape[1]), np.nan, dtype=values.dtype)
            self.out_of_fold[name][outside] = values

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
        """The weighted mean of all models' predictions."""
        found = [member.predict(encoded, threads=threads) for member in self.members]
        return {name: nested.weighted([each[name] for each in found], self.shares) for name in found[0]}

    def to_state(self) -> states.State:
        """The models and their shares."""
        json, arrays = nested.save(self.members)
        return {"members": json, "shares": self.shares, "folds": self.count}, arrays

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse, without `out_of_fold`."""
        saved = states.entry(json, "members", list)
        members = nested.load(saved, arrays, schema, most=MOST, without=("bagged", "ensemble", "hybrid"))
        if "shares" not in json:  # files written before a model of all rows stood beside those of the folds
            return cls.of(members)
        bag = cls.of(members, states.shares(json, "shares", len(members)))
        bag.count = states.whole(json, "folds", 0, MOST)
        return bag


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
