"""Codes: categories as indicators (one-hot) or as learned vectors.

An indicator gives every category its own weight in the next layer. A learned vector is shorter, and categories that
behave alike can lie close together. Code 0 is "missing" and code 1 "unseen or rare"; both begin as zero, so that
what training never showed says nothing instead of something random.

Shape legend: B batch, C columns, D width.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.networks.base import Encoder, Encoding, Layout

RESERVED = 2
"""Codes below this are "missing" and "unseen or rare"."""


class OneHot(nn.Module):
    """Indicators of C columns side by side: `codes_BC -> x_BF`, F the sum of the sizes.

    The indicators of "missing" and "unseen" carry a learned height, zero at first.
    """

    starts: Tensor
    reserved: Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.total = sum(sizes)
        self.register_buffer("starts", _starts(sizes), persistent=False)
        self.register_buffer("reserved", _reserved(sizes), persistent=False)
        self.height = nn.Parameter(torch.zeros(len(sizes) * RESERVED))

    def forward(self, codes: Tensor) -> Tensor:
        """`codes_BC -> x_BF`."""
        x_BF = torch.zeros(len(codes), self.total, device=codes.device).scatter_(1, codes + self.starts, 1.0)
        return x_BF * x_BF.new_ones(self.total).index_copy(0, self.reserved, self.height)


class Embedding(nn.Module):
    """Learned vectors of C columns, in one table: `codes_BC -> x_BCD`."""

    starts: Tensor

    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        self.register_buffer("starts", _starts(sizes), persistent=False)
        self.vectors = nn.Parameter(torch.randn(sum(sizes), width))
        with torch.no_grad():
            for first in _first_places(sizes):
                self.vectors[first : first + RESERVED].zero_()

    def forward(self, codes: Tensor) -> Tensor:
        """`codes_BC -> x_BCD`."""
        return F.embedding(codes + self.starts, self.vectors)


class Tokens(nn.Module):
    """A learned vector a category and a learned shift a column: `codes_BC -> x_BCD`."""

    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        self.embedding = Embedding(sizes, width)
        self.shift = nn.Parameter(torch.randn(len(sizes), width))

    def forward(self, codes: Tensor) -> Tensor:
        """`codes_BC -> x_BCD`."""
        tokens_BCD: Tensor = self.embedding(codes) + self.shift
        return tokens_BCD


class Chosen(nn.Module):
    """Some of the columns, read by one module, as one vector a row: `codes_BC -> x_BF`."""

    columns: Tensor

    def __init__(self, columns: Sequence[int], read: nn.Module) -> None:
        super().__init__()
        self.register_buffer("columns", torch.tensor(columns), persistent=False)
        self.read = read

    def forward(self, codes: Tensor) -> Tensor:
        """`codes_BC -> x_BF`."""
        x: Tensor = self.read(codes[:, self.columns])
        return x.flatten(1)


class CodeEncoder(Encoder):
    """Codes of C columns for a network.

    Layout "flat": with `codes="one-hot"` columns of up to `one_hot_limit` categories are indicators; with
    `codes="embedding"` only those are that have no more categories than a vector has features (`code_width`). All
    others are learned vectors of `code_width`. Layout "tokens": a learned vector and a learned shift a column.

    >>> CodeEncoder([4, 20], layout="flat", options={"codes": "embedding"}).out_features
    12
    """

    def __init__(self, sizes: Sequence[int], *, layout: Layout, options: dict[str, Any]) -> None:
        """`sizes`: number of codes of each column; `options`: see `Encoding`."""
        super().__init__()
        encoding = Encoding.of(options)
        if layout == "tokens":
            self.readers = nn.ModuleList([Tokens(sizes, encoding.token_width)])
            self.out_features, self.spans = encoding.token_width, [(column, 1) for column in range(len(sizes))]
            return
        width, limit = encoding.code_width, encoding.one_hot_limit
        if encoding.codes == "embedding":
            limit = width
        small = [column for column, size in enumerate(sizes) if size <= limit]
        large = [column for column, size in enumerate(sizes) if size > limit]
        self.readers = nn.ModuleList()
        if small:
            self.readers.append(Chosen(small, OneHot([sizes[column] for column in small])))
        if large:
            self.readers.append(Chosen(large, Embedding([sizes[column] for column in large], width)))
        self.spans = [(column, sizes[column]) for column in small] + [(column, width) for column in large]
        self.out_features = sum(features for _, features in self.spans)

    def forward(self, codes: Tensor) -> Tensor:
        """`codes_BC -> x_BF`, or `x_BCD` for tokens."""
        return torch.cat([reader(codes) for reader in self.readers], dim=1)


def _starts(sizes: Sequence[int]) -> Tensor:
    """Where each column's codes begin when all columns share one row of codes."""
    return torch.tensor(_first_places(sizes))


def _reserved(sizes: Sequence[int]) -> Tensor:
    """Places of "missing" and "unseen" of every column in that row."""
    return torch.tensor([first + place for first in _first_places(sizes) for place in range(RESERVED)])


def _first_places(sizes: Sequence[int]) -> list[int]:
    # Plain numbers, not tensor operations: on the meta device these import PyTorch's compiler, which takes seconds.
    return [0, *itertools.accumulate(sizes[:-1])] if sizes else []
