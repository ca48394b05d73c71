"""Additive margin: a loss that shapes a space in which rows of one class lie close, also of classes never seen.

Embeddings and one centre a class lie on the unit sphere; the cosine to the right centre must exceed all others by a
margin. What is learned is the space and not the classes: the centres are thrown away afterwards, and two rows of
classes never seen are compared by their cosine. Wang et al., "CosFace", arXiv 1801.09414; the same idea in Wang et al.,
"Additive margin softmax", arXiv 1801.05599.

Shape legend: N rows, E width of an embedding, C classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.losses.base import positive, share


class AdditiveMargin(nn.Module):
    """Cross-entropy of `scale * (cosine - margin of the right class)`, and the centres that it is taken to.

    Args:
        classes: C.
        width: E.
        margin: what the right cosine must be ahead by, in [0, 1).
        scale: how sharply: the larger, the more the hardest classes count.

    >>> loss = AdditiveMargin(classes=3, width=4)
    >>> loss(F.normalize(torch.ones(2, 4), dim=1), torch.tensor([0, 2])).shape
    torch.Size([2])
    """

    def __init__(self, classes: int, width: int, margin: float = 0.2, scale: float = 16.0) -> None:
        super().__init__()
        self.margin, self.scale = share("margin", margin), positive("scale", scale)
        self.centres_CE = nn.Parameter(torch.randn(classes, width) * 0.1)

    def forward(self, z_NE: Tensor, truth_N: Tensor) -> Tensor:
        """Unit vectors and codes of their classes -> one value a row."""
        cosine_NC = z_NE @ F.normalize(self.centres_CE, dim=1).T
        right_NC = F.one_hot(truth_N, cosine_NC.shape[1])
        return F.cross_entropy(self.scale * (cosine_NC - self.margin * right_NC), truth_N, reduction="none")
