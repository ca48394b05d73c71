"""Losses of a choice among classes: outputs are logits `(N, C)`, truth is the code of the right class `(N,)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from mapsto.errors import OptionError
from mapsto.losses.base import Loss, positive, share, weights


class CrossEntropy(Loss):
    """Minus the logarithm of the probability given to the right class.

    Args:
        label_smoothing: share of the truth spread over all classes, against overconfidence (arXiv 1512.00567).
        class_weights: how much a row of each class counts.
    """

    name: ClassVar[str] = "cross-entropy"
    task: ClassVar[str] = "classification"
    options: ClassVar[tuple[str, ...]] = ("label_smoothing", "class_weights")

    def __init__(self, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.label_smoothing = share("label_smoothing", label_smoothing)
        self.register_buffer("class_weights", weights("class_weights", class_weights), persistent=False)
        self.class_weights: Tensor | None

    def forward(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """`(N, C), (N,) -> (N,)`."""
        values = F.cross_entropy(outputs, truth, reduction="none", label_smoothing=self.label_smoothing)
        return values if self.class_weights is None else values * self.class_weights[truth]

    def mean(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """`(N, C), (N,) -> ()`."""
        if self.class_weights is not None:  # PyTorch's mean of weighted rows divides by their weights
            return super().mean(outputs, truth)
        return F.cross_entropy(outputs, truth, label_smoothing=self.label_smoothing)


class Focal(Loss):
    """Cross-entropy times `(1 - p) ** gamma`: rows that are already right count less. Lin et al., arXiv 1708.02002.

    Args:
        gamma: 0 is cross-entropy; the larger, the more the hard rows rule.
        class_weights: how much a row of each class counts.
    """

    name: ClassVar[str] = "focal"
    task: ClassVar[str] = "classification"
    options: ClassVar[tuple[str, ...]] = ("gamma", "class_weights")

    def __init__(self, gamma: float = 2.0, class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.gamma = positive("gamma", gamma) if gamma else 0.0
        self.register_buffer("class_weights", weights("class_weights", class_weights), persistent=False)
        self.class_weights: Tensor | None

    def forward(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """`(N, C), (N,) -> (N,)`."""
        log_p = outputs.log_softmax(-1).gather(-1, truth.unsqueeze(-1)).squeeze(-1)
        wrong = (-log_p.expm1()).clamp_min(1e-6)
        values = -log_p * wrong**self.gamma
        return values if self.class_weights is None else values * self.class_weights[truth]


class Cost(Loss):
    """The cost to be expected when the class is drawn with the probabilities given: `sum_c p_c * costs[truth, c]`.

    Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.

    Args:
        costs: `costs[truth, predicted]`, square, what each confusion costs.
    """

    name: ClassVar[str] = "cost"
    task: ClassVar[str] = "classification"
    options: ClassVar[tuple[str, ...]] = ("costs",)

    def __init__(self, costs: Any = None) -> None:
        super().__init__()
        matrix = torch.zeros(0) if costs is None else torch.as_tensor(costs, dtype=torch.float32)
        if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1] or not bool(matrix.isfinite().all()):
            message = f"the loss 'cost' needs costs: a square matrix [truth, predicted] of numbers; got {costs!r}."
            raise OptionError(message)
        self.register_buffer("costs", matrix, persistent=False)
        self.costs: Tensor

    def forward(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """`(N, C), (N,) -> (N,)`."""
        return (outputs.softmax(-1) * self.costs[truth]).sum(-1)
