"""Growing boosted trees for one problem with scikit-learn, and taking them over as plain arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from mapsto.errors import OptionError
from mapsto.members.common.crosses import Crosses, Spec
from mapsto.members.common.growth import stages
from mapsto.members.common.settings import Settings
from mapsto.members.common.treemodel import Link, TreeModel
from mapsto.members.common.trees import Trees, not_above

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mapsto.members.base import Work
    from mapsto.members.common.lessons import Lesson


FEW_ROWS = 80_000
"""With fewer rows, one thread grows trees as fast as two (dev/LOG.md)."""


_MANY_CELLS = 500_000


class BoostingSettings(Settings):
    """Options of boosting, in the recipe under `members.boosting`. Names are scikit-learn's where it has them."""

    learning_rate: float = Field(0.1, gt=0)
    max_iter: int | None = Field(None, ge=1)
    """Rounds at most; None: 10 / learning_rate without validation rows, ten times that with them."""
    max_leaf_nodes: int | None = Field(31, ge=2)
    max_depth: int | None = Field(None, ge=1)
    min_samples_leaf: int = Field(20, ge=1)
    l2_regularization: float = Field(0.0, ge=0)
    max_features: float = Field(1.0, gt=0, le=1)
    """Share of the columns that each split may look at."""
    n_iter_no_change: int = Field(20, ge=1)
    """Rounds without a lower validation loss before it stops."""
    logarithm: list[str] = Field(default_factory=list)
    """Targets (numbers above 0) learned on a logarithmic scale; predictions keep the mean."""
    crosses: dict[str, list[Spec]] = Field(default_factory=dict)
    """Columns made of other columns, by target (`members/common/crosses.py`)."""

    def rounds(self, *, stopping: bool) -> int:
        """Rounds at most, with or without validation rows to stop at."""
        return self.max_iter or round(10 / self.learning_rate) * (10 if stopping else 1)

    @property
    def growing(self) -> dict[str, Any]:
        """The options that scikit-learn takes by the same name."""
        return self.model_dump(exclude={"max_iter", "logarithm", "crosses"})


def threads(work: Work, rows: int) -> AbstractContextManager[Any]:
    """Limits OpenMP to what helps: one thread for few rows.

    Growing forks and joins threads for every split: beside a busy process two are many times slower than one.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1 if rows < FEW_ROWS else work.threads, user_api="openmp")
    return limits


def learn(
    lesson: Lesson,
    settings: BoostingSettings,
    names: list[str],
    work: Work,
    seconds: float | None,
    rounds: int | None = None,
) -> TreeModel:
    """Grow the trees of one problem; `rounds`: so many, instead of what the settings say."""
    classes, native = lesson.problem.classes, lesson.native
    if classes and len(lesson.present) < 2:
        rows, none = len(lesson.truth), Trees.none(lesson.values.shape[1], native)
        return TreeModel(none, np.ones(1), "mean", classes, lesson.present, rows)
    target = lesson.problem.target.name
    logarithm = not classes and target in settings.logarithm
    if logarithm:
        _require_positive(lesson)
    number = lesson.number(logarithm=logarithm)
    crosses = Crosses.fit(settings.crosses.get(target, []), names, lesson.values, number)
    grower = _Grower(lesson, settings, work, crosses, logarithm=logarithm)
    trees, start = grower.grow(seconds, rounds or settings.rounds(stopping=bool(grower.given)))
    link: Link = "probabilities" if classes else "exp" if logarithm else "identity"
    model = TreeModel(trees, start, link, classes, lesson.present, len(lesson.truth), 1.0, crosses)
    return grower.keep_mean(model) if logarithm else model


def _require_positive(lesson: Lesson) -> None:
    low = min(truth.min() for truth in (lesson.truth, lesson.valid_truth) if truth is not None)
    if low <= 0:
        message = (
            f"recipe entry members.boosting.logarithm names '{lesson.problem.target.name}', whose smallest value is "
            f"{low:g}; a logarithm needs numbers above 0. Take it off the list."
        )
        raise OptionError(message)


class _Grower:
    """One estimator of scikit-learn, grown in stages."""

    def __init__(
        self, lesson: Lesson, settings: BoostingSettings, work: Work, crosses: Crosses, *, logarithm: bool
    ) -> None:
        self.lesson, self.settings, self.work, self.logarithm = lesson, settings, work, logarithm
        truth = lesson.number(logarithm=logarithm)
        self.rows = something_everywhere(crosses.widen(lesson.values, truth=truth))
        self.native = lesson.native
        self.categories = lesson.categories
        self.given: dict[str, Any] = {}
        if lesson.valid_truth is not None and lesson.valid is not None:
            self.given = {
                "X_val": crosses.widen(lesson.valid),
                "y_val": self._scaled(lesson.valid_truth),
                "sample_weight_val": lesson.valid_weight,
            }

    def _scaled(self, truth: np.ndarray) -> np.ndarray:
        return np.log(truth) if self.logarithm else truth

    def _estimator(self) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        problem = self.lesson.problem
        options = dict(
            self.settings.growing,
            early_stopping=bool(self.given),
            categorical_features=np.arange(self.native),
            warm_start=True,
            random_state=self.work.seed,
        )
        if problem.classes:
            return HistGradientBoostingClassifier(tol=1e-5, **options)
        absolute = self.work.metrics[problem.target.name].name == "mae"
        return HistGradientBoostingRegressor(loss="absolute_error" if absolute else "squared_error", **options)

    def grow(self, seconds: float | None, limit: int) -> tuple[Trees, np.ndarray]:
        """The trees up to the best round of `limit`, and where totals begin."""
        estimator = self._estimator()
        label = f"{self.work.label}boosting of {self.lesson.problem.title}"
        # A round is a tree a class, and looks at every cell: with many of either and little time fifty take too long.
        slow = self.lesson.problem.classes > 2 or self.rows.size > _MANY_CELLS
        first = 10 if seconds is not None and slow else 50
        for rounds in stages(self.work, label, first=first, limit=limit, seconds=seconds):
            estimator.set_params(max_iter=rounds)
            estimator.fit(self.rows, self._scaled(self.lesson.truth), self.lesson.weight, **self.given)
            if estimator.n_iter_ < rounds:
                break
        best = int(np.argmax(estimator.validation_score_)) if self.given else estimator.n_iter_
        return _as_arrays(estimator, self.native, self.categories, best)

    def keep_mean(self, model: TreeModel) -> TreeModel:
        """Scale the model so that its predictions have the mean of the truth; the exponential alone falls short.

        The ratio of the means follows a single huge value, what normal errors of the logarithm would make of it (half
        their variance) single tiny ones: the smaller of both is believed.
        """
        if self.work.metrics[self.lesson.problem.target.name].name == "mae":
            return model
        lesson, rows = self.lesson, self.rows
        truth, weight = lesson.truth, lesson.weight
        if lesson.valid_truth is not None:
            rows, truth, weight = self.given["X_val"], lesson.valid_truth, lesson.valid_weight
        totals = model.trees.totals(rows, model.start)[:, 0]
        ratio = float(np.average(truth, weights=weight) / np.average(np.exp(totals), weights=weight))
        spread = float(np.average((np.log(truth) - totals) ** 2, weights=weight))
        return replace(model, scale=min(ratio, float(np.exp(min(spread / 2, 50.0)))))


def something_everywhere(values: np.ndarray) -> np.ndarray:
    """The rows, with zeros in columns without any value: scikit-learn cannot bin them, and no split uses them."""
    empty = np.isnan(values).all(axis=0)
    return np.where(empty, np.float32(0), values) if empty.any() else values


def _as_arrays(estimator: Any, native: int, categories: int, rounds: int) -> tuple[Trees, np.ndarray]:
    """The trees of the first rounds as plain arrays, and where their totals begin."""
    features = estimator.n_features_in_
    start = np.asarray(estimator._baseline_prediction, dtype=np.float64).reshape(-1)
    grown = [tree for round_ in estimator._predictors[:rounds] for tree in round_]
    if not grown:
        return Trees.none(features, native), start
    nodes = np.concatenate([tree.nodes for tree in grown])
    sizes = [len(tree.nodes) for tree in grown]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    root = np.repeat(starts[:-1], sizes)
    bits = np.concatenate([tree.raw_left_cat_bitsets for tree in grown])
    first_set = np.cumsum([0] + [len(tree.raw_left_cat_bitsets) for tree in grown[:-1]])
    inner = nodes["is_leaf"] == 0
    categorical = inner & (nodes["is_categorical"] == 1)
    own_set = (nodes["bitset_idx"] + np.repeat(first_set, sizes))[categorical]
    sets = np.unpackbits(bits[own_set].astype("<u4").view(np.uint8), axis=1, bitorder="little").astype(bool)
    trees = Trees(
        features=features,
        native=native,
        starts=starts.astype(np.int64),
        feature=np.where(inner, nodes["feature_idx"], -1).astype(np.int64),
        threshold=np.where(inner & ~categorical, not_above(nodes["num_threshold"]), np.float32(0)),
        left=np.where(inner, nodes["left"] + root, 0).astype(np.int64),
        right=np.where(inner, nodes["right"] + root, 0).astype(np.int64),
        missing_left=inner & (nodes["missing_go_to_left"] == 1),
        categorical=categorical,
        sets=sets[:, : max(categories, 1)],
        values=nodes["value"][~inner].astype(np.float32)[:, None],
    )
    return trees, start
