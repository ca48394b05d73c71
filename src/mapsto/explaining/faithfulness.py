"""Faithfulness: whether the columns that an explanation puts first really move the prediction.

The columns with the largest attributions (a fifth of all, at least one) are replaced by the values of background rows,
and the mean absolute change of the figure explained is measured. The same is done with as many random columns: all
columns are shuffled and dealt into sets of that size, so each is replaced equally often. The faithfulness of a row is
the first change divided by the mean of the second: 1 is no better than naming columns at random, 5 means that the top
columns alone matter. Where nothing moves the prediction it is 1.

The idea of removing what an explanation names: Samek et al., Evaluating the visualization of what a deep neural network
has learned (2017).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mapsto.explaining.game import Game

TOP_SHARE = 0.2
DRAWS = 8
"""Background rows that stand in for removed columns."""


def top_count(columns: int) -> int:
    """How many columns count as the top ones.

    >>> top_count(20), top_count(3)
    (4, 1)
    """
    return max(1, round(TOP_SHARE * columns))


def faithfulness(game: Game, attributions: np.ndarray, rows_that_fit: float, seed: int) -> np.ndarray:
    """The ratio described above, `(rows, targets)`, of attributions `(rows, columns, targets)`."""
    targets = attributions.shape[2]
    random = _dealt(game, seed)
    sets = random.shape[1] + targets
    draws = int(np.clip(rows_that_fit / (game.rows * sets), 1, DRAWS))
    removed = np.concatenate([_top(attributions), random], axis=1)
    change = _change(game, removed, game.draw(draws, seed + 1))
    of_random = change[:, targets:].mean(axis=1)
    of_top = np.stack([change[:, index, index] for index in range(targets)], axis=1)
    ratio = np.ones_like(of_top)
    np.divide(of_top, of_random, out=ratio, where=of_random > 0)
    return ratio


def _top(attributions: np.ndarray) -> np.ndarray:
    """Which columns are the top ones of each target: bool `(rows, targets, columns)`."""
    order = np.argsort(-np.abs(attributions), axis=1, kind="stable")
    removed = np.zeros(attributions.shape, dtype=bool)
    np.put_along_axis(removed, order[:, : top_count(attributions.shape[1])], values=True, axis=1)
    return removed.transpose(0, 2, 1)


def _dealt(game: Game, seed: int) -> np.ndarray:
    """Random sets of columns that together hold every column: bool `(rows, sets, columns)`."""
    size, columns = top_count(game.columns), game.columns
    place = np.random.default_rng([seed, 7]).random((game.rows, columns)).argsort(axis=1)
    starts = np.arange(0, columns, size)
    return np.asarray((place[:, None, :] - starts[:, None]) % columns < size)


def _change(game: Game, removed: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Mean absolute change `(rows, sets, targets)` over background rows `others` `(rows, draws)`."""
    rows, sets, columns = removed.shape
    draws = others.shape[1]
    place = np.repeat(np.arange(rows), sets * draws)
    stays = np.repeat(~removed.reshape(rows * sets, columns), draws, axis=0)
    worth = game.worth(place, stays, np.repeat(others, sets, axis=0).ravel())
    return np.asarray(np.abs(worth - game.own_RT[place]).reshape(rows, sets, draws, -1).mean(axis=2))
