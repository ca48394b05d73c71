from __future__ import annotations

import numpy as np
import pytest
import torch

from mapsto.networks.blocks.ragged import RaggedTensor
from mapsto.objectives.base import Batch
from mapsto.training.batches import RowSource, labelled, to_batch
from small_tables import encoded

CPU = torch.device("cpu")


def counted(rows: int) -> Batch:
    ragged = RaggedTensor(torch.arange(rows), torch.arange(rows + 1))
    return Batch({"numbers": torch.arange(rows).float()[:, None], "bag": ragged}, {"y": torch.arange(rows)})


@pytest.mark.parametrize("rows, size", [(100, 32), (97, 10), (5, 4), (64, 64), (10, 1000)])
def test_every_row_once_an_epoch_in_batches_of_like_size(rows, size):
    source = RowSource(counted(rows), size)
    batches = [source.batch(3, step) for step in range(source.steps_per_epoch)]
    truth = torch.cat([batch.truth["y"] for batch in batches])
    assert sorted(truth.tolist()) == list(range(rows))
    sizes = [len(batch.truth["y"]) for batch in batches]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


def test_all_blocks_hold_the_same_rows():
    batch = RowSource(counted(50), 8).batch(1, 2)
    assert batch.blocks["numbers"][:, 0].tolist() == batch.truth["y"].tolist()
    assert batch.blocks["bag"].values.tolist() == batch.truth["y"].tolist()


def test_a_batch_follows_from_seed_epoch_and_step_alone():
    source, other = RowSource(counted(100), 32, seed=1), RowSource(counted(100), 32, seed=1)
    source.batch(0, 0)
    assert source.batch(4, 1).truth["y"].equal(other.batch(4, 1).truth["y"])
    assert not source.batch(4, 1).truth["y"].equal(source.batch(5, 1).truth["y"])
    assert not source.batch(4, 1).truth["y"].equal(RowSource(counted(100), 32, seed=2).batch(4, 1).truth["y"])


def test_full_batch_keeps_the_order_and_copies_nothing():
    rows = counted(20)
    assert RowSource(rows, 20).batch(7, 0) is rows


def test_missing_truth_weighs_nothing_and_is_valid():
    schema, every = encoded({"price": "number", "sold": "category"}, rows=60)
    every.truth["price"][:5] = np.nan
    every.truth["sold"][3:8] = -1
    batch = to_batch(every, schema.targets, CPU)
    assert torch.isfinite(batch.truth["price"]).all()
    assert batch.truth["sold"].min() >= 0
    assert batch.weight["price"].tolist() == [0.0] * 5 + [1.0] * 55
    assert batch.weight["sold"][3:8].sum() == 0
    assert labelled(every, schema.targets).tolist() == [True] * 3 + [False] * 2 + [True] * 55


def test_complete_truth_needs_no_weight_and_given_weights_stay():
    schema, every = encoded({"price": "number"}, rows=30)
    assert to_batch(every, schema.targets, CPU).weight == {}
    every.weight = np.linspace(0, 1, 30, dtype=np.float32)
    assert to_batch(every, schema.targets, CPU).weight["price"].numpy() == pytest.approx(every.weight)
