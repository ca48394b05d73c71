"""How many of the processor's threads share out a step's operations.

Threads that share out an operation wait for each other at its end. Where operations are small they wait longer than
they compute; and where another process takes a processor, each operation waits until the last thread has its turn
(dev/LOG.md, "Small operations on one thread"). So each thread must have enough to do in an operation, on average over
those of a step. Counted and not timed: how sums are split decides their last bits, and equal seeds give equal weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

if TYPE_CHECKING:
    from mapsto.training.loop import Training

_ENOUGH = 2_000_000
"""Multiplications and additions of an operation that are worth a thread: about 50 microseconds."""


def worth_waiting_for(training: Training) -> int:
    """Threads for the steps of a training on the processor, of those that PyTorch may use now."""
    most = torch.get_num_threads()
    if training.device.type != "cpu" or most == 1:
        return most
    step = _Counted()  # type: ignore[no-untyped-call]
    with training.undone(), step:
        training.advance()
    return min(most, max(1, int(step.computed / (_ENOUGH * max(1, step.operations)))))


class _Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations, and what matrix products and convolutions compute."""

    operations = computed = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """PyTorch would import its compiler at the first operation, over a second, only to tell it to keep out."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        self.operations += 1
        if func.overloadpacket in flop_registry:
            self.computed += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=found)
        return found
