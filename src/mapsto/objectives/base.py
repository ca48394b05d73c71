"""The contract of an objective: how drawn data becomes updates.

The loop (`training/loop.py`) knows only this class. Supervised learning, an adversarial pair, contrastive learning
and reinforcement are objectives; each states what it draws, what it trains, how one step goes and what its
validation figure is.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from mapsto.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor, nn

    from mapsto.networks.blocks.ragged import TensorBlock

Draws = Literal["rows", "pairs", "windows", "rollouts"]


class Source(Protocol):
    """Where batches come from. It may make or collect its own rows, and grow while training."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over what is there now."""

    def batch(self, epoch: int, step: int) -> Any:
        """Batch `step` of `epoch`. A pure function of seed, epoch, step and state, so that a resumed run draws the
        same.
        """

    def state_dict(self) -> dict[str, Any]:
        """What must be kept to go on: tensors, numbers, strings, lists and dicts."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse."""


@dataclass
class Batch:
    """Rows of a table as a source of rows draws them: encoded inputs, truth per target, and how much each row counts.

    Where a target's truth is missing its weight is 0 and its truth is any valid value. A target whose rows all count
    alike has no weight.
    """

    blocks: dict[str, TensorBlock]
    truth: dict[str, Tensor] = field(default_factory=dict)
    weight: dict[str, Tensor] = field(default_factory=dict)


class Update(Protocol):
    """What the loop gives to `Objective.step`: backward, clipping, the optimizer's step, gradients cleared."""

    def __call__(self, loss: Tensor, group: str = "main") -> None:
        """Descend `loss` for the parameters of this group."""


class Objective(ABC):
    """How drawn data becomes updates."""

    name: ClassVar[str]
    draws: ClassVar[Draws] = "rows"
    verbs: ClassVar[tuple[str, ...]] = ("predict",)
    """What a model trained with it can do; an absent verb raises `VerbError` naming these."""
    higher_is_better: bool = True
    """Direction of the validation figure."""

    modules: nn.Module
    """Everything trainable, in one module, so that saving, moving and averaging are written once."""
    source: Source

    def parameter_groups(self) -> dict[str, Iterable[nn.Parameter]]:
        """Parameters by group; one optimizer a group."""
        return {"main": self.modules.parameters()}

    @abstractmethod
    def step(self, batch: Any, update: Update) -> dict[str, Tensor]:
        """One step: computes losses, calls `update` once or more, returns detached named losses (no `.item()` here:
        the loop reads them when it must).
        """

    def validate(self) -> float | None:
        """The validation figure, or None if this objective has none."""
        return None

    def better(self, figure: float | None, other: float | None) -> bool:
        """Whether a validation figure is better than another; any number is better than none."""
        if figure is None or math.isnan(figure):
            return False
        return other is None or (figure > other if self.higher_is_better else figure < other)

    def seen_and_unseen(self) -> dict[str, float] | None:
        """Mean loss of some rows that it learns from ("seen") and of some that it does not ("unseen"), as predictions
        are made; None: nobody wants to know.
        """
        return None

    @property
    def asks(self) -> bool:
        """Whether validation rows are to say which variations of the inputs do no harm."""
        return False

    def variations(self) -> dict[str, bool]:
        """Which do none, by name; called once, early in training."""
        return {}

    def vary(self, chosen: dict[str, bool]) -> None:
        """Use these variations from now on."""
        message = f"{type(self).__name__} asks for variations and must define how to use them, got {chosen}"
        raise TypeError(message)

    def state_dict(self) -> dict[str, Any]:
        """What must be kept besides `modules`, optimizers and `source`."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        if state:
            message = f"{type(self).__name__} keeps no state of its own but was given {sorted(state)}"
            raise RunError(message)
