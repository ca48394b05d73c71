"""What is inside a cell: which words, fields, steps, nodes or frames of it moved the row's prediction.

The pieces of the cell play the game that columns play elsewhere: they take their places one after another in the
blanked cell, all other columns as they are, and what a piece changes on entering, averaged over orders, is its worth
(Shapley sampling). So the worths add up to the difference that the whole cell makes against the blanked one. Nothing
but predictions is needed, so every model is explained alike, whatever its members are.

Ribeiro, Singh & Guestrin, "Why should I trust you?" (KDD 2016), on pieces that people can read; Lundberg & Lee, A
unified approach to interpreting model predictions (NIPS 2017), on Shapley values of such pieces.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mapsto.columns.common.parts import Ragged
from mapsto.errors import DataError
from mapsto.explaining.deletion import LEVELS, ORDERS, gains
from mapsto.explaining.mixing import BATCH_ROWS, Pace, Question
from mapsto.explaining.pixels import COST, Pixels, pixel_map
from mapsto.explaining.shapley import contributions
from mapsto.sample import texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mapsto.columns.base import Column
    from mapsto.columns.common.insides import Inside
    from mapsto.fitted import Fitted
    from mapsto.schema import Encoded

PAIRS = 8
"""Orders, each with its reverse, when no time is given."""
MOST_PAIRS = 64
_TOGETHER = 8
_FIRST_ROWS = 16
_FEWEST_WALKS = 6
"""Where time is short, pieces are larger and fewer, so that there is time for so many walks."""
_FEWEST_PIECES = 9
_FOR_OTHERS = 0.4
"""Share of a cell's time that goes into deletion and insertion, and into pixels, at most."""
_BATCH_BYTES = 2**26
"""Of cells with blanked pieces, predicted at once."""


@dataclass(frozen=True)
class Map:
    """What the pieces of one cell are worth to the figure explained (see `Attributions`), in its units."""

    row: int
    column: str
    inside: Inside
    worth: np.ndarray
    """`(pieces, targets)`; the sum is `figure - blank`."""
    blank: np.ndarray
    """`(targets,)`: the figure where all pieces are blanked."""
    figure: np.ndarray
    """`(targets,)`: the figure as it is."""
    deletion: np.ndarray
    """`(targets,)`, see `mapsto.explaining.deletion`; above 0 is better than at random."""
    insertion: np.ndarray
    chosen: np.ndarray
    """`(targets,)`: code of the class or label whose probability is the figure; 0 for numbers."""
    samples: int
    """Pairs of orders behind each worth."""
    pixels: Pixels | None = None
    """Of a picture that the strongest member reads as pixels, what each pixel contributes."""


class CellGame:
    """The pieces of one cell and what the model says where some of them are blanked; see `Play`.

    Shape legend: V rows with blanked pieces, P pieces, T targets.
    """

    rows = 1

    def __init__(self, fitted: Fitted, row: Encoded, column: Column, inside: Inside, pace: Pace) -> None:
        self.columns, self.pace = len(inside.pieces), pace
        self._schema, self._row, self._name, self._inside = fitted.schema, row, column.name, inside
        predictions = pace.predict(row)
        self.question = Question.of(fitted, predictions)
        self.own_RT = self.question.answers(predictions, np.zeros(1, dtype=np.int64))
        size = sum(b.values.nbytes if isinstance(b, Ragged) else b.nbytes for b in row.blocks.values())
        self._step = int(np.clip(_BATCH_BYTES // max(1, size), 16, BATCH_ROWS))
        self.blank_T = self._worth(np.zeros((1, self.columns), dtype=bool))[0]

    def draw(self, draws: int, seed: int) -> np.ndarray:
        """Nothing but blanks stands in for a piece."""
        return np.zeros((1, draws), dtype=np.int64)

    def empty(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Worth of the blanked cell."""
        return np.broadcast_to(self.blank_T, (len(rows), len(self.blank_T)))

    def worth(self, rows: np.ndarray, stays_VC: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Worth `(V, T)` of the pieces that stay."""
        return self._worth(stays_VC)

    def _worth(self, stays_VP: np.ndarray) -> np.ndarray:
        found = np.empty((len(stays_VP), len(self.question.targets)))
        for at in range(0, len(stays_VP), self._step):
            stays = stays_VP[at : at + self._step]
            start = clock.perf_counter()
            same = self._row.take(np.zeros(len(stays), dtype=np.int64))
            blanked = self._schema.with_arrays(same, {self._name: self._inside.blanked(stays)})
            predictions = self.pace.predict(blanked)
            self.pace.took(len(stays), clock.perf_counter() - start)
            found[at : at + len(stays)] = self.question.answers(predictions, np.zeros(len(stays), dtype=np.int64))
        return found


def maps(
    fitted: Fitted, encoded: Encoded, wanted: Sequence[tuple[int, str]], cells: Mapping[str, Sequence[str | None]],
    max_seconds: float | None = None,
) -> list[Map]:  # fmt: skip
    """Maps of some cells; those that are missing, or have no inner structure, have none.

    Args:
        fitted: the model.
        encoded: rows.
        wanted: row and column of each cell.
        cells: by column, the rows' texts, of the columns that keep them.
        max_seconds: wall time for all of them; the less, the fewer samples and pieces, but one pair of orders of a few
            pieces for each cell in any case. None: a fixed number of samples, and the same result every time.
    """
    pace = Pace(fitted, max_seconds)
    pace.warm(encoded, _FIRST_ROWS)
    columns = {column.name: column for column in fitted.schema.inputs}
    found = []
    for done, (row, name) in enumerate(wanted):
        column, one = columns[name], encoded.take(np.array([row]))
        text = cells[name][row] if name in cells else None
        inside = column.inside(fitted.schema.arrays(one, column), text)
        if inside is not None:
            later = pace.rows() * (1 - 1 / (len(wanted) - done)) if pace.limited else 0.0
            room = pace.rows(later) / _FEWEST_WALKS
            inside = replace(inside, most=int(np.clip(room, min(_FEWEST_PIECES, inside.most), inside.most)))
            game = CellGame(fitted, one, column, inside, pace)
            drawn = _map(game, (row, name), inside, later, fitted.recipe.seed)
            if pace.rows(later) >= COST * len(drawn.chosen):
                play = partial(CellGame, fitted, one, column, pace=pace)
                drawn = replace(drawn, pixels=pixel_map(fitted, one, column, inside, drawn.chosen, play))
            found.append(drawn)
    return found


def _map(game: CellGame, cell: tuple[int, str], inside: Inside, reserve: float, seed: int) -> Map:
    targets, left = len(game.question.targets), game.pace.rows(reserve)
    walks = (2 * targets + ORDERS) * (LEVELS - 1)
    gradients = COST * targets if inside.kind == "picture" else 0.0
    worth, samples = _worth(game, reserve + min(walks + gradients, _FOR_OTHERS * left), seed)
    deletion, insertion = gains(game, worth, reserve, seed)
    return Map(
        *cell, inside, worth, game.blank_T, game.own_RT[0], deletion, insertion, game.question.chosen[0], samples
    )


def _worth(game: CellGame, reserve: float, seed: int) -> tuple[np.ndarray, int]:
    """Worth `(pieces, targets)` and the pairs of orders behind it: at least one, and no more than time allows."""
    total, done = np.zeros((game.columns, len(game.question.targets))), 0
    most, orders = MOST_PAIRS if game.pace.limited else PAIRS, 2 * max(1, game.columns - 1)
    while done < most:
        fit = game.pace.rows(reserve) / orders
        if done and fit < 1:
            break
        pairs = int(np.clip(fit / 2 if game.pace.limited else most, 1, min(most - done, _TOGETHER)))
        total += contributions(game, np.zeros((1, pairs), dtype=np.int64), game.columns, [seed, 5, done])[0]
        done += pairs
    return total / (2 * done), done


def explain_inside(
    fitted: Fitted, frame: pl.DataFrame, name: str, max_seconds: float | None = None
) -> tuple[pl.DataFrame, list[Map]]:
    """Which pieces of a column's cells moved each prediction; see `Model.explain`.

    Returns:
        The maps, as a frame in the order of the pieces and as they are: `row` (from 0), `target` (with several targets
        only), `piece`, where it lies (`start` and `end`, or `top`, `bottom`, `left` and `right`), `attribution`,
        `deletion`, `insertion`. Rows whose cell is missing have none.

    Raises:
        DataError: no rows, an input column is absent, or the column has no inner structure.
    """
    start = clock.monotonic()
    fitted.require_inputs(frame)
    require_inner(fitted, name)
    if frame.height == 0:
        message = "there are no rows to explain: the table has a header only"
        raise DataError(message)
    encoded = fitted.schema.encode(frame)
    left = None if max_seconds is None else max_seconds - (clock.monotonic() - start)
    wanted = [(row, name) for row in range(frame.height)]
    found = maps(fitted, encoded, wanted, texts(fitted.schema, frame), left)
    targets = [target.name for target in fitted.schema.targets]
    frames = [_frame(one, place, target) for one in found for place, target in enumerate(targets)]
    whole = pl.concat(frames) if frames else _nothing()
    return whole.drop("target") if len(targets) == 1 else whole, found


def require_inner(fitted: Fitted, name: str) -> None:
    """The column must be an input whose cells have an inner structure."""
    able = [column.name for column in fitted.schema.inputs if column.inner]
    if name in able:
        return
    there = next((column for column in fitted.schema.inputs if column.name == name), None)
    what = (
        f"column {name!r} is no input" if there is None else f"column {name!r} is a {there.type}, which has no pieces"
    )
    message = f"{what}; cells with an inner structure are in {able or 'no column of this model'}"
    raise DataError(message)


def _frame(one: Map, place: int, target: str) -> pl.DataFrame:
    pieces = one.inside.pieces
    return pl.DataFrame(
        {
            "row": pl.Series([one.row] * len(pieces), dtype=pl.Int64),
            "target": [target] * len(pieces),
            "piece": pieces,
            **one.inside.extents(),
            "attribution": one.worth[:, place],
            "deletion": [float(one.deletion[place])] * len(pieces),
            "insertion": [float(one.insertion[place])] * len(pieces),
        }
    )


def _nothing() -> pl.DataFrame:
    figures = dict.fromkeys(("attribution", "deletion", "insertion"), pl.Float64)
    return pl.DataFrame(schema={"row": pl.Int64, "target": pl.String, "piece": pl.String, **figures})
