"""Permutation importance: how much worse the model judges when one column's values are shuffled among the rows.

What is lost is what the model had from this column beyond what the other columns tell as well: two columns that say
the same share their importance, or hide it. Breiman, Random forests (2001); Fisher, Rudin and Dominici, All models are
wrong, but many are useful (JMLR 2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mapsto.explaining.mixing import Mixer, Pace, held
from mapsto.judging.bootstrap import bounds, scores
from mapsto.metrics import METRICS, Metric, default, get

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.fitted import Fitted

REPEATS = 3
_DRAWS = 200
_FEWEST_ROWS = 30
_FOR_PREDICTING = 0.6
"""Share of the time for predicting; scoring the bootstrap draws takes the rest."""


def deciding_metric(fitted: Fitted, target: Column) -> Metric:
    """The metric that decided for this target; the task's default where it was the user's own function."""
    task, name = target.task or "regression", fitted.metrics[target.name]
    costs = fitted.costs(target)
    if name == "cost" and costs is not None:
        return get(name, task, costs=costs)
    metric = get(name, task) if (task, name) in METRICS else default(task, len(target.classes))
    return fitted.of_decisions(target, metric)


def importance(fitted: Fitted, max_seconds: float | None = None) -> pl.DataFrame:
    """Permutation importance of every input column on the rows held out.

    Args:
        fitted: the model.
        max_seconds: wall time; shorter time means fewer shuffles, then fewer rows. None: three shuffles of all rows.

    Returns:
        The most important column of each target first: `column`, `target`, `loss` (how much worse the deciding metric
        gets, in its own units; negative where shuffling helps), `low` and `high` (95 % interval by paired bootstrap
        over rows and shuffles).
    """
    sample, pace = held(fitted).encoded, Pace(fitted, max_seconds)
    pace.warm(sample)
    rows, repeats = _affordable(sample.rows, len(fitted.schema.inputs), pace)
    picked = np.sort(np.random.default_rng([fitted.recipe.seed, 17]).permutation(sample.rows)[:rows])
    sample = sample.take(picked)
    shuffled = _shuffled(fitted, Mixer(fitted.schema, sample), pace, rows, repeats)
    own = pace.predict(sample)
    found = []
    for target in fitted.schema.targets:
        metric, truth = deciding_metric(fitted, target), sample.truth[target.name]
        predictions = [own[target.name], *(one[target.name] for one in shuffled)]
        value = np.array([metric(truth, one, sample.weight) for one in predictions])
        drawn = scores(metric, truth, predictions, sample.weight, resamples=_DRAWS, seed=fitted.recipe.seed)
        lost = metric.sign * (value[0] - value[1:]).reshape(-1, repeats)
        sampled = metric.sign * (drawn[0] - drawn[1:]).reshape(-1, repeats * drawn.shape[1])
        for column, values, draws in zip(fitted.schema.inputs, lost, sampled, strict=True):
            interval = bounds(float(values.mean()), draws)
            found.append((column.name, target.name, interval.value, interval.low, interval.high))
    names = {"column": pl.String, "target": pl.String, "loss": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    frame = pl.DataFrame(found, schema=names, orient="row").with_row_index("place")
    order = pl.col("target").replace_strict([t.name for t in fitted.schema.targets], range(len(fitted.schema.targets)))
    return frame.sort(
        order, pl.col("loss").fill_nan(None), "place", descending=[False, True, False], nulls_last=True
    ).drop("place")


def _affordable(rows: int, columns: int, pace: Pace) -> tuple[int, int]:
    """Rows and shuffles that fit into the time."""
    if not pace.limited:
        return rows, REPEATS
    fits = _FOR_PREDICTING * pace.rows() / columns
    return min(rows, max(_FEWEST_ROWS, int(fits))), int(np.clip(fits // rows, 1, REPEATS))


def _shuffled(fitted: Fitted, mixer: Mixer, pace: Pace, rows: int, repeats: int) -> list[dict[str, np.ndarray]]:
    """Predictions with one column shuffled: all shuffles of the first column, then of the second, ..."""
    found = []
    order = np.arange(rows)
    orders = [np.random.default_rng([fitted.recipe.seed, 19, repeat]).permutation(rows) for repeat in range(repeats)]
    for column in range(len(fitted.schema.inputs)):
        source = np.tile(order[:, None], (repeats, len(fitted.schema.inputs)))
        source[:, column] = np.concatenate(orders)
        predictions = pace.predict(mixer.mix(source))
        found += [
            {name: one[at * rows : (at + 1) * rows] for name, one in predictions.items()} for at in range(repeats)
        ]
    return found
