"""The random numbers of a training: from a generator of its own, seeded, kept with every checkpoint.

What the parts of mapsto draw comes from there (`networks/blocks/chance.py`), so trainings may run side by side and a
caller's own random state is untouched. Modules of others (a user's network, PyTorch's own dropout), compiled ones and
those of an accelerator draw from PyTorch's generators, which cannot be handed to them. Trainings that may contain
such take turns; PyTorch's generators are seeded for their time and put back afterwards.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from mapsto.networks.blocks.chance import chance, drawing_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mapsto.objectives.base import Objective

_DRAWING = {"torch.nn.modules.dropout"}
_TURN = threading.RLock()


@contextmanager
def isolated(seed: int, device: torch.device, *, own: bool = True) -> Iterator[None]:
    """Inside, what is drawn follows from `seed`; outside, nothing has changed.

    `own`: whether all that is random asks `chance`; otherwise PyTorch's generators are borrowed.
    """
    start = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1)
    if own and device.type == "cpu":
        with drawing_from(torch.Generator().manual_seed(start)):
            yield
        return
    with _TURN, drawing_from(None):
        before = get_state(device)
        torch.manual_seed(start)
        try:
            yield
        finally:
            set_state(device, before)


def draws_from_own(objective: Objective) -> bool:
    """Whether all that is random in an objective asks `chance`: it and its modules are mapsto's own."""
    ours = type(objective).__module__.startswith("mapsto.")
    return ours and not any(map(draws_by_itself, objective.modules.modules()))


def draws_by_itself(module: nn.Module) -> bool:
    """Whether a module may draw from PyTorch's generators: one of others that is no plain layer of PyTorch's."""
    if type(module).__module__.startswith("mapsto."):
        return False
    home = type(module).__module__
    return not home.startswith("torch.nn.") or bool(getattr(module, "dropout", 0)) or home in _DRAWING


def get_state(device: torch.device) -> dict[str, Any]:
    """The random state now."""
    generator = chance()
    state = {"cpu": torch.get_rng_state() if generator is None else generator.get_state()}
    if device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    elif device.type != "cpu":
        state[device.type] = torch.get_device_module(device).get_rng_state(device)
    return state


def set_state(device: torch.device, state: dict[str, Any]) -> None:
    """Go on from a random state."""
    generator = chance()
    if generator is None:
        torch.set_rng_state(state["cpu"])
    else:
        generator.set_state(state["cpu"])
    if device.type not in state:
        return
    if device.type == "mps":
        torch.mps.set_rng_state(state["mps"])
    elif device.type != "cpu":
        torch.get_device_module(device).set_rng_state(state[device.type], device)
