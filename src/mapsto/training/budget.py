"""The time that a stage may take: an end on the run's clock, handed down in shares.

A stage that was handed seconds would count them from when it happens to look; an end is an end for all that goes on
inside. Where a step is slow it is seen once (`Run.decide`), and what cannot be done in what is left is not begun.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from mapsto.training.run import Run


class NotInTime(Exception):  # noqa: N818
    """What may be left out takes longer than the time it has; the message says what and how long. It leaves no fit."""


@dataclass(frozen=True)
class Budget:
    """Until when a stage may work.

    >>> from mapsto.training.run import Run
    >>> whole = Budget.within(Run(), 100.0)
    >>> round(whole.share(0.5).seconds), round(whole.before(30.0).seconds), round(whole.before(99.0).seconds)
    (50, 70, 50)
    """

    run: Run
    end: float
    """On `run.elapsed`."""

    @classmethod
    def within(cls, run: Run, seconds: float) -> Self:
        """From now on so many seconds."""
        return cls(run, run.elapsed + seconds)

    @classmethod
    def of(cls, run: Run) -> Self | None:
        """All the time that was given for a run; None where none was."""
        return None if run.time is None else cls(run, run.time)

    @property
    def seconds(self) -> float:
        """Those left, not below 0."""
        return max(0.0, self.end - self.run.elapsed)

    @property
    def over(self) -> bool:
        """Whether a stage should end with what it has."""
        return self.run.stopping or not self.seconds

    def share(self, share: float) -> Self:
        """A stage of this one that begins now and may take so much of what is left."""
        return type(self)(self.run, min(self.end, self.run.elapsed + share * self.seconds))

    def before(self, seconds: float) -> Self:
        """The same with so many seconds kept for what follows, but never more than half of what is left."""
        left = self.seconds
        return type(self)(self.run, self.end - min(seconds, 0.5 * left))

    def fits(self, name: str, seconds: Callable[[], float], share: float = 1.0) -> bool:
        """Whether something takes no more than a share of what is left; a recorded decision of this name.

        Args:
            name: of the decision, unique in the run.
            seconds: how long it takes, measured on as little as possible.
            share: of the time left when it has been measured.
        """

        def decide() -> dict[str, float | bool]:
            needed = seconds()
            return {"fits": needed <= share * self.seconds, "seconds": round(needed, 4), "left": round(self.seconds, 3)}

        return bool(self.run.decide(name, decide)["fits"])
