"""Linear: the inputs themselves, with nothing learned between encoders and heads.

Each head is one linear map, so this is linear regression, logistic regression or softmax regression, whichever the
target asks for. It is the yardstick: what it cannot reach is what a deeper network has to earn.
Paper: D. R. Cox, "The regression analysis of binary sequences", J. R. Stat. Soc. B 20 (1958).

Shape legend: B batch, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mapsto.networks.base import Network, NetworkConfig


class Linear(Network):
    """Hands its input on; the heads do the rest.

    >>> import torch
    >>> Linear(3, Linear.Config())(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """

    name: ClassVar[str] = "linear"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """A linear model has no options."""

    def __init__(self, in_features: int, config: NetworkConfig) -> None:
        super().__init__(in_features, config)
        self.out_features = in_features

    def forward(self, x: Tensor) -> Tensor:
        """`x_BF -> x_BF`."""
        return x
