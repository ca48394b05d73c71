"""Losses of several labels at once: outputs are logits `(N, L)`, truth is 1 where a label applies `(N, L)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from mapsto.losses.base import Loss, share, weights


class Binary(Loss):
    """Cross-entropy of each label on its own, averaged over the labels.

    Args:
        label_smoothing: share of the truth spread over yes and no.
        class_weights: for each label, how much a "yes" counts against a "no".
    """

    name: ClassVar[str] = "binary"
    task: ClassVar[str] = "multilabel"
    options: ClassVar[tuple[str, ...]] = ("label_smoothing", "class_weights")

    def __init__(self, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.label_smoothing = share("label_smoothing", label_smoothing)
        self.register_buffer("class_weights", weights("class_weights", class_weights), persistent=False)
        self.class_weights: Tensor | None

    def forward(self, outputs: Tensor, truth: Tensor) -> Tensor:
        """`(N, L), (N, L) -> (N,)`."""
        smooth = truth * (1 - self.label_smoothing) + self.label_smoothing / 2
        return F.binary_cross_entropy_with_logits(
            outputs, smooth, reduction="none", pos_weight=self.class_weights
        ).mean(-1)
