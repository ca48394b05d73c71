"""The model as a game that columns play for one row: what is predicted when only some columns keep the row's values.

The columns that do not take part get the values of a training row, the "background". The worth of a set of columns is
the figure asked for (see `Question`) in that mixed row.
"""

from __future__ import annotations

from functools import cached_property
from math import gcd
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mapsto.explaining.mixing import BATCH_CELLS, BATCH_ROWS, Mixer, Pace, Question, background, join

if TYPE_CHECKING:
    from mapsto.fitted import Fitted
    from mapsto.schema import Encoded

_FEW_BACKGROUND = 20
_GOLDEN = (5**0.5 - 1) / 2
_SHARE = 0.15
"""Share of the time that may go into predicting the background."""


class Play(Protocol):
    """What sampling asks of a game: columns of rows play it, or pieces of one cell (`mapsto.explaining.cell`)."""

    rows: int
    columns: int
    """Players."""
    pace: Pace
    question: Question
    own_RT: np.ndarray  # noqa: N815 - the house's shape suffix
    """The figure explained, of the rows themselves."""

    def draw(self, draws: int, seed: int) -> np.ndarray:
        """What stands in for absent players, `(rows, draws)`."""

    def empty(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Worth of no player `(V, T)`."""

    def worth(self, rows: np.ndarray, stays_VC: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Worth `(V, T)` of the players that stay."""


class Game:
    """Rows to explain, background rows, and what the model says of their mixtures.

    Shape legend: V mixed rows, C columns, T targets.
    """

    def __init__(self, fitted: Fitted, encoded: Encoded, pace: Pace) -> None:
        kept = background(fitted).encoded
        pace.warm(encoded)
        most = int(max(_FEW_BACKGROUND, min(kept.rows, _SHARE * pace.rows())))
        if most < kept.rows:
            kept = kept.take(np.linspace(0, kept.rows - 1, most).astype(np.int64))
        self.rows, self.columns, self.background_rows = encoded.rows, len(fitted.schema.inputs), kept
        self.pace = pace
        self._mixer = Mixer(fitted.schema, join(encoded, kept))
        self._of_background = pace.predict(kept)
        predictions = pace.predict(encoded)
        self.question = Question.of(fitted, predictions)
        self.own_RT = self.question.answers(predictions, np.arange(encoded.rows))
        """The figure explained, of the rows themselves."""

    def empty(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Worth of no column: the rows' figures `(V, T)` as the background rows `others` have them."""
        return self.question.answers(self._of_background, rows, others)

    @cached_property
    def base(self) -> np.ndarray:
        """Mean worth of no column over the background `(rows, targets)`: what is said when nothing is known."""
        means = {name: values.mean(axis=0, keepdims=True) for name, values in self._of_background.items()}
        rows = np.arange(self.rows)
        return self.question.answers(means, rows, np.zeros(self.rows, dtype=np.int64))

    def draw(self, draws: int, seed: int) -> np.ndarray:
        """Background rows `(rows, draws)` for every row, spread evenly over the background.

        The background is sorted by the figure of the first target and cut into `draws` equal slices; one row from each
        has nearly its mean figure. Slices side by side are drawn far apart in time, in case it runs out.
        """
        size = self.background_rows.rows
        order = np.argsort(self._of_background[self.question.targets[0]], axis=0, kind="stable")
        within = np.random.default_rng([seed, 3]).random((self.rows, draws))
        step = next(step for step in range(max(1, round(_GOLDEN * draws)), draws + 2) if gcd(step, draws) == 1)
        place = (np.arange(draws) * step % draws + within) / draws * size
        return np.asarray(order[np.minimum(place.astype(np.int64), size - 1), self.question.chosen[:, :1]])

    def worth(self, rows: np.ndarray, stays_VC: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Worth `(V, T)` of the columns that stay; the others are taken from background rows `others`."""
        step = max(1, min(BATCH_ROWS, BATCH_CELLS // self.columns))
        found = np.empty((len(rows), len(self.question.targets)))
        for at in range(0, len(rows), step):
            part = slice(at, at + step)
            source = np.where(stays_VC[part], rows[part, None], self.rows + others[part, None])
            found[part] = self.question.answers(self.pace.predict(self._mixer.mix(source)), rows[part])
        return found
