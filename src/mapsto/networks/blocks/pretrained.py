"""What pretrained networks share: where their weights come from, what is frozen, and how fast each layer learns."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from mapsto.networks.base import DataSize, Network
from mapsto.networks.blocks import encoders
from mapsto.networks.folders import find


class PretrainedNetwork(Network):
    """Base of the networks that begin with weights from elsewhere."""

    encoder: Any
    source: str
    rate: float
    """Of the uppermost layer, as a share of the head's."""
    decay: float
    """Rate of a layer, as a share of the one above."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        found: torch.dtype = next(self.encoder.parameters()).dtype
        return found

    @property
    def weights(self) -> int:
        """How many it has, without tables of which each text reads a few rows."""
        tables: int = sum(m.weight.numel() for m in self.encoder.modules() if isinstance(m, nn.Embedding))
        every: int = sum(p.numel() for p in self.encoder.parameters())
        return every - tables

    def begin(self) -> None:
        """Take the weights of the source, if one is named, and keep the tables of words as they are: most of their rows
        are not in the texts at hand.
        """
        if not self.source:
            return
        encoders.fill(self.encoder, find(self.source))
        for table in self.encoder.modules():
            if isinstance(table, nn.Embedding):
                table.weight.requires_grad_(False)

    def rate_factors(self) -> list[tuple[nn.Parameter, float]]:
        """Rates that fall from layer to layer towards the input."""
        from_above = reversed(encoders.layers(self.encoder))
        return [
            (p, self.rate * self.decay ** max(0, depth - 1)) for depth, layer in enumerate(from_above) for p in layer
        ]


def rates(size: DataSize, rate: float) -> dict[str, Any]:
    """Settings of learning for tuning: AdamW, small batches, few passes."""
    epochs = 2 if size.rows >= 10_000 else 3 if size.rows >= 2_000 else 6
    settings = {"optimizer": "adamw", "learning_rate": rate, "weight_decay": 0.01, "batch_size": 32}
    return settings | {"epochs": epochs, "warmup": 0.1, "clip_norm": 1.0}
