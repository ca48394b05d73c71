"""Large pictures between their column and a network: a set of an overview and tiles.

Shape legend: B batch, T pictures of a set, C channels, H height, W width, D width of a vector.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.networks.blocks.clips import frame_reader
from mapsto.networks.blocks.pictures import PictureFront


class TilesFront(nn.Module):
    """Pictures in bytes to `(x_BTD, lengths_B)`: each of a set is read by two convolutions; a missing picture has none.

    Args:
        pictures: standardises and varies the whole picture.
        tiles: in a row, and rows of tiles.
        channels: C.
        width: D.

    >>> front = TilesFront(PictureFront([100.0], [50.0]), 2, 1, 8).eval()
    >>> x_BTD, lengths_B = front(torch.arange(2, dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 16, 16, 1))
    >>> x_BTD.shape, lengths_B
    (torch.Size([2, 5, 8]), tensor([0, 5]))
    """

    def __init__(self, pictures: PictureFront, tiles: int, channels: int, width: int) -> None:
        super().__init__()
        self.pictures, self.tiles = pictures, tiles
        self.read = frame_reader(channels, width)

    def forward(self, bytes_BHWC: Tensor) -> tuple[Tensor, Tensor]:
        """A batch of the block as the arguments of a network."""
        there_B = bytes_BHWC.flatten(1).amax(dim=1) > 0
        x_BTCHW = cut(self.pictures(bytes_BHWC)[0], self.tiles)
        read_BTD = self.read(x_BTCHW.flatten(0, 1)).reshape(*x_BTCHW.shape[:2], -1)
        return read_BTD * there_B[:, None, None], there_B * x_BTCHW.shape[1]


def cut(x_BCHW: Tensor, tiles: int) -> Tensor:
    """The shrunken picture, then its tiles line by line: `x_BTCHW`, T = 1 + tiles * tiles.

    >>> cut(torch.arange(16.0).view(1, 1, 4, 4), 2)[0, :2, 0].tolist()
    [[[2.5, 4.5], [10.5, 12.5]], [[0.0, 1.0], [4.0, 5.0]]]
    """
    small_BCHW = F.avg_pool2d(x_BCHW, tiles)
    height, width = small_BCHW.shape[2:]
    each = x_BCHW.reshape(*x_BCHW.shape[:2], tiles, height, tiles, width).permute(0, 2, 4, 1, 3, 5)
    return torch.cat([small_BCHW[:, None], each.flatten(1, 2)], dim=1)
