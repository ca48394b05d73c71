"""The learning-rate range test: train a few steps while the rate rises, and see where the loss falls fastest.

Smith (2017, arXiv 1506.01186). The rate rises by the same factor every step; the loss first stands still, then falls,
then explodes. A good peak rate lies where it falls fastest. The test leaves no trace in the weights.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapsto.training import devices
from mapsto.training.loop import Training
from mapsto.training.randomness import isolated
from mapsto.training.run import Run

if TYPE_CHECKING:
    from mapsto.objectives.base import Objective
    from mapsto.recipe import Learning

_SMOOTH = 0.9
_EXPLODED = 4.0


@dataclass(frozen=True)
class RangeTest:
    """Rates tried, rising, and the smoothed loss after each; it ends where the loss exploded."""

    rates: np.ndarray
    losses: np.ndarray

    @property
    def suggestion(self) -> float:
        """The rate at which the loss fell fastest per factor of the rate, before its lowest point."""
        lowest = max(2, int(np.argmin(self.losses)) + 1)
        slope = np.gradient(self.losses[:lowest], np.log(self.rates[:lowest]))
        return float(self.rates[int(np.argmin(slope))])


def range_test(
    objective: Objective,
    learning: Learning,
    *,
    seed: int = 0,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
) -> RangeTest:
    """Run the test with the recipe's optimizer from the weights as they are.

    Rates go from `lowest` to `highest` in `steps` steps of equal factor.
    """
    rates = np.geomspace(lowest, highest, steps)
    with isolated(seed, devices.of(objective.modules)):
        training = Training(objective, learning, Run(), "range-test")
        before = copy.deepcopy(training.state_dict())
        objective.modules.train()
        losses = _climb(training, rates / (learning.learning_rate or 1e-3))
        training.load_state_dict(before)
        objective.modules.eval()
    return RangeTest(rates[: len(losses)], np.array(losses))


def _climb(training: Training, factors: np.ndarray) -> list[float]:
    """Smoothed losses while the rate takes these factors of its peak."""
    training.schedule = lambda progress, warmup: 1.0
    smoothed: list[float] = []
    running = 0.0
    for count, factor in enumerate(factors, start=1):
        training.factor = float(factor)
        training.advance()
        loss = sum(training.losses.read().values())
        training.losses.load_state_dict({"sums": {}, "counts": {}})
        running = _SMOOTH * running + (1.0 - _SMOOTH) * loss
        smoothed.append(running / (1.0 - _SMOOTH**count))
        if not math.isfinite(loss) or smoothed[-1] > _EXPLODED * min(smoothed):
            return smoothed[:-1]
    return smoothed
