"""Muon: momentum whose every update is made orthogonal, for hidden matrices and the kernels of convolutions.

The update of a matrix is replaced by the nearest matrix whose singular values are all about 1, so that rare directions
are learned as fast as common ones; a kernel `(out, in, height, width)` is the matrix `(out, in * height * width)`.
Jordan et al. 2024 (kellerjordan.github.io/posts/muon); the scale that lets it use AdamW's learning rates is from Liu
et al. 2025 (arXiv 2502.16982).

PyTorch's own (`torch.optim.Muon`) orthogonalises in bfloat16 whatever the device; on processors that only convert it
that took 20 times as long as float32 here, so this one computes in the precision that is fastest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from mapsto.training.precision import multiplies_bfloat16

if TYPE_CHECKING:
    from collections.abc import Callable

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that pulls singular values in (0, 1] towards 1 fastest; it ends within about 0.7 to 1.2."""
_ITERATIONS = 5
_WIDE = 96
"""Shorter side from which a matrix is orthogonalised in bfloat16, whatever the rest of a step is computed in. To
convert narrower ones takes longer than it saves."""


def orthogonalized(matrix: Tensor) -> Tensor:
    """The matrix with its singular values moved near 1, by a Newton-Schulz iteration.

    >>> values = torch.linalg.svdvals(orthogonalized(torch.tensor([[3.0, 1.0, 0.0], [0.0, 0.5, 1.0]])))
    >>> bool(((values > 0.5) & (values < 1.5)).all())
    True
    """
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if tall else matrix
    x = x / x.norm().clamp_min(1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(Optimizer):
    """Nesterov momentum, orthogonalised; weight decay as in AdamW. Every parameter must be a matrix or a kernel."""

    def __init__(self, params: Any, lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every matrix that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, momentum = self.state[parameter], group["momentum"]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        average = state["momentum"].lerp_(gradient, 1.0 - momentum)
        ahead = gradient.lerp(average, momentum).flatten(1)
        if min(ahead.shape) >= _WIDE and multiplies_bfloat16(parameter.device):
            ahead = ahead.bfloat16()
        size = 0.2 * math.sqrt(max(ahead.shape))  # the root mean square of an AdamW update
        parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
        parameter.add_(orthogonalized(ahead).to(parameter.dtype).view(parameter.shape), alpha=-group["lr"] * size)
