"""Heads: the last linear map, from a network's features to the outputs of one target.

Shape legend: B batch, K views, D width of the features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ALIGN = 8
"""Features are padded with zeros to a multiple of this: the last lines of an odd matrix product are summed in another
order than the rest, and a row's result would then depend, in the last bit, on its place in the batch."""


class Head(nn.Module):
    """One linear map for each view: `h_BKD -> y_BKO`.

    >>> Head(views=4, in_features=8, out_features=2)(torch.zeros(3, 4, 8)).shape
    torch.Size([3, 4, 2])
    """

    def __init__(self, views: int, in_features: int, out_features: int) -> None:
        super().__init__()
        bound = in_features**-0.5
        self.padding = -in_features % ALIGN
        self.weight = nn.Parameter(torch.empty(views, in_features, out_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(views, 1, out_features).uniform_(-bound, bound))

    def forward(self, h: Tensor) -> Tensor:
        """`h_BKD -> y_BKO`."""
        h_KBD, weight = h.transpose(0, 1), self.weight.view_as(self.weight)
        if self.padding:
            h_KBD, weight = F.pad(h_KBD, (0, self.padding)), F.pad(weight, (0, 0, 0, self.padding))
        return torch.baddbmm(self.bias, h_KBD, weight).transpose(0, 1)
