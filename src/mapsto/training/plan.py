"""How many steps a training takes: derived from epochs, or from the time there is and what a step was seen to take.

A plan maps a step to progress in [0, 1], which the schedule reads. When the machine turns out slower or faster than
measured, the plan is changed at fixed marks of progress: what has been passed stays, the rest is stretched or shrunk
to fit the time left. Plan and replans are recorded decisions, so a resumed or repeated run makes the same steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

MARKS = (0.1, 0.25, 0.45, 0.65, 0.8, 0.9, 0.96)
"""Progress at which a timed plan is looked at again."""
_FEWEST_VALIDATIONS = 8
_FEWEST_STEPS_BETWEEN = 10
_FOR_VALIDATION = 0.2
"""Share of a given time that validations may take; if there is no time for more there is one."""
_WORTH = 0.02
"""Smaller changes of the steps left are not worth a record."""


@dataclass
class Plan:
    """Progress through the planned steps.

    >>> plan = Plan(100)
    >>> plan.progress(50)
    0.5
    >>> plan.change(50, 75)
    >>> plan.progress(50), plan.progress(75)
    (0.5, 1.0)
    """

    steps: int
    """Planned steps in all."""
    since: int = 0
    """Step of the last change."""
    start: float = 0.0
    """Progress at the last change."""
    mark: int = 0
    """Number of marks passed."""

    def progress(self, step: float) -> float:
        """Share of the plan that is done after `step` steps."""
        span = max(1, self.steps - self.since)
        return min(1.0, self.start + (1.0 - self.start) * (step - self.since) / span)

    def change(self, step: int, steps: int) -> None:
        """From `step` on, aim at `steps` in all."""
        self.start, self.since = self.progress(step), step
        self.steps = max(step, steps)

    def due(self, step: int) -> bool:
        """Whether a new mark of progress was passed; it then counts as passed."""
        if self.mark < len(MARKS) and self.progress(step) >= MARKS[self.mark]:
            self.mark += 1
            return True
        return False

    def state_dict(self) -> dict[str, Any]:
        """The plan as numbers."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse."""
        vars(self).update(state)


def period(steps: int, per_epoch: int, validations: int = _FEWEST_VALIDATIONS) -> int:
    """Steps between validations: an epoch, several when epochs are short, a part of one when there are few.

    >>> period(1000, 50), period(1000, 4), period(1000, 600)
    (50, 12, 125)
    """
    if steps < validations * per_epoch:
        return max(1, steps // validations)
    return per_epoch * math.ceil(_FEWEST_STEPS_BETWEEN / per_epoch)


def affordable(
    seconds: float, step_seconds: float, validation_seconds: float, per_epoch: int, most: int
) -> tuple[int, int]:
    """Steps that fit into `seconds`, at least 1 and at most `most`, and steps between validations.

    >>> affordable(10.0, 0.1, 0.05, per_epoch=10, most=1000)
    (95, 10)
    >>> affordable(10.0, 0.1, 0.5, per_epoch=10, most=1000)  # validations take a fifth of the time
    (80, 20)
    """
    many = max(1, int(_FOR_VALIDATION * seconds / max(validation_seconds, 1e-9)))
    few = min(_FEWEST_VALIDATIONS, many)
    each_epoch = seconds / (step_seconds + validation_seconds / per_epoch)
    with_few, with_many = ((seconds - count * validation_seconds) / step_seconds for count in (few, many))
    steps = max(1, min(most, int(max(min(each_epoch, with_few), with_many))))
    if many == 1:  # at the end, wherever that will be
        return steps, most
    return steps, max(period(steps, per_epoch, few), math.ceil(steps / many))


def revised(plan: Plan, step: int, step_seconds: float, left: float, most: int) -> int:
    """Planned steps that use the time left, at most `most`; the plan's own where the change would be slight."""
    steps = min(most, step + max(1, int(left / step_seconds)))
    slight = abs(steps - plan.steps) <= _WORTH * max(1, plan.steps - step)
    return plan.steps if slight else steps
