"""What forests and boosting save and predict with: prepared columns, and trees for each problem."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from mapsto.members.base import Member, Predictions
from mapsto.members.common import states
from mapsto.members.common.chunks import by_chunks
from mapsto.members.common.crosses import Crosses
from mapsto.members.common.outputs import all_classes, probabilities, saved_present
from mapsto.members.common.preparation import Preparation
from mapsto.members.common.problems import Problem, problems, together
from mapsto.members.common.trees import Trees

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mapsto.schema import Encoded, Schema

Link = Literal["mean", "identity", "exp", "probabilities"]
"""From the trees' total to a prediction.

* mean: total divided by the number of trees (a forest).
* identity: the total, in the user's units.
* exp: `scale` times the exponential of the total (learned on logarithms).
* probabilities: logistic of one total (two classes) or softmax of several.
"""


@dataclass(frozen=True)
class TreeModel:
    """The trees of one problem."""

    trees: Trees
    start: np.ndarray
    """Where the totals begin: `(outputs,)` float64."""
    link: Link
    classes: int
    """Classes of the problem, 0 for a number."""
    present: np.ndarray
    """Codes of the classes that occurred in training: the trees know only these."""
    rows: int
    """Training rows; a class that never occurred gets the probability 1 / (rows + classes)."""
    scale: float = 1.0
    crosses: Crosses = field(default_factory=Crosses)

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Prepared `(rows, columns)` to `(rows, 1)` numbers (float64) or `(rows, classes)` probabilities (float32)."""
        totals = self.trees.totals(self.crosses.widen(values), self.start)
        if self.link == "mean":
            totals /= max(1, self.trees.count)
        elif self.link == "exp":
            totals = self.scale * np.exp(totals)
        elif self.link == "probabilities":
            totals = probabilities(totals)
        return all_classes(totals, self.present, self.classes, self.rows) if self.classes else totals

    @property
    def rounds(self) -> int:
        """Trees that each output adds up."""
        return self.trees.count // len(self.start)

    def to_state(self) -> states.State:
        """JSON and arrays."""
        json, arrays = self.trees.to_state()
        cross_json, cross_arrays = self.crosses.to_state()
        json |= {"link": self.link, "present": self.present.tolist(), "rows": self.rows, "scale": self.scale}
        arrays |= {"start": self.start, **states.prefixed("crosses", cross_arrays)}
        return {**json, "crosses": cross_json}, arrays

    @classmethod
    def from_state(
        cls, json: dict[str, Any], arrays: Mapping[str, np.ndarray], problem: Problem, preparation: Preparation
    ) -> Self:
        """The inverse; `ModelFileError` if anything does not fit the problem or the prepared columns."""
        crosses = Crosses.from_state(
            states.entry(json, "crosses", list), states.unprefixed("crosses", arrays), preparation.width
        )
        link = states.entry(json, "link", str)
        allowed = ("probabilities", "mean") if problem.classes else ("identity", "exp", "mean")
        states.require(link in allowed, f"the link '{link}' does not fit the target '{problem.title}'")
        present = saved_present(json, problem.classes)
        several = link != "probabilities" or len(present) > 1
        states.require(several, "there are not two classes to tell apart")
        start = states.finite(arrays, "start", (_outputs(link, problem.classes, len(present)),)).astype(np.float64)
        trees = Trees.from_state(
            json,
            arrays,
            features=preparation.width + crosses.count,
            native=preparation.native,
            width=len(start) if link == "mean" else 1,
        )
        states.require(link == "mean" or trees.count % len(start) == 0, "the last round of trees is not complete")
        fits = preparation.categories <= trees.sets.shape[1] or not len(trees.sets)
        states.require(fits, "sets are smaller than the codes they split")
        rows, scale = states.whole(json, "rows", 1, 2**48), states.real(json, "scale")
        return cls(trees, start, link, problem.classes, present, rows, scale, crosses)


def _outputs(link: Link, classes: int, present: int) -> int:
    if not classes:
        return 1
    return present if link == "mean" or present > 2 else 1


class TreeMember(Member):
    """A member made of trees; a subclass only learns them."""

    name: ClassVar[str]

    schema: Schema
    preparation: Preparation
    models: dict[str, TreeModel]
    """By problem key."""

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
        """Numbers in the user's units, or probabilities, for every row."""
        values = self.schema.features(encoded).values

        def outputs(rows: np.ndarray) -> dict[str, np.ndarray]:
            prepared = self.preparation.apply(rows)
            return {key: model.predict(prepared) for key, model in self.models.items()}

        return together(self.schema, by_chunks(outputs, values, threads=threads))

    def to_state(self) -> states.State:
        """JSON and arrays: the preparation, and a model for each problem."""
        json, arrays = self.preparation.to_state()
        found: dict[str, Any] = {"preparation": json, "models": {}}
        arrays = states.prefixed("preparation", arrays)
        for key, model in self.models.items():
            found["models"][key], own = model.to_state()
            arrays |= states.prefixed(key, own)
        return found, arrays

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse, with everything checked that prediction will follow."""
        member = cls()
        member.schema = schema
        member.preparation = Preparation.from_state(
            states.entry(json, "preparation", dict), states.unprefixed("preparation", arrays)
        )
        saved = states.entry(json, "models", dict)
        member.models = {
            problem.key: TreeModel.from_state(
                states.entry(saved, problem.key, dict),
                states.unprefixed(problem.key, arrays),
                problem,
                member.preparation,
            )
            for problem in problems(schema)
        }
        return member
