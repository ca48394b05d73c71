"""Nearest neighbours: the same as found the long way, on pictures above all, and refusal of hostile contents."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

import mapsto
from mapsto import metrics
from mapsto.errors import ModelFileError
from mapsto.fitting.baselines import serving
from mapsto.members import from_state, make, nearest
from mapsto.members.base import Work
from mapsto.recipe import Recipe
from mapsto.schema import Schema
from mapsto.training.run import Run
from members_world import World, california, german, titanic

TRAIN = 1200


@pytest.fixture(scope="module")
def digits() -> pl.DataFrame:
    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    pictures = np.round(found.images * 15.9).astype(np.uint8)
    return pl.DataFrame({"picture": pictures[order], "digit": found.target[order]})


@pytest.fixture(scope="module")
def work(digits: pl.DataFrame) -> Work:
    schema = Schema.claim(digits, targets=["digit"], types={"digit": "category"})
    schema.learn(digits.head(TRAIN))
    every, rows = schema.encode(digits, truth=True), np.arange(len(digits))
    accuracy = {"digit": metrics.get("accuracy", "classification", classes=10)}
    return Work(schema, every.take(rows[:TRAIN]), every.take(rows[TRAIN:]), accuracy, Recipe(), Run(), threads=1)


@pytest.fixture(scope="module")
def worlds() -> World:
    return titanic()


def test_pictures_are_told_by_their_likes(work: Work) -> None:
    accuracy, truth = work.metrics["digit"], work.valid.truth["digit"]
    found, guess = (make(name).fit(work).predict(work.valid)["digit"] for name in ("nearest", "dummy"))
    assert accuracy(truth, guess) < 0.15
    assert accuracy(truth, found) > 0.9


def test_neighbours_are_those_found_the_long_way() -> None:
    world = german()
    memory = make("nearest").fit(world.work()).memory
    values = world.test.blocks["x"]
    own = nearest._rounded(memory.design.dense(memory.preparation.apply(values)))[:, memory.columns].astype(np.float64)
    rows = memory.rows.astype(np.float64)
    distances, _ = NearestNeighbors(n_neighbors=7, algorithm="brute").fit(rows).kneighbors(own)
    found = memory.nearest(values, 7)
    np.testing.assert_allclose(np.linalg.norm(own[:, None] - rows[found], axis=2), distances, atol=1e-4)


def test_of_equally_near_rows_the_first_answer() -> None:
    world = california(400)
    same = replace(world.train, blocks={"x": np.tile(world.train.blocks["x"][:1], (world.train.rows, 1))})
    member = make("nearest").fit(replace(world, train=same).work(members={"nearest": {"neighbours": 3}}))
    assert member.memory.nearest(world.test.blocks["x"], 3).tolist() == [[0, 1, 2]] * world.test.rows
    first = same.truth["median_house_value"][:3].mean()
    np.testing.assert_allclose(member.predict(world.test)["median_house_value"], first, rtol=1e-4)


def test_a_row_does_not_answer_for_itself() -> None:
    near = np.array([[4, 2, 9], [1, 0, 3], [7, 8, 6]])
    assert nearest._without(np.array([2, 1, 5]), near).tolist() == [[4, 9], [0, 3], [7, 8]]


def test_only_so_many_rows_are_remembered_and_classes_keep_their_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    world = german()
    monkeypatch.setattr(nearest, "MOST_ROWS", 100)
    member = make("nearest").fit(world.work())
    assert len(member.memory.rows) == 100
    share = (world.train.truth["credit_risk"] == 0).mean()
    assert (member.answers["0"].truth == 0).mean() == pytest.approx(share, abs=0.011)
    monkeypatch.setattr(nearest, "MOST_CELLS", 50 * member.memory.design.width)
    assert len(make("nearest").fit(world.work()).memory.rows) == 50


def test_little_time_remembers_fewer_rows_and_is_recorded() -> None:
    world, run = california(6000), Run()
    member = make("nearest").fit(world.work(run=run, seconds=1e-3))
    assert len(member.memory.rows) == 1000
    again = make("nearest").fit(world.work(run=Run(decisions=run.decisions), seconds=1000.0))
    np.testing.assert_array_equal(again.memory.rows, member.memory.rows)


def test_a_truth_known_in_few_rows_is_guessed_elsewhere(worlds: World) -> None:
    fare = np.where(np.arange(worlds.train.rows) < 5, 30.0, np.nan)
    train = replace(worlds.train, truth=worlds.train.truth | {"fare": fare})
    found = make("nearest").fit(replace(worlds, train=train).work()).predict(worlds.test)["fare"]
    np.testing.assert_allclose(found, 30)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("rows", np.zeros((0, 3), dtype=np.int8)),
        ("rows", np.zeros((5, 2), dtype=np.int64)),
        ("columns", np.array([10**6] * 2)),
        ("0.truth", np.full(445, 9)),
        ("0.guess", np.array([np.nan, 1.0])),
        ("0.weight", np.full(445, -1.0)),
        ("scale", np.zeros(4, dtype=np.float32)),
    ],
)
def test_hostile_contents_are_refused(name: str, wrong: np.ndarray, worlds: World) -> None:
    state, arrays = make("nearest").fit(worlds.work()).to_state()
    with pytest.raises(ModelFileError, match="damaged"):
        from_state("nearest", state, arrays | {name: wrong}, worlds.schema)
    for counts in ([8], [8, 8, 0], [8, 8, True], "8"):
        with pytest.raises(ModelFileError, match="neighbours"):
            from_state("nearest", state | {"neighbours": counts}, arrays, worlds.schema)
    json.dumps(state)


def test_it_is_a_baseline_beside_pictures_only(digits: pl.DataFrame, work: Work) -> None:
    assert "nearest" in serving(work.schema)
    plain = pl.DataFrame({"a": [1.0, 2, 3], "b": ["x", "y", "x"]})
    assert "nearest" not in serving(Schema.claim(plain, targets=["b"]))
    two = digits.filter(pl.col("digit").is_in([3, 8]))
    model = mapsto.fit(two, "digit", types={"digit": "category"}, network="nearest", progress=False, threads=1)
    figures = {contender.name: contender.value for contender in model.verdict.contenders}
    assert figures["nearest neighbours"] > figures["dummy"] + 0.2
    assert model.predict(two.head(3)).height == 3
