"""Initialisation: the weights of linear maps before the first step.

Signals should neither die out nor blow up on their way through the layers, forwards and backwards. The classical
rules set the spread of the weights so that they do not.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mapsto.errors import OptionError

Rule = Callable[[Tensor, torch.Generator | None], object]


def xavier(weight: Tensor, generator: torch.Generator | None = None) -> None:
    """Uniform, variance `2 / (in + out)`: for curves with slope 1 at zero. Glorot & Bengio, AISTATS 2010."""
    nn.init.xavier_uniform_(weight, generator=generator)


def he(weight: Tensor, generator: torch.Generator | None = None) -> None:
    """Normal, variance `2 / in`: for rectified units, which pass half of the signal. He et al., arXiv 1502.01852."""
    nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)


def orthogonal(weight: Tensor, generator: torch.Generator | None = None) -> None:
    """A rotation, which keeps lengths. Saxe, McClelland & Ganguli, arXiv 1312.6120."""
    nn.init.orthogonal_(weight, generator=generator)


RULES: dict[str, Rule] = {"xavier": xavier, "he": he, "orthogonal": orthogonal}


def initialize(module: nn.Module, name: str, generator: torch.Generator | None = None) -> None:
    """Set the weights of all linear maps in a module by a named rule, and their biases to zero.

    Args:
        module: the network; embeddings, norms, scales and heads with views keep the values they were built with.
        name: "xavier", "he", "orthogonal", or "default", which leaves everything as it was built.
        generator: where the numbers come from.

    Raises:
        OptionError: no such rule.
    """
    if name == "default":
        return
    if name not in RULES:
        message = f"there is no initialisation '{name}'. Known: default, {', '.join(RULES)}."
        raise OptionError(message)
    for each in module.modules():
        if isinstance(each, nn.Linear):
            RULES[name](each.weight, generator)
            if each.bias is not None:
                nn.init.zeros_(each.bias)
