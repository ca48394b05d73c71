"""PyTorch's own random state, borrowed for a training and put back afterwards.

Dropout and its kin draw from the generator of the device, which cannot be handed to them; so it is seeded for the
time of the training, saved with every checkpoint, and restored for whoever comes after.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def isolated(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, the random state of processor and device follows from `seed`; outside, nothing has changed."""
    before = get_state(device)
    torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1))
    try:
        yield
    finally:
        set_state(device, before)


def get_state(device: torch.device) -> dict[str, Any]:
    """The random state now."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    elif device.type != "cpu":
        state[device.type] = torch.get_device_module(device).get_rng_state(device)
    return state


def set_state(device: torch.device, state: dict[str, Any]) -> None:
    """Go on from a random state."""
    torch.set_rng_state(state["cpu"])
    if device.type not in state:
        return
    if device.type == "mps":
        torch.mps.set_rng_state(state["mps"])
    elif device.type != "cpu":
        torch.get_device_module(device).set_rng_state(state[device.type], device)
