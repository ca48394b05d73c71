"""Gradient-boosted trees: each tree corrects what the trees before it got wrong.

Scikit-learn's histogram boosting grows them (Friedman 2001; histograms and leaf-wise growth as in LightGBM, Ke et al.,
NeurIPS 2017; sets of categories as splits after Fisher 1958). Missing values choose a side of every split. With
validation rows it grows until their loss stops falling and keeps the trees up to the best round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from mapsto.members.common.boosted import BoostingSettings, learn, threads
from mapsto.members.common.lessons import lessons
from mapsto.members.common.preparation import Preparation
from mapsto.members.common.treemodel import TreeMember

if TYPE_CHECKING:
    from mapsto.members.base import Work


class Boosting(TreeMember):
    """Boosted trees, one model a target (one a label where a cell holds several).

    Args:
        settings: entries as in the recipe under `members.boosting`; they come before the recipe's.
    """

    name: ClassVar[str] = "boosting"

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def fit(self, work: Work) -> Self:
        """Learn every target, each with an equal share of the time left."""
        settings = BoostingSettings.parse(work.recipe.members.get(self.name, {}) | self.settings, "members.boosting")
        features = work.schema.features(work.train)
        self.schema = work.schema
        self.preparation = Preparation.fit(features)
        self.names = [features.names[j] for j in self.preparation.order]
        taught = lessons(work, self.preparation)
        self.models = {}
        with threads(work, work.train.rows):
            for lesson in taught:
                seconds = None if work.seconds is None else work.seconds / len(taught)
                self.models[lesson.problem.key] = learn(lesson, settings, self.names, work, seconds)
        return self
