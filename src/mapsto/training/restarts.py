"""How long to learn: whether a schedule that has come to its end begins anew, for twice as many epochs.

Epochs are derived from the number of rows, which is right where classes overlap: to go on is to learn the training rows
by heart. Where they do not, a network has hardly begun by then. Which of the two it is shows in the second half of the
schedule: whether the loss of rows that are not learned from still falls with the loss of those that are.
Warm restarts: Loshchilov and Hutter, "SGDR", ICLR 2017, arXiv 1608.03983.
"""

from __future__ import annotations

import copy
import math
import time
from typing import TYPE_CHECKING

import numpy as np

from mapsto.table.notes import Note

if TYPE_CHECKING:
    from collections.abc import Callable

    from mapsto.objectives.base import Objective
    from mapsto.recipe import Learning
    from mapsto.training.loop import History
    from mapsto.training.run import Run

FEWEST_TOLD = 500
"""Validation rows that can tell."""
_TOLD = 4_096
"""Rows whose losses are told, at most."""
_MOST = 3
"""Restarts, where validation decides: 15 times the epochs."""
_HOLDS = 2 / 3
"""Share of the fall of the loss of seen rows that unseen ones must see, too (dev/LOG.md, "How long to learn")."""
_FALLS = 0.035
"""By what share of itself that of unseen rows must have fallen, too: where classes overlap it was .028 at most, where
they do not .043 at least."""


def with_restarts(
    objective: Objective,
    learning: Learning,
    run: Run,
    name: str,
    seconds: float | None,
    train: Callable[[Learning, str, float | None], History],
) -> tuple[History, int]:
    """Train, and begin the schedule anew as often as is asked for, or promises a gain. What validates best is kept.

    Args:
        objective: what is trained.
        learning: its settings; `restarts` says how often, or None.
        run: clock and decisions.
        name: of the training; those of restarts follow from it.
        seconds: time for all of it.
        train: trains for a name, and so many seconds.

    Returns:
        What was done, and how many restarts it is the outcome of.
    """
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    best = last = train(learning, name, seconds)
    kept = number = 0
    while _goes_on(learning, run, name, last, deadline, number, gained=kept == number):
        number += 1
        before = copy.deepcopy(objective.modules.state_dict())
        more = _longer(learning, number)
        last = train(more, f"{name}, restart {number}", None if seconds is None else _left(deadline))
        text = f"{name} learned for {more.epochs} more epochs"
        if last.figure is None or objective.better(last.figure, best.figure):
            if best.figure is not None and last.figure is not None:
                text += f": on the choosing rows {best.figure:.4g} before, {last.figure:.4g} after"
            best, kept = best.followed_by(last), number
        else:
            objective.modules.load_state_dict(before)
            text += "; that gained nothing on the choosing rows, and was undone"
        best.notes.append(Note("info", f"{text}."))
    return best, kept


def promising(history: History) -> bool:
    """Whether the losses of seen and unseen rows still fell together in the second half.

    They are compared with those where the loss of unseen rows was lowest in the first half: at a high rate it goes up
    and down.
    """
    best = history.best
    half = [row for row in history.rows if row["step"] <= history.planned / 2]
    if best is None or not half or "seen" not in best:
        return False
    before = min(half, key=lambda row: float(row["unseen"]))
    seen, unseen = (before[rows] - best[rows] for rows in ("seen", "unseen"))
    return bool(unseen >= _HOLDS * seen and unseen > _FALLS * abs(before["unseen"]))


def spread(rows: int) -> np.ndarray:
    """Rows that stand for all of them when losses are told, spread evenly; all if they are few.

    >>> spread(3)
    array([0, 1, 2])
    """
    return np.unique(np.linspace(0, rows - 1, min(rows, _TOLD)).astype(np.int64))


def _goes_on(
    learning: Learning, run: Run, name: str, last: History, deadline: float, number: int, *, gained: bool
) -> bool:
    """Whether the schedule begins anew; where that is open, a recorded decision."""
    if learning.restarts is not None:
        return number < learning.restarts and not run.stopping
    if number == _MOST or not gained or not promising(last):
        return False
    in_time = deadline - time.monotonic() >= last.seconds and not run.stopping
    return bool(run.decide(f"{name}/restart {number + 1}", lambda: in_time))


def _longer(learning: Learning, number: int) -> Learning:
    """The settings of a restart: twice the epochs of what went before."""
    before = {name: getattr(learning, name) for name in ("epochs", "patience")}
    return learning.model_copy(update={name: value and value * 2**number for name, value in before.items()})


def _left(deadline: float) -> float:
    return max(0.5, deadline - time.monotonic())
