"""Transformer: every step looks at every other, and takes over what it finds there; nothing is recurrent.

In each block a step asks a question (query), every step offers a key and a value, and the answer is the mean of the
values, weighted by how well their keys fit; several heads ask at once. Then each step passes through a small network.
Sines of many wavelengths, added to the steps, say where each stands.
Papers: Vaswani et al., "Attention is all you need", arXiv 1706.03762; Xiong et al. (normalisation first),
arXiv 2002.04745.

Shape legend: B batch, L length, F features in, D width, N heads, H width of a head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mapsto.errors import OptionError
from mapsto.networks.base import DataSize, NetworkConfig, option
from mapsto.networks.blocks.attention import attend
from mapsto.networks.blocks.dropout import Dropout
from mapsto.networks.blocks.sequences import POOLS, SequenceNetwork, cut, learning, present


def waves(length: int, width: int, like: Tensor) -> Tensor:
    """Where each step stands, `(L, D)`: sines and cosines with wavelengths from 2 pi to 20,000 pi steps."""
    place_L1 = torch.arange(length, device=like.device, dtype=torch.float32)[:, None]
    turns_H = torch.exp(torch.arange(0, width, 2, device=like.device) * (-math.log(10_000.0) / width))
    angle_LH = place_L1 * turns_H
    return torch.stack([angle_LH.sin(), angle_LH.cos()], dim=-1).flatten(1)[:, :width].to(like.dtype)


class Attention(nn.Module):
    """Scaled dot-product attention of all steps over the steps that are there."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query_key_value, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x_BLD: Tensor, seen_B11L: Tensor) -> Tensor:
        """`x_BLD -> y_BLD`."""
        query_key_value = self.query_key_value(x_BLD).chunk(3, dim=-1)
        q_BNLH, k_BNLH, v_BNLH = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in query_key_value)
        dropout = self.dropout if self.training else 0.0
        mixed_BNLH = attend(q_BNLH, k_BNLH, v_BNLH, seen_B11L=seen_B11L, dropout=dropout)
        y_BLD: Tensor = self.out(mixed_BNLH.transpose(1, 2).flatten(2))
        return y_BLD


class Block(nn.Module):
    """Attention, then a two-layer network on every step; both read what is normalised and add to what was there."""

    def __init__(self, config: Transformer.Config) -> None:
        super().__init__()
        width, hidden = config.width, config.expansion * config.width
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, config.heads, config.attention_dropout)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, hidden),
            nn.GELU(),
            Dropout(config.dropout),
            nn.Linear(hidden, width),
        )
        self.dropout = Dropout(config.dropout)

    def forward(self, x_BLD: Tensor, seen_B11L: Tensor) -> Tensor:
        """`x_BLD -> x_BLD`."""
        x_BLD = x_BLD + self.dropout(self.attention(self.norm(x_BLD), seen_B11L))
        out_BLD: Tensor = x_BLD + self.dropout(self.feed_forward(x_BLD))
        return out_BLD


class Transformer(SequenceNetwork):
    """A linear map to the width, positions, `depth` blocks, a last normalisation, pooling.

    A learned step stands in front of every sequence, so that none is empty.

    >>> network = Transformer(5, Transformer.Config(width=8, heads=2))
    >>> network(torch.zeros(3, 7, 5), torch.tensor([7, 2, 0])).shape
    torch.Size([3, 8])
    """

    name: ClassVar[str] = "transformer"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Width, number of blocks and heads, pooling, and what is dropped in training."""

        width: int = option(128, low=1, high=4_096, doc="width of a step (D)")
        depth: int = option(2, low=1, high=64, doc="blocks")
        heads: int = option(4, low=1, high=64, doc="attention heads; they share the width")
        expansion: int = option(2, low=1, high=8, doc="hidden width of a step's network, in widths")
        pooling: str = option("mean", among=tuple(POOLS), doc="how the steps become one vector")
        attention_dropout: float = option(0.1, low=0.0, high=0.95, doc="share of attention silenced in training")
        input_dropout: float = option(0.2, low=0.0, high=0.95, doc="share of inputs silenced in training")
        dropout: float = option(0.2, low=0.0, high=0.95, doc="share of units silenced in training")
        longest: int = option(512, low=1, high=100_000, doc="steps that are read; the cost grows with their square")

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.width % self.heads:
                message = f"transformer: width must be a multiple of heads; got {self.width} and {self.heads}."
                raise OptionError(message)

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """Fewer rows: narrower."""
            return {"width": 64} if size.rows < 20_000 else {}

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """AdamW at a low rate, as attention wants."""
            return learning(size, rate=0.001)

    def __init__(self, in_features: int, config: Config) -> None:
        super().__init__(in_features, config)
        self.out_features, self.longest, self.pooling = config.width, config.longest, config.pooling
        self.input_dropout = Dropout(config.input_dropout)
        self.entrance = nn.Linear(in_features, config.width)
        self.first = nn.Parameter(torch.randn(1, 1, config.width) * config.width**-0.5)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.last = nn.LayerNorm(config.width)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """`x_BLF, lengths_B -> h_BD`."""
        x_BLF, lengths_B = cut(x, lengths, self.longest)
        x_BLD = self.entrance(self.input_dropout(x_BLF))
        x_BLD = torch.cat([self.first.expand(len(x), -1, -1), x_BLD], dim=1)
        x_BLD = x_BLD + waves(x_BLD.shape[1], self.out_features, x_BLD)
        seen_B11L = present(lengths_B + 1, x_BLD.shape[1])[:, None, None]
        for block in self.blocks:
            x_BLD = block(x_BLD, seen_B11L)
        h_BD: Tensor = self.dropout(POOLS[self.pooling](self.last(x_BLD), lengths_B + 1))
        return h_BD
