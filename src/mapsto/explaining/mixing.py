"""Rows mixed from other rows, and the time it takes a model to predict them.

Every explanation here asks the same question: what would the model say if this column held another row's value? So
they all mix rows (each column from a row of its own), predict many at once, and stop in time.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapsto.columns.common.parts import Ragged
from mapsto.errors import DataError
from mapsto.schema import Encoded

if TYPE_CHECKING:
    from mapsto.columns.common.parts import Block
    from mapsto.fitted import Fitted
    from mapsto.sample import Sample
    from mapsto.schema import Schema

BATCH_ROWS = 8192
"""Mixed rows predicted at once."""
BATCH_CELLS = 1 << 21
"""Cells of mixed rows held at once: bounds the memory of tables with many columns."""
_FIRST_ROWS = 64
_TELLING_ROWS = 512
"""A batch of so many rows tells what a row takes; smaller ones count only as long as there was no larger one."""
_GROWTH = 8
_CHEAP = 0.05
"""Share of the time left that one batch for measuring may take."""


def background(fitted: Fitted) -> Sample:
    """The training rows that a model keeps.

    Raises:
        DataError: it keeps none.
    """
    return _kept(fitted.background, "training")


def held(fitted: Fitted) -> Sample:
    """The rows with truth that a model keeps.

    Raises:
        DataError: it keeps none.
    """
    return _kept(fitted.held, "held-out")


def _kept(sample: Sample | None, which: str) -> Sample:
    if sample is None or len(sample) == 0:
        message = f"the model keeps no {which} rows, and explanations need some; fit it again"
        raise DataError(message)
    return sample


class Mixer:
    """Makes rows whose columns come from different rows of a table."""

    def __init__(self, schema: Schema, table: Encoded) -> None:
        place = {column.name: index for index, column in enumerate(schema.inputs)}
        self._table = table
        self._owners = {key: np.array([place[part.column] for part in parts]) for key, parts in schema.parts.items()}
        self._stacked = {key for key, parts in schema.parts.items() if parts[0].stacked}

    def mix(self, source: np.ndarray) -> Encoded:
        """New rows: `source` `(rows, columns)` says from which row of the table each input column is taken."""
        blocks: dict[str, Block] = {}
        for key, block in self._table.blocks.items():
            owners = self._owners[key]
            if isinstance(block, Ragged):
                blocks[key] = block.take(source[:, owners[0]])
            elif key in self._stacked:
                blocks[key] = block[source[:, owners], np.arange(len(owners))]
            else:
                blocks[key] = block[source[:, owners[0]]]
        return Encoded(len(source), blocks)


def join(first: Encoded, second: Encoded) -> Encoded:
    """The rows of one table, then those of another; truth and weights are left behind."""
    blocks = {key: _join(block, second.blocks[key]) for key, block in first.blocks.items()}
    return Encoded(first.rows + second.rows, blocks)


def _join(first: Block, second: Block) -> Block:
    if isinstance(first, Ragged) and isinstance(second, Ragged):
        weights = None
        if first.weights is not None and second.weights is not None:
            weights = np.concatenate([first.weights, second.weights])
        offsets = np.concatenate([first.offsets, second.offsets[1:] + first.offsets[-1]])
        return Ragged(np.concatenate([first.values, second.values]), offsets, weights)
    return np.concatenate([first, second])


class Pace:
    """Predicts for explanations and keeps count of the time: how many more rows fit into it.

    Without a limit of time everything fits, and nothing depends on the clock.
    """

    def __init__(self, fitted: Fitted, seconds: float | None) -> None:
        self._fitted = fitted
        self._end = None if seconds is None else clock.monotonic() + seconds
        self._per_row, self._measured = 0.0, 0

    @property
    def limited(self) -> bool:
        """Whether there is a limit of time."""
        return self._end is not None

    def rows(self, reserve: float = 0.0) -> float:
        """Rows that can still be predicted, as measured so far, when time for `reserve` rows is left alone.

        Infinite without a limit of time.
        """
        if self._end is None or self._per_row == 0:
            return float("inf")
        return max(0.0, (self._end - clock.monotonic()) / self._per_row - reserve)

    def warm(self, encoded: Encoded, rows: int = _FIRST_ROWS) -> None:
        """Have libraries loaded, then measure batches, the first of so many rows, that grow while they are cheap."""
        if self.limited:
            self._fitted.predictions(encoded.take(np.arange(rows) % encoded.rows))
        while self.limited and rows <= BATCH_ROWS and rows <= _CHEAP * self.rows():
            self.predict(encoded.take(np.arange(rows) % encoded.rows))
            rows *= _GROWTH

    def took(self, rows: int, seconds: float) -> None:
        """So many rows took so long: told by `predict`, and by those for whom making rows takes its time as well."""
        if rows >= min(self._measured, _TELLING_ROWS):
            self._measured = max(rows, self._measured)
            self._per_row = seconds / rows

    def predict(self, encoded: Encoded) -> dict[str, np.ndarray]:
        """Calibrated predictions of any number of rows, in batches."""
        found: dict[str, list[np.ndarray]] = {target.name: [] for target in self._fitted.schema.targets}
        start = clock.perf_counter()
        for at in range(0, encoded.rows, BATCH_ROWS):
            whole = encoded.rows <= BATCH_ROWS
            batch = encoded if whole else encoded.take(np.arange(at, min(at + BATCH_ROWS, encoded.rows)))
            for name, values in self._fitted.predictions(batch).items():
                found[name].append(values)
        self.took(encoded.rows, clock.perf_counter() - start)
        return {name: np.concatenate(pieces) for name, pieces in found.items()}


@dataclass(frozen=True)
class Question:
    """Which figure of each row's prediction is explained: a column of the prediction for each row and target.

    For numbers it is the prediction itself, for classes the probability of the class predicted for the row, for labels
    the probability of the row's most probable label.
    """

    targets: list[str]
    chosen: np.ndarray
    """`(rows, targets)`: column of the prediction."""

    @classmethod
    def of(cls, fitted: Fitted, predictions: dict[str, np.ndarray]) -> Question:
        """The question that these predictions pose."""
        found = []
        for target in fitted.schema.targets:
            prediction, threshold = predictions[target.name], fitted.thresholds.get(target.name)
            best = fitted.decided(target, prediction).argmax(axis=1)
            if target.task == "classification" and threshold is not None and prediction.shape[1] == 2:
                best = (prediction[:, 1] >= threshold).astype(np.int64)
            found.append(best)
        return cls([target.name for target in fitted.schema.targets], np.stack(found, axis=1))

    def answers(self, predictions: dict[str, np.ndarray], rows: np.ndarray, at: np.ndarray | None = None) -> np.ndarray:
        """The figures that `rows` ask for, `(n, targets)`, read from predictions of the same rows, or of rows `at`."""
        place = np.arange(len(rows)) if at is None else at
        return np.stack(
            [
                predictions[name][place, self.chosen[rows, index]].astype(np.float64)
                for index, name in enumerate(self.targets)
            ],
            axis=1,
        )
