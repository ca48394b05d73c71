"""A space in which rows are compared, and the gallery of rows whose identity is known: nearest one wins.

A row becomes a point on the unit sphere; the cosine of two points says how alike the rows are. As a member it
identifies: a class is as probable as its most similar row in the gallery makes it. More is asked of it directly
(`embed`), and by `mapsto.comparing`.

Several networks, which differ in their first weights and in the order of rows, see a row; what each sees before its
head (views joined, mirrored pictures averaged in) lies side by side, and is whitened by how rows of one identity
differ. Heads serve the teaching alone. The lines of pictures, which nobody learned, are whitened likewise and count as
much as all networks together: of few identities a network learns too little of what tells others apart. On faces of
people never seen all this halves the errors of a single head.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from mapsto.columns.common.parts import SensePart
from mapsto.errors import OptionError
from mapsto.members.base import Member, Predictions
from mapsto.members.common import states
from mapsto.members.common.outputs import probabilities
from mapsto.members.common.running import saved_learning
from mapsto.members.common.settings import Settings
from mapsto.members.common.whitening import Whitening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from mapsto.columns.base import Column
    from mapsto.composition import Composition
    from mapsto.members.base import Work
    from mapsto.recipe import Learning
    from mapsto.schema import Encoded, Schema
    from mapsto.table.notes import Note

GALLERY_ROWS = 100_000
"""Rows kept to compare with; of more, so many are drawn."""
MOST_NETWORKS = 32
_WIDEST = 1024
_CELLS = 1 << 24
"""Cosines held at once."""


class EmbeddingSettings(Settings):
    """What the recipe may say in `members: {embedding: ...}`."""

    networks: int = 2
    """How many see a row."""
    width: int = 128
    """Of the sphere on which a network is taught."""
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

    compositions: list[Composition]
    """The networks; their one head gives unit vectors."""
    whitenings: dict[str, Whitening]
    """Of what they see together (key ""), and of the sketches of columns, by block."""
    schema: Schema
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
        from mapsto.tensors import threads_within

        settings = EmbeddingSettings.parse(work.recipe.members.get(self.name, {}), f"members.{self.name}")
        self.schema = work.schema
        (self.target,) = work.schema.targets
        rows = np.flatnonzero(work.train.truth[self.target.name] >= 0)
        known = work.train if len(rows) == work.train.rows else work.train.take(rows)
        with threads_within(work.threads):
            taught = [
                teach(one, known, self.architecture, self.module, settings) for one in _each(work, settings.networks)
            ]
        self.compositions = [one.composition.cpu().eval() for one in taught]
        self.learning, self.scale = taught[0].learning, settings.scale
        self.notes = [note for one in taught for note in one.notes]
        kept = np.arange(known.rows)
        if known.rows > GALLERY_ROWS:
            kept = np.sort(np.random.default_rng([work.seed, 19]).choice(known.rows, GALLERY_ROWS, replace=False))
        self.identity, self.row = known.truth[self.target.name][kept].astype(np.int64), rows[kept]
        seen = self._seen(known.take(kept), work.threads)
        self.whitenings = {key: Whitening.learn(each, self.identity) for key, each in seen.items()}
        self.gallery = self._joined(seen)
        return self

    def embed(self, encoded: Encoded, *, threads: int | None = None) -> np.ndarray:
        """Unit vectors of rows, float32 `(rows, width)`; the same in any company."""
        return self._joined(self._seen(encoded, threads))

    def _joined(self, seen: dict[str, np.ndarray]) -> np.ndarray:
        """Whitened, each as long as the others, side by side."""
        return unit(np.concatenate([unit(self.whitenings[key].apply(each)) for key, each in seen.items()], axis=1))

    def _seen(self, encoded: Encoded, threads: int | None) -> dict[str, np.ndarray]:
        """What the networks see in rows, side by side, and the sketches: `(rows, width)` each."""
        from mapsto.tensors import threads_within

        found = []
        with threads_within(threads):
            for composition in self.compositions:
                h_RKD = composition.features_numpy(encoded)
                h_RKD /= np.maximum(np.linalg.norm(h_RKD, axis=2, keepdims=True), 1e-12)
                # Views side by side; of many wide ones the mean.
                width = _width(composition)
                found.append(unit(h_RKD.reshape(len(h_RKD), -1, width).mean(axis=1)))
        return {"": np.concatenate(found, axis=1), **self._sketches(encoded)}

    def _sketches(self, encoded: Encoded) -> dict[str, np.ndarray]:
        """Of the columns that have one, by block."""
        mirrored = self.compositions[0].mirrors == "yes"
        return {
            key: unit(part.sketch(encoded.blocks[key], mirrored=mirrored))
            for key, part in _sketched(self.schema).items()
        }

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
            "compositions": [composition.to_json() for composition in self.compositions],
            "learning": self.learning.model_dump(),
            "scale": self.scale,
        }
        gallery = {
            "gallery": self.gallery,
            "identity": states.narrow(self.identity),
            "row": states.narrow(self.row),
        }
        weights: dict[str, np.ndarray] = {}
        for number, composition in enumerate(self.compositions):
            weights |= states.prefixed(f"network {number}", composition.arrays())
        for key, whitening in self.whitenings.items():
            weights |= states.prefixed(f"whitening {key}", whitening.arrays())
        return json, weights | gallery

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse; the gallery is checked against the network and the target."""
        from mapsto.composition import Composition

        states.require(len(schema.targets) == 1 and bool(schema.targets[0].classes), "its target has no classes")
        member = cls(states.entry(json, "architecture", str))
        member.schema, (member.target,) = schema, schema.targets
        member.learning, member.scale = saved_learning(json), states.real(json, "scale")
        states.require(member.scale > 0, "the scale of its cosines is not above 0")
        member.compositions = []
        for number, one in enumerate(states.entry(json, "compositions", list)):
            composition = Composition.from_json(one, schema)
            composition.load(states.unprefixed(f"network {number}", arrays))
            member.compositions.append(composition)
        states.require(bool(member.compositions), "it has no network")
        width = sum(map(_width, member.compositions))
        widths = {"": width, **{key: part.sketch_width for key, part in _sketched(schema).items()}}
        member.whitenings = {
            key: Whitening.from_arrays(states.unprefixed(f"whitening {key}", arrays), each)
            for key, each in widths.items()
        }
        width = sum(whitening.directions.shape[1] for whitening in member.whitenings.values())
        member.gallery = states.finite(arrays, "gallery", (None, width)).astype(np.float32)
        rows = len(member.gallery)
        member.identity = states.array(arrays, "identity", "i", (rows,)).astype(np.int64)
        member.row = states.array(arrays, "row", "i", (rows,)).astype(np.int64)
        known = (member.identity >= 0) & (member.identity < len(member.target.classes))
        states.require(rows > 0 and bool(known.all()), "a row of its gallery has no class")
        member.notes = []
        return member


def _width(composition: Composition) -> int:
    """Of what a network sees in a row."""
    joined = composition.views * composition.width
    return joined if joined <= _WIDEST else composition.width


def _sketched(schema: Schema) -> dict[str, SensePart]:
    """Parts that have a sketch, by block."""
    every = {key: part for key, parts in schema.parts.items() for part in parts if isinstance(part, SensePart)}
    return {key: part for key, part in every.items() if part.sketch_width}


def _each(work: Work, networks: int) -> Iterator[Work]:
    """The work of each network: its own seed and name, and its share of the time that is left."""
    if not 1 <= networks <= MOST_NETWORKS:
        message = f"recipe entry members.embedding.networks={networks}: expected 1 to {MOST_NETWORKS}"
        raise OptionError(message)
    for number in range(networks):
        label = f"{work.label.removesuffix(': ')}, network {number + 1}: "
        part = work.part / (networks - number)
        yield replace(
            work, seed=work.seed + 1000 * number, budget=work.share(1 / (networks - number)), part=part, label=label
        )


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1, float32; 0 stays 0.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=1, keepdims=True))
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)
