"""One update: backward, clipping, the optimizer's step, gradients cleared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mapsto.training import devices, optimizers

if TYPE_CHECKING:
    from mapsto.objectives.base import Objective
    from mapsto.recipe import Learning


class Updater:
    """What the loop gives to `Objective.step`: descends a loss for the parameters of one group."""

    def __init__(self, objective: Objective, learning: Learning) -> None:
        self.device = devices.of(objective.modules)
        self.clip_norm, self.clip_value = learning.clip_norm, learning.clip_value
        self.parameters = {name: list(group) for name, group in objective.parameter_groups().items()}
        self.optimizers = {
            name: optimizers.build(
                learning.optimizer or "adamw",
                objective.modules,
                group,
                rate=learning.learning_rate or 1e-3,
                weight_decay=learning.weight_decay or 0.0,
                momentum=learning.momentum,
            )
            for name, group in self.parameters.items()
        }
        self._all = [optimizer for group in self.optimizers.values() for optimizer in group]

    def __call__(self, loss: Tensor, group: str = "main") -> None:
        """Descend `loss` for the parameters of `group`; those of other groups get no gradient."""
        parameters = self.parameters[group]
        inputs = parameters if len(self.parameters) > 1 else None
        cast = torch.is_autocast_enabled(self.device.type)
        if cast:  # switched by hand: a context for this alone takes longer than a small layer
            torch.set_autocast_enabled(self.device.type, False)
        try:
            loss.backward(inputs=inputs)  # type: ignore[no-untyped-call]
        finally:
            if cast:
                torch.set_autocast_enabled(self.device.type, True)
        self.clip(parameters)
        for optimizer in self.optimizers[group]:
            optimizer.step()
        if cast:  # the weights changed, and with them what they are in bfloat16
            torch.clear_autocast_cache()
        for parameter in parameters:  # what zero_grad does, without its hooks and checks
            parameter.grad = None

    def clip(self, parameters: list[nn.Parameter]) -> None:
        """Limit each gradient entry, then the norm of all together, as the recipe says."""
        if self.clip_value is not None:
            nn.utils.clip_grad_value_(parameters, self.clip_value, foreach=True)
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, self.clip_norm, foreach=True)

    def scale(self, factor: float) -> None:
        """Set every learning rate to this factor of its peak."""
        for optimizer in self._all:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor

    def rate(self) -> float:
        """The learning rate of the last step."""
        return float(self._all[0].param_groups[0]["lr"])

    def state_dict(self) -> dict[str, Any]:
        """States of all optimizers by group."""
        return {name: [o.state_dict() for o in group] for name, group in self.optimizers.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse."""
        for name, group in self.optimizers.items():
            for optimizer, own in zip(group, state[name], strict=True):
                optimizer.load_state_dict(own)

    def forget(self) -> None:
        """Drop moments and step counts, as if no step had been taken."""
        for optimizer in self._all:
            optimizer.load_state_dict({**optimizer.state_dict(), "state": {}})
