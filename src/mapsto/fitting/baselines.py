"""The baselines every model is judged against: a dummy, a linear model, a random forest and boosted trees.

They learn from all development rows (or from the training rows, where no test rows were set apart) with the settings
their library gives them, within a fifth of the time; when rows are many, on a stated subsample.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapsto.fitting.learned import microseconds_a_row, work_of
from mapsto.judging.verdict import Cost
from mapsto.members import make
from mapsto.members.bagged import Bagged
from mapsto.recipe import Recipe

if TYPE_CHECKING:
    from mapsto.fitting.prepare import Prepared
    from mapsto.members.base import Member, Predictions
    from mapsto.training.run import Run

NAMES = {"dummy": "dummy", "linear-model": "linear model", "boosting": "boosted trees", "forest": "random forest"}
"""Members that serve as baselines, cheapest first, and what the verdict calls them."""
MOST_ROWS = 200_000
"""More rows than this teach a baseline little that is new; it then learns from a sample of this many."""


@dataclass
class Baseline:
    """A baseline's predictions of the rows that judge, and what it took."""

    name: str
    predictions: Predictions
    cost: Cost


def learn_baselines(prepared: Prepared, run: Run, seconds: float | None) -> list[Baseline]:
    """Fit the baselines one after another, each within an equal share of what is left of `seconds`."""
    end = None if seconds is None else clock.monotonic() + seconds
    found = []
    for position, (name, title) in enumerate(NAMES.items()):
        share = None if end is None else max(0.5, (end - clock.monotonic()) / (len(NAMES) - position))
        found.append(_kept_or_learned(name, title, prepared, run, share))
    return found


def _kept_or_learned(name: str, title: str, prepared: Prepared, run: Run, seconds: float | None) -> Baseline:
    kept = run.kept(f"baselines/{name}")
    if kept is not None:
        json, arrays = kept
        return Baseline(title, arrays, Cost(json["fit_seconds"], json["predict_us"], json["note"]))
    found = _learn(name, title, prepared, run, seconds)
    cost = {"fit_seconds": found.cost.fit_seconds, "predict_us": found.cost.predict_us, "note": found.cost.note}
    run.keep(f"baselines/{name}", cost, found.predictions)
    return found


def _learn(name: str, title: str, prepared: Prepared, run: Run, seconds: float | None) -> Baseline:
    plain = Recipe(seed=prepared.options.recipe.seed)
    work = work_of(prepared, run, plain, seconds, label=f"baseline {name}: ")
    work.valid = None
    if prepared.test is not None:
        work.train = prepared.dev
    note = ""
    if work.train.rows > MOST_ROWS:
        note = f"on {MOST_ROWS:,} of {work.train.rows:,} rows"
        rows = np.random.default_rng([plain.seed, 13]).choice(work.train.rows, MOST_ROWS, replace=False)
        work.train = work.train.take(np.sort(rows))
    start = clock.perf_counter()
    fitted: Member
    if prepared.test is None and prepared.out_of_fold:
        fitted = bagged = Bagged(make(name), prepared.folds, stop_rows=np.zeros(0, dtype=np.int64)).fit(work)
        seconds_used, predictions = clock.perf_counter() - start, bagged.out_of_fold
    else:
        fitted = make(name).fit(work)
        seconds_used = clock.perf_counter() - start
        judged = prepared.dev.take(prepared.held) if prepared.test is None else prepared.test
        predictions = fitted.predict(judged, threads=work.threads)
    return Baseline(title, predictions, Cost(seconds_used, microseconds_a_row(fitted, prepared), note))
