"""Which columns moved each prediction: attributions to the user's columns, with how faithful they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mapsto.errors import DataError
from mapsto.explaining.faithfulness import DRAWS, faithfulness, top_count
from mapsto.explaining.game import Game
from mapsto.explaining.gradients import integrated_gradients, single_network
from mapsto.explaining.mixing import Pace
from mapsto.explaining.shapley import shapley

if TYPE_CHECKING:
    from mapsto.fitted import Fitted
    from mapsto.schema import Encoded

_FOR_FAITHFULNESS = 0.25
"""Share of the time left that goes into faithfulness."""


@dataclass(frozen=True)
class Attributions:
    """What each column adds to each row's figure, starting from `base`.

    The figure of a target is the prediction for numbers (user units), the probability of the predicted class for
    classes, and the probability of the most probable label for labels.
    """

    columns: list[str]
    targets: list[str]
    values: np.ndarray
    """`(rows, columns, targets)`."""
    base: np.ndarray
    """`(rows, targets)`: the figure's mean over training rows, where nothing is known of the row."""
    figure: np.ndarray
    """`(rows, targets)`: the figure explained."""
    chosen: np.ndarray
    """`(rows, targets)`: code of the class or label whose probability is the figure; 0 for numbers."""
    faithfulness: np.ndarray
    """`(rows, targets)`, see `mapsto.explaining.faithfulness`."""
    method: str
    samples: int
    """Pairs of orders (Shapley sampling) or background rows (integrated gradients) behind each value."""

    @property
    def gap(self) -> np.ndarray:
        """`(rows, targets)`: how far base and attributions together miss the figure; 0 is exact additivity."""
        return np.asarray(self.figure - self.base - self.values.sum(axis=1))


def attribute(fitted: Fitted, encoded: Encoded, max_seconds: float | None = None) -> Attributions:
    """Attributions of encoded rows.

    Shapley sampling over whole columns (`mapsto.explaining.shapley`); integrated gradients where the model is one
    single network (`mapsto.explaining.gradients`).

    Args:
        fitted: the model.
        encoded: the rows, at least one.
        max_seconds: wall time; fewer samples are drawn when it is short, never fewer rows. None: a fixed number of
            samples, and the same result every time.
    """
    pace = Pace(fitted, max_seconds)
    game = Game(fitted, encoded, pace)
    seed = fitted.recipe.seed
    sets = len(game.question.targets) + -(-game.columns // top_count(game.columns))
    reserve = min(DRAWS * sets * game.rows, _FOR_FAITHFULNESS * pace.rows())
    network = single_network(fitted)
    if network is None:
        method = "Shapley sampling"
        values, samples = shapley(game, reserve, seed)
    else:
        method = "integrated gradients"
        values, samples = integrated_gradients(fitted, network, game, encoded, reserve)
    ratio = faithfulness(game, values, pace.rows(), seed)
    names = [column.name for column in fitted.schema.inputs]
    question = game.question
    return Attributions(
        names, question.targets, values, game.base, game.own_RT, question.chosen, ratio, method, samples
    )


def explain(fitted: Fitted, frame: pl.DataFrame, max_seconds: float | None = None) -> pl.DataFrame:
    """Which columns moved each prediction, the strongest first; see `Model.explain`.

    Returns:
        A row per row, target and column: `row` (from 0), `target` (with several targets only), `column`, `value` (as a
        person reads it), `attribution` (prediction's units for numbers; probability of the predicted class for classes
        and of the most probable label for labels), `faithfulness` (above 1: replacing the row's top columns moves the
        prediction more than replacing as many random ones).

    Raises:
        DataError: no rows, or an input column is absent.
    """
    fitted.require_inputs(frame)
    if frame.height == 0:
        message = "there are no rows to explain: the table has a header only"
        raise DataError(message)
    import time as clock

    start = clock.monotonic()
    encoded = fitted.schema.encode(frame)
    left = None if max_seconds is None else max_seconds - (clock.monotonic() - start)
    return _frame(fitted, attribute(fitted, encoded, left), frame)


def _frame(fitted: Fitted, found: Attributions, frame: pl.DataFrame) -> pl.DataFrame:
    rows, columns, targets = found.values.shape
    order = np.argsort(-np.abs(found.values), axis=1, kind="stable").transpose(0, 2, 1)
    row, target = np.divmod(np.repeat(np.arange(rows * targets), columns), targets)
    column = order.ravel()
    shown = [
        pl.Series([c.show(value) for value in frame[c.name].to_list()], dtype=pl.String) for c in fitted.schema.inputs
    ]
    cells = pl.concat(shown)
    parts = {
        "row": pl.Series(row, dtype=pl.Int64),
        "target": pl.Series(found.targets)[target],
        "column": pl.Series(found.columns)[column],
        "value": cells[column * rows + row],
        "attribution": found.values[row, column, target],
        "faithfulness": found.faithfulness[row, target],
    }
    if targets == 1:
        del parts["target"]
    return pl.DataFrame(parts)
