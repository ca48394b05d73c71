"""Activations: what stands between two linear maps, so that together they are more than one linear map."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.errors import OptionError


class Step(nn.Module):
    """1 where the input is positive, 0 elsewhere: Rosenblatt's unit, trained by a straight-through gradient.

    The step has no slope to learn from, so the backward pass takes that of a ramp from (-1, 0) to (1, 1) instead.
    Paper: Bengio, Léonard & Courville, "Estimating or propagating gradients through stochastic neurons",
    arXiv 1308.3432.

    >>> import torch
    >>> Step()(torch.tensor([-0.3, 0.2]))
    tensor([0., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        ramp = (x.clamp(-1, 1) + 1) / 2
        return ramp + ((x > 0).to(x.dtype) - ramp).detach()


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "step": Step,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "identity": nn.Identity,
}
"""Activations by name."""

NAMES = tuple(ACTIVATIONS)


def activation(name: str) -> nn.Module:
    """The activation of this name.

    Raises:
        OptionError: there is none of this name.
    """
    if name not in ACTIVATIONS:
        message = f"there is no activation '{name}'. Known: {', '.join(NAMES)}."
        raise OptionError(message)
    return ACTIVATIONS[name]()


class Gated(nn.Module):
    """Half of the features, each multiplied by the activation of its partner in the other half.

    With relu it is ReGLU, with gelu GEGLU. Paper: Shazeer, "GLU variants improve transformer", arXiv 2002.05202.

    Shape: `(..., 2 * D) -> (..., D)`.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        gates: dict[str, Callable[[Tensor], Tensor]] = {"reglu": F.relu, "geglu": F.gelu}
        self.gate = gates[name]

    def forward(self, x: Tensor) -> Tensor:
        """`(..., 2 * D) -> (..., D)`."""
        value, gate = x.chunk(2, dim=-1)
        return value * self.gate(gate)
