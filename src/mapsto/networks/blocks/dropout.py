"""Dropout whose masks cost a processor little.

PyTorch draws a random number for each unit, which on a processor takes several times as long as the layer's curve.
Here one draw of 64 bits decides for eight units: a byte each, and the unit is kept if that is not below a threshold.
On 256 x 1,024 units it takes .2 ms in place of 1.3 (`dev/LOG.md`, "Dropout by bytes").
Paper: Srivastava et al., "Dropout", JMLR 15 (2014).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mapsto.networks.blocks.chance import chance

_BYTE = 256
_WORD = torch.iinfo(torch.int64)


def dropout(x: Tensor, share: float) -> Tensor:
    """Silence a `share` of the units, drawn anew at each call, and scale up the others so that the mean stays.

    Off the processor, and for shares within 1/512 of 0 or 1, a number is drawn for each; else the share is rounded to a
    256th. Draws come from the generator of the training.

    Shape: any, kept.

    >>> torch.manual_seed(0).initial_seed()
    0
    >>> dropout(torch.ones(8), 0.5)
    tensor([0., 2., 2., 2., 2., 0., 0., 2.])
    """
    silenced = round(share * _BYTE)
    if x.device.type != "cpu" or not 0 < silenced < _BYTE:
        kept = torch.empty_like(x).bernoulli_(1 - share, generator=chance())
        return x * kept.div_(1 - share) if share < 1 else x * 0
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(_WORD.min, None, generator=chance())
    bytes_ = words.view(torch.uint8)[: x.numel()].view(x.shape)
    kept = torch.empty(x.shape, dtype=x.dtype)
    torch.ge(bytes_, silenced, out=kept)  # as 0.0 and 1.0 at once: to convert booleans takes longer than to draw them
    return x * kept.mul_(_BYTE / (_BYTE - silenced))


class Dropout(nn.Dropout):
    """`dropout` as a layer: active in training only. Shape: any, kept."""

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return dropout(x, self.p) if self.training and self.p else x
