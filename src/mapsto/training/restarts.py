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
    from mapsto.training.history import History
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
    number = kept = 0
    while _begins_anew(learning, run, f"{name}/restart {number + 1}", number, last, deadline, gained=kept == number):
        number += 1
        leg, after, weights = f"{name}, restart {number}", best.end(), copy.deepcopy(objective.modules.state_dict())
        last = train(_longer(learning, number), leg, None if seconds is None else max(0.5, deadline - time.monotonic()))
        gains = last.figure is None or objective.better(last.figure, best.figure)
        note = _note(name, best, last, gains=gains)
        if gains:
            best, kept = best.followed_by(last), number
        else:
            objective.modules.load_state_dict(weights)
        best.notes.append(note)
        run.event("restarted", name=name, leg=leg, after=after, kept=gains)
    if number < (learning.restarts or 0) and not run.interrupted:
        text = f"{name} made {number} of {learning.restarts} restarts: no time was left for more."
        best.notes.append(Note("warning", text))
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


def _begins_anew(
    learning: Learning, run: Run, place: str, number: int, last: History, deadline: float, *, gained: bool
) -> bool:
    """Whether the schedule begins anew after `number` restarts; a decision where that is open, or time is limited."""
    asked = learning.restarts
    hopeful = number < _MOST and gained and promising(last)
    wanted = hopeful if asked is None else number < asked
    if not wanted or (asked is not None and deadline == math.inf):
        return wanted and not run.stopping
    return bool(run.decide(place, lambda: deadline - time.monotonic() >= last.seconds and not run.stopping))


def _longer(learning: Learning, number: int) -> Learning:
    """The settings of a restart: each has twice the epochs, and patience, of the one before."""
    lengths = {"epochs": learning.epochs, "patience": learning.patience}
    return learning.model_copy(update={name: each * 2**number for name, each in lengths.items() if each is not None})


def _note(name: str, before: History, last: History, *, gains: bool) -> Note:
    epochs = f"{last.epochs} more epoch{'s' * (last.epochs != 1)}"
    figures = None not in (before.figure, last.figure)
    if not gains:
        outcome = "; that gained nothing on the choosing rows, and was undone"
    elif figures:
        outcome = f": on the choosing rows {before.figure:.4g} before, {last.figure:.4g} after"
    else:
        outcome = ""
    return Note("info", f"{name} learned for {epochs}{outcome}.")
