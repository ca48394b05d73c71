"""What twice the rows would bring: boosted trees on a quarter, half and all of the training rows.

Boosted trees stand for the model because they learn in a second; how fast a figure rises with rows is much alike for
good learners on one table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.fitting.learned import work_of
from mapsto.judging.curve import learning_curve
from mapsto.members import make
from mapsto.metrics import present
from mapsto.recipe import Recipe

if TYPE_CHECKING:
    from mapsto.fitting.prepare import Prepared
    from mapsto.training.run import Run

FRACTIONS = (0.25, 0.5, 1.0)
STAND_IN = "boosted trees, which stand for the model here,"
FEWEST_ROWS = 200
ROUNDS, FEWEST_ROUNDS = 100, 30
MOST_ROWS = 50_000
"""More training rows than this are not needed to see where the curve goes, and would cost time."""


def curves(prepared: Prepared, run: Run) -> dict[str, Any]:
    """For each target the curve as JSON; none for very few or very many rows, or without untouched rows."""
    rows = len(prepared.train)
    if prepared.test is None or not FEWEST_ROWS <= rows <= MOST_ROWS:
        return {}
    order = np.random.default_rng([prepared.options.recipe.seed, 17]).permutation(prepared.train)
    fitted: dict[float, Any] = {}

    def predictions(share: float, target: str) -> np.ndarray:
        if share not in fitted:
            recipe = Recipe(seed=prepared.options.recipe.seed, members={"boosting": {"max_iter": _rounds(prepared)}})
            work = work_of(prepared, run, recipe, None, label=f"curve {share}: ")
            part = prepared.dev.take(np.sort(order[: round(share * rows)]))
            member = make("boosting").fit(replace(work, train=part, valid=None))
            fitted[share] = member.predict(prepared.test, threads=work.threads)  # type: ignore[arg-type]
        found: np.ndarray = fitted[share][target]
        return found

    found = {}
    for target in prepared.schema.targets:
        metric, truth = prepared.metrics[target.name], prepared.test.truth[target.name]
        if present(metric.task, truth).any():
            name = target.name
            curve = learning_curve(
                lambda share, name=name: predictions(share, name),  # type: ignore[misc]
                metric, truth, rows, of=STAND_IN, fractions=FRACTIONS, weight=prepared.test.weight,
                groups=prepared.groups(prepared.test_frame),
            )  # fmt: skip
            found[name] = curve.to_dict()
    return found


def _rounds(prepared: Prepared) -> int:
    """Fewer where a round is a tree for each of many classes, which makes the curve a little too flat."""
    classes = min(len(target.classes) for target in prepared.schema.targets)
    return max(FEWEST_ROUNDS, ROUNDS // max(1, classes // 2))
