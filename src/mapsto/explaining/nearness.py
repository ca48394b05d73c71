"""How new a row is, and which training rows are most like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mapsto.columns.common.parts import SensePart
from mapsto.explaining.mixing import background
from mapsto.explaining.space import Space
from mapsto.judging.doubt import entropy

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.fitted import Fitted
    from mapsto.members.base import Predictions
    from mapsto.schema import Encoded

_LEAST_REACH = 0.01
"""A model that is sure of nearly every held-out row: entropies below this are no doubt, in nats."""


def novelty(fitted: Fitted, frame: pl.DataFrame) -> np.ndarray:
    """How far outside the training data each row lies, `(rows,)`.

    The distance to the nearest of the training rows that the model keeps (see `mapsto.explaining.space`), divided by
    the 99th percentile of the same distance among those rows themselves, plus 1 for each category that training did
    not have. So 1 means: farther than 99 % of the training rows are from each other.

    Texts, pictures and the like have no such distance. Where a class is predicted from them, what counts is how
    undecided the answer is (see `mapsto.judging.doubt`), so that 1 means: more than of 99 % of the calibrating rows; of
    both, in a table with other columns too, the larger.
    """
    fitted.require_inputs(frame)
    return novelty_of(fitted, fitted.schema.encode(frame))


def novelty_of(fitted: Fitted, encoded: Encoded, predictions: Predictions | None = None) -> np.ndarray:
    """`novelty` of encoded rows, and of what the model says of them where that is known already."""
    if encoded.rows == 0:
        return np.zeros(0)
    columns = fitted.schema.inputs
    found = np.zeros(encoded.rows)
    if fitted.doubts and any(map(_sensed, columns)):
        columns = [column for column in columns if not _sensed(column)]
        predictions = fitted.predictions(encoded) if predictions is None else predictions
        for target, reach in fitted.doubts.items():
            found = np.maximum(found, entropy(predictions[target]) / max(reach, _LEAST_REACH))
    if columns:
        space = Space.of(fitted.schema, background(fitted).encoded, columns)
        _, far = space.nearest(encoded, 1)
        found = np.maximum(found, far[:, 0] + space.unseen(encoded))
    return found


def _sensed(column: Column) -> bool:
    """Whether a network of its own reads the column's cells."""
    return any(isinstance(part, SensePart) for part in column.parts)


def similar(fitted: Fitted, frame: pl.DataFrame, k: int = 5) -> pl.DataFrame:
    """The training rows most like each row, among those that the model keeps.

    Returns:
        `row` (from 0), `rank` (from 1), `distance` (in the unit of `novelty`), and the training row's inputs and
        targets as a person reads them.
    """
    fitted.require_inputs(frame)
    return similar_to(fitted, fitted.schema.encode(frame), k)


def similar_to(fitted: Fitted, encoded: Encoded, k: int = 5) -> pl.DataFrame:
    """`similar` of encoded rows."""
    sample = background(fitted)
    nearest, far = Space.of(fitted.schema, sample.encoded).nearest(encoded, k)
    rows, count = nearest.shape
    about = pl.DataFrame(
        {
            "row": np.repeat(np.arange(rows), count),
            "rank": np.tile(np.arange(1, count + 1), rows),
            "distance": far.ravel(),
        }
    )
    shown = {name: pl.Series(values, dtype=pl.String)[nearest.ravel()] for name, values in sample.shown.items()}
    taken = [pl.Series(name if name not in about.columns else f"{name} (training)", s) for name, s in shown.items()]
    return about.hstack(taken)
