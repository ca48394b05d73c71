"""Every type of cell × every kind of target × every network that reads it: composed, descended, judged, rebuilt."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.numpy import load, save

from mapsto import metrics, networks
from mapsto.columns import Audio, Boolean, Category, Image, Number, Sequence, Set, Text, Tree, Video
from mapsto.columns.base import Column
from mapsto.columns.common.parts import SensePart
from mapsto.composition import Composition
from mapsto.objectives.base import Objective
from mapsto.objectives.supervised import Goal, Supervised
from mapsto.schema import Encoded, Schema
from mapsto.training.batches import RowSource, to_batch

ROWS = 24
DRAW = np.random.default_rng(0)
WORDS = np.array(["red", "green", "blue", "warm", "cold", "old"])


def cells(values: list[object], dtype: object = None) -> pl.Series:
    """A series named x whose fourth cell is missing."""
    return pl.Series("x", [None if i == 3 else value for i, value in enumerate(values)], dtype=dtype)


PIXELS = DRAW.integers(1, 256, (ROWS, 16, 16, 3), dtype=np.uint8)
INPUTS: dict[str, tuple[Column, pl.Series]] = {
    "image": (Image(name="x"), cells(PIXELS.tolist(), pl.Array(pl.UInt8, PIXELS.shape[1:]))),
    "tiles": (Image(name="x", size=8, tiles=2), cells(PIXELS.tolist(), pl.Array(pl.UInt8, PIXELS.shape[1:]))),
    "text": (Text(name="x"), cells([" ".join(DRAW.choice(WORDS, 1 + i % 9)) for i in range(ROWS)])),
    "audio": (Audio(name="x", bands=16, rate=4000), cells([DRAW.normal(0, 0.1, 2400).tolist() for _ in range(ROWS)])),
    "sequence": (Sequence(name="x"), cells([DRAW.normal(3, 9, (1 + i % 9, 2)).tolist() for i in range(ROWS)])),
    "tree": (
        Tree(name="x", min_count=1),
        cells(
            [f"({i % 5} (2 {one}) ({i % 3} {other}))" for i, (one, other) in enumerate(DRAW.choice(WORDS, (ROWS, 2)))]
        ),
    ),
    "video": (Video(name="x"), pl.Series("x", DRAW.integers(0, 256, (ROWS, 3, 16, 16)).astype(np.uint8))),
    "album": (Video(name="x"), cells([PIXELS[i : i + 1 + i % 3].tolist() for i in range(ROWS)])),
}
TARGETS: dict[str, list[tuple[Column, pl.Series]]] = {
    "number": [(Number(name="y"), pl.Series("y", DRAW.normal(size=ROWS)))],
    "classes": [(Category(name="y"), pl.Series("y", DRAW.choice(["a", "b", "c"], ROWS)))],
    "boolean": [(Boolean(name="y"), pl.Series("y", DRAW.choice([True, False], ROWS)))],
    "set": [(Set(name="y"), pl.Series("y", [["a", "b"][: 1 + i % 2] for i in range(ROWS)]))],
    "several": [
        (Number(name="y"), pl.Series("y", [None if i % 5 == 0 else float(i) for i in range(ROWS)])),
        (Category(name="z"), pl.Series("z", [None if i % 4 == 1 else "ab"[i % 2] for i in range(ROWS)])),
    ],
}
TRUNKS = ("linear", "perceptron", "tabm", "ft-transformer")
"""Networks of tables, which see what the column's usual network finds."""


def readers(name: str) -> list[str]:
    """Networks that can read a type of cell."""
    column, series = INPUTS[name]
    column.learn(series)
    forms = {form for part in column.parts if isinstance(part, SensePart) for form in part.senses}
    own = [
        each for each, kind in networks.NETWORKS.items() if kind.layout in forms and not each.startswith("pretrained")
    ]
    return [*own, *TRUNKS]


PAIRS = [(name, network) for name in INPUTS for network in readers(name)]


def world(name: str, target: str) -> tuple[Schema, Encoded]:
    """A learned schema and its rows."""
    column, series = INPUTS[name]
    targets = TARGETS[target]
    frame = pl.DataFrame([series, *(truth for _, truth in targets)])
    schema = Schema([column], [kind for kind, _ in targets])
    schema.learn(frame)
    return schema, schema.encode(frame, truth=True)


class Step:
    """What the loop gives to an objective: here a plain step."""

    def __init__(self, objective: Objective) -> None:
        self.optimizer = torch.optim.SGD(objective.modules.parameters(), 0.001)

    def __call__(self, loss: torch.Tensor, group: str = "main") -> None:
        assert group == "main"
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def test_every_network_that_reads_cells_is_here() -> None:
    sensing = {n for n, kind in networks.NETWORKS.items() if kind.layout not in ("flat", "tokens")}
    assert sensing - {network for _, network in PAIRS} == {n for n in sensing if n.startswith("pretrained")}
    assert len(PAIRS) > 60


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("name", "network"), PAIRS)
def test_cells_targets_and_networks_go_together(name: str, network: str, target: str) -> None:
    schema, encoded = world(name, target)
    composition = Composition.build(schema, network, rows=2_000, seed=1)
    goals = [
        Goal(column, column.loss(None, {}), metrics.default(column.task or "", len(column.classes)))
        for column in schema.targets
    ]
    source = RowSource(to_batch(encoded, schema.targets, torch.device("cpu")), ROWS)
    objective = Supervised(composition, source, goals, encoded)
    found = objective.step(source.batch(0, 0), Step(objective))
    assert set(found) == {column.name for column in schema.targets}
    assert all(loss.isfinite() for loss in found.values())
    for label, parameter in composition.named_parameters():
        assert parameter.grad is not None, label
        assert parameter.grad.isfinite().all(), label
    figure = objective.validate()
    assert figure is not None
    assert np.isfinite(figure)

    outputs = composition.predict_numpy(encoded)
    for column in schema.targets:
        assert outputs[column.name].shape == (ROWS, outputs[column.name].shape[1], column.out_features)
        assert np.isfinite(column.link(outputs[column.name])).all()
    some = composition.predict_numpy(encoded.take(np.array([7, 3])))
    rebuilt = Composition.from_json(composition.to_json(), schema)
    rebuilt.load(load(save(composition.arrays())))
    again = rebuilt.predict_numpy(encoded)
    for each, values in outputs.items():
        np.testing.assert_allclose(some[each], values[[7, 3]], atol=1e-4)
        np.testing.assert_array_equal(again[each], values)
