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

_LARGE = 40
"""Pixels of the longer side; larger pictures are shrunk by whole factors, so that gradients are those of things."""
_MANY = 20_000
"""Rows."""
_DARK = 1 / 255
_FAINT = 1e-3


class OverBatch(nn.BatchNorm1d):
    """Each feature normalised over the batch; a row that is alone, by what was seen before."""

    def forward(self, input: Tensor) -> Tensor:
        """`h_BF -> h_BF`."""
        if len(input) > 1:
            return super().forward(input)
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class HOG(Network):
    """`look`: gradients, their directions, the grid. `read`: what it shows, normalised, to `hidden` units.

    >>> import torch
    >>> HOG(1, HOG.Config(height=28, width=28))(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 512])
    """

    name: ClassVar[str] = "hog"
    layout: ClassVar[Sense] = "pixels"
    fixed: ClassVar[bool] = True

    across: Tensor
    down: Tensor

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Size of the pictures, the grid, the directions, and the layer behind."""

        height: int = option(32, low=1, high=4_096, doc="of the pictures")
        width: int = option(32, low=1, high=4_096, doc="of the pictures")
        cells: int = option(10, low=1, high=64, doc="of the grid, along the longer side")
        directions: int = option(8, low=2, high=64, doc="all around (O)")
        hidden: int = option(512, low=1, high=8_192, doc="units of the layer behind (D)")
        dropout: float = option(0.5, low=0.0, high=0.95, doc="share of them silenced in training")
        cell_dropout: float = option(0.3, low=0.0, high=0.95, doc="share of cells hidden in training")

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """The size of the pictures; less is silenced where rows are many."""
            found: dict[str, Any] = {"dropout": 0.3, "cell_dropout": 0.2} if size.rows >= _MANY else {}
            return found | ({"height": size.shape[1], "width": size.shape[2]} if size.shape else {})

        @classmethod
        def encoding(cls, size: DataSize) -> dict[str, Any]:
            """Pictures as they are: varied ones cost 2 % of Fashion-MNIST, and each would have to be looked at anew."""
            return {"picture_flip": "no", "picture_shift": 0.0}

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """AdamW, few passes: 5 over Fashion-MNIST are worth nearly what 12 are, 22 over CIFAR-10 harm."""
            large = {"batch_size": 512, "learning_rate": 0.008} if size.rows >= _MANY else {}
            small = {"batch_size": 256 if size.rows >= 5_000 else 64, "learning_rate": 0.004}
            epochs = passes(size.rows, 7, most=12 if size.rows >= 1_000 else 40)
            return {"optimizer": "adamw", "weight_decay": 0.05, "epochs": epochs, **small, **large}

    def __init__(self, in_features: int, config: Config) -> None:
        """`in_features`: channels."""
        super().__init__(in_features, config)
        longer = max(config.height, config.width)
        shrink = max(1, longer // _LARGE)
        self.shrink = nn.AvgPool2d(shrink) if shrink > 1 else nn.Identity()
        down, across = (round(config.cells * side / longer) for side in (config.height, config.width))
        self.grid = max(1, min(down, config.height // shrink)), max(1, min(across, config.width // shrink))
        angle_O = torch.arange(config.directions) * (2 * math.pi / config.directions)
        self.register_buffer("across", angle_O.cos().view(1, -1, 1, 1), persistent=False)
        self.register_buffer("down", angle_O.sin().view(1, -1, 1, 1), persistent=False)
        self.seen_features = self.grid[0] * self.grid[1] * (2 * config.directions + in_features)
        self.normalised = OverBatch(self.seen_features, affine=False)
        self.hide = nn.Dropout(config.cell_dropout)
        self.layer = nn.Sequential(
            nn.Linear(self.seen_features, config.hidden, bias=False),
            OverBatch(config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
        )
        self.out_features = config.hidden

    def look(self, x: Tensor) -> Tensor:
        """`x_BCHW -> h_BF`: the picture and its gradients in the cells of the grid."""
        light_BCHW = (self.shrink(x) + _DARK).sqrt()
        grey_B1HW = F.pad(light_BCHW.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
        across_B1HW = grey_B1HW[:, :, 1:-1, 2:] - grey_B1HW[:, :, 1:-1, :-2]
        down_B1HW = grey_B1HW[:, :, 2:, 1:-1] - grey_B1HW[:, :, :-2, 1:-1]
        # Of a gradient g, along a direction at the angle a to it: |g| cos(a) ** 4, as (|g| cos(a) / |g| ** 3/4) ** 4.
        length_B1HW = (across_B1HW.square() + down_B1HW.square() + _FAINT**2).sqrt()
        root_B1HW = (length_B1HW * length_B1HW.sqrt()).sqrt()
        along_BOHW = torch.addcmul(across_B1HW / root_B1HW * self.across, down_B1HW / root_B1HW, self.down)
        rise_BOHW = along_BOHW.relu().square().square()
        much_BOhw = F.adaptive_avg_pool2d(rise_BOHW, self.grid)
        share_BOhw = much_BOhw / (much_BOhw.square().sum(dim=1, keepdim=True) + _FAINT**2).sqrt()
        coarse_BChw = F.adaptive_avg_pool2d(light_BCHW, self.grid)
        bent = torch.cat([much_BOhw, share_BOhw], dim=1).add(_FAINT**2).sqrt()
        return torch.cat([bent, coarse_BChw], dim=1).flatten(1)

    def read(self, h_BF: Tensor) -> Tensor:
        """`h_BF -> h_BD`."""
        normalised_BFhw = self.normalised(h_BF).view(len(h_BF), -1, *self.grid)
        # Cells as a whole: neighbours in a cell tell too much of each other, and fewer numbers have to be drawn.
        seen_B1hw = self.hide(torch.ones_like(normalised_BFhw[:, :1]))
        h_BD: Tensor = self.layer((normalised_BFhw * seen_B1hw).flatten(1))
        return h_BD

    def forward(self, x: Tensor) -> Tensor:
        """`x_BCHW -> h_BD`."""
        return self.read(self.look(x))
