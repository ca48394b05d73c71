"""RNN: the plain recurrent network, which reads a sequence step by step and remembers what it made of it.

At every step the same map reads the input together with what came of the step before, so order matters and any length
can be read. In Elman's network the hidden units are fed back, in Jordan's what the output units said. Gradients shrink
from step to step, so that it remembers little of what lies more than about ten steps back.
Papers: Elman, "Finding structure in time", Cognitive Science 14 (1990); Jordan, "Serial order: a parallel distributed
processing approach", UCSD report 8604 (1986).

Shape legend: B batch, L length, F features in, H hidden units, D width of the states. At step t::

    Elman:    h_t = tanh(W x_t + U h_(t-1) + b)
    Jordan:   y_t = tanh(V tanh(W x_t + U y_(t-1) + b) + c)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mapsto.networks.base import option
from mapsto.networks.blocks.recurrence import Recurrence, Recurrent, RecurrentConfig
from mapsto.networks.blocks.sequences import backwards, blanked


class Jordan(nn.Module):
    """One layer whose outputs are fed back."""

    def __init__(self, in_features: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.entrance, self.back = nn.Linear(in_features, width), nn.Linear(width, width, bias=False)
        self.exit = nn.Linear(width, width)

    def forward(self, x_BLF: Tensor, lengths_B: Tensor) -> Tensor:
        """`x_BLF, lengths_B -> y_BLD`, 0 behind a row's length."""
        into_BLH = self.entrance(x_BLF)
        y_BD = into_BLH.new_zeros(len(x_BLF), self.width)
        outputs = []
        for into_BH in into_BLH.unbind(1):
            y_BD = torch.tanh(self.exit(torch.tanh(into_BH + self.back(y_BD))))
            outputs.append(y_BD)
        return blanked(torch.stack(outputs, dim=1), lengths_B)


class BothWays(nn.Module):
    """A layer that reads from the start, and one that reads from the end; their outputs side by side."""

    def __init__(self, in_features: int, width: int) -> None:
        super().__init__()
        self.ahead, self.back = Jordan(in_features, width), Jordan(in_features, width)

    def forward(self, x_BLF: Tensor, lengths_B: Tensor) -> Tensor:
        """`x_BLF, lengths_B -> y_BLD`, 0 behind a row's length."""
        reverse_BLD = self.back(backwards(x_BLF, lengths_B), lengths_B)
        return torch.cat([self.ahead(x_BLF, lengths_B), backwards(reverse_BLD, lengths_B)], dim=-1)


class Stacked(nn.Module):
    """Layers of Jordan's kind; each reads the outputs of the one below."""

    def __init__(self, in_features: int, config: RecurrentConfig) -> None:
        super().__init__()
        kind = BothWays if config.bidirectional else Jordan
        widths = [in_features] + [config.width * (2 if config.bidirectional else 1)] * (config.depth - 1)
        self.layers = nn.ModuleList(kind(width, config.width) for width in widths)

    def forward(self, x_BLF: Tensor, lengths_B: Tensor) -> Tensor:
        """`x_BLF, lengths_B -> y_BLD`, 0 behind a row's length."""
        for layer in self.layers:
            x_BLF = layer(x_BLF, lengths_B)
        return x_BLF


class RNN(Recurrent):
    """Layers of Elman's or Jordan's kind in one or both directions, their states pooled into one vector.

    >>> network = RNN(5, RNN.Config(width=8, feedback="jordan"))
    >>> network(torch.zeros(3, 7, 5), torch.tensor([7, 2, 0])).shape
    torch.Size([3, 16])
    """

    name: ClassVar[str] = "rnn"

    @dataclass(frozen=True, kw_only=True)
    class Config(RecurrentConfig):
        """Who is fed back; for the rest see `RecurrentConfig`."""

        feedback: str = option("elman", among=("elman", "jordan"), doc="what is fed back: hidden units, or outputs")

    def recurrence(self, in_features: int, config: RecurrentConfig) -> nn.Module:
        """PyTorch's kernel for Elman's network."""
        if isinstance(config, RNN.Config) and config.feedback == "jordan":
            return Stacked(in_features, config)
        return Recurrence(
            nn.RNN,
            in_features,
            config.width,
            depth=config.depth,
            bidirectional=config.bidirectional,
            dropout=config.dropout,
        )
