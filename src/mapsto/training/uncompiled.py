"""PyTorch's optimizers without its compiler.

They import the compiler when they are built and when they step, over a second in a fresh process, only to tell it to
keep out of them. The loop compiles networks, never optimizers, so their methods are called as they are written.
"""

from __future__ import annotations

from functools import cache
from inspect import unwrap
from typing import Any

import torch
from torch.optim import Optimizer

_WRAPPED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


@cache
def uncompiled(kind: type[Optimizer]) -> Any:
    """A class of optimizer whose methods do not ask for the compiler.

    >>> weight = torch.ones(1, requires_grad=True)
    >>> weight.sum().backward()
    >>> uncompiled(torch.optim.SGD)([weight], lr=0.25).step()
    >>> weight.item()
    0.75
    """
    methods: dict[str, Any] = {name: unwrap(getattr(kind, name)) for name in _WRAPPED}
    methods["step"] = torch.no_grad()(unwrap(kind.step))  # what its wrapper does, but for the compiler
    return type(kind.__name__, (kind,), methods)
