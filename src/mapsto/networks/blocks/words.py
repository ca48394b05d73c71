"""Word vectors: ids to a sequence of vectors.

Shape legend: B batch, L length, D width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.networks.base import Encoding
from mapsto.networks.blocks.chance import chance
from mapsto.networks.blocks.ragged import RaggedTensor, padded


class WordVectors(nn.Module):
    """A learned vector for each word; in training, some words are read as unknown ones (id 0).

    So the network does not lean on single words, and learns what an unknown word may mean.
    Paper: Iyyer et al., "Deep unordered composition rivals syntactic methods for text classification", ACL 2015.

    >>> front = WordVectors(10, None, options={"sense_width": 4})
    >>> x_BLD, lengths_B = front(RaggedTensor(torch.tensor([7, 8, 9]), torch.tensor([0, 2, 2, 3])))
    >>> x_BLD.shape, lengths_B
    (torch.Size([3, 2, 4]), tensor([2, 0, 1]))
    """

    def __init__(self, size: int, vectors: np.ndarray | None, *, options: dict[str, Any]) -> None:
        """`vectors`: `(size, width)` to begin with, mapped to the width wanted; `options`: see `Encoding`."""
        super().__init__()
        encoding = Encoding.of(options)
        self.dropout = encoding.word_dropout
        width = encoding.sense_width if vectors is None else vectors.shape[1]
        self.words = nn.Embedding(size, width)
        self.map: nn.Module = nn.Identity()
        if vectors is None:
            nn.init.normal_(self.words.weight, std=width**-0.5)
        else:
            with torch.no_grad():
                self.words.weight.copy_(torch.from_numpy(vectors))
            if width != encoding.sense_width:
                self.map = nn.Linear(width, encoding.sense_width)

    def forward(self, ids: RaggedTensor) -> tuple[Tensor, Tensor]:
        """Ragged ids -> `x_BLD` and `lengths_B`."""
        ids_BL, lengths_B = padded(RaggedTensor(ids.values, ids.offsets))
        if self.training and self.dropout:
            ids_BL = ids_BL * (torch.rand(ids_BL.shape, device=ids_BL.device, generator=chance()) >= self.dropout)
        return self.map(F.embedding(ids_BL, self.words.weight)), lengths_B


class Padding(nn.Module):
    """Ids as they are, filled up to the longest row: for networks that bring their own vectors of words."""

    def forward(self, ids: RaggedTensor) -> tuple[Tensor, Tensor]:
        """Ragged ids -> `ids_BL` and `lengths_B`, int64."""
        ids_BL, lengths_B = padded(RaggedTensor(ids.values, ids.offsets))
        return ids_BL.long(), lengths_B
