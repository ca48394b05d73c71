"""Bags: a set of labels or the hashed n-grams of a text, read as the weighted sum of their vectors.

Shape legend: B batch, D width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.networks.base import Encoder, Encoding, Layout
from mapsto.networks.blocks.ragged import RaggedTensor

MOST = 2**14
"""Codes that have a vector; columns name the most frequent first, and rarer ones would be learned from too few rows."""


class BagEncoder(Encoder):
    """Weighted sum of learned vectors, normalised, so that long and short bags have the same size.

    An empty bag (a missing cell) becomes the shift of the normalisation, a learned vector.
    """

    def __init__(self, size: int, *, layout: Layout, options: dict[str, Any]) -> None:
        """`size`: number of codes; `options`: see `Encoding` (`bag_width`, or `token_width` for tokens)."""
        super().__init__()
        encoding = Encoding.of(options)
        self.layout = layout
        self.out_features = encoding.token_width if layout == "tokens" else encoding.bag_width
        self.spans = [(0, 1 if layout == "tokens" else self.out_features)]
        self.left_out = MOST if size > MOST else None
        vectors = torch.randn(min(size, MOST + 1), self.out_features) * self.out_features**-0.5
        self.vectors = nn.Parameter(vectors)
        self.norm = nn.LayerNorm(self.out_features)

    def forward(self, bag: RaggedTensor) -> Tensor:
        """Ragged codes -> `h_BD`, or `h_B1D` for tokens."""
        codes = bag.values.long() if self.left_out is None else bag.values.long().clamp(max=self.left_out)
        summed_BD = F.embedding_bag(
            codes,
            self.vectors,
            bag.offsets.long(),
            mode="sum",
            per_sample_weights=None if bag.weights is None else bag.weights.to(self.vectors.dtype),
            include_last_offset=True,
            padding_idx=self.left_out,
        )
        h_BD: Tensor = self.norm(summed_BD)
        return h_BD.unsqueeze(1) if self.layout == "tokens" else h_BD
