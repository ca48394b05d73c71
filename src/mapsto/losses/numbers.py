"""Losses of numbers: how much an error of a given size hurts.

Each takes standardised outputs `(N, 1)` and truth `(N,)`, and says which simple guess is best under it: the square
asks for the mean, the absolute value for the median, the pinball for a quantile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from mapsto.errors import OptionError
from mapsto.losses.base import Loss, errors, positive


class MSE(Loss):
    """Squared error: the mean; large errors rule.

    >>> MSE()(torch.tensor([[3.0]]), torch.tensor([1.0]))
    tensor([4.])
    """

    name: ClassVar[str] = "mse"
    task: ClassVar[str] = "regression"

    def forward(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """`(N, O), (N,) -> (N,)`."""
        return errors(outputs, truth).square().mean(-1)


class RMSE(Loss):
    """Root of the batch's mean squared error: the mean too, with steps that do not shrink as errors do.

    A root of a mean is no mean of rows. With `r` the root over the batch, held fixed, a row counts
    `(e ** 2 / r + r) / 2`: the mean of these is `r`, and its gradient is the gradient of `r`.
    """

    name: ClassVar[str] = "rmse"
    task: ClassVar[str] = "regression"

    def forward(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """`(N, O), (N,) -> (N,)`."""
        squares = errors(outputs, truth).square().mean(-1)
        root = squares.detach().mean().sqrt().clamp_min(1e-12)
        return (squares / root + root) / 2


class MAE(Loss):
    """Absolute error: the median; an outlier pulls no harder than any other row."""

    name: ClassVar[str] = "mae"
    task: ClassVar[str] = "regression"

    def forward(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """`(N, O), (N,) -> (N,)`."""
        return errors(outputs, truth).abs().mean(-1)


class Huber(Loss):
    """Squared below `delta`, straight above it: `e ** 2 / 2`, then `delta * (|e| - delta / 2)`. Huber (1964).

    Args:
        delta: where it turns, in standard deviations of the target.
    """

    name: ClassVar[str] = "huber"
    task: ClassVar[str] = "regression"
    options: ClassVar[tuple[str, ...]] = ("delta",)

    def __init__(self, delta: float = 1.0) -> None:
        super().__init__()
        self.delta = positive("delta", delta)

    def forward(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """`(N, O), (N,) -> (N,)`."""
        wide = truth.unsqueeze(-1).expand_as(outputs)
        return F.huber_loss(outputs, wide, reduction="none", delta=self.delta).mean(-1)


class Arctan(Loss):
    """`arctan(e ** 2)`: squared near zero, and never above pi / 2, so that outliers are given up."""

    name: ClassVar[str] = "arctan"
    task: ClassVar[str] = "regression"

    def forward(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """`(N, O), (N,) -> (N,)`."""
        return errors(outputs, truth).square().atan().mean(-1)


class Quantile(Loss):
    """Pinball: `q * e` where the output is too low by `e`, `(1 - q) * e` where it is too high.

    Koenker & Bassett, Econometrica 46 (1978).

    Args:
        quantile: the share of rows to lie below the output; several give one output each.
    """

    name: ClassVar[str] = "quantile"
    task: ClassVar[str] = "regression"
    options: ClassVar[tuple[str, ...]] = ("quantile",)

    def __init__(self, quantile: float | Sequence[float] = 0.5) -> None:
        super().__init__()
        levels = torch.as_tensor(quantile, dtype=torch.float32).reshape(-1)
        if not bool(((levels > 0) & (levels < 1)).all()):
            message = f"the loss option 'quantile' must lie between 0 and 1; got {quantile!r}."
            raise OptionError(message)
        self.register_buffer("levels", levels, persistent=False)
        self.levels: Tensor

    def forward(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """`(N, O), (N,) -> (N,)`, output o for level o."""
        too_low = -errors(outputs, truth)
        return torch.maximum(self.levels * too_low, (self.levels - 1) * too_low).mean(-1)
