"""Which settings of boosting, and which columns made of others, suit the data: found by trial on training rows.

A trial is a three-fold fit on at most 20,000 rows (two folds of the three where rows are many), on folds that keep to
the split: settings that remember a group, or the future, do well on folds that mix them. Two trials are compared
row by row: a change is kept when the mean difference of the rows' losses is more than twice its standard error and
matters (0.2 %). What to try comes from quick looks at what an additive model leaves unexplained: which pair of columns
explains it. Where such a look was sure by itself, half a standard error is enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.members.common.boosted import BoostingSettings, learn, something_everywhere, threads
from mapsto.members.common.lessons import Lesson, lessons, rows_with_truth
from mapsto.members.common.narrowing import FEWEST, telling
from mapsto.members.common.preparation import MAX_CODES, Preparation
from mapsto.training.run import Run

if TYPE_CHECKING:
    from mapsto.members.base import Folds, Work
    from mapsto.members.common.crosses import Spec
    from mapsto.training.budget import Budget

Entries = dict[str, Any]

_ROWS = 20_000
_FEW = 2000
"""Rows below which no columns are made: trials could not tell."""
_MANY = 6000
"""Rows from which two folds of the three tell enough; one did not (`dev/LOG.md`)."""
FOLDS = 3
_PAIRED, _PAIRS = 30, 2
"""Columns of which every two are looked at, and how many pairs are tried."""
_TRIAL: Entries = {"learning_rate": 0.2, "max_iter": 250, "n_iter_no_change": 10}
_FINAL: Entries = {"learning_rate": 0.15, "max_iter": 1000, "n_iter_no_change": 30}
_TRIAL_CLASSES: Entries = {"learning_rate": 0.4, "max_iter": 100, "n_iter_no_change": 5}
_FINAL_CLASSES: Entries = {"learning_rate": 0.3, "max_iter": 500, "n_iter_no_change": 15}
"""With more than two classes, when a round grows a tree for each: the same loss in a third of the time."""
_SHAPES: tuple[Entries, ...] = (
    {"max_depth": 3, "max_leaf_nodes": 8, "max_features": 0.5},
    {"max_depth": 4, "max_leaf_nodes": 16, "max_features": 0.5},
    {"max_leaf_nodes": 31},
)
_SMALL_SHAPES: tuple[Entries, ...] = (
    {"max_depth": 3, "max_leaf_nodes": 8, "l2_regularization": 10.0, "max_features": 0.5, "min_samples_leaf": 5},
    {"max_leaf_nodes": 15, "l2_regularization": 10.0, "max_features": 0.3},
    {"max_leaf_nodes": 15, "l2_regularization": 1.0, "min_samples_leaf": 5},
)
"""From trees that predict fastest to the largest. The last of each looks at all columns in every split: where a rule
without noise decides, the one that it asks for next must be among them."""


def tune(work: Work) -> Entries:
    """Entries for the recipe's `members.boosting`, found within `work.budget` and recorded as a decision.

    The shape of the trees suits the first target; columns made of others suit each. Labels of sets get the shape only.
    """
    return dict(work.run.decide(f"{work.label}boosting settings", lambda: _tune(work)))


def _tune(work: Work) -> Entries:
    features = work.schema.features(work.train)
    preparation = Preparation.fit(features, only=telling(features, work))
    names = [features.names[j] for j in preparation.order]
    quiet = replace(work, run=Run(), budget=None, valid=None)
    shape: Entries | None = None
    first: Entries = {}
    """The smallest shape, for where no trial can be made."""
    final = _FINAL
    made: dict[str, list[Spec]] = {}
    with threads(work, _ROWS):
        for lesson in lessons(quiet, preparation):
            target = lesson.problem.target.name
            chosen, folds = _some_rows(lesson), None
            if work.folds is not None:
                folds = _folds_of(work.folds, rows_with_truth(lesson.problem, quiet)[0][chosen], work.train.rows)
            trials = _Trials(
                _only(lesson, chosen), names, quiet, sorted(preparation.ranks), work.run, work.budget, folds
            )
            if shape is None and trials.possible:
                shape = trials.best_shape()
            trials.settings |= shape or trials.shapes[0]
            final = _FINAL_CLASSES if not first and trials.several else final
            first = first or trials.shapes[0]
            crosses = trials.crosses() if trials.useful else []
            if crosses:
                made[target] = crosses
    return {**final, **(shape or first), "crosses": made}


def _some_rows(lesson: Lesson) -> np.ndarray:
    rows = np.arange(len(lesson.truth))
    return np.sort(np.random.default_rng(0).choice(rows, _ROWS, replace=False)) if len(rows) > 1.5 * _ROWS else rows


def _folds_of(folds: Folds, rows: np.ndarray, count: int) -> Folds:
    """Folds of a table of `count` rows as folds of some of them; those that keep no rows on a side are left out."""
    place = np.full(count, -1)
    place[rows] = np.arange(len(rows))
    found = [(place[inside], place[outside]) for inside, outside in folds]
    found = [(inside[inside >= 0], outside[outside >= 0]) for inside, outside in found]
    return [(inside, outside) for inside, outside in found if len(inside) and len(outside)]


def _only(lesson: Lesson, rows: np.ndarray) -> Lesson:
    weight = None if lesson.weight is None else lesson.weight[rows]
    return replace(lesson, values=lesson.values[rows], truth=lesson.truth[rows], weight=weight)


@dataclass
class _Trials:
    """Trials on one problem."""

    lesson: Lesson
    names: list[str]
    work: Work
    coded: list[int]
    run: Run
    """That of the fit, which says when to stop; trials have their own."""
    budget: Budget | None
    given: Folds | None = None
    """Folds that keep to the split; None: any will do."""

    def __post_init__(self) -> None:
        self.settings: Entries = dict(_TRIAL_CLASSES if self.several else _TRIAL)
        self.losses: np.ndarray | None = None
        self.shapes = _SHAPES if len(self.lesson.truth) >= _FEW else _SMALL_SHAPES
        if self.given is not None and self.lesson.weight is not None:
            weighs = self.lesson.weight > 0
            self.given = [(a, b) for a, b in self.given if weighs[a].any() and weighs[b].any()]

    @property
    def over(self) -> bool:
        """Whether no further trial may begin."""
        return self.run.stopping or (self.budget is not None and not self.budget.seconds)

    @property
    def several(self) -> bool:
        """Whether there are more than two classes."""
        return self.lesson.problem.classes > 0 and len(self.lesson.present) > 2

    @property
    def possible(self) -> bool:
        """Whether there is a fold to learn from and another to judge on."""
        return self.given is None or len(self.given) > 0

    @property
    def useful(self) -> bool:
        """Whether made columns may be tried: enough rows, not too many columns, and a truth that one number tells."""
        lesson = self.lesson
        two = lesson.problem.classes == 0 or len(lesson.present) == 2
        some = len(lesson.truth) >= _FEW and lesson.values.shape[1] <= FEWEST
        return two and lesson.problem.label is None and some and self.possible

    @property
    def skewed(self) -> bool:
        """Whether the truth is a number above 0 with a long upper tail."""
        truth = self.lesson.truth
        if self.lesson.problem.classes or truth.min() <= 0 or truth.std() == 0:
            return False
        return bool((((truth - truth.mean()) / truth.std()) ** 3).mean() > 0.5)

    def trial(self, **entries: Any) -> np.ndarray:
        """The losses of rows, predicted by models that did not see them: log loss, or squared error; always the same
        rows, in the same order.
        """
        settings = BoostingSettings.parse(self.settings | entries, "members.boosting")
        lesson, rows = self.lesson, len(self.lesson.truth)
        losses, repeats = np.full(rows, np.nan), 3 if rows < _FEW and self.given is None and not self.several else 1
        for repeat in range(repeats):
            # By time the last folds are the longest, and nearest to what will be predicted.
            for inside, outside in self._folds(repeat)[-2 if rows >= _MANY else -FOLDS :]:
                # A trial alone may take all the time of the trials, and no more.
                seconds = None if self.budget is None else self.budget.seconds
                work = self.work if seconds is None else replace(self.work, run=Run())
                model = learn(_fold(lesson, inside, outside), settings, self.names, work, seconds)
                predicted = model.predict(lesson.values[outside])
                losses[outside] = np.nan_to_num(losses[outside]) + _losses(lesson, outside, predicted) / repeats
        return np.asarray(losses[~np.isnan(losses)])

    def _folds(self, repeat: int) -> Folds:
        """Those given, or random ones, others at each repeat."""
        if self.given is not None:
            return self.given
        part = np.random.default_rng(repeat).permutation(len(self.lesson.truth)) % FOLDS
        return [(np.flatnonzero(part != number), np.flatnonzero(part == number)) for number in range(FOLDS)][::-1]

    def best_shape(self) -> Entries:
        """The shape with the lowest loss."""
        best, least = self.shapes[0], np.inf
        if self.lesson.problem.classes and len(self.lesson.present) < 2:
            return best
        for shape in self.shapes:
            if self.over:
                break
            losses = self.trial(**shape)
            if losses.mean() < least:
                best, least, self.losses = shape, losses.mean(), losses
        return best

    def crosses(self) -> list[Spec]:
        """Made columns that help, each tried beside those found before it."""
        kept: list[Spec] = []
        if self.skewed:
            # A few large values hide everything else in squared errors, so columns are judged on logarithms.
            self.lesson, self.losses = replace(self.lesson, truth=np.log(self.lesson.truth)), None
        if self.losses is None and not self.over:
            self.losses = self.trial()
        if self.losses is None:
            return kept
        for specs, errors in self._candidates():
            if self.over:
                break
            losses = self.trial(crosses={self.lesson.problem.target.name: kept + specs})
            gain = self.losses - losses
            sure = gain.mean() > errors * gain.std() / np.sqrt(len(gain))
            if sure and gain.mean() > 0.002 * self.losses.mean():
                kept, self.losses = kept + specs, losses
        return kept

    def _candidates(self) -> list[tuple[list[Spec], float]]:
        """What to try, in order, and by how many standard errors it has to be better: cells of pairs, ratios,
        rotations of the pair of numbers that interacts most.
        """
        look = _Look(self.lesson, self.coded)
        # The looks draw rows at random, so where these must be kept apart none of them is sure by itself.
        sure = 0.5 if self.given is None else 2.0
        named = [[self.names[j] for j in pair] for pair in look.cells()]
        found: list[tuple[list[Spec], float]] = [([{"kind": "cells", "columns": names}], sure) for names in named]
        top = look.important_numbers()
        if len(top) > 1:
            found.append(([{"kind": "ratio", "columns": [self.names[j] for j in sorted(top)]}], 2.0))
        pair = look.pair()
        if pair is not None:
            names = [self.names[j] for j in pair]
            found.append(([{"kind": "rotation", "columns": names}], 2.0))
        return found


def _fold(lesson: Lesson, inside: np.ndarray, outside: np.ndarray) -> Lesson:
    """Learn inside, stop outside. A class of few rows may be missing inside: codes then count those that are there."""
    weight, truth, present = lesson.weight, lesson.truth, lesson.present
    if lesson.problem.classes:
        found = np.unique(truth[inside])
        outside = outside[np.isin(truth[outside], found)]
        truth, present = np.searchsorted(found, truth), present[found]
    return replace(
        lesson,
        values=lesson.values[inside],
        truth=truth[inside],
        weight=None if weight is None else weight[inside],
        present=present,
        valid=lesson.values[outside] if len(outside) else None,
        valid_truth=truth[outside] if len(outside) else None,
        valid_weight=None if weight is None else weight[outside],
    )


def _losses(lesson: Lesson, rows: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    truth = lesson.truth[rows]
    if lesson.problem.classes:
        losses = -np.log(np.maximum(predicted[np.arange(len(rows)), lesson.present[truth]].astype(np.float64), 1e-6))
    else:
        losses = (truth - predicted[:, 0]) ** 2
    return np.asarray(losses if lesson.weight is None else losses * lesson.weight[rows] / lesson.weight.mean())


class _Look:
    """What an additive model of the numbers leaves unexplained, and what explains it."""

    def __init__(self, lesson: Lesson, coded: list[int]) -> None:
        self.values = something_everywhere(lesson.values)
        truth = lesson.number()
        self.truth = (truth - truth.mean()) / max(truth.std(), 1e-12)
        rows = np.random.default_rng(0).permutation(len(truth))
        self.halves = (rows[: len(rows) // 2], rows[len(rows) // 2 :])
        sizes = {j: len(np.unique(c[~np.isnan(c)])) for j, c in enumerate(self.values.T) if j not in coded}
        self.sizes = {j: size for j, size in sizes.items() if size > 8}
        """Distinct values of each column of numbers that has more than a few."""
        self.rest = self._unexplained()

    def _unexplained(self) -> np.ndarray:
        from sklearn.ensemble import HistGradientBoostingRegressor

        rest = np.empty(len(self.truth))
        for inside, outside in (self.halves, self.halves[::-1]):
            model = HistGradientBoostingRegressor(
                max_iter=80, learning_rate=0.15, max_leaf_nodes=8, interaction_cst="no_interactions", random_state=0
            )
            model.fit(self.values[inside], self.truth[inside])
            rest[outside] = self.truth[outside] - model.predict(self.values[outside])
        return rest

    def _gains(self, cells: np.ndarray) -> np.ndarray:
        """By how much the mean of the other half's rows in the same cell lowers each row's squared error."""
        gains = np.empty(len(cells))
        for inside, outside in (self.halves, self.halves[::-1]):
            size = int(cells.max()) + 1
            count = np.bincount(cells[inside], minlength=size) + 10  # as if ten rows had a mean of 0
            mean = np.bincount(cells[inside], weights=self.rest[inside], minlength=size) / count
            gains[outside] = self.rest[outside] ** 2 - (self.rest[outside] - mean[cells[outside]]) ** 2
        return gains

    def cells(self) -> list[tuple[int, int]]:
        """Pairs of columns of few values whose cells explain more than either column, best first: held-out gain over
        three standard errors, for there are many pairs.
        """
        codes = {j: np.unique(self.values[:, j], return_inverse=True)[1] for j in self.important(_PAIRED)}
        few = [j for j, code in codes.items() if 2 <= code.max() + 1 <= MAX_CODES]
        alone = {j: self._gains(codes[j]) for j in few}
        found: dict[tuple[int, int], float] = {}
        for i, j in combinations(sorted(few), 2):
            gains = self._gains(codes[i] * (int(codes[j].max()) + 1) + codes[j])
            gains -= max(alone[i], alone[j], key=np.mean)
            if gains.mean() > 3 * gains.std() / np.sqrt(len(gains)):
                found[i, j] = float(gains.mean())
        return sorted(found, key=lambda pair: -found[pair])[:_PAIRS]

    def pair(self) -> tuple[int, int] | None:
        """The two columns that together explain most, if that is 2 % or more, on a grid of twelve by twelve."""
        bins = {j: _binned(self.values[:, j]) for j in self.important_numbers(10)}
        share = {(i, j): self._gains(bins[i] * 13 + bins[j]).sum() for i, j in combinations(sorted(bins), 2)}
        best = max(share, key=share.__getitem__, default=None)
        return best if best is not None and share[best] > 0.02 * float((self.rest**2).sum()) else None

    def important(self, most: int) -> list[int]:
        """The columns whose shuffling harms a quick model most, best first."""
        return sorted(self._harm, key=lambda j: -self._harm[j])[:most]

    def important_numbers(self, most: int = 6) -> list[int]:
        """Of the columns of numbers with more than a few values, the most important."""
        return sorted(self.sizes, key=lambda j: -self._harm[j])[:most]

    @cached_property
    def _harm(self) -> dict[int, float]:
        """The squared error of a quick model when each column is shuffled."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        inside, outside = self.halves[0], self.halves[1][:3000]
        model = HistGradientBoostingRegressor(max_iter=100, random_state=0)
        model.fit(self.values[inside], self.truth[inside])
        rng, harm = np.random.default_rng(0), {}
        rows, used = self.values[outside].copy(), _cut(model)
        plain = float(((self.truth[outside] - model.predict(rows)) ** 2).mean())
        for j in range(self.values.shape[1]):
            order = rng.permutation(len(rows))
            if j not in used:
                harm[j] = plain
                continue
            before = rows[:, j].copy()
            rows[:, j] = before[order]
            harm[j] = float(((self.truth[outside] - model.predict(rows)) ** 2).mean())
            rows[:, j] = before
        return harm


def _cut(model: Any) -> set[int]:
    """Columns that some tree of the model cuts; the others change nothing."""
    nodes = [tree.nodes for grown in model._predictors for tree in grown]
    cut = [each["feature_idx"][each["is_leaf"] == 0] for each in nodes]
    return set(np.concatenate(cut).tolist()) if cut else set()


def _binned(column: np.ndarray) -> np.ndarray:
    """Twelve bins of about equal numbers of rows; missing last."""
    known = column[~np.isnan(column)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, 13)[1:-1]))
    return np.where(np.isnan(column), 12, np.searchsorted(edges, column, side="right"))
