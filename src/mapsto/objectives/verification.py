"""Verification: rows of one identity lie close, rows of different ones apart, also of identities never seen.

The classes of the target only teach. What is learned is a space in which cosines compare rows (an additive margin,
`losses/margin.py`: CosFace, arXiv 1801.09414); the centres of the classes are needed in training alone. Where the
network holds several views of a row, each has a sphere of its own and its own centres.

Shape legend: B batch, K views, E width of an embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from mapsto.objectives.base import Batch, Draws, Objective, Source, Update

if TYPE_CHECKING:
    from mapsto.composition import Composition
    from mapsto.losses import AdditiveMargin


class Verification(Objective):
    """Bring rows of one identity together.

    Args:
        composition: built with `embedding=`; maps blocks to `{target: z_BKE}`.
        source: draws `Batch`es whose truth is codes from 0 of the identities that teach.
        losses: with the centres of these identities, one a view.
    """

    name: ClassVar[str] = "verification"
    draws: ClassVar[Draws] = "rows"
    verbs: ClassVar[tuple[str, ...]] = ("predict", "embed", "same", "nearest")

    def __init__(self, composition: Composition, source: Source, losses: list[AdditiveMargin]) -> None:
        self.composition, self.source = composition, source
        self.losses = nn.ModuleList(losses).to(next(composition.parameters()).device)
        self.modules = nn.ModuleDict({"composition": composition, "losses": self.losses})

    def step(self, batch: Batch, update: Update) -> dict[str, Tensor]:
        """Descend the mean of the views' losses."""
        ((target, z_BKE),) = self.composition(batch.blocks).items()
        truth = batch.truth[target]
        each = [loss(z, truth).mean() for loss, z in zip(self.losses, z_BKE.unbind(dim=1), strict=True)]
        mean = torch.stack(each).mean()
        update(mean)
        return {target: mean.detach()}
