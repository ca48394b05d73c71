"""LSTM: a recurrent network whose memory is changed by addition, and guarded by gates.

A plain recurrent network rewrites its state at every step and so forgets within a few. Here a cell `c` is kept along
the sequence: gates between 0 and 1 say how much of it stays, how much of the new is added, and how much is shown. The
gradient flows back through the additions undiminished, so that events hundreds of steps apart can be related.
Papers: Hochreiter & Schmidhuber, Neural Computation 9 (1997); Gers, Schmidhuber & Cummins (forget gate), Neural
Computation 12 (2000); Schuster & Paliwal (both directions), IEEE Trans. Signal Processing 45 (1997).

Shape legend: B batch, L length, F features in, D width of the states. At step t, with input x and state h::

    i, f, o = sigmoid(W x_t + U h_(t-1) + b)      three gates, each with weights of its own
    g       = tanh(W x_t + U h_(t-1) + b)         what might be added
    c_t     = f * c_(t-1) + i * g
    h_t     = o * tanh(c_t)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from mapsto.networks.blocks.recurrence import Recurrence, Recurrent, RecurrentConfig


class LSTM(Recurrent):
    """Layers of LSTM cells in one or both directions, their states pooled into one vector.

    >>> import torch
    >>> network = LSTM(5, LSTM.Config(width=8))
    >>> network(torch.zeros(3, 7, 5), torch.tensor([7, 2, 0])).shape
    torch.Size([3, 16])
    """

    name: ClassVar[str] = "lstm"

    @dataclass(frozen=True, kw_only=True)
    class Config(RecurrentConfig):
        """Width, depth and directions; see `RecurrentConfig`."""

    def recurrence(self, in_features: int, config: RecurrentConfig) -> nn.Module:
        """PyTorch's own kernel."""
        return Recurrence(
            nn.LSTM,
            in_features,
            config.width,
            depth=config.depth,
            bidirectional=config.bidirectional,
            dropout=config.dropout,
        )
