"""Hybrids: an embedding beside the columns reaches the head, and both are saved."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import mapsto.members
from mapsto.errors import ModelFileError, OptionError
from mapsto.members import make
from mapsto.members.dummy import Dummy
from mapsto.members.hybrid import Hybrid
from mapsto.schema import Encoded, Schema
from members_world import World, california


class Turned(Dummy):
    """Stands for a network: it embeds rows by products of coordinates, and saves as a dummy with one more array."""

    angle = 0.6

    def embed(self, encoded: Encoded) -> np.ndarray:
        place = np.nan_to_num(encoded.blocks["x"][:, :2].astype(np.float64))
        return np.stack([place @ [np.cos(self.angle), np.sin(self.angle)], place.prod(axis=1)], axis=1)

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Turned:
        return super().from_state(json, arrays, schema)


@pytest.fixture(scope="module")
def world() -> World:
    return california(3000)


@pytest.mark.parametrize("head", ["boosting", "linear-model", "forest"])
def test_a_hybrid_is_saved_whole(head: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"boosting": {"max_iter": 20}, "forest": {"n_estimators": 5}}
    hybrid = Hybrid(Turned().fit(world.work()), make(head)).fit(world.work(members=options))
    state, arrays = hybrid.to_state()
    monkeypatch.setattr(mapsto.members, "MEMBERS", {"dummy": Turned, head: type(make(head))})
    again = Hybrid.from_state(json.loads(json.dumps(state)), arrays, world.schema)
    for rows in (world.test, world.test.take(np.array([3]))):
        np.testing.assert_array_equal(
            again.predict(rows)["median_house_value"], hybrid.predict(rows)["median_house_value"]
        )


def test_what_the_body_sees_helps_the_head(world: World) -> None:
    metric, truth = world.work().metrics["median_house_value"], world.test.truth["median_house_value"]
    plain = make("linear-model").fit(world.work())
    hybrid = Hybrid(Turned().fit(world.work()), make("linear-model")).fit(world.work())
    errors = [metric(truth, member.predict(world.test)["median_house_value"]) for member in (hybrid, plain)]
    assert errors[0] < errors[1]


def test_a_body_must_embed(world: World) -> None:
    with pytest.raises(OptionError, match="dummy"):
        Hybrid(make("dummy"), make("boosting"))


def test_a_saved_body_must_embed(world: World) -> None:
    hybrid = Hybrid(Turned().fit(world.work()), make("linear-model")).fit(world.work())
    with pytest.raises(ModelFileError, match="embedding"):
        Hybrid.from_state(*hybrid.to_state(), world.schema)
