"""An exponential moving average of the weights.

The average of late iterates lies nearer the middle of the valley than any of them (Polyak and Juditsky 1992), so it
often predicts better and makes validation figures less noisy. Its memory grows with the steps taken, so that the
first random weights do not linger.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator


class Average:
    """The average of a module's parameters; buffers are not averaged.

    >>> module = nn.Linear(1, 1, bias=False)
    >>> average = Average(module, decay=0.5)
    >>> before = module.weight.item()
    >>> _ = nn.init.constant_(module.weight, 4.0)
    >>> average.update(step=100)
    >>> abs(average.values[0].item() - (before + 4.0) / 2) < 1e-6
    True
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self._live = [p.detach() for p in module.parameters() if p.requires_grad]  # share the parameters' memory
        self.values = [p.clone() for p in self._live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.values, self._live, 1.0 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While active, the module holds the averaged weights."""
        current = [p.clone() for p in self._live]
        self._write(self.values)
        try:
            yield
        finally:
            self._write(current)

    def keep(self) -> None:
        """Make the averaged weights the module's own."""
        self._write(self.values)

    def state_dict(self) -> dict[str, Any]:
        """The averaged values."""
        return {"values": list(self.values)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse."""
        for mine, value in zip(self.values, state["values"], strict=True):
            mine.copy_(value)

    @torch.no_grad()
    def _write(self, values: list[torch.Tensor]) -> None:
        torch._foreach_copy_(self._live, values)
