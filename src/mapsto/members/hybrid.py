"""What a fitted network sees in a row, handed to another learner.

A network turns columns into features that suit the target; boosted trees or a linear model learn from those features
beside the columns themselves. It pays where the network finds a good representation and trees cut it better than its
last layer does. A candidate only: the ensemble decides whether it helps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, cast, runtime_checkable

import numpy as np

from mapsto.columns.base import Features
from mapsto.errors import OptionError
from mapsto.members.base import Member, Predictions
from mapsto.members.common import nested, states

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.columns.common.parts import Part
    from mapsto.members.base import Work
    from mapsto.schema import Encoded, Schema


@runtime_checkable
class Embeds(Protocol):
    """A member that shows what it sees in rows."""

    def embed(self, encoded: Encoded) -> np.ndarray:
        """`(rows, D)` floats."""


@dataclass(frozen=True)
class EmbeddedSchema:
    """A schema whose features are those of another, with a network's embedding beside them."""

    schema: Schema
    body: Embeds

    @property
    def targets(self) -> list[Column]:
        """The same targets."""
        return self.schema.targets

    @property
    def parts(self) -> dict[str, list[Part]]:
        """The same parts, which hold the bags that a linear head reads."""
        return self.schema.parts

    def features(self, encoded: Encoded) -> Features:
        """The columns' features, then the embedding, `embedding 0` and so on."""
        plain = self.schema.features(encoded)
        seen = self.body.embed(encoded).astype(np.float32)
        width = seen.shape[1]
        return Features(
            np.concatenate([plain.values, seen], axis=1),
            [*plain.names, *(f"embedding {j}" for j in range(width))],
            [*plain.categorical, *[False] * width],
        )


class Hybrid(Member):
    """A learner on the columns and a fitted network's embedding.

    Args:
        body: a fitted member that embeds rows.
        head: an unfitted member that learns from features: boosting, a linear model, a forest.
    """

    name: ClassVar[str] = "hybrid"

    def __init__(self, body: Member, head: Member) -> None:
        if not isinstance(body, Embeds):
            message = f"a {body.name} has no embedding of rows; a hybrid needs a network"
            raise OptionError(message)
        self.body: Member = body
        self.head = head

    def fit(self, work: Work) -> Self:
        """Learn the head; the body stays as it is."""
        self.head.fit(replace(work, schema=self._view(work.schema), label=f"{work.label}{self.name}: "))
        return self

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
        """What the head predicts."""
        return self.head.predict(encoded, threads=threads)

    def to_state(self) -> states.State:
        """Body and head."""
        json, arrays = nested.save([self.body, self.head])
        return {"members": json}, arrays

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse."""
        saved, without = states.entry(json, "members", list), ("ensemble", "bagged", "hybrid")
        states.require(len(saved) == 2, f"a hybrid has a body and a head, found {len(saved)} members")
        (body,) = nested.load(saved[:1], arrays, schema, most=1, without=without)
        states.require(isinstance(body, Embeds), "the body of a hybrid has no embedding")
        own = {name.replace("1.", "0.", 1): array for name, array in arrays.items() if name.startswith("1.")}
        hybrid = cls.__new__(cls)
        hybrid.body = body
        (hybrid.head,) = nested.load(saved[1:], own, hybrid._view(schema), most=1, without=(*without, "network"))
        return hybrid

    def _view(self, schema: Schema) -> Schema:
        # Heads ask a schema for features and targets only.
        return cast("Schema", EmbeddedSchema(schema, cast("Embeds", self.body)))
