"""Ridge regression that knows how much to hold back: where columns are many and rows are few.

The penalty is chosen by what each row would be predicted to be had it been left out, which is known in closed form
once the rows are turned to their principal directions (Allen, "The relationship between variable selection and data
augmentation and a method for prediction", Technometrics 1974). Classes are learned as numbers, 1 for the own class and
-1 for the others, and the same left-out scores say how sharply scores are to be read as probabilities. Thousands of
columns that say a little each (convolution kernels, spectra, genes) are what it is made for.

Shape legend: N rows, F columns, O outputs, K directions.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from mapsto.members.base import Member, Predictions
from mapsto.members.common import states
from mapsto.members.common.chunks import by_chunks
from mapsto.members.common.design import Design
from mapsto.members.common.lessons import rows_with_truth
from mapsto.members.common.outputs import all_classes, probabilities, saved_present
from mapsto.members.common.preparation import Preparation
from mapsto.members.common.problems import Problem, problems, together, weights
from mapsto.members.common.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mapsto.members.base import Work
    from mapsto.schema import Encoded, Schema

MOST = 3_000
"""Directions at most: where both rows and columns are more, columns are read that lie evenly among them."""
_PENALTIES = np.geomspace(1e-6, 1e3, 19)
"""Those that are tried, in shares of what a row is long."""
_SHARPNESS = np.geomspace(0.25, 64.0, 25)
_FAINT = 1e-9
"""Directions of less than this share of the strongest are rounding."""
_NEAR = 1e-6
"""A row that decides its own prediction to within this says nothing when it is left out."""
_AT_ONCE = 2**22
"""Cells brought into form at once."""
_TIMED = 256
"""Rows and columns of the product that is timed."""
_PLANNED = 0.5
"""Share of the given time that products may take: the rest goes to what cannot be counted."""


class RidgeSettings(Settings):
    """Options in the recipe under `members.ridge`."""

    penalty: float | None = Field(None, gt=0)
    """In shares of the mean squared length of a row. None: chosen by leaving out rows, for each target."""


@dataclass(frozen=True)
class Directions:
    """Centred rows by their principal directions."""

    rows: np.ndarray
    """`(N, F)`, each times the root of its weight."""
    turned: np.ndarray
    """`(N, K)`: where rows lie along the directions, each of length 1."""
    squared: np.ndarray
    """How far they reach, squared: `(K,)`."""
    middle: np.ndarray
    """`(F,)`."""
    weight: np.ndarray
    """`(N,)`."""

    @classmethod
    def of(cls, x_NF: np.ndarray, weight_N: np.ndarray) -> Self:
        """Of rows that all have a weight."""
        middle_F = np.average(x_NF, axis=0, weights=weight_N)
        x_NF = (x_NF - middle_F) * np.sqrt(weight_N)[:, None]
        if len(x_NF) <= x_NF.shape[1]:
            squared_K, u_NK = np.linalg.eigh(x_NF @ x_NF.T)
            kept = squared_K > _FAINT * squared_K.max(initial=np.finfo(np.float64).tiny)
            return cls(x_NF, u_NK[:, kept], squared_K[kept], middle_F, weight_N)
        squared_K, v_FK = np.linalg.eigh(x_NF.T @ x_NF)
        kept = squared_K > _FAINT * squared_K.max(initial=np.finfo(np.float64).tiny)
        squared_K = squared_K[kept]
        return cls(x_NF, x_NF @ v_FK[:, kept] / np.sqrt(squared_K), squared_K, middle_F, weight_N)

    @property
    def length(self) -> float:
        """Mean squared length of a row."""
        return max(float(self.squared.sum()) / len(self.rows), 1e-30)

    def left_out(self, y_NO: np.ndarray, penalty: float) -> np.ndarray:
        """What each row is predicted to be by all the others, `(N, O)`."""
        root_N1 = np.sqrt(self.weight)[:, None]
        own_NO = (y_NO - np.average(y_NO, axis=0, weights=self.weight)) * root_N1
        kept_K = self.squared / (self.squared + penalty)
        wrong_NO = own_NO - self.turned @ (kept_K[:, None] * (self.turned.T @ own_NO))
        decides_N = np.square(self.turned) @ kept_K + self.weight / self.weight.sum()
        found: np.ndarray = y_NO - wrong_NO / np.maximum(1 - decides_N, _NEAR)[:, None] / root_N1
        return found

    def coefficients(self, y_NO: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """`(F, O)`, and the intercept `(O,)`."""
        mean_O = np.average(y_NO, axis=0, weights=self.weight)
        own_NO = (y_NO - mean_O) * np.sqrt(self.weight)[:, None]
        turned_KO = (self.turned.T @ own_NO) / (self.squared + penalty)[:, None]
        found_FO = (self.rows.T @ (self.turned @ turned_KO)).astype(np.float32)
        return found_FO, mean_O - self.middle @ found_FO


@dataclass(frozen=True)
class RidgeFit:
    """The coefficients of one problem."""

    coefficients: np.ndarray
    """`(F, O)` float32; one output for a number and for two classes."""
    intercept: np.ndarray
    sharpness: float
    """What scores of classes are multiplied by before they become probabilities."""
    classes: int
    present: np.ndarray
    """Codes of the classes that occurred in training."""
    rows: int

    @classmethod
    def learn(cls, problem: Problem, work: Work, x_NF: np.ndarray, settings: RidgeSettings) -> Self:
        """From standardised rows, those without truth among them."""
        rows, truth = rows_with_truth(problem, work)
        given = weights(work.train, rows)
        weight = np.ones(len(rows)) if given is None else given / given[given > 0].mean()
        rows, truth, weight = rows[weight > 0], truth[weight > 0], weight[weight > 0]
        present = np.unique(truth) if problem.classes else np.arange(0)
        if problem.classes and len(present) < 2:
            return cls(np.zeros((x_NF.shape[1], 1), np.float32), np.zeros(1), 1.0, problem.classes, present, len(rows))
        some = _spread(len(rows), _affordable(work, problem, len(rows), x_NF.shape[1]))
        rows, truth, weight = rows[some], truth[some], weight[some]
        y_NO = _as_numbers(truth, present)
        found = Directions.of(x_NF[rows].astype(np.float64), weight)
        shares = _PENALTIES if settings.penalty is None else [settings.penalty]
        tried = [(share * found.length, found.left_out(y_NO, share * found.length)) for share in shares]
        if not problem.classes:
            penalty, _ = min(tried, key=lambda each: float(weight @ np.square(each[1] - y_NO)[:, 0]))
            return cls(*found.coefficients(y_NO, penalty), 1.0, 0, present, len(rows))
        codes = np.searchsorted(present, truth)
        read = [(*_sharpness(left_out, codes, weight), penalty) for penalty, left_out in tried]
        _, sharpness, penalty = min(read)
        return cls(*found.coefficients(y_NO, penalty), sharpness, problem.classes, present, len(rows))

    def predict(self, scores: np.ndarray) -> np.ndarray:
        """What columns add up to, `(rows, O)`, to numbers or probabilities of all classes."""
        scores = scores + self.intercept
        if not self.classes:
            return scores
        found = np.ones((len(scores), 1)) if len(self.present) == 1 else probabilities(self.sharpness * scores)
        return all_classes(found, self.present, self.classes, self.rows)

    @classmethod
    def from_state(cls, json: Any, arrays: Mapping[str, np.ndarray], problem: Problem, width: int) -> Self:
        """From a saved state; `ModelFileError` if it does not fit the problem."""
        present = saved_present(json, problem.classes)
        outputs = len(present) if len(present) > 2 else 1
        coefficients = states.finite(arrays, "coefficients", (width, outputs)).astype(np.float32)
        intercept = states.finite(arrays, "intercept", (outputs,)).astype(np.float64)
        sharpness = states.real(json, "sharpness")
        states.require(0 < sharpness <= _SHARPNESS[-1], "its sharpness is out of range")
        return cls(coefficients, intercept, sharpness, problem.classes, present, states.whole(json, "rows", 1, 2**48))


class Ridge(Member):
    """Ridge regression, one a target (one a label where a cell holds several)."""

    name: ClassVar[str] = "ridge"
    whole: ClassVar[float] = 1.0

    schema: Schema
    preparation: Preparation
    design: Design
    columns: np.ndarray
    """Columns of the design that are read: those in which training rows differ."""
    fits: dict[str, RidgeFit]
    """By problem key."""

    def fit(self, work: Work) -> Self:
        """Learn every target from all rows that the time allows. Validation rows are not looked at."""
        settings = RidgeSettings.parse(work.recipe.members.get(self.name, {}), f"members.{self.name}")
        self.schema = work.schema
        features = work.schema.features(work.train)
        self.preparation = Preparation.fit(features)
        self.design = Design.fit(self.preparation, self.preparation.apply(features.values))
        self.columns = np.arange(self.design.width)
        every = self._matrix(features.values)
        differ = np.flatnonzero((every != every[:1]).any(axis=0))
        most = len(differ) if work.train.rows <= MOST else MOST
        kept = differ[_spread(len(differ), most)]
        self.columns, x_NF = kept, every[:, kept]
        self.fits = {p.key: RidgeFit.learn(p, work, x_NF, settings) for p in problems(work.schema)}
        return self

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
        """Numbers in the user's units, or probabilities, for every row."""
        from scipy.sparse import csr_matrix

        values = self.schema.features(encoded).values
        coefficients = {key: found.coefficients.astype(np.float64) for key, found in self.fits.items()}

        def outputs(index: np.ndarray) -> dict[str, np.ndarray]:
            # Sparse products add up each row on its own; of dense ones the order depends on the number of rows.
            x_NF = csr_matrix(self._matrix(values[index[:, 0]]).astype(np.float64))
            return {key: found.predict(x_NF @ coefficients[key]) for key, found in self.fits.items()}

        return together(self.schema, by_chunks(outputs, np.arange(len(values))[:, None], threads=threads))

    def _matrix(self, values: np.ndarray) -> np.ndarray:
        """Features in the form that is learned from: float32 `(rows, columns)`."""
        found = np.empty((len(values), len(self.columns)), np.float32)
        step = max(1, _AT_ONCE // max(1, self.design.width))
        for at in range(0, len(values), step):
            dense = self.design.dense(self.preparation.apply(values[at : at + step]))
            found[at : at + step] = dense[:, self.columns]
        return found

    def to_state(self) -> states.State:
        """JSON and arrays: preparation, design, the columns that are read, and coefficients for each problem."""
        json, own = self.preparation.to_state()
        arrays = states.prefixed("preparation", own) | self.design.arrays()
        arrays["columns"] = states.narrow(self.columns)
        fits = {}
        for key, found in self.fits.items():
            arrays |= {f"{key}.coefficients": found.coefficients, f"{key}.intercept": found.intercept}
            fits[key] = {"present": found.present.tolist(), "rows": found.rows, "sharpness": found.sharpness}
        return {"preparation": json, "fits": fits}, arrays

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse, contents checked."""
        member = cls()
        member.schema = schema
        member.preparation = Preparation.from_state(
            states.entry(json, "preparation", dict), states.unprefixed("preparation", arrays)
        )
        member.design = Design.from_arrays(arrays, member.preparation)
        columns = states.array(arrays, "columns", "i", (None,)).astype(np.int64)
        inside = bool(((columns >= 0) & (columns < member.design.width)).all())
        states.require(inside and len(np.unique(columns)) == len(columns), "a column that is read does not exist")
        member.columns, saved = columns, states.entry(json, "fits", dict)
        member.fits = {
            p.key: RidgeFit.from_state(
                states.entry(saved, p.key, dict), states.unprefixed(p.key, arrays), p, len(columns)
            )
            for p in problems(schema)
        }
        return member


def _as_numbers(truth: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Numbers as they are; classes as 1 for the own and -1 for the others, of two classes the second alone."""
    if not len(present):
        return truth[:, None]
    own = np.where(truth[:, None] == present, 1.0, -1.0)
    return own[:, 1:] if len(present) == 2 else own


def _sharpness(scores: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """The smallest log loss of scores of rows that were left out, and how sharply they are read for it.

    Each class is granted a share of a row, so that rows that are all told apart do not make it sure of everything.
    """
    best = (np.inf, float(_SHARPNESS[0]))
    for sharpness in _SHARPNESS:
        found = probabilities(sharpness * scores)
        doubt = found.shape[1] / (len(codes) + found.shape[1])
        logs = np.log(np.maximum(found, np.finfo(np.float64).tiny))
        own = (1 - doubt) * logs[np.arange(len(codes)), codes] + doubt * logs.mean(axis=1)
        best = min(best, (-float(np.average(own, weights=weight)), float(sharpness)))
    return best


def _spread(count: int, most: int) -> np.ndarray:
    """At most so many of `count` places, evenly among them.

    >>> _spread(5, 3).tolist(), _spread(2, 3).tolist()
    ([0, 2, 4], [0, 1])
    """
    return np.arange(count) if count <= most else np.unique(np.linspace(0, count - 1, most).astype(np.int64))


def _affordable(work: Work, problem: Problem, rows: int, columns: int) -> int:
    """How many rows can be learned from in the time, by a product that is timed; recorded."""
    if work.seconds is None:
        return rows
    seconds = _PLANNED * work.seconds / max(1, len(problems(work.schema)))

    def measured() -> int:
        block = np.ones((_TIMED, _TIMED))
        block @ block  # the first time, threads are started
        start = time.perf_counter()
        for _ in range(4):
            block @ block
        pace = 4 * _TIMED**3 / max(time.perf_counter() - start, 1e-6)
        most = rows
        # The product of rows with rows, or of columns with columns; directions cost ten of the smaller side.
        while most > 50 and min(most, columns) * (most * columns + 10 * min(most, columns) ** 2) > seconds * pace:
            most = int(0.9 * most)
        return most

    return int(work.run.decide(f"{work.label}{Ridge.name} of {problem.title}: rows", measured))
