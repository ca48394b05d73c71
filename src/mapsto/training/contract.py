"""The laws of the objective contract, as a function that a plug-in's tests can call."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from mapsto.training import devices
from mapsto.training.checkpoints import pack, unpack
from mapsto.training.loop import Training
from mapsto.training.randomness import draws_from_own, isolated
from mapsto.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from mapsto.objectives.base import Objective
    from mapsto.recipe import Learning


def check_objective(make: Callable[[], Objective], learning: Learning, *, steps: int = 12) -> None:
    """Raise AssertionError, naming the law, if an objective breaks the contract.

    Args:
        make: builds the objective anew, always with the same weights.
        learning: settings for a few steps.
        steps: steps to take; enough for a source that grows to grow.
    """
    _check_groups(make())
    _check_steps(make(), learning, steps)
    _check_batches(make())
    _check_validation(make())
    _check_resume(make, learning, steps)


def _check_groups(objective: Objective) -> None:
    groups = {name: list(group) for name, group in objective.parameter_groups().items()}
    members = [id(p) for group in groups.values() for p in group]
    _law(len(members) == len(set(members)), "a parameter belongs to one group only")
    trainable = {id(p) for p in objective.modules.parameters() if p.requires_grad}
    _law(trainable <= set(members), "every trainable parameter belongs to a group")
    _law(all(groups.values()), "no group is empty")
    _law(len(objective.verbs) > 0, "an objective has a verb")


def _check_steps(objective: Objective, learning: Learning, steps: int) -> None:
    before = [p.detach().clone() for p in objective.modules.parameters()]
    with _isolated(0, objective):
        training = _training(objective, learning)
        for _ in range(steps):
            losses = objective.step(objective.source.batch(training.epoch, training.at), training.updater)
            _law(bool(losses), "a step returns named losses")
            for name, loss in losses.items():
                _law(not loss.requires_grad, f"loss {name!r} is detached")
                _law(loss.ndim == 0 and math.isfinite(loss.item()), f"loss {name!r} is one finite number")
    after = list(objective.modules.parameters())
    moved = {id(p) for p, old in zip(after, before, strict=True) if not torch.equal(p, old)}
    for name, group in objective.parameter_groups().items():
        _law(any(id(p) in moved for p in group), f"group {name!r} learns")
    _law(all(p.grad is None for p in after), "gradients are cleared after a step")


def _check_batches(objective: Objective) -> None:
    first, again = objective.source.batch(0, 0), objective.source.batch(0, 0)
    _law(_same(first, again), "a batch follows from seed, epoch, step and state alone")
    _law(objective.source.steps_per_epoch >= 1, "an epoch has at least one step")


def _check_validation(objective: Objective) -> None:
    before = unpack(*pack(dict(objective.modules.state_dict())))
    random = torch.get_rng_state()
    objective.modules.eval()
    with torch.no_grad():
        figure = objective.validate()
    _law(figure is None or isinstance(figure, float), "validate returns a float or None")
    _law(_same(before, dict(objective.modules.state_dict())), "validation changes no weight")
    _law(torch.equal(random, torch.get_rng_state()), "validation draws no random number")


def _check_resume(make: Callable[[], Objective], learning: Learning, steps: int) -> None:
    """Steps in one go equal half the steps, a written and read state, a new object, and the other half."""
    whole, half, rest = make(), make(), make()
    with _isolated(1, whole):
        straight = _advanced(_training(whole, learning), steps)
    with _isolated(1, half):
        state = unpack(*pack(_advanced(_training(half, learning), steps // 2)))
    with _isolated(2, rest):
        resumed = _training(rest, learning)
        resumed.load_state_dict(state)
        ended = _advanced(resumed, steps - steps // 2)
    for part in ("modules", "updater", "source", "objective"):
        _law(_same(straight[part], ended[part]), f"a resumed training ends with the same {part}, bit for bit")


def _isolated(seed: int, objective: Objective) -> AbstractContextManager[None]:
    return isolated(seed, devices.of(objective.modules), own=draws_from_own(objective))


def _training(objective: Objective, learning: Learning) -> Training:
    objective.modules.train()
    return Training(objective, learning, Run(), "contract")


def _advanced(training: Training, steps: int) -> dict[str, Any]:
    for _ in range(steps):
        training.advance()
    return training.state_dict()


def _same(one: Any, other: Any) -> bool:
    """Equality of nested states and batches; tensors bit for bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one.nan_to_num(), other.nan_to_num())
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if hasattr(one, "__dict__"):
        return _same(vars(one), vars(other))
    return bool(one == other)


def _law(holds: bool, law: str) -> None:  # noqa: FBT001
    if not holds:
        message = f"the objective contract is broken: {law}"
        raise AssertionError(message)
