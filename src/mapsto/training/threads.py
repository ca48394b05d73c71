"""How many of the processor's threads share out a step's operations.

Threads that share out an operation wait for each other at its end. Where operations are small they wait longer than
they compute; and where another process takes a processor, each operation waits until the last thread has its turn
(dev/LOG.md, "Small operations on one thread"). So each thread must have enough to do in an operation, on average over
those of a step. How much is a compromise: two threads make a step up to a third shorter where nothing else runs, and
up to twice as long and more where something does. Counted and not timed: how sums are split decides their last bits,
and equal seeds give equal weights. Where a time was given the clock decides anyway, so there steps are timed as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from mapsto.training import counting

if TYPE_CHECKING:
    from mapsto.training.loop import Training

_ENOUGH = 800_000
"""Multiplications and additions of an operation that are worth a thread: 5 to 20 microseconds."""
_TRIED = 10
_FOR_TRIAL = 0.01
"""Share of the time that steps on trial may take."""
_MOST_FOR_TRIAL = 0.05
"""Share of it from which a single step on trial is too many."""
_FASTER = 0.9
"""Share of the time of a step on one thread that several may take at most: where they are no faster, they wait."""


def to_be_chosen(training: Training) -> bool:
    """Whether there is a choice: several threads of a processor, and operations that can be seen."""
    return torch.get_num_threads() > 1 and counting.can_be_counted(training)


def worth_waiting_for(training: Training) -> dict[str, Any]:
    """Threads for the steps of a training, of those that PyTorch may use now."""
    counted = counting.step_of(training)
    threads = min(torch.get_num_threads(), max(1, int(counted.each / _ENOUGH)))
    if threads == 1 or training.seconds is None:
        return {"threads": threads, "why": counted.said}
    several = _milliseconds(training, threads)
    if several > 1e3 * _MOST_FOR_TRIAL * training.seconds:
        why = f"{counted.said}; {several:.3g} ms a step with {threads} threads, too many to try one in this time"
        return {"threads": threads, "why": why}
    one = _milliseconds(training, 1)
    why = f"{counted.said}; {several:.3g} ms a step with {threads} threads, {one:.3g} with one"
    return {"threads": threads if several < _FASTER * one else 1, "why": why}


def _milliseconds(training: Training, threads: int) -> float:
    training.threads = threads
    return 1e3 * training.trial(_TRIED, seconds=_FOR_TRIAL * (training.seconds or 0.0)).seconds
