"""ConvLSTM: a long short-term memory whose state is a picture, and whose weights are convolutions.

What happens at a place depends on the frame and on the state near it, so that movement is seen where it is, and the
same movement is known everywhere. Frames are first shrunk by convolutions that do not know of time; the last state, its
mean and its largest values over all places, is what the heads see.
Paper: Shi et al., "Convolutional LSTM network: a machine learning approach for precipitation nowcasting", arXiv
1506.04214 (here without the peephole weights, as in most later use).

Shape legend: B batch, T frames, C channels, H height, W width, D width of the state. At frame t, with input x, state h
and memory c, all of them pictures::

    i, f, o, u = conv(x_t) + conv(h_(t-1))
    c_t = sigmoid(f) * c_(t-1) + sigmoid(i) * tanh(u)
    h_t = sigmoid(o) * tanh(c_t)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mapsto.networks.base import DataSize, Network, NetworkConfig, Sense, option
from mapsto.networks.blocks.dropout import Dropout

_STATE_SIDE = 16
"""Frames are halved until their longer side is at most this."""


class ConvLSTM(Network):
    """Convolutions that shrink each frame, one convolutional memory, the mean and the maximum over all places.

    >>> network = ConvLSTM(1, ConvLSTM.Config(width=8))
    >>> network(torch.zeros(3, 5, 1, 16, 16), torch.tensor([5, 2, 0])).shape
    torch.Size([3, 16])
    """

    name: ClassVar[str] = "convlstm"
    layout: ClassVar[Sense] = "clip"

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Width of the state, how far frames are shrunk, and how far the memory looks around."""

        width: int = option(32, low=1, high=512, doc="channels of the state")
        shrink: int = option(1, low=0, high=6, doc="convolutions that halve a frame's sides")
        side: int = option(5, low=1, high=15, doc="side of the memory's convolution, an odd number")
        dropout: float = option(0.1, low=0.0, high=0.95, doc="share of the features silenced in training")

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """Larger frames are shrunk further."""
            if len(size.shape) != 4:
                return {}
            longer, shrink = max(size.shape[2:]), 0
            while longer > _STATE_SIDE and shrink < 6:
                longer, shrink = (longer + 1) // 2, shrink + 1
            return {"shrink": shrink}

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """Small batches at a moderate rate."""
            return {"optimizer": "adamw", "learning_rate": 3e-3, "batch_size": 64, "weight_decay": 1e-2, "epochs": 12}

    def __init__(self, in_features: int, config: Config) -> None:
        """`in_features`: channels."""
        super().__init__(in_features, config)
        layers: list[nn.Module] = []
        for stage in range(config.shrink):
            before = in_features if stage == 0 else config.width
            layers += [nn.Conv2d(before, config.width, 5, stride=2, padding=2), nn.ReLU()]
        self.shrunk = nn.Sequential(*layers)
        read, side = config.width if layers else in_features, 2 * (config.side // 2) + 1
        self.frame = nn.Conv2d(read, 4 * config.width, side, padding=side // 2)
        self.state = nn.Conv2d(config.width, 4 * config.width, side, padding=side // 2, bias=False)
        self.dropout = Dropout(config.dropout)
        self.width, self.out_features = config.width, 2 * config.width

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """`x_BTCHW, lengths_B -> h_BD`; a clip's state stays as it is behind its last frame."""
        batch, frames = x.shape[:2]
        gates_BTGHW = self.frame(self.shrunk(x.flatten(0, 1))).unflatten(0, (batch, frames))
        h = c = gates_BTGHW.new_zeros(batch, self.width, *gates_BTGHW.shape[3:])
        for frame, gates in enumerate(gates_BTGHW.unbind(1)):
            i, f, o, u = (gates + self.state(h) if frame else gates).chunk(4, 1)
            there_B111 = (frame < lengths).view(-1, 1, 1, 1)
            new_c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(u)
            new_h = torch.sigmoid(o) * torch.tanh(new_c)
            h, c = torch.where(there_B111, new_h, h), torch.where(there_B111, new_c, c)
        h_BD: Tensor = self.dropout(torch.cat([h.mean(dim=(2, 3)), h.amax(dim=(2, 3))], 1))
        return h_BD
