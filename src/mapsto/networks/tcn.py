"""TCN: convolutions whose reach doubles from block to block, in the place of recurrence.

Each block holds two convolutions of the same few steps, but with gaps between them that double with every block, so
the reach grows exponentially with depth while all steps are computed at once. A shortcut leads around each block. A
causal network sees only what came before each step; where the whole sequence is at hand, looking both ways is better.
Paper: Bai, Kolter & Koltun, "An empirical evaluation of generic convolutional and recurrent networks for sequence
modeling", arXiv 1803.01271.

Shape legend: B batch, L length, F features in, D width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from mapsto.networks.base import DataSize, NetworkConfig, option
from mapsto.networks.blocks.dropout import Dropout
from mapsto.networks.blocks.sequences import POOLS, SequenceNetwork, learning, present


class Dilated(nn.Module):
    """A convolution of `kernel` steps that lie `gap` apart; its length is that of its input."""

    def __init__(self, in_features: int, width: int, kernel: int, gap: int, *, causal: bool) -> None:
        super().__init__()
        reach = (kernel - 1) * gap
        self.around = (reach, 0) if causal else (reach // 2, reach - reach // 2)
        self.slide = weight_norm(nn.Conv1d(in_features, width, kernel, dilation=gap))

    def forward(self, x_BFL: Tensor) -> Tensor:
        """`x_BFL -> x_BDL`."""
        x_BDL: Tensor = self.slide(F.pad(x_BFL, self.around))
        return x_BDL


class Block(nn.Module):
    """Two dilated convolutions with a shortcut around them."""

    def __init__(self, in_features: int, config: TCN.Config, gap: int) -> None:
        super().__init__()
        self.first = Dilated(in_features, config.width, config.kernel, gap, causal=config.causal)
        self.second = Dilated(config.width, config.width, config.kernel, gap, causal=config.causal)
        self.dropout = Dropout(config.dropout)
        same = in_features == config.width
        self.shortcut = nn.Identity() if same else nn.Conv1d(in_features, config.width, 1)

    def forward(self, x_BFL: Tensor, there_B1L: Tensor) -> Tensor:
        """`x_BFL -> x_BDL`, 0 where nothing is there."""
        h_BDL = self.dropout(self.first(x_BFL).relu()) * there_B1L
        h_BDL = self.dropout(self.second(h_BDL).relu())
        out_BDL: Tensor = (h_BDL + self.shortcut(x_BFL)).relu() * there_B1L
        return out_BDL


class TCN(SequenceNetwork):
    """`depth` blocks with gaps 1, 2, 4, ..., pooled over the steps.

    >>> import torch
    >>> network = TCN(5, TCN.Config(width=8, depth=2))
    >>> network(torch.zeros(3, 7, 5), torch.tensor([7, 2, 0])).shape
    torch.Size([3, 8])
    """

    name: ClassVar[str] = "tcn"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Width, depth and reach, what of the steps is handed on, and dropout."""

        width: int = option(128, low=1, high=4_096, doc="channels (D)")
        depth: int = option(4, low=1, high=16, doc="blocks; the gaps of block i are 2 ** i")
        kernel: int = option(3, low=2, high=64, doc="steps that a convolution sees")
        causal: bool = option(False, doc="whether a step sees only those before it")
        pooling: str = option("max", among=tuple(POOLS), doc="how the steps become one vector")
        input_dropout: float = option(0.3, low=0.0, high=0.95, doc="share of inputs silenced in training")
        dropout: float = option(0.2, low=0.0, high=0.95, doc="share of channels silenced in training")

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """Deep enough that the last block sees the usual length; narrower for fewer rows."""
            usual = size.shape[0] if size.shape else 64
            width = {"width": 64} if size.rows < 20_000 else {}
            return {"depth": min(max(2, math.ceil(math.log2(usual / 4))), 8)} | width

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """AdamW."""
            return learning(size, rate=0.002)

    def __init__(self, in_features: int, config: Config) -> None:
        super().__init__(in_features, config)
        self.out_features, self.pooling = config.width, config.pooling
        self.input_dropout = Dropout(config.input_dropout)
        self.blocks = nn.ModuleList(
            Block(in_features if level == 0 else config.width, config, 2**level) for level in range(config.depth)
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """`x_BLF, lengths_B -> h_BD`."""
        there_B1L = present(lengths, x.shape[1])[:, None]
        x_BDL = self.input_dropout(x).transpose(1, 2) * there_B1L
        for block in self.blocks:
            x_BDL = block(x_BDL, there_B1L)
        return POOLS[self.pooling](x_BDL.transpose(1, 2), lengths)
