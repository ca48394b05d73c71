"""Boosting: stopping, logarithms, columns made of others, growth in time, and what trials choose."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conftest import shared_data
from mapsto import metrics
from mapsto.errors import ModelFileError, OptionError
from mapsto.members.boosting import Boosting
from mapsto.members.common import growth
from mapsto.members.common.crosses import Cells, Crosses, Ratio, Rotation
from mapsto.members.common.growth import stages
from mapsto.members.tuning import tune
from mapsto.training.run import Run
from members_world import World, california, german, titanic, world

PRICE = "median_house_value"
PLACE = ["longitude", "latitude"]
SPECS = [
    {"kind": "ratio", "columns": ["total_rooms", "households", "population"]},
    {"kind": "rotation", "columns": PLACE},
    {"kind": "cells", "columns": ["housing_median_age", "ocean_proximity"]},
]


@pytest.fixture(scope="module")
def homes() -> World:
    return california(4000)


def bank() -> World:
    frame = pl.read_csv(shared_data("bank_marketing", "bank.csv.gz")).drop("duration")
    return world(frame, {"deposit": "classification"})


def diamonds() -> World:
    frame = pl.read_csv(shared_data("diamonds", "diamonds.csv.gz"))
    return world(frame, {"price": "regression"}, rows=6000)


# -- stopping


def test_validation_rows_stop_it_at_the_best_round(homes: World) -> None:
    long = {"max_iter": 400, "n_iter_no_change": 15, "learning_rate": 0.5, "max_leaf_nodes": 8}
    stopped = Boosting(**long).fit(homes.work())
    count = stopped.models["0"].trees.count
    assert 5 < count < 380
    metric, truth = homes.work().metrics[PRICE], homes.valid.truth[PRICE]
    own = metric(truth, stopped.predict(homes.valid)[PRICE])
    for rounds in (count - 3, count + 3):
        fixed = Boosting(**(long | {"max_iter": rounds})).fit(homes.work(valid=False))
        assert own <= metric(truth, fixed.predict(homes.valid)[PRICE])


def test_without_validation_rows_its_length_is_fixed(homes: World) -> None:
    assert Boosting().fit(homes.work(valid=False)).models["0"].trees.count == 100
    assert Boosting(learning_rate=0.5).fit(homes.work(valid=False)).models["0"].trees.count == 20


def test_validation_rows_of_unknown_classes_are_left_out() -> None:
    own = titanic()
    truth = dict(own.train.truth)
    truth["class"] = np.where(truth["class"] == 2, -1, truth["class"])
    Boosting(max_iter=10).fit(replace(own, train=replace(own.train, truth=truth)).work())


def test_settings_given_come_before_the_recipe(homes: World) -> None:
    work = homes.work(valid=False, members={"boosting": {"max_iter": 7, "max_leaf_nodes": 4}})
    trees = Boosting(max_iter=3).fit(work).models["0"].trees
    assert trees.count == 3
    assert (trees.feature[trees.starts[:-1]] >= 0).all()
    assert np.diff(trees.starts).max() == 7


def test_absolute_errors_are_learned_where_they_decide(homes: World) -> None:
    work = homes.work()
    mae = metrics.get("mae", "regression")
    truth = homes.test.truth[PRICE]
    squared = mae(truth, Boosting().fit(work).predict(homes.test)[PRICE])
    absolute = mae(truth, Boosting().fit(replace(work, metrics={PRICE: mae})).predict(homes.test)[PRICE])
    assert absolute < squared


# -- logarithms


def test_logarithms_keep_the_mean_and_help_on_prices() -> None:
    own = diamonds()
    work, truth = own.work(), own.test.truth["price"]
    plain, logarithmic = (Boosting(logarithm=each).fit(work).predict(own.test)["price"] for each in ([], ["price"]))
    metric = work.metrics["price"]
    assert metric(truth, logarithmic) < metric(truth, plain)
    assert logarithmic.min() > 0
    assert logarithmic.mean() == pytest.approx(truth.mean(), rel=0.03)


def test_logarithms_of_numbers_not_above_zero_are_refused() -> None:
    own = titanic()
    with pytest.raises(OptionError, match="'fare', whose smallest value is 0"):
        Boosting(logarithm=["fare"]).fit(own.work())


# -- columns made of others


def test_made_columns_help_on_a_map(homes: World) -> None:
    work, truth = homes.work(), homes.test.truth[PRICE]
    plain, crossed = (Boosting(crosses=c).fit(work).predict(homes.test)[PRICE] for c in ({}, {PRICE: SPECS[:2]}))
    assert work.metrics[PRICE](truth, crossed) < 0.97 * work.metrics[PRICE](truth, plain)


def test_made_columns_keep_the_laws(homes: World) -> None:
    own = Boosting(crosses={PRICE: SPECS}, max_iter=30).fit(homes.work())
    state, arrays = own.to_state()
    again = Boosting.from_state(json.loads(json.dumps(state)), arrays, homes.schema)
    found = own.predict(homes.test)[PRICE]
    np.testing.assert_array_equal(again.predict(homes.test)[PRICE], found)
    for row in (0, 5, 99):
        np.testing.assert_array_equal(own.predict(homes.test.take(np.array([row])))[PRICE][0], found[row])
    for wild in (np.nan, 3e38, -3e38, 0.0):
        values = np.full_like(homes.test.blocks["x"], wild)
        assert np.isfinite(own.predict(replace(homes.test, blocks={"x": values}))[PRICE]).all()


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "spell", "columns": PLACE},
        {"kind": "ratio", "columns": ["lon"]},
        {"kind": "ratio"},
        {},
        {"columns": PLACE},
    ],
    ids=str,
)
def test_made_columns_that_cannot_be_are_named(spec: dict, homes: World) -> None:
    with pytest.raises(OptionError, match="cannot make"):
        Boosting(crosses={PRICE: [spec]}).fit(homes.work())


def test_a_rotation_turns_standardised_columns() -> None:
    values = np.random.default_rng(0).normal([3, -7], [2, 5], (5000, 2)).astype(np.float32)
    turned = Rotation.fit((0, 1), values, values[:, 0]).apply(values)
    assert turned.shape == (5000, 10)
    np.testing.assert_allclose(turned.std(axis=0), 1, atol=0.05)
    np.testing.assert_allclose(turned.mean(axis=0), 0, atol=1e-3)


def test_ratios_divide_every_two_columns() -> None:
    values = np.array([[6, 3, 2], [1, 0, 4], [np.nan, 1, 1], [3e38, 1e-3, 1]], dtype=np.float32)
    found = Ratio.fit((0, 1, 2), values, values[:, 0]).apply(values)
    nan = np.nan
    np.testing.assert_allclose(found, [[2, 3, 1.5], [nan, 0.25, 0], [nan, nan, 1], [nan, 3e38, 1e-3]], rtol=1e-6)


def test_cells_hold_the_mean_truth_of_their_rows() -> None:
    nan = np.nan
    values = np.array([[1, 5], [1, 5], [1, 7], [2, 5], [2, nan]], dtype=np.float32)
    cells = Cells.fit((0, 1), values, np.array([1.0, 3.0, 5.0, 7.0, 4.0]))
    assert [each.tolist() for each in cells.levels] == [[1, 2], [5, 7]]
    # The mean of all is 4, and counts as ten more rows.
    new = np.array([[1, 5], [1, 7], [2, nan], [2, 6], [2, 7], [nan, nan]], dtype=np.float32)
    expected = [[44 / 12, 0.4], [45 / 11, 0.2], [4, 0.2], [4, 0.2], [4, 0], [4, 0]]
    np.testing.assert_allclose(cells.apply(new), expected, rtol=1e-6)


def test_cells_of_training_rows_leave_out_the_row_itself() -> None:
    rng = np.random.default_rng(0)
    values, luck = rng.integers(0, 40, (2000, 2)).astype(np.float32), rng.normal(size=2000)
    made = Cells.fit((0, 1), values, luck)
    assert np.corrcoef(made.apply(values)[:, 0], luck)[0, 1] > 0.5, "a row is in its own cell"
    assert abs(np.corrcoef(made.apply_to_training(values, luck)[:, 0], luck)[0, 1]) < 0.1
    np.testing.assert_array_equal(made.apply_to_training(values, luck)[:, 1], made.apply(values)[:, 1])


def test_too_many_cells_are_refused() -> None:
    values = np.random.default_rng(0).permutation(np.tile(np.arange(200.0), 3)).reshape(-1, 3).astype(np.float32)
    with pytest.raises(OptionError, match="cells; expected 100,000 at most"):
        Cells.fit((0, 1, 2), values, values[:, 0])


@example(np.array([[1e-45, 0, 0], [0, 0, 0]], np.float32))
@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 30), st.just(3)), elements=st.floats(width=32)))
def test_made_columns_are_finite_or_missing_and_survive_saving(values: np.ndarray) -> None:
    values = np.where(np.isinf(values), np.float32(np.nan), np.clip(values, -1e30, 1e30))
    names = ["a", "b", "c"]
    specs = [{"kind": "ratio", "columns": names}, {"kind": "rotation", "columns": ["a", "b"]},
             {"kind": "cells", "columns": ["c", "a"]}]  # fmt: skip
    made = Crosses.fit(specs, names, values, np.arange(len(values), dtype=np.float64))
    found = made.widen(values)
    assert found.shape == (len(values), 3 + made.count)
    assert not np.isinf(found).any()
    state, arrays = made.to_state()
    again = Crosses.from_state(json.loads(json.dumps(state)), arrays, 3)
    np.testing.assert_array_equal(again.widen(values), found)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("1.scale", np.zeros(2, np.float32)),
        ("1.mean", np.zeros(3, np.float32)),
        ("2.sizes", np.array([5, 300], np.int64)),
        ("2.sizes", np.array([-1, 56], np.int64)),
        ("2.levels", np.zeros(55, np.float32)),
        ("2.means", np.full(260, np.nan, np.float32)),
        ("2.shares", np.zeros(3, np.float32)),
    ],
)
def test_hostile_made_columns_are_refused(name: str, change: np.ndarray, homes: World) -> None:
    values = homes.train.blocks["x"]
    state, arrays = Crosses.fit(SPECS, homes.schema.names, values, homes.train.truth[PRICE]).to_state()
    with pytest.raises(ModelFileError):
        Crosses.from_state(state, {**arrays, name: change}, values.shape[1])


# -- growth in time


class Clock:
    """Time that passes only when something is grown."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(("seconds", "expected"), [(None, [10, 20, 40, 80, 100]), (1000.0, [10, 20, 40, 80, 100])])
def test_stages_double_up_to_the_limit(seconds: float | None, expected: list[int]) -> None:
    found = list(stages(german().work(), "x", first=10, limit=100, seconds=seconds))
    assert found == expected


@settings(max_examples=50, deadline=None)
@given(st.floats(0.001, 5), st.floats(0.1, 60))
def test_stages_keep_to_the_time(pace: float, seconds: float) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growth, "time", clock)
        run, before = Run(), 0
        for size in stages(_german().work(run=run), "x", first=10, limit=500, seconds=seconds):
            clock.now += (size - before) * pace
            before = size
    assert clock.now <= max(10 * pace, seconds)
    assert before == 500 or clock.now >= 0.55 * seconds or clock.now + 10 * pace > 0.8 * seconds


_WORLDS: list[World] = []


def _german() -> World:
    if not _WORLDS:
        _WORLDS.append(german())
    return _WORLDS[0]


# -- trials


def test_trials_find_the_map_and_are_recorded() -> None:
    own = california(12_000)
    run = Run()
    found = tune(own.work(run=run))
    assert {"kind": "rotation", "columns": PLACE} in found["crosses"][PRICE]
    assert tune(own.work(run=Run(decisions=run.decisions), seconds=0.0)) == found
    work, truth = own.work(), own.test.truth[PRICE]
    tuned, plain = (Boosting(**s).fit(work).predict(own.test)[PRICE] for s in (found, {}))
    assert work.metrics[PRICE](truth, tuned) < 0.97 * work.metrics[PRICE](truth, plain)


def test_trials_find_the_days_on_which_a_bank_rang_up() -> None:
    own = bank()
    found = tune(own.work())
    assert found["crosses"]["deposit"][0] == {"kind": "cells", "columns": ["month", "day"]}
    work, truth = own.work(), own.test.truth["deposit"]
    plain = {**found, "crosses": {}}
    crossed, without = (Boosting(**s).fit(work).predict(own.test)["deposit"] for s in (found, plain))
    assert work.metrics["deposit"](truth, crossed) < work.metrics["deposit"](truth, without)


def test_trials_end_when_time_is_up() -> None:
    found = tune(california(4000).work(seconds=0.0))
    assert found["crosses"] == {}
    assert found["max_leaf_nodes"] == 8


def test_few_rows_choose_a_shape_only() -> None:
    found = tune(titanic().work(members={}))
    assert found["crosses"] == {}
    Boosting(**{**found, "max_iter": 5}).fit(titanic().work())
