"""A column's own network in the place of an encoder: front, network, and what the trunk asks for.

Shape legend: B batch, D width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mapsto.networks.base import Encoder, Layout, Network


class SenseEncoder(Encoder):
    """`block -> front -> network -> h_BD`, normalised where a trunk joins it with other columns.

    Args:
        front: turns a batch of the block into the arguments of the network.
        network: reads pictures, sequences, trees or clips.
        layout: what the trunk reads.
        token_width: width of a token for the layout "tokens".
        joined: whether there are other columns.
    """

    def __init__(self, front: nn.Module, network: Network, *, layout: Layout, token_width: int, joined: bool) -> None:
        super().__init__()
        self.front, self.layout = front, layout
        self.network: nn.Module = network
        width = network.out_features
        last: list[nn.Module] = [nn.LayerNorm(width)] if joined else []
        if layout == "tokens":
            last.append(nn.Linear(width, token_width))
            width = token_width
        self.last = nn.Sequential(*last)
        self.out_features = width
        self.spans = [(0, 1 if layout == "tokens" else width)]

    def forward(self, block: Any) -> Tensor:
        """A batch of the block -> `h_BD`, or `h_B1D` for tokens."""
        if not len(block):
            parameter = next(self.parameters())
            empty = torch.zeros(0, self.out_features, device=parameter.device, dtype=parameter.dtype)
            return empty.unsqueeze(1) if self.layout == "tokens" else empty
        seen = block if _is_seen(block) else self.see(block)
        h_BD: Tensor = self.last(self.network.read(seen) if self._fixed else seen)  # type: ignore[operator]
        return h_BD.unsqueeze(1) if self.layout == "tokens" else h_BD

    def see(self, block: Any) -> Tensor:
        """What the network finds in a batch of the block; of a network that learns only how to read what it looked at,
        what it looked at. `forward` takes it in the block's place, so that what does not change is computed once.
        """
        return self.look(*self.front(block))

    def look(self, *arguments: Any) -> Tensor:
        """The same, of what the front made of a block."""
        look = self.network.look if self._fixed else self.network
        found: Tensor = look(*arguments)  # type: ignore[operator]
        return found

    @property
    def _fixed(self) -> bool:
        return isinstance(self.network, Network) and self.network.fixed


def _is_seen(block: Any) -> bool:
    """Whether it is features already: no block of a sense is vectors of floats, one a row."""
    return isinstance(block, Tensor) and block.ndim == 2 and block.is_floating_point()
