"""Scaled dot-product attention, computed as the device does it fastest.

Paper: Vaswani et al., "Attention is all you need", arXiv 1706.03762, equation 1.

Shape legend: B batch, N heads, Q steps that ask, L steps that offer, H width of a head.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from mapsto.networks.blocks.dropout import dropout as silenced

_SHORT = 256
"""Steps up to which the weights of all pairs are held at once where that can be avoided."""


def attend(
    query_BNQH: Tensor,
    key_BNLH: Tensor,
    value_BNLH: Tensor,
    *,
    seen_B11L: Tensor | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Each step that asks takes a weighted mean of what others offer: `-> mixed_BNQH`.

    PyTorch's own function, except for bfloat16 on a processor, where its kernel takes two to ten times as long as the
    products written out (dev/LOG.md, "bfloat16 without matrix units"). Long rows are left to it all the same, since it
    holds no weights of all pairs; with dropout it does, so nothing is lost by writing them out.

    Args:
        query_BNQH: what each step asks for.
        key_BNLH: what each step has to say of itself.
        value_BNLH: what is taken from it.
        seen_B11L: which steps are there, boolean; None: all.
        dropout: share of the weights silenced; the caller sets it to 0 outside of training.

    >>> attend(torch.zeros(2, 4, 5, 8), torch.ones(2, 4, 3, 8), torch.ones(2, 4, 3, 8)).shape
    torch.Size([2, 4, 5, 8])
    """
    written_out = query_BNQH.dtype == torch.bfloat16 and query_BNQH.device.type == "cpu"
    if not written_out or (key_BNLH.shape[-2] > _SHORT and not dropout):
        return F.scaled_dot_product_attention(query_BNQH, key_BNLH, value_BNLH, attn_mask=seen_B11L, dropout_p=dropout)
    weight_BNQL = (query_BNQH / math.sqrt(query_BNQH.shape[-1])) @ key_BNLH.transpose(-1, -2)
    if seen_B11L is not None:  # not minus infinity: where nothing is there, the mean is of no use, but it is a number
        weight_BNQL = weight_BNQL.masked_fill(~seen_B11L, torch.finfo(weight_BNQL.dtype).min)
    return silenced(weight_BNQL.softmax(-1), dropout) @ value_BNLH
