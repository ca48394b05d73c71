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
_ATTENTION = _ATEN._scaled_dot_product_flash_attention_for_cpu


def can_be_counted(training: Training) -> bool:
    """Whether operations can be seen: a module that was compiled is one from outside, and not to be looked into."""
    return training.device.type == "cpu" and not any(map(_is_compiled, training.modules.modules()))


def step_of(training: Training) -> Counted:
    """What a step computes; it leaves no trace."""
    step = Counted()  # type: ignore[no-untyped-call]
    with training.undone(), step:
        training.advance()
    return step


def _is_compiled(module: nn.Module) -> bool:
    return module._compiled_call_impl is not None or hasattr(module, "_orig_mod")


class Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations, and what matrix products and convolutions compute."""

    operations = computed = 0
    attends = False
    """Whether PyTorch's own attention was among them."""
    supports_higher_order_operators = True

    @property
    def each(self) -> float:
        """Multiplications and additions of an operation, on average."""
        return self.computed / max(1, self.operations)

    @property
    def said(self) -> str:
        """That, as the reason of a decision."""
        return f"{self.each / 1e6:.3g} million multiplications and additions an operation"

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """PyTorch would import its compiler at the first operation, over a second, only to tell it to keep out."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        self.operations += 1
        packet = getattr(func, "overloadpacket", func)
        self.attends = self.attends or packet is _ATTENTION
        product = _PRODUCTS.get(packet)
        if product is not None:
            self.computed += product(*args, **(kwargs or {}), out_val=found)
        return found
