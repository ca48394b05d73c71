"""Which rows judge when no test rows were set apart: rows that no contender learned from.

* Below 1,000 rows members learn over folds anyway, and what they say of the rows they did not see judges
  (`Prepared.out_of_fold`).
* With at least `ENOUGH` rows that only calibrate, these judge: no contender learned from them and they chose nothing,
  so nothing has to be learned again. What calibrates one half of them comes from the other half.
* In between, contenders are learned again on folds of the training rows. Networks take long, so with one among them
  they learn from one half and are judged on the other; otherwise there are five folds.
"""

from __future__ import annotations

import time as clock
from typing import TYPE_CHECKING

import numpy as np

from mapsto.fitting.candidates import reserve
from mapsto.fitting.learned import work_of
from mapsto.fitting.options import PREDICTORS
from mapsto.fitting.prepare import SMALL_FOLDS
from mapsto.members import make
from mapsto.training.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Container

    from mapsto.fitting.candidates import Candidate
    from mapsto.fitting.learned import Learned
    from mapsto.fitting.prepare import Prepared
    from mapsto.members.base import Folds, Predictions
    from mapsto.training.run import Run

ENOUGH = 400
"""Rows that only calibrate, as many as test rows of a table of 2,000, are enough to judge."""
FEWEST_TRAINING_ROWS = 20


def plan(prepared: Prepared, wanted: list[Candidate], run: Run) -> Folds:
    """The folds that contenders are learned on again to be judged; none where other rows judge. A recorded decision."""
    none_needed = prepared.test is not None or prepared.out_of_fold or not prepared.options.judge
    if none_needed or len(prepared.train) < FEWEST_TRAINING_ROWS:
        return []
    chosen = run.decide("rows that judge", lambda: _choose(len(prepared.calibrate), wanted))
    if not chosen["folds"]:
        return []
    cut = prepared.cut(np.sort(prepared.train), chosen["folds"])[: chosen["judged"]]
    held = np.concatenate([prepared.choose, prepared.calibrate])
    return [(inside, np.sort(np.concatenate([outside, held]))) for inside, outside in cut]


def _choose(untouched: int, wanted: list[Candidate]) -> dict[str, int | str]:
    if untouched >= ENOUGH:
        return {"folds": 0, "judged": 0, "why": f"{untouched:,} rows that only calibrate are enough to judge"}
    few = f"{untouched:,} rows that only calibrate are too few to judge"
    if all(candidate.kind in PREDICTORS for candidate in wanted):
        return {"folds": SMALL_FOLDS, "judged": SMALL_FOLDS, "why": few}
    return {"folds": 2, "judged": 1, "why": f"{few}, and networks take long to learn"}


def judged_rows(prepared: Prepared) -> np.ndarray:
    """Rows of `dev` that judge once contenders were learned on `verdict_folds`, rising."""
    outside = np.concatenate([rows for _, rows in prepared.verdict_folds])
    return np.intersect1d(outside, prepared.train)


def learn_again(learned: list[Learned], used: Container[str], prepared: Prepared, run: Run) -> list[Predictions] | None:
    """Out-of-fold predictions of `dev` by the members that count, in the order of `learned` (empty for the others).

    None where the run was stopped before all were learned: half a training would judge another model.
    """
    found: list[Predictions] = []
    for position, one in enumerate(learned):
        if one.name not in used:
            found.append({})
            continue
        rest = len(learned) - position
        run.event("stage", text=f"learning {one.name} on folds, to judge it", share=0.94, left=run.left)
        whole = Budget.of(run)
        budget = None if whole is None else whole.before(reserve(run, prepared.options)).share(1 / rest)
        found.append(_again(one, prepared, run, budget))
        if run.interrupted or run.overdue:
            return None
    return found


def _again(one: Learned, prepared: Prepared, run: Run, budget: Budget | None) -> Predictions:
    place = f"verdict/{one.name}"
    kept = run.kept(place)
    if kept is not None:
        return kept[1]
    work = work_of(prepared, run, one.recipe_as_learned, budget, label=f"verdict, {one.name}: ")
    work.train = prepared.dev
    member = make(one.kind, prepared.options.module)
    started = clock.perf_counter()
    found = member.over(prepared.verdict_folds, prepared.choose).fit(work).out_of_fold
    if not run.interrupted and not run.overdue:
        run.keep(place, {"seconds": clock.perf_counter() - started}, found)
    return found


def told(prepared: Prepared, rows: int, *, again: bool) -> str:
    """What the rows that judged are, to follow "measured on"."""
    if prepared.out_of_fold:
        return f"{rows:,} out-of-fold rows (approximate: they also chose and calibrated)"
    if not again:
        halves = (
            ", and each half was calibrated on the other" if any(t.classes for t in prepared.schema.targets) else ""
        )
        return f"{rows:,} out-of-fold rows, from which no contender learned and which chose nothing{halves}"
    if len(prepared.verdict_folds) == 1:
        share = "half of the training rows and judged on the other half"
    else:
        share = f"{len(prepared.verdict_folds)} folds of the training rows, each time judged on the rows outside"
    return (
        f"{rows:,} out-of-fold rows, which chose and calibrated nothing (each contender learned anew from {share}; the "
        "model that is kept learned from more)"
    )
