"""Rows of different lengths as tensors, without padding; and rows of a large tensor that are not copied together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class RaggedTensor:
    """Row `i` holds `values[offsets[i]:offsets[i + 1]]`; `weights`, where given, has the shape of `values`.

    >>> ragged = RaggedTensor(torch.tensor([7, 8, 9]), torch.tensor([0, 2, 2, 3]))
    >>> ragged.take(torch.tensor([2, 0])).values
    tensor([9, 7, 8])
    """

    values: Tensor
    offsets: Tensor
    weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: Tensor) -> RaggedTensor:
        """The given rows, in the given order, without a loop over rows."""
        starts, lengths = self.offsets[rows], self.offsets.diff()[rows]
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        total = int(offsets[-1])
        shift = torch.repeat_interleave(starts - offsets[:-1], lengths, output_size=total)
        index = torch.arange(total, device=shift.device) + shift
        return RaggedTensor(self.values[index], offsets, None if self.weights is None else self.weights[index])

    def to(self, device: torch.device | str) -> RaggedTensor:
        """The same rows on another device."""
        weights = None if self.weights is None else self.weights.to(device)
        return RaggedTensor(self.values.to(device), self.offsets.to(device), weights)


def padded(ragged: RaggedTensor, longest: int | None = None) -> tuple[Tensor, Tensor]:
    """Rows side by side, filled up with zeros: `values (B, L, ...)` and `lengths_B`.

    `longest`: rows are cut to so many; L is the greatest length left, at least 1.

    >>> padded(RaggedTensor(torch.tensor([7, 8, 9]), torch.tensor([0, 2, 2, 3])))
    (tensor([[7, 8],
            [0, 0],
            [9, 0]]), tensor([2, 0, 1]))
    """
    lengths_B = ragged.offsets.diff()
    if longest is not None:
        lengths_B = lengths_B.clamp_max(longest)
    place_L = torch.arange(max(1, int(lengths_B.max()) if len(lengths_B) else 1), device=lengths_B.device)
    there_BL = place_L < lengths_B[:, None]
    found = ragged.values.new_zeros(*there_BL.shape, *ragged.values.shape[1:])
    index_BL = ragged.offsets[:-1, None] + place_L
    found[there_BL] = ragged.values[index_BL[there_BL]]
    return found, lengths_B


@dataclass(frozen=True)
class TensorRows:
    """Some rows of a large tensor in main memory, or in a file, gathered when they are asked for.

    >>> TensorRows(torch.arange(8).view(4, 2), torch.tensor([3, 1])).take(torch.tensor([1]))
    tensor([[2, 3]])
    """

    values: Tensor
    index: Tensor

    def __len__(self) -> int:
        return len(self.index)

    def take(self, rows: Tensor) -> Tensor:
        """The given rows, in the given order."""
        return self.values[self.index[rows]]

    def to(self, device: torch.device | str) -> Tensor | TensorRows:
        """On another device they lie together; a few are brought there at a time."""
        if self.values.device == torch.device(device):
            return self
        found = torch.empty(len(self), *self.values.shape[1:], dtype=self.values.dtype, device=device)
        for start in range(0, len(self), _MOVED):
            found[start : start + _MOVED] = self.take(torch.arange(start, min(start + _MOVED, len(self)))).to(device)
        return found


_MOVED = 4096
TensorBlock = Tensor | RaggedTensor | TensorRows
"""What one key of an encoded table becomes for a network: `(rows, parts)` or ragged."""


def take(block: TensorBlock, rows: Tensor) -> TensorBlock:
    """The given rows of a block of either kind."""
    return block[rows] if isinstance(block, Tensor) else block.take(rows)
