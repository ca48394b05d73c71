"""Gradient-boosted trees: each tree corrects what the trees before it got wrong.

Scikit-learn's histogram boosting grows them (Friedman 2001; histograms and leaf-wise growth as in LightGBM, Ke et al.,
NeurIPS 2017; sets of categories as splits after Fisher 1958). Missing values choose a side of every split. With
validation rows it grows until their loss stops falling and keeps the trees up to the best round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from mapsto.members.common.boosted import BoostingSettings, learn, threads
from mapsto.members.common.lessons import lessons
from mapsto.members.common.narrowing import telling
from mapsto.members.common.preparation import Preparation
from mapsto.members.common.treemodel import TreeMember

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.members.base import Work

MORE_ROUNDS = 1.1
"""A model of all rows learns this many times as long as those of the folds."""


class Boosting(TreeMember):
    """Boosted trees, one model a target (one a label where a cell holds several).

    Args:
        settings: entries as in the recipe under `members.boosting`; they come before the recipe's.
    """

    name: ClassVar[str] = "boosting"
    whole: ClassVar[float] = 0.5

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def of_all(self, work: Work, folded: Sequence[Self]) -> Self:
        """As many rounds as the folds found best on average, and a little more for a little more rows."""
        rounds = {key: np.mean([member.models[key].rounds for member in folded]) for key in folded[0].models}
        return self._fit(work, {key: max(1, round(MORE_ROUNDS * mean)) for key, mean in rounds.items()})

    def fit(self, work: Work) -> Self:
        """Learn every target, each with an equal share of the time left."""
        return self._fit(work, {})

    def _fit(self, work: Work, rounds: dict[str, int]) -> Self:
        settings = BoostingSettings.parse(work.recipe.members.get(self.name, {}) | self.settings, "members.boosting")
        features = work.schema.features(work.train)
        self.schema = work.schema
        asked = {name for specs in settings.crosses.values() for cross in specs for name in cross.get("columns", [])}
        self.preparation = Preparation.fit(features, only=telling(features, work, asked))
        self.names = [features.names[j] for j in self.preparation.order]
        taught = lessons(work, self.preparation)
        self.models = {}
        with threads(work, work.train.rows):
            for lesson in taught:
                seconds = None if work.seconds is None else work.seconds / len(taught)
                key = lesson.problem.key
                self.models[key] = learn(lesson, settings, self.names, work, seconds, rounds.get(key))
        return self
