"""Named losses of many steps, gathered without waiting for the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor


class Losses:
    """A running mean per name; tensors are kept as they come and read together, all at once, when asked.

    >>> losses = Losses()
    >>> losses.add({"price": torch.tensor(1.0)})
    >>> losses.add({"price": torch.tensor(3.0)})
    >>> losses.read()
    {'price': 2.0}
    """

    def __init__(self) -> None:
        self._pending: dict[str, list[Tensor]] = {}
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, losses: dict[str, Tensor]) -> None:
        """Take in the losses of a step."""
        for name, loss in losses.items():
            self._pending.setdefault(name, []).append(loss)

    def read(self) -> dict[str, float]:
        """The means since the beginning. This waits for the device."""
        for name, waiting in self._pending.items():
            if waiting:
                total = torch.stack(waiting).sum(dtype=torch.float64).item()
                self._sums[name] = self._sums.get(name, 0.0) + total
                self._counts[name] = self._counts.get(name, 0) + len(waiting)
                waiting.clear()
        return {name: total / self._counts[name] for name, total in self._sums.items()}

    def state_dict(self) -> dict[str, Any]:
        """Sums and counts."""
        self.read()
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse."""
        self._pending, self._sums, self._counts = {}, dict(state["sums"]), dict(state["counts"])
