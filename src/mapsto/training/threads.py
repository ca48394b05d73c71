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
    from torch import nn

    from mapsto.training.loop import Training

_ATEN = torch.ops.aten
_PRODUCTS = {
    operation: flop_registry[operation]
    for operation in (
        _ATEN.mm, _ATEN.addmm, _ATEN.bmm, _ATEN.baddbmm, _ATEN.convolution, _ATEN.convolution_backward
    )
}  # fmt: skip
"""What computes most, and how many multiplications and additions that is. Other operations count as none."""
_ENOUGH = 2_000_000
"""Multiplications and additions of an operation that are worth a thread: about 50 microseconds."""


def to_be_chosen(training: Training) -> bool:
    """Whether there is a choice: several threads of a processor, and operations that can be seen.

    A module that was compiled is one operation from outside, and not to be looked into.
    """
    several = training.device.type == "cpu" and torch.get_num_threads() > 1
    return several and not any(map(_is_compiled, training.modules.modules()))


def worth_waiting_for(training: Training) -> dict[str, Any]:
    """Threads for the steps of a training, of those that PyTorch may use now."""
    step = _Counted()  # type: ignore[no-untyped-call]
    with training.undone(), step:
        training.advance()
    each = step.computed / max(1, step.operations)
    threads = min(torch.get_num_threads(), max(1, int(each / _ENOUGH)))
    return {"threads": threads, "why": f"{each / 1e6:.3g} million multiplications and additions an operation"}


def _is_compiled(module: nn.Module) -> bool:
    return module._compiled_call_impl is not None or hasattr(module, "_orig_mod")


class _Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations, and what matrix products and convolutions compute."""

    operations = computed = 0
    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """PyTorch would import its compiler at the first operation, over a second, only to tell it to keep out."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        self.operations += 1
        product = _PRODUCTS.get(getattr(func, "overloadpacket", func))
        if product is not None:
            self.computed += product(*args, **(kwargs or {}), out_val=found)
        return found
