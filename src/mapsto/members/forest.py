"""A forest: many deep trees, each grown on its own sample of the rows, averaged (Breiman 2001).

Every tree sees rows drawn with replacement and, at each split, a few columns drawn at random, so that the trees err in
different ways and their mean errs less. Extremely randomised trees (Geurts et al. 2006) also draw the thresholds.
What the trees say that did not draw a row is an honest prediction of it ("out of bag", Breiman 1996).
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from mapsto.members.common.growth import stages
from mapsto.members.common.lessons import Lesson, lessons
from mapsto.members.common.outputs import all_classes
from mapsto.members.common.preparation import Preparation
from mapsto.members.common.problems import problems, together
from mapsto.members.common.settings import Settings
from mapsto.members.common.treemodel import TreeMember, TreeModel
from mapsto.members.common.trees import Trees, not_above
from mapsto.process import filters_kept

if TYPE_CHECKING:
    from mapsto.members.base import Predictions, Work


class ForestSettings(Settings):
    """Options in the recipe under `members.forest`; names are scikit-learn's."""

    n_estimators: int | None = Field(None, ge=1)
    """None: 200, or 100 from 2,500 rows on."""
    max_depth: int | None = Field(24, ge=1, le=400)
    min_samples_leaf: int | None = Field(None, ge=1)
    """None: a row more for every 5,000 rows, so that files stay small: 1 up to 7,500 rows, 8 at 40,000."""
    max_features: float | None = Field(None, gt=0, le=1)
    """Share of the columns that each split may look at; None: all of them where thresholds are drawn; else the square
    root of their number for classes, 0.4 for numbers."""


_FEW_ROWS, _FEW_TREES, _MANY_TREES = 2_500, 100, 200
_DRAWN = 20_000
"""Rows that a tree of an ensemble draws at most: more cost time and disk, and gain little."""


class Forest(TreeMember):
    """A random forest, one a target (one a label where a cell holds several)."""

    name: ClassVar[str] = "forest"

    def fit(self, work: Work) -> Self:
        """Learn every target, each with an equal share of the time left. Validation rows are not looked at."""
        self._fit(work, drawing=False)
        return self

    def out_of_bag(self, work: Work) -> Predictions:
        """Learn from all rows; each is predicted by the trees that did not draw it."""
        told = self._fit(work, drawing=True)
        prepared = self.preparation.apply(self.schema.features(work.train).values)
        outputs = {}
        for problem in problems(self.schema):
            # Rows without a truth were drawn by no tree, so all of them may predict them.
            outputs[problem.key] = self.models[problem.key].predict(prepared)
            outputs[problem.key][problem.truth(work.train)[0]] = told[problem.key]
        return together(self.schema, outputs)

    def _fit(self, work: Work, *, drawing: bool) -> dict[str, np.ndarray]:
        """What the trees that did not draw a row say of it, by problem; empty unless `drawing`."""
        settings = ForestSettings.parse(work.recipe.members.get(self.name, {}), f"members.{self.name}")
        self.schema = work.schema
        self.preparation = Preparation.fit(work.schema.features(work.train), sets=False)
        taught = lessons(work, self.preparation)
        self.models, told = {}, {}
        for lesson in taught:
            seconds = None if work.seconds is None else work.seconds / len(taught)
            estimator = self._estimator(lesson, settings, work, drawing=drawing)
            label = f"{work.label}{self.name} of {lesson.problem.title}"
            limit = settings.n_estimators or (_MANY_TREES if len(lesson.truth) <= _FEW_ROWS else _FEW_TREES)
            for count in stages(work, label, first=25, limit=limit, seconds=seconds):
                estimator.set_params(n_estimators=count)
                with filters_kept():  # scikit-learn sets them in each of its threads, which then overlap
                    warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")  # seen to below
                    estimator.fit(lesson.values, lesson.truth, lesson.weight)
            trees, key = _as_arrays(estimator.estimators_, lesson), lesson.problem.key
            start = np.zeros(trees.values.shape[1])
            classes, rows = lesson.problem.classes, len(lesson.truth)
            self.models[key] = TreeModel(trees, start, "mean", classes, lesson.present, rows)
            if drawing:
                told[key] = _out_of_bag(estimator, lesson)
        return told

    def _estimator(self, lesson: Lesson, settings: ForestSettings, work: Work, *, drawing: bool) -> Any:
        from sklearn import ensemble

        classes, rows = lesson.problem.classes, len(lesson.truth)
        options = settings.model_dump(exclude={"n_estimators"})
        options["min_samples_leaf"] = settings.min_samples_leaf or max(1, round(rows / 5000))
        options["max_features"] = settings.max_features or self.columns or ("sqrt" if classes else 0.4)
        options |= {"bootstrap": True, "oob_score": drawing}
        if drawing and rows > _DRAWN:
            options["max_samples"] = _DRAWN
        made = getattr(ensemble, f"{self.grower}{'Classifier' if classes else 'Regressor'}")
        return made(**options, warm_start=True, n_jobs=work.threads, random_state=work.seed)

    columns: ClassVar[float | None] = None
    """Share of the columns that a split looks at; None: as is usual."""
    grower: ClassVar[str] = "RandomForest"


class ExtraTrees(Forest):
    """Extremely randomised trees: thresholds are drawn too. Smoother on numbers.

    Rows are drawn as for a forest, and all columns looked at (dev/LOG.md): probabilities are then less sure.
    """

    name: ClassVar[str] = "extra-trees"
    grower: ClassVar[str] = "ExtraTrees"
    columns: ClassVar[float | None] = 1.0


def _out_of_bag(estimator: Any, lesson: Lesson) -> np.ndarray:
    """`(rows, 1)` numbers or `(rows, classes)` probabilities; the mean of all for a row that every tree drew."""
    classes = lesson.problem.classes
    found = estimator.oob_decision_function_ if classes else estimator.oob_prediction_[:, None]
    found = np.where(np.isnan(found), np.nanmean(found, axis=0), found)
    return all_classes(found, lesson.present, classes, len(lesson.truth)) if classes else found


def _as_arrays(estimators: list[Any], lesson: Lesson) -> Trees:
    """The trees as plain arrays: leaves hold class frequencies, or one mean."""
    grown = [estimator.tree_ for estimator in estimators]
    sizes = [tree.node_count for tree in grown]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    root = np.repeat(starts[:-1], sizes)

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(tree, name) for tree in grown])

    left, right = joined("children_left"), joined("children_right")
    inner = left >= 0
    values = joined("value")[~inner, 0, :]
    if lesson.problem.classes:
        values = values / values.sum(axis=1, keepdims=True)
    return Trees(
        features=lesson.values.shape[1],
        native=0,
        starts=starts,
        feature=np.where(inner, joined("feature"), -1).astype(np.int64),
        threshold=np.where(inner, not_above(joined("threshold")), np.float32(0)),
        left=np.where(inner, left + root, 0),
        right=np.where(inner, right + root, 0),
        missing_left=inner & joined("missing_go_to_left").astype(bool),
        categorical=np.zeros(len(inner), dtype=bool),
        sets=np.zeros((0, 1), dtype=bool),
        values=values.astype(np.float32),
    )
