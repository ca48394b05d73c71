"""Vision transformer: a picture as a row of patches that look at each other.

Each patch of a few pixels becomes a vector by one linear map, with a learned vector added for its place. Blocks of
attention and of two-layer networks follow, as in the transformer for text; nothing says that near patches belong
together, so it must be learned, from many pictures. The mean over all patches is what the heads see.
Papers: Dosovitskiy et al., "An image is worth 16x16 words", arXiv 2010.11929; the mean in place of an answer token:
Beyer, Zhai & Kolesnikov, "Better plain ViT baselines", arXiv 2205.01580.

Shape legend: B batch, C channels, H height, W width, T patches, P numbers in a patch, D width, N heads, E width of a
head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.errors import OptionError
from mapsto.networks.base import DataSize, Network, NetworkConfig, Sense, option
from mapsto.networks.blocks.attention import attend
from mapsto.networks.blocks.dropout import Dropout
from mapsto.networks.blocks.passes import passes

_PATCHES = 7
"""Patches along the longer side, about."""


class Attention(nn.Module):
    """Each patch takes a weighted mean of what all patches offer, once per head."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x_BTD: Tensor) -> Tensor:
        """`x_BTD -> y_BTD`."""
        q_BNTE, k_BNTE, v_BNTE = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for each in self.query_key_value(x_BTD).chunk(3, dim=-1)
        )
        mixed_BNTE = attend(q_BNTE, k_BNTE, v_BNTE)
        y_BTD: Tensor = self.out(mixed_BNTE.transpose(1, 2).flatten(2))
        return y_BTD


class Block(nn.Module):
    """Attention, then a two-layer network on every patch; both read what is normalised and add to what was there."""

    def __init__(self, config: ViT.Config) -> None:
        super().__init__()
        width = config.width
        self.attention = nn.Sequential(nn.LayerNorm(width), Attention(width, config.heads), Dropout(config.dropout))
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, config.expansion * width),
            nn.GELU(),
            nn.Linear(config.expansion * width, width),
            Dropout(config.dropout),
        )

    def forward(self, x_BTD: Tensor) -> Tensor:
        """`x_BTD -> x_BTD`."""
        x_BTD = x_BTD + self.attention(x_BTD)
        out_BTD: Tensor = x_BTD + self.feed_forward(x_BTD)
        return out_BTD


class ViT(Network):
    """Patches, places, `depth` blocks, a last normalisation, the mean.

    >>> ViT(3, ViT.Config(rows=7, columns=7, patch=4, width=16, depth=1))(torch.zeros(2, 3, 28, 28)).shape
    torch.Size([2, 16])
    """

    name: ClassVar[str] = "vit"
    layout: ClassVar[Sense] = "picture"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Size of the pictures and of the patches; width, number of blocks and heads."""

        rows: int = option(7, low=1, high=1_024, doc="patches one below the other")
        columns: int = option(7, low=1, high=1_024, doc="patches side by side")
        patch: int = option(4, low=1, high=256, doc="height and width of a patch, pixels")
        width: int = option(128, low=1, high=4_096, doc="vector of a patch (D)")
        depth: int = option(6, low=1, high=64, doc="blocks")
        heads: int = option(4, low=1, high=64, doc="attention heads; they share the width")
        expansion: int = option(2, low=1, high=16, doc="hidden width of a patch's network, of its width")
        dropout: float = option(0.1, low=0.0, high=0.95, doc="share of each correction silenced in training")

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.width % self.heads:
                message = f"vit: width must be a multiple of heads; got {self.width} and {self.heads}."
                raise OptionError(message)

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """Patches of a seventh of the longer side; a narrower, shallower network for fewer pictures."""
            found: dict[str, Any] = {"width": 96, "depth": 4} if size.rows < 10_000 else {}
            if size.shape:
                _, height, width = size.shape
                patch = max(1, round(max(height, width) / _PATCHES))
                found |= {"patch": patch, "rows": math.ceil(height / patch), "columns": math.ceil(width / patch)}
            return found

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """Muon: 77.4 % after 4 passes over 6,000 rows of Fashion-MNIST, AdamW 64.4 %, at one rate each."""
            rates = {"optimizer": "muon", "learning_rate": 5e-3, "weight_decay": 0.05}
            return rates | {"batch_size": 128 if size.rows >= 8_000 else 64, "epochs": passes(size.rows, 20, most=100)}

    def __init__(self, in_features: int, config: Config) -> None:
        """`in_features`: channels."""
        super().__init__(in_features, config)
        self.rows, self.columns, self.patch = config.rows, config.columns, config.patch
        self.entrance = nn.Linear(in_features * config.patch**2, config.width)
        self.place = nn.Parameter(torch.randn(config.rows * config.columns, config.width) * 0.02)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.depth)))
        self.last = nn.LayerNorm(config.width)
        self.out_features = config.width

    def patches(self, x_BCHW: Tensor) -> Tensor:
        """`x_BCHW -> x_BTP`, line by line; the rim is repeated where the last patches are not whole."""
        height, width = x_BCHW.shape[-2:]
        beyond = [0, self.columns * self.patch - width, 0, self.rows * self.patch - height]
        if any(beyond):
            x_BCHW = F.pad(x_BCHW, beyond, mode="replicate")
        cut = x_BCHW.reshape(len(x_BCHW), -1, self.rows, self.patch, self.columns, self.patch)
        return cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """`x_BCHW -> h_BD`."""
        x_BTD = self.entrance(self.patches(x)) + self.place
        h_BD: Tensor = self.last(self.blocks(x_BTD)).mean(dim=1)
        return h_BD
