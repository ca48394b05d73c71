"""Masked-cell pretraining: hide some cells of each row and predict them from the others.

What columns say about each other can be learned from rows without any target. The encoders and the network that
learned it are then trained on the target, from better weights than random ones. The idea is the masked language model
of Devlin et al. (2019, arXiv 1810.04805); for tables see Rubachev et al. (2022, arXiv 2207.03208).

Shape legend: B batch, K views, N number columns, P code columns, C classes of a code column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.errors import OptionError
from mapsto.networks.blocks.chance import chance
from mapsto.networks.blocks.heads import Head
from mapsto.objectives.base import Batch, Draws, Objective, Source, Update

if TYPE_CHECKING:
    from mapsto.composition import Composition
    from mapsto.networks.blocks.ragged import TensorBlock

_HIDDEN = 0.3
"""Share of cells hidden in a step."""
_MOST_CLASSES = 256
"""Code columns with more classes are read but not predicted."""


class MaskedCells(Objective):
    """Predict hidden numbers (squared error) and hidden codes (cross-entropy).

    Args:
        composition: its encoders and network are trained; its heads are left alone.
        source: draws `Batch`es; truth is not looked at.
        sizes: classes of each column of the block "codes".

    Raises:
        OptionError: there is neither a number nor a code column to hide.
    """

    name: ClassVar[str] = "masked"
    draws: ClassVar[Draws] = "rows"
    verbs: ClassVar[tuple[str, ...]] = ("embed",)

    def __init__(self, composition: Composition, source: Source, sizes: list[int]) -> None:
        self.source = source
        self.sizes = sizes
        self.predicted = [part for part, size in enumerate(sizes) if size <= _MOST_CLASSES]
        blocks = source.batch(0, 0).blocks
        block = blocks.get("numbers")
        numbers = block.shape[1] if isinstance(block, Tensor) else 0
        classes = sum(sizes[part] for part in self.predicted)
        if numbers + classes == 0:
            message = (
                "masked-cell pretraining needs numbers or categories among the inputs; set learning.pretrain=False"
            )
            raise OptionError(message)
        self.composition = composition
        width = _width(composition)
        self.heads = nn.ModuleDict()
        if numbers:
            self.heads["numbers"] = Head(composition.views, width, numbers)
        if classes:
            self.heads["codes"] = Head(composition.views, width, classes)
        self.heads.to(next(composition.parameters()).device)
        self.modules = nn.ModuleDict(
            {"encoders": composition.encoders, "network": composition.network, "heads": self.heads}
        )

    def step(self, batch: Batch, update: Update) -> dict[str, Tensor]:
        """Hide, predict, descend the mean of the losses."""
        seen, hidden = hide(batch.blocks)
        h_BKD = self.composition.features(self.composition.encode(seen))
        losses: dict[str, Tensor] = {}
        if "numbers" in self.heads:
            losses["numbers"] = self._number_loss(h_BKD, batch.blocks["numbers"], hidden["numbers"])
        if "codes" in self.heads:
            losses["codes"] = self._code_loss(h_BKD, batch.blocks["codes"], hidden["codes"])
        update(sum(losses.values()) / len(losses))  # type: ignore[arg-type]
        return {name: loss.detach() for name, loss in losses.items()}

    def _number_loss(self, h_BKD: Tensor, truth_BN: TensorBlock, hidden_BN: Tensor) -> Tensor:
        counts = hidden_BN & ~truth_BN.isnan()  # type: ignore[union-attr]
        error_BKN = self.heads["numbers"](h_BKD) - truth_BN.nan_to_num().unsqueeze(1)  # type: ignore[union-attr]
        return _mean(error_BKN.square().mean(dim=1), counts)

    def _code_loss(self, h_BKD: Tensor, truth_BP: TensorBlock, hidden_BP: Tensor) -> Tensor:
        outputs = self.heads["codes"](h_BKD).split([self.sizes[part] for part in self.predicted], dim=2)
        losses = []
        for part, y_BKC in zip(self.predicted, outputs, strict=True):
            truth_B = truth_BP[:, part].long()  # type: ignore[index]
            repeated = truth_B.unsqueeze(1).expand(-1, y_BKC.shape[1])
            each_BK = F.cross_entropy(y_BKC.flatten(0, 1), repeated.flatten(), reduction="none")
            counts = hidden_BP[:, part] & (truth_B != 0)
            losses.append(_mean(each_BK.view_as(repeated).mean(dim=1), counts))
        return torch.stack(losses).mean()


def hide(blocks: dict[str, TensorBlock]) -> tuple[dict[str, TensorBlock], dict[str, Tensor]]:
    """Blocks in which a random share of numbers and codes is missing, and which cells those are."""
    seen, hidden = dict(blocks), {}
    for key, missing in (("numbers", float("nan")), ("codes", 0)):
        block = blocks.get(key)
        if isinstance(block, Tensor):
            hidden[key] = torch.rand(block.shape, device=block.device, generator=chance()) < _HIDDEN
            seen[key] = block.masked_fill(hidden[key], missing)
    return seen, hidden


def _width(composition: Composition) -> int:
    """D, the width of the network's features."""
    head = composition.heads[0]
    if not isinstance(head, Head):
        raise TypeError(f"expected a Head, got {head!r}")
    return head.weight.shape[1]


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    """Mean of the values that count; 0 if none does."""
    return (values * counts).sum() / counts.sum().clamp_min(1)
