"""Pictures between their column and a network: standardised and, in training, varied.

A variation of a picture shows the same thing, so a network that sees each picture a little different in every epoch
cannot learn it by heart. All of a batch are varied at once, each in a way of its own, by a few tensor operations: the
shift, the mirror and what lies beyond the rim are one indexing operation on bytes.

Whether a mirrored picture shows the same thing depends on what is asked (a garment does, a letter does not), so that
is decided in training: by how well a network that never saw one reads mirrored validation pictures.

Shape legend: B batch, H height, W width, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.networks.base import Encoding
from mapsto.networks.blocks.chance import chance


@dataclass(frozen=True)
class Augmentation:
    """How pictures are varied in training; 0 leaves a variation out."""

    flip: bool = False
    """Every second picture is mirrored, left to right."""
    shift: float = 0.0
    """Up to this share of its sides, in both directions; the rim is mirrored into what becomes free."""
    rotate: float = 0.0
    """Up to so many degrees, in both directions."""
    erase: float = 0.0
    """A rectangle of up to this share of the area becomes the mean colour."""
    brightness: float = 0.0
    """Contrast is multiplied by, and brightness raised by, up to this share (in standard deviations) up or down."""

    @classmethod
    def chosen(cls, options: Mapping[str, Any]) -> Self:
        """From the options of an `Encoding`; what is "auto" is left out."""
        encoding = Encoding.of(options)
        return cls(
            encoding.picture_flip == "yes",
            encoding.picture_shift,
            encoding.picture_rotate,
            encoding.picture_erase,
            encoding.picture_brightness,
        )


class PictureFront(nn.Module):
    """`bytes_BHWC -> (x_BCHW,)`, float32, channels last in memory; a missing picture (0 everywhere) is the mean.

    >>> front = PictureFront([100.0], [50.0]).eval()
    >>> (x,) = front(torch.tensor([[[[200], [50]]], [[[0], [0]]]], dtype=torch.uint8))
    >>> x.tolist()
    [[[[2.0, -1.0]]], [[[0.0, 0.0]]]]
    """

    mean: Tensor
    factor: Tensor

    def __init__(
        self, mean: Sequence[float], deviation: Sequence[float], augmentation: Augmentation | None = None
    ) -> None:
        """`mean`, `deviation`: of each channel, in [0, 255]."""
        super().__init__()
        self.augmentation = augmentation or Augmentation()
        factor = [1 / each for each in deviation]
        self.register_buffer("mean", torch.tensor(list(mean)).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("factor", torch.tensor(factor).view(1, -1, 1, 1), persistent=False)

    def forward(self, bytes_BHWC: Tensor) -> tuple[Tensor]:
        """A batch of the block as the arguments of a network."""
        missing_B111 = bytes_BHWC.flatten(1).amax(dim=1).view(-1, 1, 1, 1) == 0
        varied = self.augmentation if self.training else Augmentation()
        if varied.shift or varied.flip:
            bytes_BHWC = shifted(bytes_BHWC, varied.shift, flip=varied.flip)
        # A view: the bytes lie channels last, and so will the floats.
        x_BCHW = (bytes_BHWC.permute(0, 3, 1, 2).float() - self.mean) * self.factor
        if varied.rotate:
            x_BCHW = rotated(x_BCHW, varied.rotate)
        if varied.brightness:
            x_BCHW = relit(x_BCHW, varied.brightness)
        if varied.erase:
            x_BCHW = erased(x_BCHW, varied.erase)
        return (x_BCHW.masked_fill_(missing_B111, 0.0),)


def shifted(x_BHWC: Tensor, share: float, *, flip: bool) -> Tensor:
    """Each picture moved by up to `share` of its sides, and with `flip` every second one mirrored."""
    batch, height, width, _ = x_BHWC.shape
    rows_BH = _places(batch, height, share, x_BHWC.device)
    columns_BW = _places(batch, width, share, x_BHWC.device)
    if flip:
        turned_B1 = torch.rand(batch, 1, device=x_BHWC.device, generator=chance()) < 0.5
        columns_BW = torch.where(turned_B1, width - 1 - columns_BW, columns_BW)
    each_B11 = torch.arange(batch, device=x_BHWC.device)[:, None, None]
    return x_BHWC[each_B11, rows_BH[:, :, None], columns_BW[:, None, :]]


def moved(x_BHWC: Tensor, share: float) -> Tensor:
    """Every picture moved by this share of its sides, one pixel at least; a negative one moves it back.

    >>> moved(torch.arange(3).view(1, 1, 3, 1), 0.1).flatten().tolist()
    [1, 2, 1]
    """
    rows_H, columns_W = (_from(side, _pixels(side, share), x_BHWC.device) for side in x_BHWC.shape[1:3])
    return x_BHWC[:, rows_H[:, None], columns_W]


def _pixels(length: int, share: float) -> int:
    return min(length - 1, max(1, round(abs(share) * length))) * (1 if share > 0 else -1)


def _places(batch: int, length: int, share: float, device: torch.device) -> Tensor:
    """For each picture, where along one side its pixels come from."""
    most = min(length - 1, round(share * length))
    return _from(length, torch.randint(-most, most + 1, (batch, 1), device=device, generator=chance()), device)


def _from(length: int, shift: Tensor | int, device: torch.device) -> Tensor:
    """Where along one side pixels come from after a shift; beyond an end they are mirrored."""
    place = (torch.arange(length, device=device) + shift).abs()
    return length - 1 - (length - 1 - place).abs()


def rotated(x_BCHW: Tensor, degrees: float) -> Tensor:
    """Each picture turned about its middle by up to so many degrees; its rim is mirrored outwards."""
    batch, _, height, width = x_BCHW.shape
    angle_B = (torch.rand(batch, device=x_BCHW.device, generator=chance()) * 2 - 1) * math.radians(degrees)
    cos_B, sin_B, zero_B = angle_B.cos(), angle_B.sin(), torch.zeros_like(angle_B)
    turn_B23 = torch.stack(
        [cos_B, -sin_B * (height / width), zero_B, sin_B * (width / height), cos_B, zero_B], dim=1
    ).view(batch, 2, 3)
    grid = F.affine_grid(turn_B23, list(x_BCHW.shape), align_corners=False)
    return F.grid_sample(x_BCHW, grid, padding_mode="reflection", align_corners=False)


def relit(x_BCHW: Tensor, share: float) -> Tensor:
    """Each picture with another contrast and brightness."""
    drawn_2B = torch.rand(2, len(x_BCHW), 1, 1, 1, device=x_BCHW.device, generator=chance()) * 2 - 1
    return torch.addcmul(drawn_2B[1] * share, x_BCHW, 1 + drawn_2B[0] * share)


def erased(x_BCHW: Tensor, share: float) -> Tensor:
    """Each picture with a rectangle of 0, which is the mean colour (Zhong et al. 2017, arXiv 1708.04896)."""
    batch, _, height, width = x_BCHW.shape
    area_B1, stretch_B1, top_B1, left_B1 = torch.rand(4, batch, 1, device=x_BCHW.device, generator=chance())
    stretch_B1 = torch.exp((stretch_B1 * 2 - 1) * math.log(2.0))
    free_BH = _outside(height, height * (area_B1 * share * stretch_B1).sqrt().clamp_max(1), top_B1)
    free_BW = _outside(width, width * (area_B1 * share / stretch_B1).sqrt().clamp_max(1), left_B1)
    return x_BCHW * (free_BH[:, :, None] | free_BW[:, None, :]).unsqueeze(1)


def _outside(length: int, span_B1: Tensor, place_B1: Tensor) -> Tensor:
    """Boolean `(batch, length)`: pixels along one side that a stretch of `span` leaves free."""
    start_B1 = (length + 1 - span_B1) * place_B1 - 0.5
    pixel_L = torch.arange(length, device=span_B1.device)
    return (pixel_L < start_B1) | (pixel_L >= start_B1 + span_B1)
