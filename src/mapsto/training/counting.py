"""What an operation of a step computes, counted: where no clock may be looked at, it says what pays.

Sharing out an operation among threads, or converting numbers before it and after, costs the same however little it
computes.
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


def can_be_counted(training: Training) -> bool:
    """Whether operations can be seen: a module that was compiled is one from outside, and not to be looked into."""
    return training.device.type == "cpu" and not any(map(_is_compiled, training.modules.modules()))


def per_operation(training: Training) -> float:
    """Multiplications and additions that an operation of a step computes, on average; the step leaves no trace."""
    step = _Counted()  # type: ignore[no-untyped-call]
    with training.undone(), step:
        training.advance()
    return step.computed / max(1, step.operations)


def said(each: float) -> str:
    """The count as the reason of a decision.

    >>> said(1_680_000.0)
    '1.68 million multiplications and additions an operation'
    """
    return f"{each / 1e6:.3g} million multiplications and additions an operation"


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
