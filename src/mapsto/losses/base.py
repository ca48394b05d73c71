"""The contract of a loss: outputs and truth of N rows to one value a row, whose mean is descended.

Outputs are raw: standardised numbers, or logits. A row's truth is never missing here. Reducing to one value a row
leaves weights, masks and views to the objective.

Shape legend: N rows (times views), O outputs, C classes, L labels.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mapsto.errors import OptionError


class Loss(nn.Module):
    """Base of the losses: `(N, O), (N, ...) -> (N,)`."""

    name: ClassVar[str]
    task: ClassVar[str]
    """Which truth it takes: regression `(N,)` float, classification `(N,)` int64 codes, multilabel `(N, L)` 0/1."""
    options: ClassVar[tuple[str, ...]] = ()
    """Names of the arguments it takes."""

    def forward(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """`(N, O), (N, ...) -> (N,)`."""
        raise TypeError(f"{type(self).__name__} defines no forward")

    def mean(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """The mean over the rows. A loss that every step of many small networks waits for may have it in one operation.

        `(N, O), (N, ...) -> ()`.
        """
        each: Tensor = self(outputs, truth)
        return each.mean()


def errors(outputs: Tensor, truth: Tensor) -> Tensor:
    """`outputs_NO - truth_N`, for every output of a row."""
    return outputs - truth.unsqueeze(-1)


def positive(name: str, value: float) -> float:
    """The value, if it is a positive number."""
    if not value > 0:
        message = f"the loss option '{name}' must be greater than 0; got {value!r}."
        raise OptionError(message)
    return float(value)


def share(name: str, value: float) -> float:
    """The value, if it lies in [0, 1)."""
    if not 0 <= value < 1:
        message = f"the loss option '{name}' must be at least 0 and less than 1; got {value!r}."
        raise OptionError(message)
    return float(value)


def weights(name: str, value: Any) -> Tensor | None:
    """A vector of finite weights, none negative, or None."""
    if value is None:
        return None
    found = torch.as_tensor(value, dtype=torch.float32)
    if found.dim() != 1 or not bool(found.isfinite().all()) or bool((found < 0).any()):
        message = f"the loss option '{name}' must be one finite weight, not negative, for each class; got {value!r}."
        raise OptionError(message)
    return found
