"""Rows of many pictures are gathered when they are asked for, and are then what copied rows would have been."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mapsto.columns import Category, Image
from mapsto.columns.common import parts
from mapsto.columns.common.parts import Rows
from mapsto.composition import Composition
from mapsto.networks.blocks.ragged import TensorRows
from mapsto.sample import Sample
from mapsto.schema import Encoded, Schema
from mapsto.tensors import to_tensors
from mapsto.training.batches import RowSource, to_batch

DRAW = np.random.default_rng(0)
PICTURES = DRAW.integers(1, 256, (60, 8, 8, 3), dtype=np.uint8)
SOME = DRAW.permutation(60)[:40]


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> tuple[Schema, Encoded, Encoded]:
    """The same rows copied together, and left where they are."""
    import polars as pl

    frame = pl.DataFrame({"x": PICTURES, "y": ["a", "b", "c"] * 20})
    schema = Schema([Image(name="x")], [Category(name="y")])
    schema.learn(frame)
    every = schema.encode(frame, truth=True)
    copied = every.take(SOME)
    monkeypatch.setattr(parts, "COPIED", 1000)
    left = every.take(SOME)
    (key,) = every.blocks
    assert isinstance(left.blocks[key], Rows)
    assert isinstance(copied.blocks[key], np.ndarray)
    assert left.blocks[key].array is every.blocks[key]
    return schema, copied, left


def test_rows_are_those_of_a_copy() -> None:
    rows, copy = Rows(PICTURES, SOME), PICTURES[SOME]
    assert (len(rows), rows.shape, rows.dtype, rows.ndim, rows.nbytes) == (
        *(len(copy), copy.shape, copy.dtype),
        *(copy.ndim, copy.nbytes),
    )
    assert np.array_equal(np.asarray(rows), copy)
    assert np.array_equal(rows[3:9], copy[3:9])
    assert np.array_equal(rows[[5, 1, 1]], copy[[5, 1, 1]])
    assert np.array_equal(rows.take(np.array([7, 2])), copy[[7, 2]])


def test_few_rows_and_tables_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "COPIED", 10 * 8 * 8 * 3)
    assert isinstance(parts.taken(PICTURES, SOME[:10]), np.ndarray)
    again = parts.taken(PICTURES, SOME[:11])
    assert isinstance(again, Rows)
    assert isinstance(parts.taken(again, np.arange(10)), np.ndarray)
    deeper = parts.taken(again, np.arange(11)[::-1])
    assert isinstance(deeper, Rows)
    assert np.array_equal(deeper[:], PICTURES[SOME[:11][::-1]])
    assert isinstance(parts.taken(np.zeros((5000, 4), np.float32), np.arange(4000)), np.ndarray)


def test_batches_and_predictions_are_the_same(both: tuple[Schema, Encoded, Encoded]) -> None:
    schema, copied, left = both
    cpu = torch.device("cpu")
    sources = [RowSource(to_batch(rows, schema.targets, cpu), 16) for rows in (copied, left)]
    (key,) = left.blocks
    assert isinstance(sources[1].rows.blocks[key], TensorRows)
    for step in range(sources[0].steps_per_epoch):
        first, second = (source.batch(2, step) for source in sources)
        assert torch.equal(first.blocks[key], second.blocks[key])
        assert torch.equal(first.truth["y"], second.truth["y"])
    whole = RowSource(to_batch(left, schema.targets, cpu), 100).batch(0, 0)
    assert torch.equal(whole.blocks[key], to_tensors(copied)[key])
    made = Composition.build(schema, "lenet", rows=40).eval()
    assert np.array_equal(made.predict_numpy(copied)["y"], made.predict_numpy(left)["y"])
    mirrored = [made.predict_numpy(made.mirrored(rows))["y"] for rows in (copied, left)]
    assert np.array_equal(*mirrored)


def test_features_and_samples_are_the_same(both: tuple[Schema, Encoded, Encoded]) -> None:
    schema, copied, left = both
    assert np.array_equal(schema.features(copied).values, schema.features(left).values)
    states = [Sample(rows, {}).to_state()[1] for rows in (copied, left)]
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])
    (key,) = left.blocks
    emptied = schema.inputs[0].remove(schema.arrays(left, schema.inputs[0]))[0]
    assert emptied.shape == left.blocks[key].shape
    assert not np.asarray(emptied).any()


def test_moved_rows_lie_together() -> None:
    rows = TensorRows(torch.from_numpy(PICTURES), torch.from_numpy(SOME))
    assert rows.to("cpu") is rows
    moved = rows.to("meta")
    assert isinstance(moved, torch.Tensor)
    assert moved.shape == (40, 8, 8, 3)
