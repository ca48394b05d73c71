"""`refit=True`: after judging, the same recipe is learned again from all rows, test rows included.

Weights, temperatures, intervals and the verdict stay those of the judged model: they were found honestly, and rows that
could find them anew are now being learned from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapsto.fitting.candidates import reserve
from mapsto.members import make
from mapsto.members.base import Folded, Member, Work
from mapsto.table import Note, Selection, folds
from mapsto.training.budget import Budget

if TYPE_CHECKING:
    from mapsto.fitted import Fitted
    from mapsto.fitting.learned import Learned
    from mapsto.fitting.prepare import Prepared
    from mapsto.training.run import Run


def refit(fitted: Fitted, prepared: Prepared, learned: list[Learned], run: Run) -> None:
    """Replace every member that counts by one learned from all rows."""
    frame = prepared.frame
    if prepared.test_frame is not None:
        frame = Selection(frame.frame, np.concatenate([frame.rows, prepared.test_frame.rows]))
    work = Work(
        prepared.schema,
        prepared.encode(frame),
        None,
        prepared.metrics,
        fitted.recipe,
        run,
        seed=fitted.recipe.seed,
        threads=prepared.options.threads,
        device=prepared.options.device,
        interchangeable=prepared.options.split == "random",
    )
    used = fitted.ensemble.shares()
    fitted.ensemble.members = [
        _again(one, work, prepared, run, frame) if one.name in used else one.member for one in learned
    ]
    text = f"Retrained on all {frame.height:,} rows after judging; the figures are those of the model judged before."
    fitted.notes.append(Note("info", text))


def _again(one: Learned, work: Work, prepared: Prepared, run: Run, frame: Selection) -> Member:
    work.label = f"refit {one.name}: "
    work.recipe, work.seed = one.recipe_as_learned, one.recipe.seed
    whole = Budget.of(run)
    if whole is not None:
        left = whole.before(reserve(run, prepared.options))
        work.budget = min(left, Budget.within(run, one.fit_seconds), key=lambda budget: budget.end)
    fresh = make(one.kind, prepared.options.module)
    count = one.member.count if isinstance(one.member, Folded) else 0
    if not count:
        return fresh.fit(work)
    # Nothing is judged here: the rows outside only say when to stop, so by time too all rows may teach.
    return fresh.over(folds(work.train.rows, None, prepared.groups(frame), count, work.seed)).fit(work)
