"""Column dropout: in training, whole columns are hidden from some rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mapsto.networks.blocks.chance import chance


class HideColumns(nn.Module):
    """Sets all features of some columns to zero, drawn anew for each row, so that no column is relied upon alone.

    What is left is not scaled up: a hidden column looks like a missing one.

    Shape: `x_BF -> x_BF`, or `x_BTD -> x_BTD`.
    """

    owner: Tensor

    def __init__(self, columns: Sequence[int], drop: float) -> None:
        """`columns`: number of the column that each feature (or token) comes from."""
        super().__init__()
        self.drop = drop
        self.count = max(columns) + 1
        self.register_buffer("owner", torch.tensor(columns), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        if not self.training or self.drop == 0:
            return x
        kept = torch.rand(len(x), self.count, device=x.device, generator=chance()) >= self.drop
        mask = kept.to(x.dtype)[:, self.owner]
        return x * (mask if x.dim() == 2 else mask.unsqueeze(-1))
