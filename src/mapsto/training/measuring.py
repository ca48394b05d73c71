"""What a training decides by a look at the clock: when to end, in which precision, compiled or not, how many steps.

Each is measured once and recorded (`Run.decide`), so that a run that was killed goes on as it had begun. Trial steps
leave no trace (`Training.trial`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from mapsto.training import batches, compiling, counting, devices, precision
from mapsto.training.plan import affordable, revised

if TYPE_CHECKING:
    from mapsto.training.loop import Training

_TRIAL_STEPS = 30
_FEW_STEPS = 3
FEW_ROWS = 8
"""Rows of the very first step on trial: one of a whole batch may take longer than all the time there is."""
_MOST_FOR_ONE = 0.2
"""Share of the time that a single step of a whole batch may take to be made on trial."""
_FEWEST_STEPS = 10
"""A training that may be left out is, where its time is not enough for so many steps."""
_WORTH_CONVERTING = 800_000
"""Multiplications and additions of an operation that are worth converting to bfloat16 (dev/LOG.md)."""
_FASTER = 0.95
"""Share of the time of a step in float32 that one in bfloat16 may take at most, to be worth its rounding."""
_WITHIN_LIMIT = 0.85
"""Share of what is left of a run's limit that a slow training is planned for: validation and judging take the rest."""
_FOR_TRIAL = 0.02
"""Share of the time that finding out how long a step takes may take."""
_MOST_FOR_TRIAL = 0.05
"""Share of it from which even the fewest steps are too many to be made in another precision as well."""


def first_step(training: Training) -> dict[str, Any]:
    """About how long a step takes, found with as little work as possible, and whether that is too long to make more on
    trial: then all that would be tried is left as it is, and the pace shows as the training goes.
    """
    seconds = training.seconds or 0.0
    times = max(1.0, batches.size(training.source.batch(training.epoch, training.at)) / FEW_ROWS)
    step = times * training.trial(1, rows=FEW_ROWS).seconds
    if step > _MOST_FOR_TRIAL * seconds:  # the very first is slower: memory is asked for, kernels are chosen
        step = min(step, times * training.trial(1, rows=FEW_ROWS).seconds)
    if _MOST_FOR_TRIAL * seconds < step <= _MOST_FOR_ONE * seconds:
        step = training.trial(1).seconds
    return {"step": round(step, 5), "slow": step > _MOST_FOR_TRIAL * seconds}


def too_slow(training: Training) -> str:
    """Why a training that may be left out is; empty: it is begun."""
    step, seconds = training.first_step, training.seconds or 0.0
    if not training.optional or _FEWEST_STEPS * step <= seconds:
        return ""
    return f"a step takes about {step:.3g} s, of {seconds:.3g} s"


def a_step(training: Training) -> float:
    """Seconds of a step, where no time was given."""
    room = max(1.0, (training.run.most or 0.0) - training.run.elapsed)
    return training.trial(_FEW_STEPS, seconds=_FOR_TRIAL * room).seconds


def when_to_end(training: Training, step: float) -> float | None:
    """On the run's clock, if a training without a time would take longer than the run may; None: it would not."""
    now = training.run.elapsed
    room = max(1.0, _WITHIN_LIMIT * training.part * ((training.run.most or 0.0) - now))
    return now + room if step * training.most > room else None


def which_precision(training: Training) -> dict[str, Any]:
    """bfloat16 where the loss falls as it does in float32 and steps are faster.

    On a processor operations must compute enough to be worth converting, as far as can be told without a clock. Where
    time is limited steps are timed as well, unless a few of them would take too much of it.
    """
    if training.device.type == "cpu":
        refused = _not_worth_converting(training)
        if refused:
            return {"precision": "float32", "why": refused}
    timed = training.seconds is not None
    left = training.deadline - training.run.elapsed
    plain = training.trial(_TRIAL_STEPS, seconds=_FOR_TRIAL * left)
    if plain.steps * plain.seconds > _MOST_FOR_TRIAL * left:
        why = f"{1e3 * plain.seconds:.3g} ms a step are too many to try another precision in {left:.3g} s"
        return {"precision": "float32", "why": why}
    training.autocast = precision.autocast(training.device, "bfloat16")
    half = training.trial(plain.steps)
    good = precision.harmless(plain.loss, half.loss) and (not timed or half.seconds < _FASTER * plain.seconds)
    why = f"loss {plain.loss:.4g} in float32 and {half.loss:.4g} in bfloat16 after {plain.steps} steps"
    if timed:
        why += f", {1e3 * plain.seconds:.3g} and {1e3 * half.seconds:.3g} ms a step"
    return {"precision": "bfloat16" if good else "float32", "why": why}


def _not_worth_converting(training: Training) -> str:
    """Why bfloat16 is not even tried on a processor; empty: it is."""
    if not counting.can_be_counted(training):
        return "" if training.seconds is not None else "what is compiled cannot be counted"
    before, training.autocast = training.autocast, precision.autocast(training.device, "bfloat16")
    counted = counting.step_of(training)
    training.autocast = before
    if counted.each < _WORTH_CONVERTING:
        return counted.said
    if counted.attends and training.seconds is None:
        return "PyTorch's attention is slow in bfloat16 on processors"
    return ""


def whether_compiled(training: Training) -> dict[str, Any]:
    """Compiled where the steps to come save more than compiling takes."""
    plain = training.trial(_TRIAL_STEPS, seconds=_FOR_TRIAL * (training.deadline - training.started)).seconds
    compiling.switch_on(training.modules)
    start = time.monotonic()
    compiled = training.trial(_TRIAL_STEPS).seconds
    cost = time.monotonic() - start - _TRIAL_STEPS * compiled
    compiling.switch_off(training.modules)
    pays = compiling.pays(plain, compiled, cost, training.plan.steps)
    why = f"{1e3 * plain:.3g} ms a step plain, {1e3 * compiled:.3g} ms compiled, compiling took {cost:.3g} s"
    return {"compile": pays, "why": why}


def pace(training: Training) -> dict[str, float]:
    """Seconds of a step and of a validation, as they will be made."""
    step = training.trial(_TRIAL_STEPS, seconds=_FOR_TRIAL * (training.deadline - training.started)).seconds
    start = time.monotonic()
    training.judge()
    return {"step": step, "validation": time.monotonic() - start}


def how_many_steps(training: Training, step: float, validation: float) -> dict[str, Any]:
    """As many as the time allows for, validations included, and no more than `epochs` says."""
    per_epoch = training.source.steps_per_epoch
    steps, period = affordable(training.deadline - training.run.elapsed, step, validation, per_epoch, training.most)
    why = f"{1e3 * step:.3g} ms a step, {1e3 * validation:.3g} ms a validation, {training.seconds:.4g} s in all"
    return {"steps": steps, "period": period, "validation": round(validation, 4), "why": why}


def steps_left(training: Training) -> int:
    """The whole plan's steps, at the pace since the last mark; validations to come take their part of the time."""
    taken = training.step - training.marked_step
    if taken < 1:  # just resumed: nothing was measured yet
        return training.plan.steps
    devices.synchronize(training.device)
    now = training.run.elapsed
    pace = (now - training.marked - training.judged) / taken + training.validation_seconds / training.period
    left = training.deadline - training.validation_seconds - now
    return revised(training.plan, training.step, pace, left, training.most)
