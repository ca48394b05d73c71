"""Learning-rate schedules: pure functions of progress.

Each maps progress through the planned steps, in [0, 1], to a factor of the peak rate, in [0, 1]; `warmup` is the
share of the steps during which the rate rises. Being functions of progress and not of the step, they stretch and
shrink when a run is replanned.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mapsto.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mapsto.recipe import Schedule

_CYCLE_START = 1 / 25
_CYCLE_END = 1e-4
_DECAY = 0.2


def constant(progress: float, warmup: float) -> float:
    """Full rate after a linear warm-up.

    >>> constant(0.05, 0.1), constant(0.5, 0.1)
    (0.5, 1.0)
    """
    return min(1.0, progress / warmup) if warmup else 1.0


def step(progress: float, warmup: float) -> float:
    """A tenth of the rate from the middle on, a hundredth in the last quarter, after a linear warm-up.

    >>> step(0.6, 0.0), step(0.9, 0.0)
    (0.1, 0.01)
    """
    return constant(progress, warmup) * (1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01)


def cosine(progress: float, warmup: float) -> float:
    """Half a cosine from full rate to 0 after a linear warm-up (Loshchilov and Hutter 2017, without restarts).

    >>> round(cosine(0.55, 0.1), 6), round(cosine(1.0, 0.1), 6)
    (0.5, 0.0)
    """
    return constant(progress, warmup) if progress < warmup else _half_cosine(_share(progress, warmup), 1.0, 0.0)


def one_cycle(progress: float, warmup: float) -> float:
    """From 1/25 up to the full rate and down to almost 0, both along half cosines (Smith 2018, arXiv 1803.09820).

    >>> round(one_cycle(0.0, 0.3), 6), one_cycle(0.3, 0.3), round(one_cycle(1.0, 0.3), 6)
    (0.04, 1.0, 0.0001)
    """
    if progress < warmup:
        return _half_cosine(progress / warmup, _CYCLE_START, 1.0)
    return _half_cosine(_share(progress, warmup), 1.0, _CYCLE_END)


def warmup_stable_decay(progress: float, warmup: float) -> float:
    """Warm-up, a plateau, and in the last fifth a fall along 1 - sqrt (Hägele et al. 2024, arXiv 2405.18392).

    >>> warmup_stable_decay(0.5, 0.1), warmup_stable_decay(0.85, 0.1), warmup_stable_decay(1.0, 0.1)
    (1.0, 0.5, 0.0)
    """
    fall = max(0.0, progress - (1.0 - _DECAY)) / _DECAY
    return constant(progress, warmup) * (1.0 - math.sqrt(min(1.0, round(fall, 12))))


def _share(progress: float, warmup: float) -> float:
    return min(1.0, (progress - warmup) / (1.0 - warmup))


def _half_cosine(share: float, start: float, end: float) -> float:
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * share))


SCHEDULES: dict[str, Callable[[float, float], float]] = {
    "constant": constant,
    "step": step,
    "cosine": cosine,
    "one-cycle": one_cycle,
    "warmup-stable-decay": warmup_stable_decay,
}


def get(name: Schedule | str) -> Callable[[float, float], float]:
    """The schedule of this name; `OptionError` names the others."""
    if name not in SCHEDULES:
        message = f"unknown schedule {name!r}; expected one of {', '.join(SCHEDULES)}"
        raise OptionError(message)
    return SCHEDULES[name]
