"""Supervised learning: rows with known targets, a loss for each target, descended together.

Targets of different tasks share one trunk; their losses are of one scale (standardised numbers, logarithms of
probabilities), so their mean is descended. A row whose truth is missing for one target teaches the others only.
Where the network holds several views of a row, each view pays its own loss: a mean of views would let them lean on
each other and lose what makes their ensemble strong.

Shape legend: B batch, K views, O outputs of a target.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np
import torch

from mapsto import metrics
from mapsto.errors import OptionError
from mapsto.objectives.base import Batch, Draws, Objective, Source, Update
from mapsto.objectives.mixing import mixed

if TYPE_CHECKING:
    from torch import Tensor

    from mapsto.columns.base import Column
    from mapsto.composition import Composition
    from mapsto.losses.base import Loss
    from mapsto.metrics import Metric
    from mapsto.objectives.mixing import Mixing
    from mapsto.schema import Encoded

Told: TypeAlias = "tuple[Encoded, Batch]"
"""Rows, and their truth without inputs."""

_KEPT = 0.9
"""Share of the gain over the naive guess that a harmless variation leaves (mirrored: digits .34, garments .83)."""


@dataclass(frozen=True)
class Goal:
    """What is learned of one target: the loss that is descended, and the figure that decides."""

    column: Column
    loss: Loss
    metric: Metric


class Supervised(Objective):
    """Predict targets from inputs.

    Args:
        modules: maps blocks to `{target: (B, K, O)}`.
        source: draws `Batch`es with truth.
        goals: one a target.
        valid: rows that judge, with truth; None: no validation figure.
        mixing: how pictures are mixed in pairs, see `mapsto.objectives.mixing`.
        told: some rows to learn from and some of `valid`, each with their truth as losses want it, whose losses are
            told at every validation; None: none are.

    Raises:
        OptionError: something else than pictures would have to be mixed.
    """

    name: ClassVar[str] = "supervised"
    draws: ClassVar[Draws] = "rows"
    verbs: ClassVar[tuple[str, ...]] = ("predict",)

    mixing: Mixing = "none"

    def __init__(
        self,
        modules: Composition,
        source: Source,
        goals: list[Goal],
        valid: Encoded | None = None,
        mixing: Mixing = "none",
        told: tuple[Told, Told] | None = None,
    ) -> None:
        self.told = told
        self.modules: Composition = modules
        self.source = source
        self.goals = goals
        self.valid = valid
        self.higher_is_better = len(goals) > 1 or goals[0].metric.higher_is_better
        self.mixing = mixing
        if mixing != "none" and set(modules.pictures) != set(modules.blocks):
            message = f"learning.mixing={mixing!r} mixes pictures, and there are columns that are none; leave it out"
            raise OptionError(message)
        self._naive: dict[str, float] = {}

    def step(self, batch: Batch, update: Update) -> dict[str, Tensor]:
        """Descend the mean of the targets' losses."""
        losses = self._mixed_losses(batch) if self.mixing != "none" else self._losses(batch)
        first, *others = losses.values()
        update(sum(others, start=first) / len(losses) if others else first)
        return {name: loss.detach() for name, loss in losses.items()}

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        outputs = self.modules(batch.blocks)
        return self._of_outputs(outputs, batch.truth, batch.weight)

    def _mixed_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Of mixtures: both truths, by their shares."""
        blocks, partner_B, share = mixed(batch.blocks, self.modules.pictures, self.mixing)
        outputs = self.modules(blocks)
        truth, weight = (
            {name: values[partner_B] for name, values in each.items()} for each in (batch.truth, batch.weight)
        )
        own, other = self._of_outputs(outputs, batch.truth, batch.weight), self._of_outputs(outputs, truth, weight)
        return {name: share * own[name] + (1.0 - share) * other[name] for name in own}

    def _of_outputs(
        self, outputs: dict[str, Tensor], truth: dict[str, Tensor], weight: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        return {
            name: mean_loss(goal.loss, outputs[name], truth[name], weight.get(name))
            for name, goal in ((goal.column.name, goal) for goal in self.goals)
        }

    def validate(self) -> float | None:
        """The metric of the only target; of several, the mean gain over the naive guess, relative to it."""
        if self.valid is None:
            return None
        if len(self.goals) > 1:
            return self._mean_gain()
        return self.figures(self.valid)[self.goals[0].column.name]

    def seen_and_unseen(self) -> dict[str, float] | None:
        """The mean over the targets."""
        if self.told is None:
            return None
        return dict(zip(("seen", "unseen"), map(self._mean_loss, self.told), strict=True))

    def _mean_loss(self, told: Told) -> float:
        encoded, known = told
        found = self.modules.predict_numpy(encoded, once=True)
        outputs = {name: torch.from_numpy(each).to(known.truth[name].device) for name, each in found.items()}
        losses = self._of_outputs(outputs, known.truth, known.weight)
        return float(np.mean([loss.item() for loss in losses.values()]))

    @property
    def asks(self) -> bool:
        """Whether it is open if pictures are to be mirrored."""
        return self.valid is not None and self.modules.mirrors == "auto"

    def variations(self) -> dict[str, bool]:
        """To mirror pictures does no harm if a network that never saw one keeps most of its gain over the naive guess
        on validation pictures that are mirrored.
        """
        # Accuracy: the probabilities of a network that has just begun can be worse than the naive guess's.
        metric = {"classification": metrics.get("accuracy", "classification")}
        goals = [replace(goal, metric=metric.get(goal.column.task or "", goal.metric)) for goal in self.goals]
        gains = []
        for valid in (self.valid, None if self.valid is None else self.modules.mirrored(self.valid)):
            judge = Supervised(self.modules, self.source, goals, valid)
            gains.append(judge._mean_gain())
        plain, mirrored = gains
        return {"flip": plain > 0 and mirrored >= _KEPT * plain}

    def vary(self, chosen: dict[str, bool]) -> None:
        """Hand the answer to the network."""
        self.modules.mirror(chosen["flip"])

    def _mean_gain(self) -> float:
        if self.valid is None:
            return 0.0
        figures = self.figures(self.valid)
        return float(np.mean([self._gain(goal, figures[goal.column.name]) for goal in self.goals]))

    def figures(self, encoded: Encoded) -> dict[str, float]:
        """The metric of every target."""
        predictions = predict(self.modules, encoded, [goal.column for goal in self.goals], once=True)
        return {
            goal.column.name: goal.metric(
                encoded.truth[goal.column.name], predictions[goal.column.name], encoded.weight
            )
            for goal in self.goals
        }

    def _gain(self, goal: Goal, figure: float) -> float:
        """How much better than the naive guess, in units of the naive figure where that is not 0."""
        name = goal.column.name
        if name not in self._naive and self.valid is not None:
            truth = self.valid.truth[name]
            self._naive[name] = goal.metric(
                truth, goal.column.naive(truth, len(truth), self.valid.weight), self.valid.weight
            )
        naive = self._naive[name]
        return goal.metric.sign * (figure - naive) / (abs(naive) if abs(naive) > 1e-9 else 1.0)


def mean_loss(loss: Loss, outputs_BKO: Tensor, truth: Tensor, weight: Tensor | None) -> Tensor:
    """The loss of a batch: every view judged by itself, rows averaged by weight."""
    views = outputs_BKO.shape[1]
    if views == 1:  # the common case, without the operations that only several views need
        outputs = outputs_BKO.squeeze(1)
    else:
        outputs = outputs_BKO.transpose(0, 1).flatten(0, 1)
        truth = truth.repeat(views, *[1] * (truth.ndim - 1))
    if weight is None:
        return loss.mean(outputs, truth)
    each: Tensor = loss(outputs, truth)
    return (each.view(views, -1).mean(0) * weight).sum() / weight.sum().clamp_min(1e-12)


def predict(
    modules: Composition, encoded: Encoded, targets: list[Column], *, once: bool = False
) -> dict[str, np.ndarray]:
    """Predictions in the form of each target's task: each view linked, then their mean; `once`: of a single look."""
    outputs = modules.predict_numpy(encoded, once=once)
    return {column.name: column.link(outputs[column.name]).mean(axis=1) for column in targets}
