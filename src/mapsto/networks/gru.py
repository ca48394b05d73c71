"""GRU: the gated recurrent unit, an LSTM with two gates and no cell beside its state.

One gate says how much of the old state is replaced, the other how much of it the candidate for its place may see.
It has three quarters of an LSTM's weights, costs three quarters of its time, and mostly does as well.
Paper: Cho et al., "Learning phrase representations using RNN encoder-decoder", arXiv 1406.1078.

Shape legend: B batch, L length, F features in, D width of the states. At step t, with input x and state h::

    r, z = sigmoid(W x_t + U h_(t-1) + b)         two gates, each with weights of its own
    n    = tanh(W x_t + r * (U h_(t-1) + b))      the candidate
    h_t  = (1 - z) * n + z * h_(t-1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from mapsto.networks.blocks.recurrence import Recurrence, Recurrent, RecurrentConfig


class GRU(Recurrent):
    """Layers of gated units in one or both directions, their states pooled into one vector.

    >>> import torch
    >>> network = GRU(5, GRU.Config(width=8, bidirectional=False))
    >>> network(torch.zeros(3, 7, 5), torch.tensor([7, 2, 0])).shape
    torch.Size([3, 8])
    """

    name: ClassVar[str] = "gru"

    @dataclass(frozen=True, kw_only=True)
    class Config(RecurrentConfig):
        """Width, depth and directions; see `RecurrentConfig`."""

    def recurrence(self, in_features: int, config: RecurrentConfig) -> nn.Module:
        """PyTorch's own kernel."""
        return Recurrence(
            nn.GRU,
            in_features,
            config.width,
            depth=config.depth,
            bidirectional=config.bidirectional,
            dropout=config.dropout,
        )
