"""A linear model: ridge regression for numbers, logistic regression with the same penalty for classes.

Numbers are filled with their median, standardised, and get a flag where they were missing; codes become one column
each, and so do the words of a text and the labels of a set (a regression on tf-idf weights). The coefficients are found
by scikit-learn (L-BFGS, conjugate gradients) and used by plain numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from mapsto.members.base import Member, Predictions
from mapsto.members.common import bags, states
from mapsto.members.common.chunks import by_chunks
from mapsto.members.common.design import Design
from mapsto.members.common.growth import stages
from mapsto.members.common.lessons import Lesson, lessons
from mapsto.members.common.outputs import all_classes, probabilities, saved_present
from mapsto.members.common.preparation import Preparation
from mapsto.members.common.problems import Problem, problems, together
from mapsto.members.common.settings import Settings
from mapsto.process import silenced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scipy.sparse import csr_matrix

    from mapsto.members.base import Work
    from mapsto.schema import Encoded, Schema

_ITERATIONS = 200


class LinearSettings(Settings):
    """Options in the recipe under `members.linear-model`."""

    penalty: float = Field(1.0, gt=0)
    """Weight of half the squared coefficients against the summed loss of all rows."""


@dataclass(frozen=True)
class LinearFit:
    """The coefficients of one problem."""

    coefficients: np.ndarray
    """`(width, outputs)` float64."""
    bags: np.ndarray
    """Of words and labels: `(width, outputs)` float32."""
    intercept: np.ndarray
    classes: int
    present: np.ndarray
    """Codes of the classes that occurred in training."""
    rows: int

    def predict(self, dense: np.ndarray, places: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Rows of a `Design`, and what their bags add `(rows, outputs)`, to numbers or probabilities of all classes.

        Terms are added one after another: a matrix product would add in an order that depends on the number of rows.
        """
        scores: np.ndarray = self.intercept + words
        for column, coefficients in zip(dense.T, self.coefficients, strict=False):
            scores += column[:, None] * coefficients
        for place in places.T:
            scores += self.coefficients[place]
        if not self.classes:
            return scores
        found = np.ones((len(dense), 1)) if len(self.present) == 1 else probabilities(scores)
        return all_classes(found, self.present, self.classes, self.rows)

    @classmethod
    def from_state(cls, json: Any, arrays: Mapping[str, np.ndarray], problem: Problem, width: int, words: int) -> Self:
        """From a saved state; `ModelFileError` if it does not fit the problem."""
        present = saved_present(json, problem.classes)
        outputs = len(present) if len(present) > 2 else 1
        coefficients = states.finite(arrays, "coefficients", (width, outputs)).astype(np.float64)
        intercept = states.finite(arrays, "intercept", (outputs,)).astype(np.float64)
        of_words = np.zeros((words, outputs), np.float32)
        if "bags" in arrays:  # absent where no column has any, and in files written before they were read
            of_words = states.finite(arrays, "bags", (words, outputs)).astype(np.float32)
        return cls(coefficients, of_words, intercept, problem.classes, present, states.whole(json, "rows", 1, 2**48))


class LinearModel(Member):
    """Ridge or logistic regression, one a target (one a label where a cell holds several)."""

    name: ClassVar[str] = "linear-model"
    whole: ClassVar[float] = 1.0

    schema: Schema
    others: Schema
    """Of columns without a bag."""
    preparation: Preparation
    design: Design
    fits: dict[str, LinearFit]
    """By problem key."""

    def fit(self, work: Work) -> Self:
        """Learn every target, each with an equal share of the time left. Validation rows are not looked at."""
        settings = LinearSettings.parse(work.recipe.members.get(self.name, {}), "members.linear-model")
        self.schema, self.others = work.schema, bags.others(work.schema)
        features = self.others.features(work.train)
        self.preparation = Preparation.fit(features)
        self.design = Design.fit(self.preparation, self.preparation.apply(features.values))
        self.fits = {}
        taught = lessons(work, self.preparation, self.others)
        for lesson in taught:
            seconds = None if work.seconds is None else work.seconds / len(taught)
            self.fits[lesson.problem.key] = self._learn(lesson, settings, work, seconds)
        return self

    def _learn(self, lesson: Lesson, settings: LinearSettings, work: Work, seconds: float | None) -> LinearFit:
        from scipy.sparse import hstack
        from sklearn.linear_model import Ridge

        classes, rows = lesson.problem.classes, len(lesson.truth)
        if classes and len(lesson.present) < 2:
            zeros = np.zeros((self.design.width, 1)), np.zeros((bags.width(work.schema), 1), np.float32)
            return LinearFit(*zeros, np.zeros(1), classes, lesson.present, rows)
        words = bags.matrix(work.schema, work.train)[lesson.problem.truth(work.train)[0]]
        design = hstack([self.design.sparse(lesson.values), words], format="csr")
        if classes:
            label = f"{work.label}{self.name} of {lesson.problem.title}"
            found = _logistic(design, lesson, settings, work, label, seconds)
        else:
            found = Ridge(alpha=settings.penalty, solver="sparse_cg").fit(design, lesson.truth, lesson.weight)
        coefficients, intercept = np.atleast_2d(found.coef_).T, np.atleast_1d(found.intercept_).astype(np.float64)
        plain, of_words = np.split(coefficients, [self.design.width])
        of_words = of_words.astype(np.float32)
        return LinearFit(plain.astype(np.float64), of_words, intercept, classes, lesson.present, rows)

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
        """Numbers in the user's units, or probabilities, for every row."""
        values = self.others.features(encoded).values
        words = bags.matrix(self.schema, encoded)
        added = {key: words @ found.bags.astype(np.float64) for key, found in self.fits.items()}

        def outputs(rows: np.ndarray) -> dict[str, np.ndarray]:
            index = rows[:, 0]
            dense, places = self.design.apply(self.preparation.apply(values[index]))
            return {key: found.predict(dense, places, added[key][index]) for key, found in self.fits.items()}

        return together(self.schema, by_chunks(outputs, np.arange(len(values))[:, None], threads=threads))

    def to_state(self) -> states.State:
        """JSON and arrays: preparation, design, and coefficients for each problem."""
        json, own = self.preparation.to_state()
        arrays = states.prefixed("preparation", own)
        arrays |= self.design.arrays()
        for key, found in self.fits.items():
            arrays |= {f"{key}.coefficients": found.coefficients, f"{key}.intercept": found.intercept}
            arrays |= {f"{key}.bags": found.bags} if len(found.bags) else {}
        fits = {key: {"present": found.present.tolist(), "rows": found.rows} for key, found in self.fits.items()}
        return {"preparation": json, "fits": fits}, arrays

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse, contents checked."""
        member = cls()
        member.schema, member.others = schema, bags.others(schema)
        preparation = Preparation.from_state(
            states.entry(json, "preparation", dict), states.unprefixed("preparation", arrays)
        )
        member.preparation, member.design = preparation, Design.from_arrays(arrays, preparation)
        saved, widths = states.entry(json, "fits", dict), (member.design.width, bags.width(schema))
        member.fits = {
            p.key: LinearFit.from_state(states.entry(saved, p.key, dict), states.unprefixed(p.key, arrays), p, *widths)
            for p in problems(schema)
        }
        return member


def _logistic(
    design: csr_matrix, lesson: Lesson, settings: LinearSettings, work: Work, label: str, seconds: float | None
) -> Any:
    """A logistic regression, improved in stages until it has converged or time is up."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model, before = LogisticRegression(C=1 / settings.penalty, warm_start=True), 0
    for iterations in stages(work, label, first=25, limit=_ITERATIONS, seconds=seconds):
        model.set_params(max_iter=iterations - before)
        with silenced(ConvergenceWarning):  # the stages see to it
            model.fit(design, lesson.truth, lesson.weight)
        if int(model.n_iter_.max()) < iterations - before:
            break
        before = iterations
    return model
