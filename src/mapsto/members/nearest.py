"""The nearest of the remembered rows answer: shares of their classes, or the mean of their numbers (Cover and Hart,
Nearest neighbor pattern classification, 1967).

Numbers are standardised and codes become a column each, as for the linear model; pictures are the main components of
small copies. What is remembered is rounded to bytes: distances are then whole numbers that a matrix product finds
without error, so that neighbours do not depend on which rows are asked for together. How many neighbours answer is
chosen on remembered rows, each held out of its own answer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from mapsto.members.base import Member, Predictions
from mapsto.members.common import states
from mapsto.members.common.chunks import by_chunks
from mapsto.members.common.design import Design
from mapsto.members.common.lessons import rows_with_truth
from mapsto.members.common.outputs import all_classes, saved_present
from mapsto.members.common.preparation import Preparation
from mapsto.members.common.problems import Problem, problems, together, weights
from mapsto.members.common.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mapsto.members.base import Work
    from mapsto.schema import Encoded, Schema

MOST_ROWS, MOST_CELLS = 20_000, 2**23
"""Rows that are remembered, and fewer where they have very many columns. Fashion-MNIST: .810 of 5,000, .840 of
20,000."""
_FEWEST_ROWS = 1000
_INDEX = 2**15
"""Above any row's number: a distance times this, plus the number, is one key to both."""
_STEPS = 16
"""Steps a standard deviation is rounded to; a byte reaches to 8 of them."""
_AT_ONCE = 2**21
"""Distances in memory at once."""
_NEIGHBOURS = (8, 16, 4, 32, 2, 1)
"""Numbers of neighbours that are tried; of equal ones the first."""
_HELD = 2000
"""Remembered rows that choose among them, each held out of its own answer."""
_TIMED, _ASKED = 64, 10_000
"""Rows whose search is timed, and rows that a fit will ask for within the given time."""
_OWN_CLASS, _OWN_NUMBER = 1.0, 1e-6
"""Neighbours that the guess over all training rows counts for."""


class NearestSettings(Settings):
    """Options in the recipe under `members.nearest`."""

    neighbours: int | None = Field(None, ge=1, le=1000)
    """None: chosen on remembered rows that are held out, for each target."""


@dataclass(frozen=True)
class Memory:
    """Remembered rows, and how rows are brought into their form."""

    preparation: Preparation
    design: Design
    columns: np.ndarray
    """Columns of the design in which remembered rows differ; the others do not tell them apart: `(columns,)`."""
    rows: np.ndarray
    """int8 `(rows, columns)`."""

    @classmethod
    def of(cls, preparation: Preparation, design: Design, values: np.ndarray) -> Self:
        """Remember features `(rows, features)`."""
        every = _rounded(design.dense(preparation.apply(values)))
        columns = np.flatnonzero((every != every[0]).any(axis=0))
        return cls(preparation, design, columns, every[:, columns])

    @cached_property
    def _keys(self) -> np.ndarray:
        """What turns a row and a 1 into keys: `(columns + 1, rows)`.

        A key is the squared distance, less the row's own square, times `_INDEX`, plus the number of the remembered row.
        All are whole numbers far below 2**53, so that sums in any order are exact.
        """
        rows = self.rows.astype(np.float64)
        own = np.square(rows).sum(axis=1) * _INDEX + np.arange(len(rows))
        return np.concatenate([-2.0 * _INDEX * rows.T, own[None]])

    def nearest(self, values: np.ndarray, count: int) -> np.ndarray:
        """Numbers of the `count` remembered rows (or all) nearest to features, nearest first: `(rows, count)`."""
        found = np.empty((len(values), min(count, len(self.rows))), dtype=np.int64)
        step = max(1, _AT_ONCE // max(len(self.rows), self.design.width))
        for at in range(0, len(values), step):
            some = self.design.dense(self.preparation.apply(values[at : at + step]))[:, self.columns]
            keys = np.concatenate([_rounded(some), np.ones((len(some), 1))], axis=1) @ self._keys
            if found.shape[1] < keys.shape[1]:
                keys.partition(found.shape[1], axis=1)
            first = np.sort(keys[:, : found.shape[1]], axis=1).astype(np.int64)
            found[at : at + step] = first & (_INDEX - 1)
        return found

    def take(self, rows: np.ndarray) -> Memory:
        """The same with some of the rows."""
        return Memory(self.preparation, self.design, self.columns, self.rows[rows])

    def to_state(self) -> states.State:
        """JSON and arrays."""
        json, own = self.preparation.to_state()
        arrays = states.prefixed("preparation", own) | self.design.arrays()
        return json, arrays | {"columns": states.narrow(self.columns), "rows": self.rows}

    @classmethod
    def from_state(cls, json: Any, arrays: Mapping[str, np.ndarray]) -> Self:
        """The inverse, contents checked."""
        preparation = Preparation.from_state(json, states.unprefixed("preparation", arrays))
        design = Design.from_arrays(arrays, preparation)
        columns = states.array(arrays, "columns", "i", (None,)).astype(np.int64)
        inside = bool(((columns >= 0) & (columns < design.width)).all())
        states.require(inside and len(np.unique(columns)) == len(columns), "a remembered column does not exist")
        rows = states.array(arrays, "rows", "i", (None, len(columns)))
        states.require(rows.dtype == np.int8 and 0 < len(rows) < _INDEX, "the remembered rows are of another form")
        return cls(preparation, design, columns, rows)


@dataclass(frozen=True)
class Answers:
    """What the remembered rows say of one problem."""

    truth: np.ndarray
    """Numbers, or codes into `present`: `(rows,)`."""
    weight: np.ndarray
    """0 where the truth is not known: `(rows,)` float32."""
    guess: np.ndarray
    """The mean, or frequencies of the present classes, over all training rows: `(outputs,)`."""
    classes: int
    present: np.ndarray
    """Codes of the classes that occurred in training."""
    learned: int
    """Training rows."""

    @classmethod
    def of(cls, problem: Problem, work: Work, remembered: np.ndarray) -> Self:
        """From the training rows; `remembered`: which of them."""
        rows, truth = rows_with_truth(problem, work)
        given = weights(work.train, rows)
        weight = np.ones(len(rows)) if given is None else given / given.mean()
        present = np.unique(truth) if problem.classes else np.arange(0)
        if problem.classes:
            truth = np.searchsorted(present, truth)
            guess = np.bincount(truth, weight, minlength=len(present)) / weight.sum()
        else:
            guess = np.atleast_1d(np.average(truth, weights=weight))
        of_all = np.zeros((2, work.train.rows))
        of_all[:, rows] = truth, weight
        own, weight = of_all[:, remembered]
        own = own.astype(np.int64) if problem.classes else own
        return cls(own, weight.astype(np.float32), guess, problem.classes, present, len(rows))

    def to(self, near: np.ndarray) -> np.ndarray:
        """The answer of neighbours `(rows, neighbours)`: numbers, or probabilities of all classes.

        Terms are added one after another: the order of a sum must not depend on the number of rows.
        """
        counted = np.full(len(near), _OWN_CLASS if self.classes else _OWN_NUMBER)
        total, row = counted[:, None] * self.guess, np.arange(len(near))
        for each in near.T:
            weight = self.weight[each].astype(np.float64)
            counted += weight
            if self.classes:
                total[row, self.truth[each]] += weight
            else:
                total[:, 0] += weight * self.truth[each]
        found: np.ndarray = total / counted[:, None]
        return all_classes(found, self.present, self.classes, self.learned) if self.classes else found

    def to_state(self) -> states.State:
        """JSON and arrays."""
        truth = states.narrow(self.truth) if self.classes else self.truth
        arrays = {"truth": truth, "weight": self.weight, "guess": self.guess}
        return {"present": self.present.tolist(), "rows": self.learned}, arrays

    @classmethod
    def from_state(cls, json: Any, arrays: Mapping[str, np.ndarray], problem: Problem, rows: int) -> Self:
        """The inverse; `ModelFileError` if it does not fit the problem."""
        present = saved_present(json, problem.classes)
        guess = states.finite(arrays, "guess", (len(present) if problem.classes else 1,)).astype(np.float64)
        weight = states.finite(arrays, "weight", (rows,)).astype(np.float32)
        states.require(bool((weight >= 0).all()), "a weight is below 0")
        learned = states.whole(json, "rows", 1, 2**48)
        if not problem.classes:
            return cls(states.finite(arrays, "truth", (rows,)), weight, guess, 0, present, learned)
        truth = states.array(arrays, "truth", "i", (rows,)).astype(np.int64)
        states.require(bool(((truth >= 0) & (truth < len(present))).all()), "a class does not exist")
        return cls(truth, weight, guess, problem.classes, present, learned)


class Nearest(Member):
    """Nearest neighbours among at most 20,000 remembered training rows."""

    name: ClassVar[str] = "nearest"
    whole: ClassVar[float] = 1.0

    schema: Schema
    memory: Memory
    answers: dict[str, Answers]
    """By problem key."""
    neighbours: dict[str, int]
    """How many answer, by target."""

    def fit(self, work: Work) -> Self:
        """Remember rows, fewer where `work.budget` are short; validation rows are not looked at."""
        settings = NearestSettings.parse(work.recipe.members.get(self.name, {}), f"members.{self.name}")
        self.schema = work.schema
        features = work.schema.features(work.train)
        preparation = Preparation.fit(features)
        design = Design.fit(preparation, preparation.apply(features.values))
        rows = _drawn(work, max(1, min(MOST_ROWS, MOST_CELLS // max(1, design.width))))
        memory = Memory.of(preparation, design, features.values[rows])
        some = _affordable(work, memory, features.values)
        rows, self.memory = rows[some], memory.take(some)
        self.answers = {problem.key: Answers.of(problem, work, rows) for problem in problems(work.schema)}
        self.neighbours = {t.name: settings.neighbours or _NEIGHBOURS[0] for t in work.schema.targets}
        if settings.neighbours is None:
            self._choose(work, rows, features.values)
        return self

    def _choose(self, work: Work, rows: np.ndarray, values: np.ndarray) -> None:
        """Numbers of neighbours by the metrics that decide, on remembered rows for which only the others answer."""
        held = np.random.default_rng([work.seed, 3]).permutation(len(rows))[:_HELD]
        near = _without(held, self.memory.nearest(values[rows[held]], max(_NEIGHBOURS) + 1))
        truth = work.train.take(rows[held]).truth
        found = {
            k: together(self.schema, {key: answers.to(near[:, :k]) for key, answers in self.answers.items()})
            for k in _NEIGHBOURS
        }
        for name, metric in work.metrics.items():
            scores = [metric.sign * metric(truth[name], found[k][name]) for k in _NEIGHBOURS]
            self.neighbours[name] = _NEIGHBOURS[int(np.argmax(np.nan_to_num(scores, nan=-np.inf)))]

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
        """Means of the neighbours' numbers, or shares of their classes, for every row."""
        values, most = self.schema.features(encoded).values, max(self.neighbours.values())

        def outputs(rows: np.ndarray) -> dict[str, np.ndarray]:
            near = self.memory.nearest(rows, most)
            return {
                problem.key: self.answers[problem.key].to(near[:, : self.neighbours[problem.target.name]])
                for problem in problems(self.schema)
            }

        return together(self.schema, by_chunks(outputs, values, threads=threads))

    def to_state(self) -> states.State:
        """JSON and arrays: the remembered rows, and what they say of each problem."""
        json, arrays = self.memory.to_state()
        answers = {}
        for key, found in self.answers.items():
            answers[key], own = found.to_state()
            arrays |= states.prefixed(key, own)
        return {"preparation": json, "answers": answers, "neighbours": list(self.neighbours.values())}, arrays

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse, contents checked."""
        member = cls()
        member.schema = schema
        member.memory = Memory.from_state(states.entry(json, "preparation", dict), arrays)
        saved, rows = states.entry(json, "answers", dict), len(member.memory.rows)
        member.answers = {
            p.key: Answers.from_state(states.entry(saved, p.key, dict), states.unprefixed(p.key, arrays), p, rows)
            for p in problems(schema)
        }
        counts = states.entry(json, "neighbours", list)
        fits = len(counts) == len(schema.targets) and all(type(k) is int and 0 < k <= 1000 for k in counts)
        states.require(fits, "the numbers of neighbours do not fit the targets")
        member.neighbours = {target.name: k for target, k in zip(schema.targets, counts, strict=True)}
        return member


def _rounded(dense: np.ndarray) -> np.ndarray:
    """Rows of a design as bytes."""
    return np.asarray(np.clip(np.rint(dense * _STEPS), -127, 127).astype(np.int8))


def _without(own: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Neighbours without the row itself, or without the last where equal rows displaced it: one less."""
    others = near != own[:, None]
    others[others.all(axis=1), -1] = False
    found: np.ndarray = near[others].reshape(len(near), near.shape[1] - 1)
    return found


def _drawn(work: Work, most: int) -> np.ndarray:
    """At most so many training rows that have a weight and some truth, rising; classes keep their shares."""
    usable = np.zeros(work.train.rows, dtype=bool)
    for problem in problems(work.schema):
        usable[rows_with_truth(problem, work)[0]] = True
    if work.train.weight is not None:
        usable &= work.train.weight > 0
    rows = np.random.default_rng([work.seed, 2]).permutation(np.flatnonzero(usable))
    if len(rows) <= most:
        return np.sort(rows)
    first = work.train.truth[work.schema.targets[0].name][rows]
    if first.dtype.kind == "i":
        rows = rows[np.argsort(first, kind="stable")]  # every so many of them: classes keep their shares
    return np.sort(rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)])


def _affordable(work: Work, memory: Memory, values: np.ndarray) -> np.ndarray:
    """Which remembered rows are kept so that the searches of a fit take no longer than `work.budget`."""
    rows = len(memory.rows)
    if work.seconds is None or rows <= _FEWEST_ROWS:
        return np.arange(rows)
    seconds = work.seconds

    def measure() -> int:
        memory.nearest(values[:1], 1)  # what is made once is not timed
        started = time.monotonic()
        memory.nearest(values[:_TIMED], max(_NEIGHBOURS))
        pace = (time.monotonic() - started) / min(_TIMED, len(values))
        return min(rows, max(_FEWEST_ROWS, int(rows * seconds / (_ASKED * pace))))

    count = int(work.run.decide(f"{work.label}nearest: rows", measure))
    return np.linspace(0, rows - 1, count).astype(np.int64)
