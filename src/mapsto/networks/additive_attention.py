"""Additive attention: a recurrent network whose states are weighed by a small network before they are summed.

The states of a recurrent network say what stands where; most of them matter little for the answer. So each is scored
by a layer of its own, the scores become weights that sum to 1, and the weighted mean is handed on. The weights can be
looked at: they say which steps the answer came from.
Papers: Bahdanau, Cho & Bengio, "Neural machine translation by jointly learning to align and translate",
arXiv 1409.0473; Zhou et al., "Attention-based bidirectional LSTM networks for relation classification", ACL 2016.

Shape legend: B batch, L length, F features in, D width of the states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from mapsto.networks.base import DataSize, NetworkConfig, option
from mapsto.networks.blocks.dropout import Dropout
from mapsto.networks.blocks.recurrence import Recurrence
from mapsto.networks.blocks.sequences import AdditiveAttention, SequenceNetwork, cut, learning


class Attentive(SequenceNetwork):
    """Gated recurrent units in both directions, additive attention over their states.

    >>> import torch
    >>> network = Attentive(5, Attentive.Config(width=8))
    >>> network(torch.zeros(3, 7, 5), torch.tensor([7, 2, 0])).shape
    torch.Size([3, 16])
    """

    name: ClassVar[str] = "additive-attention"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Width and depth of the states, width of the scoring layer, and dropout."""

        width: int = option(128, low=1, high=4_096, doc="numbers that a state remembers, in each direction")
        depth: int = option(1, low=1, high=16, doc="recurrent layers")
        attention_width: int = option(64, low=1, high=4_096, doc="units of the layer that scores a state")
        input_dropout: float = option(0.3, low=0.0, high=0.95, doc="share of inputs silenced in training")
        dropout: float = option(0.3, low=0.0, high=0.95, doc="share of states silenced in training")
        longest: int = option(1_000, low=1, high=100_000, doc="steps that are read, one after the other")

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """Fewer rows: fewer numbers to remember."""
            return {"width": 64} if size.rows < 20_000 else {}

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """AdamW."""
            return learning(size, rate=0.002)

    def __init__(self, in_features: int, config: Config) -> None:
        super().__init__(in_features, config)
        self.longest, self.out_features = config.longest, 2 * config.width
        self.input_dropout, self.dropout = Dropout(config.input_dropout), Dropout(config.dropout)
        self.states = Recurrence(
            nn.GRU, in_features, config.width, depth=config.depth, bidirectional=True, dropout=config.dropout
        )
        self.attention = AdditiveAttention(self.out_features, config.attention_width)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """`x_BLF, lengths_B -> h_BD`."""
        x_BLF, lengths_B = cut(x, lengths, self.longest)
        states_BLD = self.states(self.input_dropout(x_BLF), lengths_B)
        h_BD: Tensor = self.dropout(self.attention(states_BLD, lengths_B))
        return h_BD
