"""LeNet-5: the convolutional network that read cheques, as published.

Small filters pass over the picture and answer to strokes and corners wherever these are; between them, maps are shrunk
by trainable averages, so that exact places matter less and less. Ten features become sixteen by a table of
connections that breaks their symmetry, then 120, then 84 numbers, each squashed by a scaled hyperbolic tangent. In the
paper distances to 84-pixel drawings of the characters follow; here the heads do.
Paper: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", Proceedings of the
IEEE 86(11), 1998, section II.B.

Shape legend: B batch, C channels, H height, W width, D width out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.networks.base import DataSize, Network, NetworkConfig, Sense
from mapsto.networks.blocks.passes import passes

SIDE = 32
"""Height and width of its pictures: larger than a character, so that corners and ends lie within every filter."""
CONNECTIONS = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
)
"""Which maps of S2 each map of C3 reads (table I of the paper)."""


class Squash(nn.Module):
    """`1.7159 tanh(2/3 a)`: at 1 it is 1, and bends most there (appendix A of the paper)."""

    def forward(self, a: Tensor) -> Tensor:
        """Same shape in and out."""
        return 1.7159 * torch.tanh(a * (2 / 3))


class Subsampling(nn.Module):
    """The sum of each 2 x 2 pixels, times a trainable number, plus another; one pair for each map."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((maps, 1, 1), 0.25))
        self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """`(B, C, H, W) -> (B, C, H/2, W/2)`."""
        return torch.addcmul(self.bias, self.scale, 4 * F.avg_pool2d(x_BCHW, 2))


class PartialConvolution(nn.Conv2d):
    """A convolution in which each map reads only some of the maps before it."""

    among: Tensor

    def __init__(self, connections: tuple[tuple[int, ...], ...], maps: int, side: int) -> None:
        super().__init__(maps, len(connections), side)
        among = [[[[float(each in read)]] for each in range(maps)] for read in connections]
        self.register_buffer("among", torch.tensor(among), persistent=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """`(B, 6, H, W) -> (B, 16, H-4, W-4)`."""
        return F.conv2d(x_BCHW, self.weight * self.among, self.bias)


class LeNet(Network):
    """C1, S2, C3, S4, C5, F6.

    >>> LeNet(1, LeNet.Config())(torch.zeros(3, 1, 28, 28)).shape
    torch.Size([3, 84])
    """

    name: ClassVar[str] = "lenet"
    layout: ClassVar[Sense] = "picture"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """No options: it is as published, but for the number of channels it reads."""

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """Muon: 85.2 % after 8 passes over 6,000 rows of Fashion-MNIST, AdamW 83.6 %, at one rate each."""
            rates = {"optimizer": "muon", "learning_rate": 5e-3, "weight_decay": 0.01}
            return rates | {"batch_size": 64, "epochs": passes(size.rows, 20)}

    def __init__(self, in_features: int, config: Config) -> None:
        """`in_features`: channels; 1 in the paper."""
        super().__init__(in_features, config)
        self.out_features = 84
        self.c1, self.s2 = nn.Conv2d(in_features, 6, 5), Subsampling(6)
        self.c3, self.s4 = PartialConvolution(CONNECTIONS, 6, 5), Subsampling(16)
        self.c5, self.f6 = nn.Conv2d(16, 120, 5), nn.Linear(120, 84)
        self.squash = Squash()
        # Variance 1 / inputs, as in "Efficient BackProp" of the same authors and year: with the paper's +-2.4 / inputs
        # signals fade from layer to layer, which its second-order rates made up for.
        for layer, inputs in ((self.c1, 25 * in_features), (self.c3, 25 * 60 / 16), (self.c5, 400), (self.f6, 120)):
            nn.init.uniform_(layer.weight, -math.sqrt(3 / inputs), math.sqrt(3 / inputs))

    def forward(self, x: Tensor) -> Tensor:
        """`x_BCHW -> h_BD`."""
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5):
            x = self.squash(layer(x if layer is not self.c1 else sized(x)))
        h_BD: Tensor = self.squash(self.f6(x.flatten(1)))
        return h_BD


def sized(x_BCHW: Tensor) -> Tensor:
    """The picture shrunk to fit into 32 x 32 if it is larger, its rim repeated outwards where it is smaller."""
    height, width = x_BCHW.shape[-2:]
    if max(height, width) > SIDE:
        scale = SIDE / max(height, width)
        height, width = max(1, round(height * scale)), max(1, round(width * scale))
        x_BCHW = F.interpolate(x_BCHW, size=(height, width), mode="bilinear", antialias=True)
    across, down = (SIDE - width) / 2, (SIDE - height) / 2
    rims = [math.floor(across), math.ceil(across), math.floor(down), math.ceil(down)]
    return F.pad(x_BCHW, rims, mode="replicate")
