"""Hierarchical attention: words become passages, and passages a document, by attention over recurrent networks.

A document of tens of thousands of words is too long to be read step by step. It is cut into passages of equal length,
all passages are read at once by one recurrent network, and attention makes one vector of each; a second such pair
reads these vectors in their order. So no network takes more steps than about the root of the document's length.
Paper: Yang et al., "Hierarchical attention networks for document classification", NAACL 2016 (there, passages are
sentences).

Shape legend: B batch, L length, F features in, P passages of a row, S steps of a passage, M passages of all rows,
D width of the states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.networks.base import DataSize, NetworkConfig, option
from mapsto.networks.blocks.dropout import Dropout
from mapsto.networks.blocks.recurrence import Recurrence
from mapsto.networks.blocks.sequences import AdditiveAttention, SequenceNetwork, learning, present


class Reader(nn.Module):
    """Gated recurrent units in both directions, additive attention over their states: `x_BLF, lengths_B -> h_BD`."""

    def __init__(self, in_features: int, config: Hierarchical.Config) -> None:
        super().__init__()
        self.states = Recurrence(nn.GRU, in_features, config.width, bidirectional=True)
        self.attention = AdditiveAttention(2 * config.width, config.attention_width)

    def forward(self, x_BLF: Tensor, lengths_B: Tensor) -> Tensor:
        """`x_BLF, lengths_B -> h_BD`."""
        h_BD: Tensor = self.attention(self.states(x_BLF, lengths_B), lengths_B)
        return h_BD


class Hierarchical(SequenceNetwork):
    """A reader of passages, and a reader of what the first made of them.

    >>> network = Hierarchical(5, Hierarchical.Config(width=8, passage=3))
    >>> network(torch.zeros(3, 7, 5), torch.tensor([7, 2, 0])).shape
    torch.Size([3, 16])
    """

    name: ClassVar[str] = "hierarchical"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Length of a passage, widths, and dropout."""

        passage: int = option(32, low=1, high=4_096, doc="steps of a passage")
        width: int = option(64, low=1, high=4_096, doc="numbers that a state remembers, in each direction")
        attention_width: int = option(64, low=1, high=4_096, doc="units of the layers that score a state")
        input_dropout: float = option(0.3, low=0.0, high=0.95, doc="share of inputs silenced in training")
        dropout: float = option(0.3, low=0.0, high=0.95, doc="share of passages' features silenced in training")

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """Passages about as long as a document has passages, of a sentence at least."""
            usual = size.shape[0] if size.shape else 0
            return {"passage": min(max(32, round(usual**0.5)), 256)}

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """AdamW."""
            return learning(size, rate=0.002)

    def __init__(self, in_features: int, config: Config) -> None:
        super().__init__(in_features, config)
        self.passage, self.out_features = config.passage, 2 * config.width
        self.input_dropout, self.dropout = Dropout(config.input_dropout), Dropout(config.dropout)
        self.steps, self.passages = Reader(in_features, config), Reader(2 * config.width, config)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """`x_BLF, lengths_B -> h_BD`."""
        filled_BLF = F.pad(x, (0, 0, 0, -x.shape[1] % self.passage))
        x_BPSF = filled_BLF.view(len(x), -1, self.passage, x.shape[2])
        passages_B = (lengths + self.passage - 1) // self.passage
        there_BP = present(passages_B.clamp_min(1), x_BPSF.shape[1])
        starts_P = torch.arange(0, x.shape[1], self.passage, device=x.device)
        lengths_M = (lengths[:, None] - starts_P).clamp(0, self.passage)[there_BP]
        read_MD = self.dropout(self.steps(self.input_dropout(x_BPSF[there_BP]), lengths_M))
        read_BPD = read_MD.new_zeros(*there_BP.shape, self.out_features)
        read_BPD[there_BP] = read_MD
        h_BD: Tensor = self.dropout(self.passages(read_BPD, passages_B))
        return h_BD
