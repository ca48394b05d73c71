"""Faithfulness of a map by deletion and insertion: whether the pieces it puts first really carry the prediction.

Deletion blanks pieces, the worthiest first, and the figure explained should fall at once; insertion brings them back
into the blanked cell in the same order, and it should rise at once. Each walk is summed up by the area below it, which
is the figure's mean on the way. Both are compared with the mean over random orders: a gain of 0 is no better than
naming pieces at random, 0.2 means that the figure was on average 0.2 lower (deletion) or higher (insertion).

Petsiuk, Das & Saenko, RISE: randomized input sampling for explanation of black-box models (BMVC 2018).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mapsto.explaining.game import Play

LEVELS = 10
"""Steps of a walk, at most one for each piece."""
ORDERS = 8
"""Random orders."""
_FEWEST_LEVELS, _FEWEST_ORDERS = 4, 2
"""Where time is short."""


def gains(game: Play, worth_PT: np.ndarray, reserve: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Gains of deletion and insertion over random orders, each `(targets,)`, in the units of the figure.

    Args:
        game: of one row.
        worth_PT: what the map says each piece is worth.
        reserve: rows for whose prediction time has to be left.
        seed: of the random orders.
    """
    pieces, targets = worth_PT.shape
    room = game.pace.rows(reserve)
    levels = int(np.clip(room / (2 * targets + _FEWEST_ORDERS), _FEWEST_LEVELS, LEVELS))
    counts = _counts(pieces, levels)
    if len(counts) < 3:
        return np.zeros(targets), np.zeros(targets)
    orders = int(np.clip(room / (len(counts) - 2) - 2 * targets, _FEWEST_ORDERS, ORDERS))
    random = np.random.default_rng([seed, 13]).random((orders, pieces)).argsort(axis=1)
    guided = _guided(worth_PT)
    area = _areas(game, np.concatenate([guided, pieces - 1 - guided, random]), counts)
    by_chance, place = area[2 * targets :].mean(axis=0), np.arange(targets)
    return by_chance - area[place, place], area[targets + place, place] - by_chance


def separation(game: Play, worth_PT: np.ndarray) -> np.ndarray:
    """Gains of deletion and insertion together, `(targets,)`: random orders would cancel out, so none are walked."""
    pieces, targets = worth_PT.shape
    counts, guided = _counts(pieces, LEVELS), _guided(worth_PT)
    if len(counts) < 3:
        return np.zeros(targets)
    area, place = _areas(game, np.concatenate([guided, pieces - 1 - guided]), counts), np.arange(targets)
    return np.asarray(area[targets + place, place] - area[place, place])


def _counts(pieces: int, levels: int) -> np.ndarray:
    """How many pieces stay at each step of a walk, from none to all."""
    return np.unique(np.linspace(0, pieces, levels + 1).round().astype(np.int64))


def _guided(worth_PT: np.ndarray) -> np.ndarray:
    """Place of each piece in each target's walk, the least worthy first, `(targets, pieces)`."""
    return worth_PT.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable").T


def _areas(game: Play, walks: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean of the figure on each walk, `(walks, targets)`; a piece stays where its place is below the step's count."""
    inner = counts[1:-1]
    stays = (walks[:, None, :] < inner[:, None]).reshape(-1, walks.shape[1])
    zeros = np.zeros(len(stays), dtype=np.int64)
    between = game.worth(zeros, stays, zeros).reshape(len(walks), len(inner), -1)
    ends = [np.broadcast_to(each, (len(walks), 1, between.shape[2]))
            for each in (game.empty(zeros[:1], zeros[:1]), game.own_RT)]  # fmt: skip
    every = np.concatenate([ends[0], between, ends[1]], axis=1)
    return np.asarray(np.trapezoid(every, counts / walks.shape[1], axis=1))
