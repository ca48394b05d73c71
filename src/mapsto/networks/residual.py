"""Residual: blocks that add a correction to their input instead of replacing it.

A shortcut carries the features past every block, so gradients reach the first layer undiminished and depth does not
hurt. Each block normalises a copy of the features, passes it through two linear maps and adds the result. Stochastic
depth drops whole corrections at random in training, later ones more often.
Papers: He et al., "Deep residual learning", arXiv 1512.03385; for tables Gorishniy et al., arXiv 2106.11959 (we
normalise each row and not the batch, so that a row's features depend on no other row); Huang et al., "Deep networks
with stochastic depth", arXiv 1603.09382.

Shape legend: B batch, F features in, D width, H hidden width of a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from mapsto.networks.base import DataSize, Network, NetworkConfig, option
from mapsto.networks.blocks.chance import chance
from mapsto.networks.blocks.dropout import Dropout


class StochasticDepth(nn.Module):
    """In training, drops the whole correction of a row with a probability, and scales the others up for it."""

    def __init__(self, drop: float) -> None:
        super().__init__()
        self.drop = drop

    def forward(self, correction_BD: Tensor) -> Tensor:
        """Same shape in and out."""
        if not self.training or self.drop == 0:
            return correction_BD
        kept_B1 = correction_BD.new_empty(len(correction_BD), 1).bernoulli_(1 - self.drop, generator=chance())
        return correction_BD * kept_B1.div_(1 - self.drop)


class Block(nn.Module):
    """`x + drop(linear(relu(linear(norm(x)))))`."""

    def __init__(self, width: int, hidden: int, dropout: float, drop_path: float) -> None:
        super().__init__()
        self.correction = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, hidden),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(hidden, width),
            StochasticDepth(drop_path),
        )

    def forward(self, x_BD: Tensor) -> Tensor:
        """`x_BD -> x_BD`."""
        added: Tensor = x_BD + self.correction(x_BD)
        return added


class Residual(Network):
    """A linear map to the width, `depth` residual blocks, a last normalisation.

    >>> import torch
    >>> Residual(5, Residual.Config(width=8, depth=2))(torch.zeros(3, 5)).shape
    torch.Size([3, 8])
    """

    name: ClassVar[str] = "residual"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Width and number of blocks, and what is dropped in training."""

        width: int = option(192, low=1, high=8_192, doc="features carried by the shortcut")
        depth: int = option(3, low=1, high=256, doc="blocks")
        expansion: float = option(2.0, low=0.1, high=8.0, doc="hidden width of a block as a multiple of the width")
        dropout: float = option(0.2, low=0.0, high=0.95, doc="share of hidden units silenced in training")
        stochastic_depth: float = option(0.0, low=0.0, high=0.9, doc="how often the last block is dropped in training")

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """Fewer rows: narrower, fewer blocks, more dropout."""
            if size.rows < 3_000:
                return {"width": 96, "depth": 2, "dropout": 0.3}
            return {"width": 192 if size.rows < 100_000 else 256}

    def __init__(self, in_features: int, config: Config) -> None:
        super().__init__(in_features, config)
        width, hidden = config.width, max(1, round(config.width * config.expansion))
        rising = [config.stochastic_depth * (i + 1) / config.depth for i in range(config.depth)]
        self.out_features = width
        self.first = nn.Linear(in_features, width)
        self.blocks = nn.Sequential(*(Block(width, hidden, config.dropout, drop) for drop in rising))
        self.last = nn.Sequential(nn.LayerNorm(width), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """`x_BF -> h_BD`."""
        h_BD: Tensor = self.last(self.blocks(self.first(x)))
        return h_BD
