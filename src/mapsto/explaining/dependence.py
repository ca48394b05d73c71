"""Partial dependence: the mean prediction when one column is set to the same value in every row.

It shows the shape of what the model learned of a column, averaged over the other columns as training rows have them.
Where columns go together (rooms and floor area), it also asks for rows that do not exist. Friedman, Greedy function
approximation: a gradient boosting machine (2001).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mapsto.errors import DataError
from mapsto.explaining.mixing import Mixer, Pace, background

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.columns.base import Column
    from mapsto.fitted import Fitted
    from mapsto.sample import Sample

POINTS = 12
"""Values tried of a number."""
VALUES = 8
"""Values tried of a category: the most frequent."""
ROWS = 100
"""Training rows over which predictions are averaged."""
_FEWEST_ROWS = 10


@dataclass(frozen=True)
class _Grid:
    """Training rows whose values of a column are tried."""

    rows: np.ndarray
    positions: np.ndarray
    """Where the values lie on a number line; NaN for values without an order."""


def partial_dependence(fitted: Fitted, columns: Sequence[str], max_seconds: float | None = None) -> pl.DataFrame:
    """Partial dependence of the predictions on some columns, one at a time.

    Args:
        fitted: the model.
        columns: names of input columns.
        max_seconds: wall time; in short time predictions are averaged over fewer rows.

    Returns:
        A row per column, target, class and value: `column`, `target`, `class` (null for numbers), `position` (on the
        number line; null for values without an order), `value` (as a person reads it), `mean` (prediction in user
        units, or the probability of the class or label), `low` and `high` (the quarters of the averaged predictions).

    Raises:
        DataError: no such input column.
    """
    inputs = {column.name: place for place, column in enumerate(fitted.schema.inputs)}
    unknown = [name for name in columns if name not in inputs]
    if unknown:
        message = f"{unknown} are no input columns of this model; it reads {list(inputs)}"
        raise DataError(message)
    sample, pace = background(fitted), Pace(fitted, max_seconds)
    pace.warm(sample.encoded)
    grids = {name: _grid(fitted.schema.inputs[inputs[name]], fitted, sample) for name in columns}
    points = sum(len(grid.rows) for grid in grids.values())
    rows = min(len(sample), ROWS, max(_FEWEST_ROWS, int(min(ROWS, 0.9 * pace.rows() / max(1, points)))))
    others = np.linspace(0, len(sample) - 1, rows).astype(np.int64)
    mixer = Mixer(fitted.schema, sample.encoded)
    frames = []
    for name, grid in grids.items():
        source = np.tile(others, len(grid.rows))[:, None].repeat(len(inputs), axis=1)
        source[:, inputs[name]] = np.repeat(grid.rows, rows)
        predictions = pace.predict(mixer.mix(source))
        shown = [sample.shown[name][row] for row in grid.rows]
        for target in fitted.schema.targets:
            values = predictions[target.name].reshape(len(grid.rows), rows, -1)
            frames += _lines(name, target, grid, shown, values)
    return pl.concat(frames)


def _lines(name: str, target: Column, grid: _Grid, shown: list[str], values: np.ndarray) -> list[pl.DataFrame]:
    """One line a class (or one for a number), from values `(points, rows, classes)`."""
    low, high = np.quantile(values, [0.25, 0.75], axis=1)
    classes: list[str | None] = [str(value) for value in target.classes] or [None]
    return [
        pl.DataFrame(
            {
                "column": name,
                "target": target.name,
                "class": pl.Series([classes[j]] * len(shown), dtype=pl.String),
                "position": pl.Series(grid.positions, nan_to_null=True),
                "value": shown,
                "mean": values[:, :, j].mean(axis=1).astype(np.float64),
                "low": low[:, j].astype(np.float64),
                "high": high[:, j].astype(np.float64),
            }
        )
        for j in range(len(classes))
    ]


def _grid(column: Column, fitted: Fitted, sample: Sample) -> _Grid:
    """Values worth trying: spread over the quantiles of a number, or the most frequent ones."""
    features = column.features(fitted.schema.arrays(sample.encoded, column))
    first = features.values[:, 0].astype(np.float64)
    known = np.flatnonzero(~np.isnan(first))
    shown = pl.Series(sample.shown[column.name])
    if features.categorical[0] or len(known) == 0 or features.values.shape[1] > 1:
        return _frequent(shown)
    order = known[np.argsort(first[known], kind="stable")]
    picked = order[np.linspace(0, len(order) - 1, POINTS + 2).astype(np.int64)[1:-1]]
    _, distinct = np.unique(first[picked], return_index=True)
    rows = picked[distinct]
    return _Grid(rows, first[rows])


def _frequent(shown: pl.Series) -> _Grid:
    counted = (
        shown.alias("value")
        .to_frame()
        .with_row_index("row")
        .group_by("value")
        .agg(pl.len().alias("count"), pl.col("row").min())
        .sort("count", "row", descending=[True, False])
        .head(VALUES)
    )
    rows = counted["row"].to_numpy().astype(np.int64)
    return _Grid(rows, np.full(len(rows), np.nan))
