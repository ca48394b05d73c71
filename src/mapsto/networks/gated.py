"""Gated: each column's features are weighed, row by row, before a perceptron joins them.

A picture says much about one row and nothing about the next, whose text does. Gates, computed from all columns,
decide for each row how much of each column passes: `x * 2 sigmoid(W x + b)`, one gate a column; all begin at 1, where
the network is a plain perceptron.
Papers: Arevalo et al., "Gated multimodal units for information fusion", arXiv 1702.01992; Hochreiter & Schmidhuber,
Neural Computation 9 (1997), for gates that are opened and closed by what is read.

Shape legend: B batch, F features in, C columns, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mapsto.networks.blocks.layers import FeedForward, FeedForwardConfig


class Gated(FeedForward):
    """Gates on columns, then `depth` times: linear map, activation, dropout.

    >>> network = Gated(5, Gated.Config(width=8))
    >>> network.know_columns([0, 0, 0, 1, 1])  # three features of one column, two of another
    >>> network(torch.zeros(3, 5)).shape, network.gates(torch.zeros(3, 5)).tolist()[0]
    (torch.Size([3, 8]), [1.0, 1.0])
    """

    name: ClassVar[str] = "gated"

    @dataclass(frozen=True, kw_only=True)
    class Config(FeedForwardConfig):
        """Width and depth behind the gates, activation and dropout."""

    def __init__(self, in_features: int, config: FeedForwardConfig) -> None:
        super().__init__(in_features, config)
        self.know_columns(list(range(in_features)))

    def know_columns(self, columns: list[int]) -> None:
        """One gate a column; before this is called, one a feature."""
        self.columns = columns
        self.gate = nn.Linear(len(columns), max(columns, default=0) + 1)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def gates(self, x_BF: Tensor) -> Tensor:
        """How much of each column passes, `(B, C)` in (0, 2)."""
        return 2 * torch.sigmoid(self.gate(x_BF))

    def forward(self, x: Tensor) -> Tensor:
        """`x_BF -> h_BD`."""
        return super().forward(x * self.gates(x)[:, self.columns])
