"""Shapley values by sampling: what each column contributes to a prediction, shared out fairly.

A row's columns take their places one after another, in a random order, in a background row; what a column changes on
entering is one sample of its contribution, and the mean over orders and background rows is its Shapley value. Every
order is also walked backwards (antithetic sampling), which cancels much of the noise. Along an order the changes add
up to the difference of the row's prediction and the background row's, so additivity holds up to the error of the
background's mean.

Štrumbelj and Kononenko, Explaining prediction models and individual predictions with feature contributions (2014);
Mitchell et al., Sampling permutations for Shapley value estimation (JMLR 2022).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mapsto.explaining.game import Game, Play

PAIRS = 16
"""Orders, each with its reverse, when no time is given."""
MOST_PAIRS = 128
_PART = 16_384
"""Mixed rows predicted together."""
_MARGIN = 0.9
"""Share of the time that is planned; the rest is for what is slower than measured."""
_LOOKS = 8
"""How often the clock is looked at, at least, where time is limited."""


def shapley(game: Game, reserve: float, seed: int) -> tuple[np.ndarray, int]:
    """Contributions `(rows, columns, targets)` and the number of pairs of orders behind them.

    Args:
        game: the rows to explain.
        reserve: rows for whose prediction time has to be left. Where there is no time for one pair of orders for every
            row, columns enter in groups whose members share what the group changes.
        seed: of orders and background rows.
    """
    orders = 2 * max(1, game.columns - 1)
    affordable = _MARGIN * game.pace.rows(reserve) / (game.rows * orders)
    pairs = PAIRS if not game.pace.limited else int(np.clip(affordable, 1, MOST_PAIRS))
    steps = game.columns
    if affordable < 1:
        steps = int(np.clip(1 + affordable * orders / 2, 1, game.columns))
    others = game.draw(pairs, seed)
    together = max(1, _PART // (game.rows * orders))
    if game.pace.limited:
        together = min(together, -(-pairs // _LOOKS))
    total = np.zeros((game.rows, game.columns, len(game.question.targets)))
    done = 0
    while done < pairs and (done == 0 or game.pace.rows(reserve) >= together * game.rows * orders):
        now = range(done, min(done + together, pairs))
        total += contributions(game, others[:, list(now)], steps, [seed, 5, done])
        done += len(now)
    return total / (2 * done), done


def contributions(game: Play, others: np.ndarray, steps: int, seed: list[int]) -> np.ndarray:
    """Contributions `(rows, columns, targets)`, summed over as many random orders as `others` `(rows, orders)` has
    columns, each walked both ways in so many steps.
    """
    orders, columns = others.shape[1], game.columns
    entry = np.random.default_rng(seed).random((game.rows * orders, columns)).argsort(axis=1)
    entry = np.concatenate([entry, columns - 1 - entry])
    rows = np.tile(np.repeat(np.arange(game.rows), orders), 2)
    changes = _walk(game, rows, np.tile(others.ravel(), 2), entry * steps // columns, steps)
    return np.asarray(changes.reshape(2, game.rows, orders, columns, -1).sum(axis=(0, 2)))


def _walk(game: Play, rows: np.ndarray, others: np.ndarray, enters: np.ndarray, steps: int) -> np.ndarray:
    """What each column changes `(walks, columns, targets)` when it enters at step `enters` of `steps`."""
    (walks, columns), targets = enters.shape, len(game.question.targets)
    stays = enters[:, None, :] < np.arange(1, steps)[:, None]
    worth = np.empty((walks, steps + 1, targets))
    worth[:, 0], worth[:, -1] = game.empty(rows, others), game.own_RT[rows]
    between = [np.repeat(values, steps - 1) for values in (rows, others)]
    worth[:, 1:-1] = game.worth(between[0], stays.reshape(-1, columns), between[1]).reshape(walks, steps - 1, targets)
    sizes = np.bincount(np.arange(columns) * steps // columns, minlength=steps)
    share = np.diff(worth, axis=1) / sizes[:, None]
    return np.take_along_axis(share, enters[:, :, None], axis=1)
