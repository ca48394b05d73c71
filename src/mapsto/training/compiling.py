"""`torch.compile` where it pays: the gain over the steps left must exceed what compiling costs.

On a processor it is off unless asked for: compiling takes tens of seconds there, and small tables train in less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn


def worth_measuring(device: torch.device, setting: str, seconds: float | None) -> bool:
    """Whether to compile for a trial: only on a GPU, with "auto", and with time enough for a trial to matter.

    Without a time nothing may depend on a clock, so nothing is measured.
    """
    return setting == "auto" and device.type == "cuda" and seconds is not None and seconds > 60


def pays(plain: float, compiled: float, cost: float, steps: int) -> bool:
    """Whether `steps` steps at `compiled` seconds each and the cost beat `steps` at `plain` seconds.

    >>> pays(0.010, 0.006, cost=30.0, steps=10_000), pays(0.010, 0.006, cost=30.0, steps=1_000)
    (True, False)
    """
    return (plain - compiled) * steps > cost


def switch_on(module: nn.Module) -> None:
    """Compile the module's forward pass in place, at its next call; parameters and names stay as they are."""
    module.compile(dynamic=True)


def switch_off(module: nn.Module) -> None:
    """Back to plain calls."""
    module._compiled_call_impl = None
