"""Layers of units, each a linear map, a curve and dropout: what several networks end in.

Shape legend: B batch, F features in, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.networks.base import DataSize, Network, NetworkConfig, option
from mapsto.networks.blocks.activations import NAMES, activation
from mapsto.networks.blocks.dropout import Dropout


@dataclass(frozen=True, kw_only=True)
class FeedForwardConfig(NetworkConfig):
    """Width and depth of the layers, their activation and their dropout."""

    width: int = option(256, low=1, high=16_384, doc="units in a layer")
    depth: int = option(3, low=1, high=128, doc="layers")
    activation: str = option("relu", among=NAMES, doc="curve of every unit")
    dropout: float = option(0.1, low=0.0, high=0.95, doc="share of units silenced in training")

    @classmethod
    def derived(cls, size: DataSize) -> dict[str, Any]:
        """Fewer rows: narrower, and more dropout."""
        if size.rows < 3_000:
            return {"width": 128, "depth": 2, "dropout": 0.25}
        return {"width": 256 if size.rows < 100_000 else 512}


class FeedForward(Network):
    """`depth` times: linear map, activation, dropout; `x_BF -> h_BD`."""

    def __init__(self, in_features: int, config: FeedForwardConfig) -> None:
        super().__init__(in_features, config)
        self.out_features = config.width
        widths = [in_features] + [config.width] * config.depth
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(width_in, width), activation(config.activation), Dropout(config.dropout))
                for width_in, width in pairwise(widths)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """`x_BF -> h_BD`."""
        h_BD: Tensor = self.layers(x)
        return h_BD


class OverBatch(nn.BatchNorm1d):
    """Each feature normalised over the batch; a row that is alone, by what was seen before."""

    def forward(self, input: Tensor) -> Tensor:
        """`h_BF -> h_BF`."""
        if len(input) > 1:
            return super().forward(input)
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
