"""Sequences of different lengths, side by side: what is there, and how many steps become one vector.

Nothing here depends on what lies behind a row's length, nor on how far a batch is filled up.

Shape legend: B batch, L length, D width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mapsto.networks.base import DataSize, Network, Sense

Reading = tuple[Tensor, Tensor]
"""`x_BLD` and `lengths_B`."""


class SequenceNetwork(Network):
    """Base of the networks that read sequences."""

    layout: ClassVar[Sense] = "sequence"

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """`x_BLD, lengths_B -> h_BD`."""
        raise TypeError(f"{type(self).__name__} defines no forward")


def learning(size: DataSize, rate: float) -> dict[str, Any]:
    """Settings of learning that fit networks for sequences: AdamW, small batches, few passes over texts.

    Word vectors soon know single rows by heart; where rows are few for each class, there is more to tell apart.
    """
    epochs = 12 if size.outputs > 20 else 5 if size.rows < 12_000 else 3
    return {"optimizer": "adamw", "learning_rate": rate, "weight_decay": 0.01, "batch_size": 64, "epochs": epochs}


def present(lengths_B: Tensor, longest: int) -> Tensor:
    """Boolean `(B, L)`: the steps that are there.

    >>> present(torch.tensor([2, 0]), 3)
    tensor([[ True,  True, False],
            [False, False, False]])
    """
    return torch.arange(longest, device=lengths_B.device) < lengths_B[:, None]


def blanked(x_BLD: Tensor, lengths_B: Tensor) -> Tensor:
    """The same with zeros behind each row's length."""
    return x_BLD * present(lengths_B, x_BLD.shape[1])[..., None]


def cut(x_BLD: Tensor, lengths_B: Tensor, longest: int) -> Reading:
    """The first steps, at most so many."""
    return x_BLD[:, :longest], lengths_B.clamp_max(longest)


def mean(x_BLD: Tensor, lengths_B: Tensor) -> Tensor:
    """The mean of the steps that are there, `h_BD`; 0 where there are none."""
    return blanked(x_BLD, lengths_B).sum(1) / lengths_B.clamp_min(1)[:, None]


def largest(x_BLD: Tensor, lengths_B: Tensor) -> Tensor:
    """The largest value of each feature over the steps that are there, `h_BD`; 0 where there are none."""
    there_BL1 = present(lengths_B, x_BLD.shape[1])[..., None]
    found_BD = x_BLD.masked_fill(~there_BL1, -torch.inf).amax(1)
    return torch.where(lengths_B[:, None] > 0, found_BD, 0.0)


def last(x_BLD: Tensor, lengths_B: Tensor) -> Tensor:
    """The last step that is there, `h_BD`; 0 where there is none."""
    place_B11 = (lengths_B - 1).clamp_min(0)[:, None, None]
    return blanked(x_BLD, lengths_B).gather(1, place_B11.expand(-1, -1, x_BLD.shape[2])).squeeze(1)


POOLS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mean": mean, "max": largest, "last": last}
"""Ways in which the steps of a row become one vector."""


def backwards(x_BLD: Tensor, lengths_B: Tensor) -> Tensor:
    """The steps that are there in reverse order; 0 behind them.

    >>> backwards(torch.tensor([[[1.0], [2.0], [3.0]]]), torch.tensor([2])).flatten().tolist()
    [2.0, 1.0, 0.0]
    """
    place_BL = lengths_B[:, None] - 1 - torch.arange(x_BLD.shape[1], device=x_BLD.device)
    index_BLD = place_BL.clamp_min(0)[..., None].expand_as(x_BLD)
    return blanked(x_BLD.gather(1, index_BLD), lengths_B)


class AdditiveAttention(nn.Module):
    """A weighted mean of steps, where a small network says how much each counts.

    The weight of step `t` is `softmax_t(c . tanh(W x_t + b))`: like Bahdanau's attention, with a learned vector `c` in
    the place of a decoder that asks.
    Papers: Bahdanau, Cho & Bengio, arXiv 1409.0473; Yang et al., NAACL 2016.

    >>> attention = AdditiveAttention(4, 8)
    >>> attention(torch.zeros(2, 5, 4), torch.tensor([3, 0])).shape
    torch.Size([2, 4])
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.map, self.context = nn.Linear(width, hidden), nn.Linear(hidden, 1, bias=False)

    def weights(self, x_BLD: Tensor, lengths_B: Tensor) -> Tensor:
        """How much each step counts, `a_BL`; a row sums to 1, or to 0 where it is empty."""
        score_BL = self.context(torch.tanh(self.map(x_BLD))).squeeze(-1).float()
        there_BL = present(lengths_B, x_BLD.shape[1])
        lowest = torch.finfo(score_BL.dtype).min
        a_BL: Tensor = score_BL.masked_fill(~there_BL, lowest).softmax(dim=1) * there_BL
        return a_BL

    def forward(self, x_BLD: Tensor, lengths_B: Tensor) -> Tensor:
        """`x_BLD, lengths_B -> h_BD`."""
        return (self.weights(x_BLD, lengths_B)[..., None] * blanked(x_BLD, lengths_B)).sum(1)
