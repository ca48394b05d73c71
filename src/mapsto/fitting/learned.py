"""One member learned for the ensemble, with honest predictions of the held rows; kept over a kill."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.fitting.options import PREDICTORS
from mapsto.members import from_state, make
from mapsto.members.base import Work
from mapsto.members.common.nested import hear, told
from mapsto.recipe import Recipe

if TYPE_CHECKING:
    from mapsto.fitting.candidates import Candidate
    from mapsto.fitting.prepare import Prepared
    from mapsto.members.base import Folded, Folds, Member, Predictions
    from mapsto.training.budget import Budget
    from mapsto.training.run import Run

TIMED_ROWS = 4096
"""Rows whose prediction is timed."""
LONG = 0.25
"""Seconds of a prediction that are long enough to tell how long a row takes."""
REPORT_ROWS = 500
"""About as many rows as the shortest report asks the model about."""
FEW_FOR_NETWORKS, NETWORK_FOLDS = 1_000, 2
"""From so many rows on a network learns over so many of the folds: what they leave out is enough to weigh it by."""
FEW_ROWS = 64
"""Rows that are timed first; more only as far as they take no longer than is long enough."""


@dataclass
class Learned:
    """A fitted member, its predictions of `Prepared.held`, and what it took."""

    name: str
    kind: str
    member: Member
    recipe: Recipe
    held: Predictions
    fit_seconds: float
    predict_us: float

    @property
    def recipe_as_learned(self) -> Recipe:
        """The recipe with the settings that a network was trained with; other rows are not to change them."""
        learning = getattr(self.member, "learning", None)
        return self.recipe if learning is None else self.recipe.model_copy(update={"learning": learning})


def learn(
    candidate: Candidate,
    prepared: Prepared,
    run: Run,
    recipe: Recipe,
    *,
    budget: Budget | None,
    part: float,
    bag: bool,
    optional: bool = False,
) -> Learned:
    """Fit the candidate, or take it up as it was kept.

    With `bag`, one model a fold is fitted on the development rows, and the held rows are predicted by models that did
    not see them; otherwise one model is fitted on the training rows.

    Raises:
        NotInTime: it is `optional`, and was seen to take longer than `budget`.
    """
    name = candidate.name
    place = f"members/{name}"
    kept = run.kept(place)
    if kept is not None:
        return _taken_up(candidate, recipe, kept, prepared)
    took = 0.0
    member = make(candidate.kind, prepared.options.module)
    if candidate.kind not in PREDICTORS:
        import_module("mapsto.members.common.teaching")  # and with it PyTorch, for the first network of a process
    start = clock.perf_counter()
    work = work_of(prepared, run, recipe, budget, label=f"{name}: ")
    work.part, work.optional = part, optional
    work.afterwards = 0 if prepared.test is None else prepared.test.rows
    work.afterwards += 0 if prepared.options.output is None else REPORT_ROWS
    held: Predictions
    if bag:
        work.train, work.valid = prepared.dev, None
        stop = None if prepared.out_of_fold else np.setdiff1d(np.arange(prepared.dev.rows), prepared.calibrate)
        if candidate.plain and prepared.judged_by_folds and run.time is None:
            bagged, before = plain_by_folds(candidate.kind, prepared, run, None)
            start = min(start, clock.perf_counter() - before)
        else:
            bagged = member.over(folds_of(candidate.kind, prepared), stop).fit(work)
        held = {target: values[prepared.held] for target, values in bagged.out_of_fold.items()}
        fitted: Member = bagged
    else:
        work.afterwards += len(prepared.held)
        fitted = member.fit(work)
        asked = clock.perf_counter()
        held = fitted.predict(prepared.dev.take(prepared.held), threads=work.threads)
        took = clock.perf_counter() - asked
    seconds_used = clock.perf_counter() - start
    cost = run.decide(
        f"{name}: microseconds a row",
        lambda: took / len(prepared.held) * 1e6 if took >= LONG else microseconds_a_row(fitted, prepared),
    )
    json, arrays = fitted.to_state()
    json = {"state": json, "kind": fitted.name, "fit_seconds": seconds_used, "predict_us": cost, "notes": told(fitted)}
    own = {f"held.{target}": values for target, values in held.items()}
    run.keep(place, json, own | {f"member.{key}": array for key, array in arrays.items()})
    return Learned(name, candidate.kind, fitted, recipe, held, seconds_used, cost)


def plain_by_folds(kind: str, prepared: Prepared, run: Run, budget: Budget | None) -> tuple[Folded, float]:
    """A member over all folds with the settings that its library gives it, and how long it took.

    It is learned once, however many ask for it.
    """
    if kind not in prepared.plain:
        start = clock.perf_counter()
        work = work_of(prepared, run, Recipe(seed=prepared.options.recipe.seed), budget, label=f"plain {kind}: ")
        bagged = make(kind).over(prepared.folds, stop_rows=np.zeros(0, dtype=np.int64))
        bagged.fit(replace(work, train=prepared.dev, valid=None))
        prepared.plain[kind] = bagged, clock.perf_counter() - start
    return prepared.plain[kind]


def folds_of(kind: str, prepared: Prepared) -> Folds:
    """The folds that a member of this kind learns over: all, or where rows are not few only two for a network."""
    every = prepared.dev.rows < FEW_FOR_NETWORKS or prepared.options.recipe.folds is not None
    return prepared.folds if kind in PREDICTORS or every else prepared.folds[-NETWORK_FOLDS:]


def _taken_up(
    candidate: Candidate, recipe: Recipe, kept: tuple[dict[str, Any], dict[str, np.ndarray]], prepared: Prepared
) -> Learned:
    json, arrays = kept
    held = {key.removeprefix("held."): array for key, array in arrays.items() if key.startswith("held.")}
    own = {key.removeprefix("member."): array for key, array in arrays.items() if key.startswith("member.")}
    member = from_state(json["kind"], json["state"], own, prepared.schema)
    hear(member, json)
    seconds, cost = float(json["fit_seconds"]), float(json["predict_us"])
    return Learned(candidate.name, candidate.kind, member, recipe, held, seconds, cost)


def work_of(prepared: Prepared, run: Run, recipe: Recipe, budget: Budget | None, label: str) -> Work:
    """The work of a single model: training rows to learn from, choosing rows to stop at."""
    stop = None if prepared.out_of_fold or len(prepared.choose) == 0 else prepared.dev.take(prepared.choose)
    whole = len(prepared.train) == prepared.dev.rows
    return Work(
        prepared.schema,
        prepared.dev if whole else prepared.dev.take(prepared.train),
        stop,
        prepared.metrics,
        recipe,
        run,
        seed=recipe.seed,
        threads=prepared.options.threads,
        budget=budget,
        label=label,
        device=prepared.options.device,
        interchangeable=prepared.options.split == "random",
    )


def microseconds_a_row(member: Member, prepared: Prepared) -> float:
    """Time of predicting many rows at once, a row; the better of two runs. Of slow members, fewer rows are timed."""

    def timed(count: int) -> float:
        rows = prepared.dev.take(np.arange(min(count, prepared.dev.rows)))
        rows.seen = {}  # new rows will have to be read
        start = clock.perf_counter()
        member.predict(rows, threads=prepared.options.threads)
        return (clock.perf_counter() - start) / rows.rows * 1e6

    few = timed(FEW_ROWS)
    many = min(TIMED_ROWS, int(LONG * 1e6 / few))
    return few if many <= FEW_ROWS else min(timed(many), timed(many))
