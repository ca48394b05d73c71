"""A loss that a network learns beside the one that it is trained for.

The loss rides on the features: they pass unchanged, and when a gradient comes back through them, the loss is descended
too. So whoever trains the network (an objective, a user's own loop) need not know of it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Aside(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, loss: Tensor) -> Tensor:
        ctx.like = (loss.dtype, loss.device)
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        dtype, device = ctx.like
        return gradients[0], torch.ones((), dtype=dtype, device=device)


def learn_aside(features: Tensor, loss: Tensor) -> Tensor:
    """`features` as they are; a backward pass through them also descends `loss` (a single number).

    >>> weight = torch.tensor(3.0, requires_grad=True)
    >>> learn_aside(torch.zeros(2, requires_grad=True), weight**2).sum().backward()
    >>> weight.grad
    tensor(6.)
    """
    found: Tensor = _Aside.apply(features, loss)  # type: ignore[no-untyped-call]
    return found
