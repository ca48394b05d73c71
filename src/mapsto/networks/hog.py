"""HOG: which way brightness rises, in each cell of a grid over the picture; then one layer of a perceptron.

Nothing of the first half is learned. Each pixel's gradient counts for the directions that it points to; a cell keeps
how much runs each way, once as it is and once as shares of the cell, so that neither faint nor harsh light matters, and
small moves hardly do. Beside it lies the picture itself, as coarse as the grid. Hand-made features were how pictures
were told apart before convolutions were learned; a perceptron on them learns in seconds what takes a convolutional
network minutes, and errs elsewhere, so that the two together beat both.
Paper: Dalal & Triggs, "Histograms of oriented gradients for human detection", CVPR 2005; here with the sign of the
gradient, on square roots of brightness, and without their overlapping blocks.

Shape legend: B batch, C channels, H height, W width, O directions, F features of the grid, D width out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.networks.base import DataSize, Network, NetworkConfig, Sense, option
from mapsto.networks.blocks.passes import passes

_SHARPNESS = 3
"""Power of the cosine between a gradient and a direction by which it counts for that direction."""
_LARGE = 40
"""Pixels of the longer side; larger pictures are shrunk by whole factors, so that gradients are those of things."""
_DARK = 1 / 255
_FAINT = 1e-3


class HOG(Network):
    """`look`: gradients, their directions, the grid. `read`: what it shows, normalised, to `hidden` units.

    >>> import torch
    >>> HOG(1, HOG.Config(height=28, width=28))(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 1024])
    """

    name: ClassVar[str] = "hog"
    layout: ClassVar[Sense] = "pixels"
    fixed: ClassVar[bool] = True

    kernel: Tensor

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Size of the pictures, the grid, the directions, and the layer behind."""

        height: int = option(32, low=1, high=4_096, doc="of the pictures")
        width: int = option(32, low=1, high=4_096, doc="of the pictures")
        cells: int = option(10, low=1, high=64, doc="of the grid, along the longer side")
        directions: int = option(8, low=2, high=64, doc="all around (O)")
        hidden: int = option(1024, low=1, high=8_192, doc="units of the layer behind (D)")
        dropout: float = option(
            0.3, low=0.0, high=0.95, doc="share of them silenced in training; of features two thirds"
        )

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """The size of the pictures."""
            return {} if not size.shape else {"height": size.shape[1], "width": size.shape[2]}

        @classmethod
        def encoding(cls, size: DataSize) -> dict[str, Any]:
            """Pictures as they are: varied ones cost 2 % of Fashion-MNIST, and each would have to be looked at anew."""
            return {"picture_flip": "no", "picture_shift": 0.0}

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """AdamW, few passes: 5 over Fashion-MNIST are worth nearly what 10 are (`dev/LOG.md`)."""
            rates = {"optimizer": "adamw", "learning_rate": 0.004, "weight_decay": 0.05}
            return rates | {"batch_size": 256 if size.rows >= 8_000 else 64, "epochs": passes(size.rows, 8)}

    def __init__(self, in_features: int, config: Config) -> None:
        """`in_features`: channels."""
        super().__init__(in_features, config)
        longer = max(config.height, config.width)
        self.shrink = max(1, longer // _LARGE)
        down, across = (round(config.cells * side / longer) for side in (config.height, config.width))
        self.grid = max(1, min(down, config.height // self.shrink)), max(1, min(across, config.width // self.shrink))
        angle_O = torch.arange(config.directions) * (2 * math.pi / config.directions)
        kernel = torch.zeros(config.directions, 1, 3, 3)
        kernel[:, 0, 1, 2], kernel[:, 0, 1, 0] = angle_O.cos(), -angle_O.cos()
        kernel[:, 0, 2, 1], kernel[:, 0, 0, 1] = angle_O.sin(), -angle_O.sin()
        self.register_buffer("kernel", kernel, persistent=False)
        self.seen_features = self.grid[0] * self.grid[1] * (2 * config.directions + in_features)
        self.layer = nn.Sequential(
            nn.BatchNorm1d(self.seen_features, affine=False),
            nn.Dropout(config.dropout * 2 / 3),
            nn.Linear(self.seen_features, config.hidden, bias=False),
            nn.BatchNorm1d(config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
        )
        self.out_features = config.hidden

    def look(self, x: Tensor) -> Tensor:
        """`x_BCHW -> h_BF`: the picture and its gradients in the cells of the grid."""
        light_BCHW = (F.avg_pool2d(x, self.shrink) + _DARK).sqrt()
        # Along each direction, how much brighter it gets; what points away counts for the opposite direction.
        grey_B1HW = F.pad(light_BCHW.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
        rise_BOHW = F.conv2d(grey_B1HW, self.kernel).relu()
        length_B1HW = (rise_BOHW.square().mean(dim=1, keepdim=True) * 4 + _FAINT**2).sqrt()
        rise_BOHW = rise_BOHW * (rise_BOHW / length_B1HW) ** _SHARPNESS
        much_BOhw = F.adaptive_avg_pool2d(rise_BOHW, self.grid)
        share_BOhw = much_BOhw / (much_BOhw.square().sum(dim=1, keepdim=True) + _FAINT**2).sqrt()
        coarse_BChw = F.adaptive_avg_pool2d(light_BCHW, self.grid)
        bent = torch.cat([much_BOhw, share_BOhw], dim=1).add(_FAINT**2).sqrt()
        return torch.cat([bent, coarse_BChw], dim=1).flatten(1)

    def read(self, h_BF: Tensor) -> Tensor:
        """`h_BF -> h_BD`."""
        h_BD: Tensor = self.layer(h_BF)
        return h_BD

    def forward(self, x: Tensor) -> Tensor:
        """`x_BCHW -> h_BD`."""
        return self.read(self.look(x))
