"""Bag: the mean of all steps, as if a text were a bag of words; their order is not looked at.

With a linear map behind it this is fastText's classifier: each word votes with its vector. It is the fastest of all
networks for sequences, and for topics often as good as any; where meaning turns on order ("not good"), others see more.
Papers: Joulin et al., "Bag of tricks for efficient text classification", arXiv 1607.01759; Iyyer et al., "Deep
unordered composition rivals syntactic methods for text classification", ACL 2015 (words dropped in training).

Shape legend: B batch, L length, F features in, D width out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from torch import Tensor, nn

from mapsto.networks.base import DataSize, NetworkConfig, option
from mapsto.networks.blocks.dropout import Dropout
from mapsto.networks.blocks.sequences import SequenceNetwork, learning, mean


class Bag(SequenceNetwork):
    """The mean of the steps, then `depth` times a linear map and a rectifier.

    >>> import torch
    >>> Bag(5, Bag.Config(dropout=0.0))(torch.ones(3, 7, 5), torch.tensor([7, 2, 0])).sum(1)
    tensor([5., 5., 0.])
    """

    name: ClassVar[str] = "bag"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Layers behind the mean, and what is dropped in training."""

        depth: int = option(0, low=0, high=16, doc="layers behind the mean; fastText has none")
        width: int = option(128, low=1, high=4_096, doc="units in a layer")
        dropout: float = option(0.2, low=0.0, high=0.95, doc="share of the mean's features silenced in training")

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """AdamW at a high rate: nothing but vectors and a linear map is learned."""
            return learning(size, rate=0.005)

    def __init__(self, in_features: int, config: Config) -> None:
        super().__init__(in_features, config)
        self.out_features = config.width if config.depth else in_features
        widths = [in_features] + [config.width] * config.depth
        self.layers = nn.Sequential(Dropout(config.dropout))
        for width_in, width in pairwise(widths):
            self.layers.extend([nn.Linear(width_in, width), nn.ReLU(), Dropout(config.dropout)])

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """`x_BLF, lengths_B -> h_BD`."""
        h_BD: Tensor = self.layers(mean(x, lengths))
        return h_BD
