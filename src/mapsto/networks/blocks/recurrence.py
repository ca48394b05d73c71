"""Recurrent layers over sequences of different lengths, and what recurrent networks have in common.

Shape legend: B batch, L length, F features in, D width of the states, both directions together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mapsto.networks.base import DataSize, NetworkConfig, option
from mapsto.networks.blocks.dropout import Dropout
from mapsto.networks.blocks.sequences import POOLS, SequenceNetwork, blanked, cut, last, learning


class Recurrence(nn.Module):
    """Stacked layers of a recurrent kernel of PyTorch, over packed rows: no step is spent on padding.

    >>> import torch
    >>> layers = Recurrence(nn.GRU, 3, 4, depth=2, bidirectional=True)
    >>> layers(torch.zeros(2, 5, 3), torch.tensor([5, 0])).shape
    torch.Size([2, 5, 8])
    """

    def __init__(
        self,
        kernel: type[nn.RNN | nn.LSTM | nn.GRU],
        in_features: int,
        width: int,
        *,
        depth: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.kernel = kernel(
            in_features,
            width,
            num_layers=depth,
            batch_first=True,
            dropout=dropout if depth > 1 else 0.0,
            bidirectional=bidirectional,
        )

    def forward(self, x_BLF: Tensor, lengths_B: Tensor) -> Tensor:
        """`x_BLF, lengths_B -> states_BLD`, 0 behind a row's length."""
        at_least_one = lengths_B.clamp_min(1).cpu()  # packing knows no empty rows; what they give is blanked
        packed = pack_padded_sequence(x_BLF, at_least_one, batch_first=True, enforce_sorted=False)
        states_BLD, _ = pad_packed_sequence(self.kernel(packed)[0], batch_first=True, total_length=x_BLF.shape[1])
        return blanked(states_BLD, lengths_B)


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig(NetworkConfig):
    """Width and depth of the states, directions, what of them is handed on, and dropout."""

    width: int = option(128, low=1, high=4_096, doc="numbers that a state remembers, in each direction")
    depth: int = option(1, low=1, high=16, doc="layers; each reads the states of the one below")
    bidirectional: bool = option(True, doc="whether a second set of layers reads from the end")
    pooling: str = option("max", among=("last", "mean", "max"), doc="how the states become one vector")
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


class Recurrent(SequenceNetwork):
    """Base of the networks that read a sequence step by step: dropout, recurrent layers, one vector of all states."""

    def __init__(self, in_features: int, config: RecurrentConfig) -> None:
        super().__init__(in_features, config)
        self.longest, self.pooling = config.longest, config.pooling
        self.directions = 2 if config.bidirectional else 1
        self.out_features = config.width * self.directions
        self.input_dropout, self.dropout = Dropout(config.input_dropout), Dropout(config.dropout)
        self.layers = self.recurrence(in_features, config)

    def recurrence(self, in_features: int, config: RecurrentConfig) -> nn.Module:
        """The layers: `x_BLF, lengths_B -> states_BLD`, 0 behind a row's length."""
        raise TypeError(f"{type(self).__name__} defines no recurrence")

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """`x_BLF, lengths_B -> h_BD`."""
        x_BLF, lengths_B = cut(x, lengths, self.longest)
        states_BLD = self.layers(self.input_dropout(x_BLF), lengths_B)
        if self.pooling == "last" and self.directions == 2:
            ahead_BLD, back_BLD = states_BLD.chunk(2, dim=-1)
            h_BD = torch.cat([last(ahead_BLD, lengths_B), back_BLD[:, 0]], dim=-1)
        else:
            h_BD = POOLS[self.pooling](states_BLD, lengths_B)
        dropped_BD: Tensor = self.dropout(h_BD)
        return dropped_BD
