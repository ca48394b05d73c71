"""Heads: the last linear map, from a network's features to the outputs of one target, or to an embedding.

Shape legend: B batch, K views, D width of the features, E width of an embedding.
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


class EmbeddingHead(nn.Module):
    """Features as points on the unit sphere, where the cosine of two rows says how alike they are: `h_BKD -> z_BKE`.

    Features are normalised over the batch first: they are never negative, and cosines of such vectors would be crowded
    near 1 (the neck of Luo et al. 2019, arXiv 1903.07071).

    >>> EmbeddingHead(views=1, in_features=8, width=4).eval()(torch.rand(3, 1, 8)).norm(dim=2).round().flatten()
    tensor([1., 1., 1.], grad_fn=<ViewBackward0>)
    """

    def __init__(self, views: int, in_features: int, width: int) -> None:
        super().__init__()
        self.neck = nn.BatchNorm1d(views * in_features)
        self.map = Head(views, in_features, width)

    def forward(self, h: Tensor) -> Tensor:
        """`h_BKD -> z_BKE`."""
        z_BKE: Tensor = F.normalize(self.map(self.neck(h.flatten(1)).view_as(h)), dim=2)
        return z_BKE
