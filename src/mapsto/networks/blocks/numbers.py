"""Numbers: read as they are, or unfolded into vectors in which a linear map can bend.

* plain: the number, and a feature for "missing".
* piecewise: a straight line plus a curve of line segments, one for each bin of the column, free to bend at every
  edge. Where a column has few distinct values, it may also jump there: a single value can mean something of its own.
* periodic: sine and cosine of the number at learned frequencies, which see detail at every scale.

Paper: Gorishniy, Rubachev & Babenko, "On embeddings for numerical features in tabular deep learning",
arXiv 2203.05556; the curve beside a straight line is from arXiv 2410.24210. The jumps are ours: a spike at one
value, such as 99999 for "unknown", bends nothing else; on continuous numbers they fit noise.

Shape legend: B batch, N numbers (columns), T bins, W width of a number's vector, Q frequencies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.networks.base import Encoder, Encoding, Layout


def _uniform(*shape: int, bound: float = 1.0) -> nn.Parameter:
    return nn.Parameter((torch.rand(*shape) * 2 - 1) * bound)


class Plain(nn.Module):
    """`x_BN -> (x, 0)_BN2`: the second feature is free for missing cells."""

    def forward(self, x: Tensor) -> Tensor:
        """`x_BN -> e_BN2`."""
        return torch.stack([x, torch.zeros_like(x)], dim=-1)


class Line(nn.Module):
    """A straight line for each feature of each number's vector: `e = start + x * slope`."""

    def __init__(self, numbers: int, width: int) -> None:
        super().__init__()
        self.start, self.slope = _uniform(numbers, width), _uniform(numbers, width)

    def forward(self, x: Tensor) -> Tensor:
        """`x_BN -> e_BNW`."""
        return torch.addcmul(self.start, x.unsqueeze(-1), self.slope)


class Piecewise(nn.Module):
    """A straight line plus a curve of segments, one a bin.

    In bin t, at the share s of its width, the curve stands at

        rise_0 + ... + rise_(t-1) + s * rise_t, and + level_t in a column that may jump.

    This is the linear map of a piecewise-linear encoding (the rises) and of the bin's indicator (the levels), but
    looked up in the bin's row instead of multiplied with every bin. Below the first and above the last edge the
    curve goes on along its segment, for `BEYOND` bin widths at most.
    """

    BEYOND = 2.0
    inner: Tensor
    left: Tensor
    per_width: Tensor
    first_bin: Tensor
    which: Tensor
    """Of each number: which levels are its own; one more than there are: none."""

    def __init__(self, edges: Sequence[Sequence[float]], jumps: Sequence[bool], width: int) -> None:
        super().__init__()
        bins = max(1, *(len(each) - 1 for each in edges))
        # numpy, not tensor operations: on the meta device these import PyTorch's compiler, which takes seconds.
        left_NT, per_width_NT = np.zeros((len(edges), bins), np.float32), np.zeros((len(edges), bins), np.float32)
        inner_NT = np.full((len(edges), bins - 1), np.inf, np.float32)
        for number, each in enumerate(edges):
            if len(each) > 1:
                known = np.array(each, np.float32)
                gaps = np.diff(known)
                left_NT[number, : len(gaps)] = known[:-1]
                per_width_NT[number, : len(gaps)] = np.divide(1, gaps, out=np.zeros_like(gaps), where=gaps > 0)
                inner_NT[number, : len(gaps) - 1] = known[1:-1]
        self.register_buffer("inner", torch.tensor(inner_NT.tolist()).view(inner_NT.shape), persistent=False)
        self.register_buffer("left", torch.tensor(left_NT.ravel().tolist()), persistent=False)
        self.register_buffer("per_width", torch.tensor(per_width_NT.ravel().tolist()), persistent=False)
        self.register_buffer("first_bin", torch.tensor(list(range(0, len(edges) * bins, bins))), persistent=False)
        self.line = Line(len(edges), width)
        jumping = [number for number, jump in enumerate(jumps) if jump]
        which = [jumping.index(number) if jump else len(jumping) for number, jump in enumerate(jumps)]
        self.register_buffer("which", torch.tensor(which, dtype=torch.long), persistent=False)
        self.rise = nn.Parameter(torch.randn(len(edges), bins, width) * bins**-0.5)
        self.level = nn.Parameter(torch.randn(len(jumping), bins, width) * bins**-0.5) if jumping else None

    def forward(self, x: Tensor) -> Tensor:
        """`x_BN -> e_BNW`."""
        bin_BN = torch.searchsorted(self.inner, x.t().contiguous()).t() + self.first_bin
        share_BN = ((x - self.left[bin_BN]) * self.per_width[bin_BN]).clamp(-self.BEYOND, 1 + self.BEYOND)
        start_NTW = self.rise.cumsum(1) - self.rise
        if self.level is not None:
            # Looked up, not added in place by number: that took half the time of predicting a single row.
            levels_KTW = torch.cat([self.level, torch.zeros_like(self.level[:1])])
            start_NTW = start_NTW + levels_KTW.index_select(0, self.which)
        start_BNW = F.embedding(bin_BN, start_NTW.flatten(0, 1))
        rise_BNW = F.embedding(bin_BN, self.rise.flatten(0, 1))
        line_BNW: Tensor = self.line(x)
        return line_BNW + torch.addcmul(start_BNW, share_BN.unsqueeze(-1), rise_BNW)


class Periodic(nn.Module):
    """Sine and cosine at learned frequencies, and a linear map for each number."""

    def __init__(self, numbers: int, width: int, frequencies: int, scale: float) -> None:
        super().__init__()
        self.frequency = nn.Parameter(torch.randn(numbers, frequencies) * scale)
        self.weight = _uniform(numbers, 2 * frequencies, width, bound=(2 * frequencies) ** -0.5)
        self.bias = _uniform(numbers, width, bound=(2 * frequencies) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        """`x_BN -> e_BNW`."""
        angle_BNQ = 2 * math.pi * x.unsqueeze(-1) * self.frequency
        waves_NBQ = torch.cat([angle_BNQ.cos(), angle_BNQ.sin()], dim=-1).transpose(0, 1)
        return torch.baddbmm(self.bias.unsqueeze(1), waves_NBQ, self.weight).transpose(0, 1)


class NumberEncoder(Encoder):
    """Numbers of N columns for a network; a missing number (NaN) becomes a learned vector, zero at first.

    >>> encoder = NumberEncoder([(-1.0, 0.0, 1.0), ()], layout="flat", options={"numbers": "piecewise"})
    >>> encoder(torch.tensor([[0.5, float("nan")]])).shape
    torch.Size([1, 32])
    """

    def __init__(
        self,
        edges: Sequence[Sequence[float]],
        *,
        layout: Layout,
        options: dict[str, Any],
        jumps: Sequence[bool] | None = None,
    ) -> None:
        """Compose the encoder.

        Args:
            edges: rising bin edges of each column (or none), in scaled units.
            layout: "flat" or "tokens".
            options: see `Encoding`.
            jumps: for each column, whether its curve may jump at the edges; None: none may.
        """
        super().__init__()
        encoding, numbers = Encoding.of(options), len(edges)
        self.layout = layout
        width = encoding.token_width if layout == "tokens" else encoding.number_width
        self.embed: nn.Module
        if encoding.numbers == "piecewise":
            self.embed = Piecewise(edges, jumps or [False] * numbers, width)
        elif encoding.numbers == "periodic":
            self.embed = Periodic(numbers, width, encoding.frequencies, encoding.frequency_scale)
        elif layout == "tokens":
            self.embed = Line(numbers, width)
        else:
            self.embed, width = Plain(), 2
        if encoding.number_activation == "relu":
            self.embed = nn.Sequential(self.embed, nn.ReLU())
        self.missing = nn.Parameter(torch.zeros(numbers, width))
        self.out_features = width if layout == "tokens" else numbers * width
        self.spans = [(number, 1 if layout == "tokens" else width) for number in range(numbers)]

    def forward(self, x: Tensor) -> Tensor:
        """`x_BN -> e_BF`, or `e_BNW` for tokens."""
        absent_BN = x.isnan()
        e_BNW = torch.where(absent_BN.unsqueeze(-1), self.missing, self.embed(x.masked_fill(absent_BN, 0.0)))
        return e_BNW if self.layout == "tokens" else e_BNW.flatten(1)
