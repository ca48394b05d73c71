"""Resnet: convolutions that add a correction to the maps they read instead of replacing them.

A first convolution halves (of large pictures: quarters) height and width at once, so that little is computed at full
size. Each stage then halves them again with twice as many filters; before and after, the maps are corrected: the sum of
maps and correction lets gradients reach the first filters undiminished. Every convolution is normalised over the batch
and rectified; the largest answer of each filter at any place is what the heads see.
Papers: He et al., "Deep residual learning for image recognition", arXiv 1512.03385; Ioffe & Szegedy, "Batch
normalization", arXiv 1502.03167. One convolution a correction, and few but wide ones, are what processors do fastest
(compare Zagoruyko & Komodakis, "Wide residual networks", arXiv 1605.07146).

Shape legend: B batch, C channels, H height, W width, D width out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from mapsto.networks.base import DataSize, Network, NetworkConfig, Sense, option
from mapsto.networks.blocks.dropout import Dropout
from mapsto.networks.blocks.passes import passes

_LAST_SIDE = 4
"""Stages are added until the shorter side of the maps is about this."""


def convolution(before: int, after: int, side: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, normalisation over the batch, rectification; `stride` divides height and width."""
    rim = math.ceil((side - stride) / 2)
    return nn.Sequential(
        nn.Conv2d(before, after, side, stride, rim, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


class Corrected(nn.Module):
    """`x + relu(norm(conv(x)))`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.correction = convolution(width, width)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Same shape in and out."""
        corrected: Tensor = x_BCHW + self.correction(x_BCHW)
        return corrected


class ResNet(Network):
    """A first convolution, corrected `depth` times; `stages` that halve and correct; the largest answer of each filter.

    >>> import torch
    >>> ResNet(3, ResNet.Config(width=8))(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 32])
    """

    name: ClassVar[str] = "resnet"
    layout: ClassVar[Sense] = "picture"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Width, number of stages, corrections in each, how far the first convolution shrinks, and what is pooled."""

        width: int = option(24, low=1, high=1_024, doc="filters of the first convolution; each stage has twice as many")
        stages: int = option(2, low=1, high=8, doc="each halves height and width")
        depth: int = option(1, low=0, high=64, doc="corrections before the first stage and in each")
        stride: int = option(2, low=1, high=8, doc="what the first convolution divides height and width by")
        pooling: str = option("max", among=("max", "mean"), doc="of each filter's answers at all places")
        dropout: float = option(0.0, low=0.0, high=0.95, doc="share of the features silenced in training")

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """Stride and stages by the shorter side; wider for colour."""
            if not size.shape:
                return {}
            channels, *sides = size.shape
            side = min(sides)
            stride = 1 if side <= 16 else 2 if side < 80 else 4
            stages = max(1, math.ceil(math.log2(side / stride / _LAST_SIDE)))
            return {"stride": stride, "stages": stages, "width": 24 if channels == 1 else 48}

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """Muon at the rate found on Fashion-MNIST (`dev/LOG.md`); few passes, more over few rows."""
            return {
                "optimizer": "muon",
                "learning_rate": 0.02,
                "weight_decay": 0.05,
                "batch_size": 128 if size.rows >= 8_000 else 64 if size.rows >= 1_000 else 32,
                "epochs": passes(size.rows, 20, most=30 if size.rows >= 1_000 else 60),
            }

    def __init__(self, in_features: int, config: Config) -> None:
        """`in_features`: channels."""
        super().__init__(in_features, config)
        side = 2 * config.stride + 1
        layers: list[nn.Module] = [convolution(in_features, config.width, side, config.stride)]
        layers += [Corrected(config.width) for _ in range(config.depth)]
        for stage in range(config.stages):
            width = config.width * 2**stage
            layers.append(convolution(width, 2 * width, stride=2))
            layers += [Corrected(2 * width) for _ in range(config.depth)]
        self.layers = nn.Sequential(*layers)
        self.pooling, self.dropout = config.pooling, Dropout(config.dropout)
        self.out_features = config.width * 2**config.stages

    def forward(self, x: Tensor) -> Tensor:
        """`x_BCHW -> h_BD`."""
        maps_BCHW = self.layers(x)
        h_BD: Tensor = maps_BCHW.amax(dim=(2, 3)) if self.pooling == "max" else maps_BCHW.mean(dim=(2, 3))
        return self.dropout(h_BD)  # type: ignore[no-any-return]
