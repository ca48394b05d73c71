"""A space in which rows are compared, and the gallery of rows whose identity is known: nearest one wins.

The network maps a row to a point on the unit sphere; the cosine of two points says how alike the rows are. As a member
it identifies: a class is as probable as its most similar row in the gallery makes it. More is asked of it directly
(`embed`), and by `mapsto.comparing`. A network with several views joins their spheres, so that cosines are the mean of
the views'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from mapsto.members.base import Member, Predictions
from mapsto.members.common import states
from mapsto.members.common.outputs import probabilities
from mapsto.members.common.running import saved_learning, threads_within
from mapsto.members.common.settings import Settings

if TYPE_CHECKING:
    from torch import nn

    from mapsto.columns.base import Column
    from mapsto.composition import Composition
    from mapsto.members.base import Work
    from mapsto.recipe import Learning
    from mapsto.schema import Encoded, Schema
    from mapsto.table.notes import Note

GALLERY_ROWS = 100_000
"""Rows kept to compare with; of more, so many are drawn."""
_CELLS = 1 << 24
"""Cosines held at once."""


class EmbeddingSettings(Settings):
    """What the recipe may say in `members: {embedding: ...}`."""

    width: int = 128
    """Of an embedding."""
    margin: float = 0.2
    """What the cosine to the right identity must be ahead by in training."""
    scale: float = 16.0
    """Of cosines, as logits in training."""


class Embedding(Member):
    """A network that embeds, with a gallery.

    Args:
        architecture: a name of `mapsto.networks.NETWORKS`, or any name for a module of the user's own.
        module: the user's own network; None: the one named.
    """

    name: ClassVar[str] = "embedding"

    composition: Composition
    """Its one head gives unit vectors."""
    target: Column
    learning: Learning
    """The settings it was trained with, derived values included."""
    scale: float
    """Of cosines, as logits."""
    gallery: np.ndarray
    """Embeddings of the rows to compare with, float32 `(rows, width)`."""
    identity: np.ndarray
    """The class code of each, `(rows,)`."""
    row: np.ndarray
    """Which training row each is, `(rows,)`."""
    notes: list[Note]
    """What training had to tell; not saved."""

    def __init__(self, architecture: str = "perceptron", module: nn.Module | type[nn.Module] | None = None) -> None:
        self.architecture, self.module = architecture, module

    def fit(self, work: Work) -> Self:
        """Learn the space from all rows with an identity; they are the gallery too."""
        from mapsto.members.common.likeness import teach

        settings = EmbeddingSettings.parse(work.recipe.members.get(self.name, {}), f"members.{self.name}")
        (self.target,) = work.schema.targets
        rows = np.flatnonzero(work.train.truth[self.target.name] >= 0)
        known = work.train if len(rows) == work.train.rows else work.train.take(rows)
        with threads_within(work.threads):
            taught = teach(work, known, self.architecture, self.module, settings)
        self.composition, self.learning = taught.composition.cpu().eval(), taught.learning
        self.notes, self.scale = taught.notes, settings.scale
        kept = np.arange(known.rows)
        if known.rows > GALLERY_ROWS:
            kept = np.sort(np.random.default_rng([work.seed, 19]).choice(known.rows, GALLERY_ROWS, replace=False))
        self.gallery = self.embed(known.take(kept), threads=work.threads)
        self.identity, self.row = known.truth[self.target.name][kept].astype(np.int64), rows[kept]
        return self

    def embed(self, encoded: Encoded, *, threads: int | None = None) -> np.ndarray:
        """Unit vectors of rows, float32 `(rows, width)`; the same in any company."""
        with threads_within(threads):
            (z_RKE,) = self.composition.predict_numpy(encoded).values()
        rows, views, width = z_RKE.shape
        ways = views // self.composition.views  # two where pictures are looked at mirrored as well
        joined = z_RKE.reshape(rows, ways, self.composition.views * width).mean(axis=1)
        return unit(joined)

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
        """Softmax over the classes of the cosine to the most similar row of each; 0 for a class without any."""
        embedded = self.embed(encoded, threads=threads)
        order = np.argsort(self.identity, kind="stable")
        there, starts = np.unique(self.identity[order], return_index=True)
        gallery, step = self.gallery[order], max(1, _CELLS // len(order))
        found = np.zeros((encoded.rows, len(self.target.classes)), dtype=np.float32)
        for start in range(0, encoded.rows, step):
            best = np.maximum.reduceat(embedded[start : start + step] @ gallery.T, starts, axis=1)
            found[start : start + step, there] = probabilities(self.scale * best)
        return {self.target.name: found}

    def to_state(self) -> states.State:
        """The network's state, and the gallery."""
        json = {
            "architecture": self.architecture,
            "composition": self.composition.to_json(),
            "learning": self.learning.model_dump(),
            "scale": self.scale,
        }
        gallery = {
            "gallery": self.gallery,
            "identity": states.narrow(self.identity),
            "row": states.narrow(self.row),
        }
        return json, states.prefixed("network", self.composition.arrays()) | gallery

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse; the gallery is checked against the network and the target."""
        from mapsto.composition import Composition

        states.require(len(schema.targets) == 1 and bool(schema.targets[0].classes), "its target has no classes")
        member = cls(states.entry(json, "architecture", str))
        (member.target,) = schema.targets
        member.learning, member.scale = saved_learning(json), states.real(json, "scale")
        states.require(member.scale > 0, "the scale of its cosines is not above 0")
        member.composition = composition = Composition.from_json(states.entry(json, "composition", dict), schema)
        composition.load(states.unprefixed("network", arrays))
        width = composition.views * composition.outputs[member.target.name]
        member.gallery = states.finite(arrays, "gallery", (None, width)).astype(np.float32)
        rows = len(member.gallery)
        member.identity = states.array(arrays, "identity", "i", (rows,)).astype(np.int64)
        member.row = states.array(arrays, "row", "i", (rows,)).astype(np.int64)
        known = (member.identity >= 0) & (member.identity < len(member.target.classes))
        states.require(rows > 0 and bool(known.all()), "a row of its gallery has no class")
        member.notes = []
        return member


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1, float32; 0 stays 0.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=1, keepdims=True))
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)
