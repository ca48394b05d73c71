"""A forest: many deep trees, each grown on its own sample of the rows, averaged (Breiman 2001).

Every tree sees rows drawn with replacement and, at each split, a few columns drawn at random, so that the trees err in
different ways and their mean errs less. Extremely randomised trees (Geurts et al. 2006) also draw the thresholds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from mapsto.members.common.growth import stages
from mapsto.members.common.lessons import Lesson, lessons
from mapsto.members.common.preparation import Preparation
from mapsto.members.common.settings import Settings
from mapsto.members.common.treemodel import TreeMember, TreeModel
from mapsto.members.common.trees import Trees, not_above

if TYPE_CHECKING:
    from mapsto.members.base import Work


class ForestSettings(Settings):
    """Options in the recipe under `members.forest`; names are scikit-learn's."""

    n_estimators: int = Field(100, ge=1)
    max_depth: int | None = Field(24, ge=1, le=400)
    min_samples_leaf: int | None = Field(None, ge=1)
    """None: one leaf for every few thousand rows more, so that files stay small: 2 up to 5,000 rows, 8 at 40,000."""
    max_features: float | None = Field(None, gt=0, le=1)
    """Share of the columns that each split may look at; None: the square root of their number for classes, 0.4 for
    numbers."""


class Forest(TreeMember):
    """A random forest, one a target (one a label where a cell holds several)."""

    name: ClassVar[str] = "forest"

    def fit(self, work: Work) -> Self:
        """Learn every target, each with an equal share of the time left. Validation rows are not looked at."""
        settings = ForestSettings.parse(work.recipe.members.get(self.name, {}), f"members.{self.name}")
        self.schema = work.schema
        self.preparation = Preparation.fit(work.schema.features(work.train), sets=False)
        taught = lessons(work, self.preparation)
        self.models = {}
        for lesson in taught:
            seconds = None if work.seconds is None else work.seconds / len(taught)
            self.models[lesson.problem.key] = self._learn(lesson, settings, work, seconds)
        return self

    def _learn(self, lesson: Lesson, settings: ForestSettings, work: Work, seconds: float | None) -> TreeModel:
        """Grow one forest."""
        estimator = self._estimator(lesson, settings, work)
        label = f"{work.label}{self.name} of {lesson.problem.title}"
        for count in stages(work, label, first=10, limit=settings.n_estimators, seconds=seconds):
            estimator.set_params(n_estimators=count)
            estimator.fit(lesson.values, lesson.truth, lesson.weight)
        trees = _as_arrays(estimator.estimators_, lesson)
        start = np.zeros(trees.values.shape[1])
        return TreeModel(trees, start, "mean", lesson.problem.classes, lesson.present, len(lesson.truth))

    def _estimator(self, lesson: Lesson, settings: ForestSettings, work: Work) -> Any:
        from sklearn import ensemble

        classes = lesson.problem.classes
        options = settings.model_dump()
        options["min_samples_leaf"] = settings.min_samples_leaf or max(2, round(len(lesson.truth) / 5000))
        options["max_features"] = settings.max_features or ("sqrt" if classes else 0.4)
        made = getattr(ensemble, f"{self.grower}{'Classifier' if classes else 'Regressor'}")
        return made(**options, warm_start=True, n_jobs=work.threads, random_state=work.seed)

    grower: ClassVar[str] = "RandomForest"


class ExtraTrees(Forest):
    """Extremely randomised trees: thresholds are drawn too, and every tree sees all rows. Smoother on numbers."""

    name: ClassVar[str] = "extra-trees"
    grower: ClassVar[str] = "ExtraTrees"


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
