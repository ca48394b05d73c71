"""HOG: which way brightness rises, in each cell of a grid over the picture; then one layer of a perceptron.

Nothing of the first half is learned. Each pixel's gradient counts for the directions that it points to; a cell keeps
how much runs each way, once as it is and once as shares of the cell, so that neither faint nor harsh light matters, and
small moves hardly do. Beside it lies the picture itself, as coarse as the grid. Hand-made features were how pictures
were told apart before convolutions were learned; a perceptron on them learns in seconds what takes a convolutional
network minutes, and errs elsewhere, so that the two together beat both.
Paper: Dalal & Triggs, "Histograms of oriented gradients for human detection", CVPR 2005; here with the sign of the
gradient, its cosine to a direction to the fourth power, on square roots of brightness, without overlapping blocks; in
training whole cells are hidden.

Shape legend: B batch, C channels, H height, W width, O directions, h x w cells, F features (N a cell), D
width out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.networks.base import DataSize, Network, NetworkConfig, Sense, option
from mapsto.networks.blocks.dropout import Dropout
from mapsto.networks.blocks.layers import OverBatch
from mapsto.networks.blocks.passes import passes

_LARGE = 40
"""Pixels of the longer side; larger pictures are shrunk by whole factors, so that gradients are those of things."""
_MANY = 20_000
"""Rows from which less is silenced, and batches are larger."""
_DARK = 1 / 255
"""Added to brightness: the root of nothing has no slope."""
_FAINT = 1e-3
"""Added to lengths, for the same reason; a gradient of this size is none."""


def _stretches(count: int, length: int) -> Tensor:
    """The mean of each of `count` equal stretches of a side, as a matrix `(count, length)`; rims count in part.

    >>> _stretches(2, 3) * 3
    tensor([[2., 1., 0.],
            [0., 1., 2.]])
    """
    ends = torch.arange(count + 1) * (length / count)
    pixel_L = torch.arange(length)
    covered = torch.minimum(ends[1:, None], pixel_L + 1) - torch.maximum(ends[:-1, None], pixel_L)
    return covered.clamp_min(0.0) * (count / length)


class HOG(Network):
    """`look`: gradients, their directions, the grid. `read`: what it shows, normalised, to `hidden` units.

    >>> import torch
    >>> HOG(1, HOG.Config(height=28, width=28))(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 512])
    """

    name: ClassVar[str] = "hog"
    layout: ClassVar[Sense] = "pixels"
    fixed: ClassVar[bool] = True

    rows: Tensor
    columns: Tensor
    cosine: Tensor
    sine: Tensor

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
            epochs = passes(size.rows, 7, most=12 if size.rows >= 5_000 else 40)
            return {"optimizer": "adamw", "weight_decay": 0.05, "epochs": epochs, **small, **large}

    def __init__(self, in_features: int, config: Config) -> None:
        """`in_features`: channels."""
        super().__init__(in_features, config)
        longer = max(config.height, config.width)
        self.shrink = max(1, min(longer // _LARGE, config.height, config.width))
        sides = config.height // self.shrink, config.width // self.shrink
        down, across = (max(1, min(side, round(config.cells * side / max(sides)))) for side in sides)
        self.grid = down, across
        self.register_buffer("rows", _stretches(down, sides[0]), persistent=False)
        self.register_buffer("columns", _stretches(across, sides[1]).T.contiguous(), persistent=False)
        angle_O = torch.arange(config.directions) * (2 * math.pi / config.directions)
        self.register_buffer("cosine", angle_O.cos().view(1, -1, 1, 1), persistent=False)
        self.register_buffer("sine", angle_O.sin().view(1, -1, 1, 1), persistent=False)
        self.seen_features = self.grid[0] * self.grid[1] * (2 * config.directions + in_features)
        self.normalised = OverBatch(self.seen_features, affine=False)
        self.hide = Dropout(config.cell_dropout)
        self.layer = nn.Sequential(
            nn.Linear(self.seen_features, config.hidden, bias=False),
            OverBatch(config.hidden),
            nn.ReLU(),
            Dropout(config.dropout),
        )
        self.out_features = config.hidden

    def look(self, x: Tensor) -> Tensor:
        """`x_BCHW -> h_BF`: the picture and its gradients in the cells of the grid."""
        x_BCHW = F.avg_pool2d(x, self.shrink) if self.shrink > 1 else x
        light_BCHW = (x_BCHW.clamp_min(0.0) + _DARK).sqrt()
        grey_B1HW = F.pad(light_BCHW.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
        across_B1HW = grey_B1HW[:, :, 1:-1, 2:] - grey_B1HW[:, :, 1:-1, :-2]
        down_B1HW = grey_B1HW[:, :, 2:, 1:-1] - grey_B1HW[:, :, :-2, 1:-1]
        # A gradient g counts for a direction at the angle a by |g| cos(a)^4, which is (|g| cos(a) / |g|^(3/4))^4.
        length_B1HW = (across_B1HW.square() + down_B1HW.square() + _FAINT**2).sqrt()
        root_B1HW = (length_B1HW * length_B1HW.sqrt()).sqrt()
        along_BOHW = torch.addcmul(across_B1HW / root_B1HW * self.cosine, down_B1HW / root_B1HW, self.sine)
        much_BOhw = self.in_cells(along_BOHW.relu().square().square())
        share_BOhw = much_BOhw / (much_BOhw.square().sum(dim=1, keepdim=True) + _FAINT**2).sqrt()
        evened_BOhw = torch.cat([much_BOhw, share_BOhw], dim=1).add(_FAINT**2).sqrt()
        return torch.cat([evened_BOhw, self.in_cells(light_BCHW)], dim=1).flatten(1)

    def in_cells(self, x_BCHW: Tensor) -> Tensor:
        """The mean in each cell of the grid, `x_BChw`."""
        return self.rows @ x_BCHW @ self.columns

    def read(self, h_BF: Tensor) -> Tensor:
        """`h_BF -> h_BD`."""
        cells_BNhw = self.normalised(h_BF).view(len(h_BF), -1, *self.grid)
        # Hidden as a whole: what is in a cell is told by the rest of it, and fewer numbers have to be drawn.
        seen_B1hw = self.hide(torch.ones_like(cells_BNhw[:, :1]))
        h_BD: Tensor = self.layer((cells_BNhw * seen_B1hw).flatten(1))
        return h_BD

    def forward(self, x: Tensor) -> Tensor:
        """`x_BCHW -> h_BD`."""
        return self.read(self.look(x))
