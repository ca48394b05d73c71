"""How many steps a training takes: derived from epochs, or from the time there is and what a step was seen to take.

A plan maps a step to progress in [0, 1], which the schedule reads. When the machine turns out slower or faster than
measured, the plan is changed at fixed marks of progress: what has been passed stays, the rest is stretched or shrunk
to fit the time left. Plan and replans are recorded decisions, so a resumed or repeated run makes the same steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MARKS = (0.1, 0.25, 0.45, 0.65, 0.8, 0.9, 0.96)
"""Progress at which a timed plan is looked at again."""
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


def affordable(seconds: float, step_seconds: float, validation_seconds: float, period: int, most: int) -> int:
    """Steps that fit into `seconds` with a validation every `period` steps; at least 1, at most `most`.

    >>> affordable(10.0, 0.1, 0.5, period=10, most=1000)
    66
    """
    return max(1, min(most, int(seconds / (step_seconds + validation_seconds / max(1, period)))))


def revised(plan: Plan, step: int, step_seconds: float, left: float, most: int) -> int:
    """Planned steps that use the time left, at most `most`; the plan's own where the change would be slight."""
    steps = min(most, step + max(1, int(left / step_seconds)))
    slight = abs(steps - plan.steps) <= _WORTH * max(1, plan.steps - step)
    return plan.steps if slight else steps
