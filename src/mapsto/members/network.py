"""A network as a member: composed from the columns, trained, and predicting as the mean of its views.

Learning imports the training code when it begins (`members/common/teaching.py`); a network that was loaded predicts
without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from mapsto.members.base import Member, Predictions
from mapsto.members.common import states
from mapsto.members.common.running import saved_learning

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from mapsto.columns.base import Column
    from mapsto.composition import Composition
    from mapsto.members.base import Work
    from mapsto.recipe import Learning
    from mapsto.schema import Encoded, Schema
    from mapsto.table.notes import Note


class Network(Member):
    """A network of ours by name, or the user's own module.

    Args:
        architecture: a name of `mapsto.networks.NETWORKS`, or any name for a module of the user's own.
        module: the user's own network (an `nn.Module` or a class); None: the one named.
    """

    name: ClassVar[str] = "network"

    composition: Composition
    targets: list[Column]
    learning: Learning
    """The settings it was trained with, derived values included."""
    history: list[dict[str, Any]]
    """One row a validation; not saved."""
    notes: list[Note]
    """What training had to tell; not saved."""

    def __init__(self, architecture: str = "tabm", module: nn.Module | type[nn.Module] | None = None) -> None:
        self.architecture, self.module = architecture, module

    def fit(self, work: Work) -> Self:
        """Derive the settings that are not given, compose, train, keep the best weights."""
        from mapsto.members.common.teaching import teach
        from mapsto.tensors import threads_within

        with threads_within(work.threads):
            taught = teach(work, self.architecture, self.module)
        self.composition, self.learning = taught.composition.cpu().eval(), taught.learning
        self.targets, self.history, self.notes = work.schema.targets, taught.history, taught.notes
        return self

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
        """Each view in the form of the task, then the mean of the views."""
        from mapsto.objectives.supervised import predict
        from mapsto.tensors import threads_within

        with threads_within(threads):
            return predict(self.composition, encoded, self.targets)

    def embed(self, encoded: Encoded) -> np.ndarray:
        """What the network sees in each row before its heads, the mean of its views: `(rows, D)` float32."""
        found: np.ndarray = self.composition.features_numpy(encoded).mean(axis=1)
        return found

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The composition and its weights."""
        learning = self.learning.model_dump()
        json = {"architecture": self.architecture, "composition": self.composition.to_json(), "learning": learning}
        return json, self.composition.arrays()

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse; the composition checks its own part."""
        from mapsto.composition import Composition

        member = cls(states.entry(json, "architecture", str))
        member.learning = saved_learning(json)
        member.composition = Composition.from_json(states.entry(json, "composition", dict), schema)
        member.composition.load(arrays)
        member.targets, member.history, member.notes = schema.targets, [], []
        return member
