"""Which of many columns may give the target away: a quick look at all of them, so that few have to be tried.

Sorted by a column, rows that lie next to each other have the same answer if the column tells it. So each row of one
half is given the answer of the nearest row of the other half that lies before it: a nearest neighbour in one dimension,
found for hundreds of columns at once. What a small tree predicts nearly perfectly, this predicts well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

_BLOCK = 2**21
"""Cells that are sorted at once."""
_GOOD = {"classification": 0.6, "regression": 0.5}
"""Balanced accuracy, or R² of ranks, far below that of a column that is suspect, and above that of most others."""


def promising(columns: Mapping[str, np.ndarray], answers: list[tuple[str, np.ndarray]], *, seed: int = 0) -> list[str]:
    """Names of the columns worth a closer look, in their order: those of several features, and those that pass.

    Args:
        columns: by name, features `(rows, n)`, NaN missing.
        answers: task ("classification" or "regression") and answers `(rows,)`: codes from 0, or ranks. Of several, a
            column has to be good on average.
        seed: of the halves.
    """
    single = [name for name, values in columns.items() if values.shape[1] == 1]
    if not single or not answers:
        return list(columns)
    rows = len(answers[0][1])
    inside = np.random.default_rng([seed, 5]).permutation(rows) % 2 == 0
    wide = max(1, _BLOCK // max(1, rows))
    passed: set[str] = set()
    for at in range(0, len(single), wide):
        names = single[at : at + wide]
        x_NC = np.concatenate([columns[name] for name in names], axis=1)
        nearest_NC = _nearest_before(x_NC, inside)
        over = [_score(task, answer, nearest_NC, ~inside) / _GOOD[task] for task, answer in answers]
        passed.update(name for name, good in zip(names, np.mean(over, axis=0) >= 1, strict=True) if good)
    return [name for name, values in columns.items() if values.shape[1] != 1 or name in passed]


def _nearest_before(x_NC: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """For each row and column the row inside that lies before it, or is equal; the first one where none does."""
    order_NC = np.argsort(x_NC, axis=0, kind="stable")
    place_NC = np.where(inside[order_NC], np.arange(len(x_NC))[:, None], -1)
    first_C = np.argmax(place_NC >= 0, axis=0)
    last_NC = np.maximum(np.maximum.accumulate(place_NC, axis=0), first_C)
    found_NC = np.empty_like(order_NC)
    np.put_along_axis(found_NC, order_NC, np.take_along_axis(order_NC, last_NC, axis=0), axis=0)
    return found_NC


def _score(task: str, answer: np.ndarray, nearest_NC: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Balanced accuracy or R² of each column on held rows: `(columns,)`."""
    truth, guess_NC = answer[held], answer[nearest_NC[held]]
    if task == "classification":
        counts = np.bincount(truth)
        weight = 1.0 / (counts[truth] * (counts > 0).sum())
        found: np.ndarray = weight @ (guess_NC == truth[:, None])
        return found
    spread = np.square(truth - truth.mean()).sum()
    return np.asarray(1.0 - np.square(guess_NC - truth[:, None]).sum(axis=0) / max(spread, 1e-12))
