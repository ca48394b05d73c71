"""Rows of steps, and spectrograms, between their column and a network.

In training a spectrogram is varied: moved in time, louder or softer, with noise, and with stretches of time and ranges
of bands silenced, so that no single one is relied on (SpecAugment: Park et al., Interspeech 2019, arXiv 1904.08779).
All of a batch are varied at once, each in a way of its own.

Shape legend: B batch, L length, D channels or bands.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mapsto.networks.base import Encoding
from mapsto.networks.blocks.chance import chance
from mapsto.networks.blocks.ragged import RaggedTensor, padded

_MASKS = 2
"""Stretches of time, and ranges of bands, that are silenced."""


class StepsFront(nn.Module):
    """Rows side by side, filled up with zeros: `(x_BLD, lengths_B)`."""

    def forward(self, steps: RaggedTensor) -> tuple[Tensor, Tensor]:
        """A batch of the block as the arguments of a network."""
        return padded(steps)


class SoundFront(nn.Module):
    """Spectrograms in bytes to `(x_B1DL,)`, a picture of `frames` frames, or to `(x_BLD, lengths_B)`.

    A recording that is longer than the picture is cut at both ends, a shorter one has zeros (the mean) around it.

    Args:
        frames: of the picture; None: a sequence.
        middle: the byte that stands for a band's mean.
        steps: bytes a standard deviation.
        options: see `Encoding`.
    """

    def __init__(self, frames: int | None, middle: int, steps: int, options: dict[str, Any]) -> None:
        super().__init__()
        self.frames, self.middle, self.steps, self.encoding = frames, middle, steps, Encoding.of(options)

    def forward(self, sound: RaggedTensor) -> tuple[Tensor, ...]:
        """A batch of the block as the arguments of a network."""
        if self.frames is None:
            bytes_BLD, lengths_B = padded(sound)
            there_BL = torch.arange(bytes_BLD.shape[1], device=lengths_B.device) < lengths_B[:, None]
            return self._varied(bytes_BLD, there_BL), lengths_B
        bytes_BLD, there_BL = placed(sound, self.frames, self.encoding.sound_shift if self.training else 0.0)
        return (self._varied(bytes_BLD, there_BL).transpose(1, 2).unsqueeze(1),)

    def _varied(self, bytes_BLD: Tensor, there_BL: Tensor) -> Tensor:
        x_BLD = (bytes_BLD.float() - self.middle) / self.steps
        if self.training:
            options = self.encoding
            louder_B11 = torch.randn(len(x_BLD), 1, 1, device=x_BLD.device, generator=chance()) * options.sound_loudness
            x_BLD = (
                x_BLD
                + louder_B11
                + torch.randn(x_BLD.shape, device=x_BLD.device, generator=chance()) * options.sound_noise
            )
            x_BLD = masked(x_BLD, options.sound_masks, 1)
            x_BLD = masked(x_BLD, options.sound_masks, 2)
        return x_BLD * there_BL[..., None]


def placed(ragged: RaggedTensor, length: int, shift: float) -> tuple[Tensor, Tensor]:
    """Each row in the middle of `length` steps, moved by up to the share `shift` of them.

    Returns:
        The values `(B, length, ...)`, and which of them are there, `(B, length)`.

    >>> rows = RaggedTensor(torch.tensor([7, 8, 9, 1]), torch.tensor([0, 3, 4, 4]))
    >>> placed(rows, 2, 0.0)[0].tolist(), placed(rows, 3, 0.0)[0].tolist()
    ([[7, 8], [0, 1], [0, 0]], [[7, 8, 9], [0, 1, 0], [0, 0, 0]])
    """
    lengths_B = ragged.offsets.diff()
    start_B = (lengths_B - length).div(2, rounding_mode="floor")
    if most := round(shift * length):
        start_B = start_B + torch.randint(-most, most + 1, start_B.shape, device=start_B.device, generator=chance())
    place_BL = start_B[:, None] + torch.arange(length, device=start_B.device)
    there_BL = (place_BL >= 0) & (place_BL < lengths_B[:, None])
    found = ragged.values.new_zeros(*there_BL.shape, *ragged.values.shape[1:])
    found[there_BL] = ragged.values[(ragged.offsets[:-1, None] + place_BL)[there_BL]]
    return found, there_BL


def masked(x_BLD: Tensor, share: float, side: int) -> Tensor:
    """Each row with a few stretches of 0 along one side, each of up to this share of it."""
    batch, length = len(x_BLD), x_BLD.shape[side]
    widths_BM = torch.rand(batch, _MASKS, device=x_BLD.device, generator=chance()) * share * length
    starts_BM = torch.rand(batch, _MASKS, device=x_BLD.device, generator=chance()) * (length - widths_BM)
    place_L = torch.arange(length, device=x_BLD.device) + 0.5
    hidden_BML = (place_L >= starts_BM[..., None]) & (place_L < (starts_BM + widths_BM)[..., None])
    return x_BLD * ~hidden_BML.any(dim=1).unsqueeze(3 - side)
