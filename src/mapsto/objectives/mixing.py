"""Pictures mixed in pairs: each of a batch is mixed with another, and its loss is that of both truths.

Mixup blends two pictures (Zhang et al., "mixup: beyond empirical risk minimization", arXiv 1710.09412); cutmix puts a
rectangle of one into the other (Yun et al., "CutMix", arXiv 1905.04899). What is learned from a mixture counts by the
share of each picture in it. Both make a network less sure and help where it would otherwise learn its few rows by
heart, in trainings long enough.

Shape legend: B batch, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor

from mapsto.networks.blocks.chance import chance
from mapsto.networks.blocks.ragged import TensorBlock

Mixing = Literal["none", "mixup", "cutmix"]
_BLEND = 0.2
"""Of mixup: both parameters of the beta distribution of the shares."""


def mixed(
    blocks: dict[str, TensorBlock], keys: Iterable[str], how: Mixing
) -> tuple[dict[str, TensorBlock], Tensor, float]:
    """A batch whose pictures are mixed, the partner of each row `(B,)`, and the share of a row in its mixture.

    One share is drawn a batch, partners at random, from the generator of the training.
    """
    pictures = {key: cast("Tensor", blocks[key]) for key in keys}
    first = next(iter(pictures.values()))
    partner_B = torch.randperm(len(first), device=first.device, generator=chance())
    if how == "mixup":
        share = float(np.random.default_rng(_seed(first.device)).beta(_BLEND, _BLEND))
        blended = {key: _blended(x, x[partner_B], share) for key, x in pictures.items()}
        return {**blocks, **blended}, partner_B, share
    # The corners as shares of the sides, so that pictures of several sizes lose the same part.
    side, top, left = torch.rand(3, device=first.device, generator=chance()).tolist()
    side = side**0.5
    cut, share = {}, 1.0
    for key, x_BHWC in pictures.items():
        height, width = x_BHWC.shape[1:3]
        rows = slice(round(top * (1 - side) * height), round((top * (1 - side) + side) * height))
        columns = slice(round(left * (1 - side) * width), round((left * (1 - side) + side) * width))
        cut[key] = x_BHWC.clone()
        cut[key][:, rows, columns] = x_BHWC[partner_B, rows, columns]
        share = 1.0 - (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
    return {**blocks, **cut}, partner_B, share


def _seed(device: torch.device) -> int:
    return int(torch.randint(2**31, (1,), device=device, generator=chance()))


def _blended(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Bytes again, so that what reads them need not know."""
    return (one.float() * share + other.float() * (1.0 - share)).round().to(one.dtype)
