"""Clips between their column and a network: as frames, or as a vector a frame.

Shape legend: B batch, T frames, N frames of all clips, C channels, H height, W width, D width of a vector.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mapsto.networks.blocks.ragged import RaggedTensor, padded

_GRID = 4


def frame_reader(channels: int, width: int) -> nn.Sequential:
    """Two convolutions, their maps averaged in a coarse grid, a linear map: `x_NCHW -> h_ND`."""
    return nn.Sequential(
        nn.Conv2d(channels, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(_GRID),
        nn.Flatten(),
        nn.Linear(32 * _GRID**2, width),
    )


class ClipFront(nn.Module):
    """Frames in bytes to `(x_BTCHW, lengths_B)`, standardised, 0 behind the end.

    Args:
        mean: of all pixels, in [0, 255].
        deviation: likewise.
    """

    def __init__(self, mean: float, deviation: float) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation

    def forward(self, clips: RaggedTensor) -> tuple[Tensor, Tensor]:
        """A batch of the block as the arguments of a network."""
        return padded(RaggedTensor(self.frames(clips), clips.offsets))

    def frames(self, clips: RaggedTensor) -> Tensor:
        """All frames one after another, `x_NCHW`."""
        found: Tensor = (clips.values.permute(0, 3, 1, 2).float() - self.mean) / self.deviation
        return found


class FramesFront(nn.Module):
    """Frames to `(x_BTD, lengths_B)`: each is read by two convolutions, their maps averaged in a coarse grid.

    Args:
        clips: standardises.
        channels: C.
        width: D.
    """

    def __init__(self, clips: ClipFront, channels: int, width: int) -> None:
        super().__init__()
        self.clips = clips
        self.read = frame_reader(channels, width)
        self.width = width

    def forward(self, clips: RaggedTensor) -> tuple[Tensor, Tensor]:
        """A batch of the block as the arguments of a network."""
        if not len(clips.values):
            empty = torch.zeros(len(clips), 1, self.width, device=clips.offsets.device)
            return empty, clips.offsets.diff()
        return padded(RaggedTensor(self.read(self.clips.frames(clips)), clips.offsets))
