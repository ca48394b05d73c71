"""Batches of table rows, gathered by index from tensors that lie on the device.

The rows of an epoch are a permutation that depends on seed and epoch alone, cut into parts of nearly equal size: no
row is dropped, no last batch is tiny, and step `s` of epoch `e` is the same whether the run was interrupted or not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mapsto.metrics import named
from mapsto.networks.blocks.ragged import TensorRows, take
from mapsto.objectives.base import Batch
from mapsto.tensors import to_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from mapsto.columns.base import Column
    from mapsto.schema import Encoded


@dataclass
class RowSource:
    """Draws batches of rows.

    Args:
        rows: everything, as one batch.
        batch_size: rows an update, at most; at or above the number of rows: full batch, in the rows' own order.
        seed: of the permutations.
    """

    rows: Batch
    batch_size: int
    seed: int = 0
    _epoch: int = field(default=-1, init=False)
    _order: Tensor = field(init=False)

    def __post_init__(self) -> None:
        block = next(iter(self.rows.blocks.values()))
        self.count = len(block)
        self.device = (block if isinstance(block, torch.Tensor) else block.values).device
        self._steps = -(-self.count // self.batch_size)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass."""
        return self._steps

    def batch(self, epoch: int, step: int) -> Batch:
        """Batch `step` of `epoch`."""
        if self._steps == 1 and not any(isinstance(block, TensorRows) for block in self.rows.blocks.values()):
            return self.rows
        if epoch != self._epoch:
            order = np.arange(self.count)
            if self._steps > 1:
                order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
            self._order, self._epoch = torch.from_numpy(order).to(self.device), epoch
        start, end = step * self.count // self._steps, (step + 1) * self.count // self._steps
        index = self._order[start:end]
        return Batch(
            {key: take(block, index) for key, block in self.rows.blocks.items()},
            {name: truth.index_select(0, index) for name, truth in self.rows.truth.items()},
            {name: weight.index_select(0, index) for name, weight in self.rows.weight.items()},
        )

    def state_dict(self) -> dict[str, Any]:
        """Nothing: batches follow from seed, epoch and step."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to set."""


def size(batch: Any) -> int:
    """Rows of a batch of rows; of any other batch nothing is known, and it is one."""
    return len(next(iter(batch.blocks.values()))) if isinstance(batch, Batch) else 1


def few(batch: Any, rows: int) -> Any:
    """The first rows of a batch of rows; any other batch as it is."""
    if size(batch) <= rows:
        return batch
    device = next(iter(batch.truth.values())).device if batch.truth else None
    index = torch.arange(rows, device=device)
    return Batch(
        {key: take(block, index) for key, block in batch.blocks.items()},
        {name: truth[:rows] for name, truth in batch.truth.items()},
        {name: weight[:rows] for name, weight in batch.weight.items()},
    )


def to_batch(encoded: Encoded, targets: list[Column], device: torch.device) -> Batch:
    """All encoded rows as one batch on the device, with truth as losses want it.

    A row whose truth is missing for a target gets that target's first known truth and the weight 0.
    """
    batch = truths(encoded, targets, device)
    batch.blocks = {key: block.to(device) for key, block in to_tensors(encoded).items()}
    return batch


def truths(encoded: Encoded, targets: list[Column], device: torch.device) -> Batch:
    """The same without inputs: what is compared with predictions that were made chunk by chunk."""
    batch = Batch({})
    for column in targets:
        truth = encoded.truth[column.name]
        known = named(column.task or "regression", truth)
        filled = truth
        if not known.all():
            filled = truth.copy()
            filled[~known] = truth[np.argmax(known)]
        batch.truth[column.name] = torch.from_numpy(column.to_training(filled)).to(device)
        weight = _weight(known, encoded.weight)
        if weight is not None:
            batch.weight[column.name] = torch.from_numpy(weight).to(device)
    return batch


def labelled(encoded: Encoded, targets: list[Column]) -> np.ndarray:
    """Boolean `(rows,)`: rows that have the truth of at least one target."""
    known = [named(column.task or "regression", encoded.truth[column.name]) for column in targets]
    return np.asarray(np.any(known, axis=0))


def _weight(known: np.ndarray, given: np.ndarray | None) -> np.ndarray | None:
    """float32 `(rows,)`: what each row counts for a target; None where all count alike."""
    if given is None:
        return None if known.all() else known.astype(np.float32)
    weight: np.ndarray = (known * given).astype(np.float32)
    return weight
