"""What pretrained networks share: where their weights come from, what is frozen, and how fast each layer learns."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import nn

from mapsto.networks.base import DataSize, Network, NetworkConfig, option
from mapsto.networks.blocks import encoders
from mapsto.networks.folders import find


@dataclass(frozen=True, kw_only=True)
class PretrainedConfig(NetworkConfig):
    """Which encoder, what of it becomes the vector of a cell, and how fast its layers learn."""

    source: str = option("", doc="folder, package or cached name that the weights begin from")
    model: str = option("", doc="the encoder's description as JSON, read from the source")
    pooling: str = option("mean", among=("mean", "first"), doc="what becomes the vector of a cell")
    rate: float = option(0.05, low=0.0, high=1.0, doc="rate of the uppermost layer, as a share of the head's")
    decay: float = option(0.85, low=0.0, high=1.0, doc="rate of a layer, as a share of the one above")

    @classmethod
    @abstractmethod
    def described(cls, source: str) -> dict[str, Any]:
        """The options that a source says: the encoder's description and whatever else."""

    @classmethod
    def for_data(cls, size: DataSize, **given: Any) -> Self:
        """What the source says where one is named, and what is given."""
        source = given.get("source")
        return cls.of((cls.described(source) if source and "model" not in given else {}) | given)

    @classmethod
    def learning(cls, size: DataSize) -> dict[str, Any]:
        """AdamW, small batches, two or three passes; more over few rows."""
        epochs = 2 if size.rows >= 10_000 else 3 if size.rows >= 2_000 else 6
        settings = {"optimizer": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01, "batch_size": 32}
        return settings | {"epochs": epochs, "warmup": 0.1, "clip_norm": 1.0}


class PretrainedNetwork(Network):
    """Base of the networks that begin with weights from elsewhere."""

    encoder: Any
    source: str
    pooling: str
    """What becomes the vector of a cell: "mean" or "first"."""
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
