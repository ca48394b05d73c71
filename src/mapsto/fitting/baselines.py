"""The baselines every model is judged against: a dummy, a linear model, a random forest and boosted trees; beside
pictures, nearest neighbours too; beside series, ridge regression on fixed convolution kernels.

They learn with the settings their library gives them, within a fifth of the time; when rows are many, on a stated
subsample. Where test rows judge they learn from all development rows, but where a threshold is to be chosen only from
the training rows, since it is chosen on rows they did not see. Without test rows see `fitting/verdict_rows.py`.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mapsto.columns.common.pictures import PicturePart
from mapsto.columns.common.steps import StepsPart
from mapsto.fitting.learned import microseconds_a_row, plain_by_folds, work_of
from mapsto.judging.verdict import Cost
from mapsto.members import make
from mapsto.members.common.states import prefixed, unprefixed
from mapsto.recipe import Recipe

if TYPE_CHECKING:
    from mapsto.columns.common.parts import Part
    from mapsto.fitting.prepare import Prepared
    from mapsto.members.base import Member, Predictions, Work
    from mapsto.schema import Schema
    from mapsto.training.budget import Budget
    from mapsto.training.run import Run

NAMES = {"dummy": "dummy", "linear-model": "linear model", "boosting": "boosted trees", "forest": "random forest"}
"""Members that serve as baselines, cheapest first, and what the verdict calls them."""
BESIDE_PICTURES = {"nearest": "nearest neighbours"}
"""Serve where a column holds pictures: what is alike is often the same."""
BESIDE_SERIES = {"hybrid": "ridge on fixed kernels"}
"""Serve where a column holds a series: what is known to be strongest on them and needs no tuning (ROCKET)."""
MOST_ROWS = 200_000
"""More rows than this teach a baseline little that is new; it then learns from a sample of this many."""


@dataclass
class Baseline:
    """A baseline's honest predictions, and what it took."""

    name: str
    cost: Cost
    rows: np.ndarray
    """Development rows that it predicted without having learned from them, rising."""
    held: Predictions
    """Predictions of `rows`."""
    test: Predictions
    """Predictions of the test rows; empty without any."""

    def of(self, rows: np.ndarray) -> Predictions:
        """Predictions of some of `rows`."""
        place = np.searchsorted(self.rows, rows)
        return {name: values[place] for name, values in self.held.items()}


def learn_baselines(prepared: Prepared, run: Run, budget: Budget | None) -> list[Baseline]:
    """Fit the baselines one after another, each within an equal share of what is left of the time."""
    found = []
    names = serving(prepared.schema)
    for position, (name, title) in enumerate(names.items()):
        share = None if budget is None else budget.share(1 / (len(names) - position))
        found.append(_kept_or_learned(name, title, prepared, run, share))
    return found


def serving(schema: Schema) -> dict[str, str]:
    """Names of the members that serve as baselines for these columns, and what the verdict calls them.

    Of series alone boosted trees are slow, and behind the ridge regression that stands in for them.
    """
    kinds = {column: [type(part) for part in parts] for column, parts in _parts(schema).items()}
    series = [any(issubclass(kind, StepsPart) for kind in own) for own in kinds.values()]
    pictures = any(issubclass(kind, PicturePart) for own in kinds.values() for kind in own)
    names = {name: title for name, title in NAMES.items() if name != "boosting" or not series or not all(series)}
    return names | (BESIDE_PICTURES if pictures else {}) | (BESIDE_SERIES if any(series) else {})


def _parts(schema: Schema) -> dict[str, list[Part]]:
    """The parts of each column."""
    found: dict[str, list[Part]] = {}
    for part in (part for parts in schema.parts.values() for part in parts):
        found.setdefault(part.column, []).append(part)
    return found


def _kept_or_learned(name: str, title: str, prepared: Prepared, run: Run, budget: Budget | None) -> Baseline:
    kept = run.kept(f"baselines/{name}")
    if kept is not None:
        json, arrays = kept
        cost = Cost(json["fit_seconds"], json["predict_us"], json["note"])
        return Baseline(title, cost, arrays["rows"], unprefixed("held", arrays), unprefixed("test", arrays))
    found = _learn(name, title, prepared, run, budget)
    json = {"fit_seconds": found.cost.fit_seconds, "predict_us": found.cost.predict_us, "note": found.cost.note}
    arrays = {"rows": found.rows} | prefixed("held", found.held) | prefixed("test", found.test)
    run.keep(f"baselines/{name}", json, arrays)
    return found


def _learn(name: str, title: str, prepared: Prepared, run: Run, budget: Budget | None) -> Baseline:
    plain = Recipe(seed=prepared.options.recipe.seed)
    work = work_of(prepared, run, plain, budget, label=f"baseline {name}: ")
    work.valid = None
    start = clock.perf_counter()
    fitted, rows, held, notes = _fit(name, work, prepared)
    seconds_used = clock.perf_counter() - start
    test = {} if prepared.test is None else fitted.predict(prepared.test, threads=work.threads)
    if run.stopping and name != "dummy":
        notes.append("stopped early")
    cost = Cost(seconds_used, microseconds_a_row(fitted, prepared), ", ".join(notes))
    return Baseline(title, cost, rows, held, test)


def _fit(name: str, work: Work, prepared: Prepared) -> tuple[Member, np.ndarray, Predictions, list[str]]:
    """A fitted baseline, the development rows it did not learn from and what it says of them, and remarks."""
    if prepared.judged_by_folds or (prepared.out_of_fold and prepared.chooses):
        bagged, _ = plain_by_folds(name, prepared, work.run, work.budget)
        rows = np.unique(np.concatenate([outside for _, outside in prepared.folds]))
        held = {target: values[rows] for target, values in bagged.out_of_fold.items()}
        if prepared.judged_by_folds:
            return bagged, rows, held, []
        return make(name).fit(replace(work, train=prepared.dev)), rows, held, []
    rows = np.sort(prepared.held) if prepared.test is None else np.sort(prepared.choose)
    if prepared.test is not None and not prepared.chooses:
        work, rows = replace(work, train=prepared.dev), rows[:0]
    notes = []
    if work.train.rows > MOST_ROWS:
        notes.append(f"on {MOST_ROWS:,} of {work.train.rows:,} rows")
        some = np.random.default_rng([work.seed, 13]).choice(work.train.rows, MOST_ROWS, replace=False)
        work = replace(work, train=work.train.take(np.sort(some)))
    fitted = make(name).fit(work)
    held = fitted.predict(prepared.dev.take(rows), threads=work.threads) if len(rows) else {}
    return fitted, rows, held, notes
