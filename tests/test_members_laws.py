"""Laws that every member over flat features keeps, on real tables."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mapsto.errors import DataError, ModelFileError, OptionError
from mapsto.members import MEMBERS, from_state, make
from mapsto.members.bagged import Bagged
from mapsto.members.base import Member, Predictions
from mapsto.members.ensemble import Ensemble
from mapsto.schema import Encoded
from mapsto.training.run import Run
from members_world import Target, World, california, german, titanic

NAMES = ["dummy", "linear-model", "forest", "extra-trees", "boosting", "nearest", "ridge", "bagged", "ensemble"]
LEARNERS = ["linear-model", "forest", "extra-trees", "boosting", "nearest", "ridge"]
FEW = {
    "boosting": {"max_iter": 30},
    "forest": {"n_estimators": 30},
    "extra-trees": {"n_estimators": 60, "min_samples_leaf": 5},
}


def fold(rows: int) -> list[tuple[np.ndarray, np.ndarray]]:
    part = np.arange(rows) % 3
    return [(np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(3)]


def member(name: str, world: World) -> Member:
    if name == "bagged":
        return Bagged(make("boosting"), fold(world.train.rows))
    return Ensemble([make("linear-model"), make("boosting")]) if name == "ensemble" else make(name)


def fitted(name: str, world: World) -> Member:
    return member(name, world).fit(world.work(members=FEW))


@pytest.fixture(scope="module")
def worlds() -> dict[str, World]:
    return {"titanic": titanic(), "german": german(), "california": california(1500)}


@pytest.fixture(scope="module")
def members(worlds: dict[str, World]) -> dict[str, Member]:
    return {name: fitted(name, worlds["titanic"]) for name in NAMES}


def same(one: Predictions, other: Predictions, rows: np.ndarray | slice = np.s_[:]) -> bool:
    return all(np.array_equal(one[name][rows], other[name]) for name in other) and one.keys() == other.keys()


def changed(encoded: Encoded, values: np.ndarray) -> Encoded:
    return replace(encoded, rows=len(values), blocks={"x": values.astype(np.float32)})


@pytest.mark.parametrize("name", NAMES)
def test_forms(name: str, members: dict[str, Member], worlds: dict[str, World]) -> None:
    found = members[name].predict(worlds["titanic"].test)
    rows = worlds["titanic"].test.rows
    assert {k: v.shape for k, v in found.items()} == {"survived": (rows, 2), "fare": (rows, 1), "class": (rows, 3)}
    for target in ("survived", "class"):
        assert found[target].min() >= 0
        np.testing.assert_allclose(found[target].sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_rows_and_their_company_do_not_matter(
    name: str, members: dict[str, Member], worlds: dict[str, World]
) -> None:
    test, own = worlds["titanic"].test, members[name]
    found = own.predict(test)
    order = np.random.default_rng(1).permutation(test.rows)
    assert same(found, own.predict(test.take(order)), order)
    for row in (0, 7, test.rows - 1):
        assert same(found, own.predict(test.take(np.array([row]))), np.array([row]))
    many = own.predict(test.take(np.tile(np.arange(test.rows), 50)), threads=2)
    assert same(found, {k: v[-test.rows :] for k, v in many.items()})


@pytest.mark.parametrize("name", NAMES)
def test_saved_members_predict_the_same(name: str, members: dict[str, Member], worlds: dict[str, World]) -> None:
    state, arrays = members[name].to_state()
    again = from_state(name, json.loads(json.dumps(state)), arrays, worlds["titanic"].schema)
    test = worlds["titanic"].test
    assert same(members[name].predict(test), again.predict(test))
    assert again.to_state()[0] == state


@pytest.mark.parametrize("name", NAMES)
def test_missing_everywhere_and_unseen_codes_are_predicted(
    name: str, members: dict[str, Member], worlds: dict[str, World]
) -> None:
    test = worlds["titanic"].test
    values = test.blocks["x"]
    for wild in (
        np.full_like(values, np.nan),
        np.full_like(values, 1e9),
        np.full_like(values, -5),
        np.full_like(values, -np.inf),
    ):
        found = members[name].predict(changed(test, wild))
        assert all(np.isfinite(prediction).all() for prediction in found.values())
    missing = members[name].predict(changed(test, np.full_like(values, np.nan)))
    infinite = members[name].predict(changed(test, np.full_like(values, np.inf)))
    if name not in ("linear-model", "ensemble"):
        assert same(missing, infinite)


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_give_no_predictions(name: str, members: dict[str, Member], worlds: dict[str, World]) -> None:
    found = members[name].predict(worlds["titanic"].test.take(np.zeros(0, dtype=np.int64)))
    assert {k: v.shape for k, v in found.items()} == {"survived": (0, 2), "fare": (0, 1), "class": (0, 3)}


@pytest.mark.parametrize("name", NAMES)
def test_the_input_is_left_as_it_was(name: str, members: dict[str, Member], worlds: dict[str, World]) -> None:
    test = worlds["titanic"].test
    before = test.blocks["x"].copy()
    members[name].predict(test)
    np.testing.assert_array_equal(test.blocks["x"], before)


@pytest.mark.parametrize("name", LEARNERS)
def test_the_same_work_gives_the_same_member(name: str, worlds: dict[str, World]) -> None:
    once, twice = (fitted(name, worlds["german"]).to_state() for _ in range(2))
    assert once[0] == twice[0]
    assert all(np.array_equal(once[1][key], twice[1][key], equal_nan=True) for key in once[1])


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("table", ["german", "california"])
def test_learners_beat_the_simplest_guess(name: str, table: str, worlds: dict[str, World]) -> None:
    world = worlds[table]
    ((target, metric),) = world.work().metrics.items()
    truth = world.test.truth[target]
    learned = metric(truth, fitted(name, world).predict(world.test)[target])
    guessed = metric(truth, fitted("dummy", world).predict(world.test)[target])
    assert learned < (0.95 if name == "nearest" else 0.9) * guessed


@pytest.mark.parametrize("name", LEARNERS)
def test_weights_are_respected(name: str, worlds: dict[str, World]) -> None:
    world = worlds["german"]
    bad = world.train.truth["credit_risk"] == 0
    heavy = replace(world, train=replace(world.train, weight=np.where(bad, 10, 1).astype(np.float32)))
    plain, weighted = (fitted(name, each).predict(world.test)["credit_risk"][:, 0].mean() for each in (world, heavy))
    assert weighted > plain + 0.1


@pytest.mark.parametrize("name", LEARNERS)
def test_rows_without_weight_do_not_count(name: str, worlds: dict[str, World]) -> None:
    world = worlds["california"]
    half = np.arange(world.train.rows) % 2 == 0
    spoilt = world.train.truth["median_house_value"].copy()
    spoilt[~half] = 1e7
    train = replace(world.train, truth={"median_house_value": spoilt}, weight=half.astype(np.float32))
    found = fitted(name, replace(world, train=train)).predict(world.test)["median_house_value"]
    assert found.mean() < 400_000


@pytest.mark.parametrize("name", LEARNERS)
def test_useless_columns_do_no_harm(name: str, worlds: dict[str, World]) -> None:
    world = worlds["german"]

    def widened(encoded: Encoded) -> Encoded:
        rows = encoded.rows
        extra = np.column_stack([np.ones(rows), np.full(rows, np.nan), np.zeros(rows), np.full(rows, np.nan)])
        return changed(encoded, np.concatenate([encoded.blocks["x"], extra], axis=1))

    schema = replace(
        world.schema,
        names=[*world.schema.names, "one", "nothing", "code", "no code"],
        categorical=[*world.schema.categorical, False, False, True, True],
    )
    wide = World(schema, widened(world.train), widened(world.valid), widened(world.test))
    found = fitted(name, wide).predict(wide.test)["credit_risk"]
    assert np.isfinite(found).all()
    assert found[:, 0].std() > 0.05


@pytest.mark.parametrize("name", ["dummy", *LEARNERS])
def test_missing_truth_is_skipped_and_absent_classes_stay_possible(name: str, worlds: dict[str, World]) -> None:
    world = worlds["titanic"]
    truth = dict(world.train.truth)
    truth["class"] = np.where(truth["class"] == 1, -1, truth["class"])
    truth["fare"] = np.where(np.arange(world.train.rows) < 50, np.nan, truth["fare"])
    found = fitted(name, replace(world, train=replace(world.train, truth=truth))).predict(world.test)
    assert np.isfinite(found["fare"]).all()
    np.testing.assert_allclose(found["class"].sum(axis=1), 1, atol=1e-5)
    assert found["class"][:, 1].max() < 0.02
    if name != "dummy":
        assert found["class"][:, 1].min() > 0


@pytest.mark.parametrize("name", LEARNERS)
def test_one_class_only_is_predicted_for_sure(name: str, worlds: dict[str, World]) -> None:
    world = worlds["german"]
    train = replace(world.train, truth={"credit_risk": np.ones(world.train.rows, dtype=np.int64)})
    own = fitted(name, replace(world, train=train))
    state, arrays = own.to_state()
    found = from_state(name, state, arrays, world.schema).predict(world.test)["credit_risk"]
    assert (found[:, 1] > 0.99).all()


@pytest.mark.parametrize("name", ["dummy", *LEARNERS])
def test_a_target_without_any_truth_is_refused_by_name(name: str, worlds: dict[str, World]) -> None:
    world = worlds["german"]
    train = replace(world.train, truth={"credit_risk": np.full(world.train.rows, -1)})
    with pytest.raises(DataError, match="credit_risk"):
        fitted(name, replace(world, train=train))


@pytest.mark.parametrize("name", ["dummy", *LEARNERS])
def test_sets_of_labels(name: str, worlds: dict[str, World]) -> None:
    world = worlds["titanic"]

    def labelled(encoded: Encoded) -> Encoded:
        truth = np.stack([encoded.truth["survived"] == 1, encoded.truth["class"] == 0], axis=1).astype(np.float32)
        truth[:3] = np.nan
        return replace(encoded, truth={"labels": truth})

    schema = replace(world.schema, targets=[Target("labels", "multilabel", ["survived", "first class"])])
    own = fitted(name, World(schema, labelled(world.train), labelled(world.valid), labelled(world.test)))
    found = own.predict(world.test)["labels"]
    assert found.shape == (world.test.rows, 2)
    if name != "dummy":
        assert found[world.test.truth["class"] == 0, 1].mean() > found[world.test.truth["class"] != 0, 1].mean() + 0.5


@pytest.mark.parametrize("name", ["linear-model", "forest", "boosting", "nearest", "ridge"])
def test_an_unknown_option_is_named(name: str, worlds: dict[str, World]) -> None:
    with pytest.raises(OptionError, match=f"members.{name}.leaves"):
        make(name).fit(worlds["german"].work(members={name: {"leaves": 3}}))


@pytest.mark.parametrize(
    ("name", "entry"),
    [("boosting", {"learning_rate": 0}), ("forest", {"max_features": "all"}), ("linear-model", {"penalty": -1})],
)
def test_a_malformed_option_is_named(name: str, entry: dict, worlds: dict[str, World]) -> None:
    with pytest.raises(OptionError, match=f"members.{name}.{next(iter(entry))}"):
        make(name).fit(worlds["german"].work(members={name: entry}))


@pytest.mark.parametrize("name", ["linear-model", "forest", "boosting", "nearest", "ridge"])
def test_recorded_decisions_repeat_a_timed_fit(name: str, worlds: dict[str, World]) -> None:
    first = Run()
    once = make(name).fit(worlds["german"].work(run=first, seconds=0.2)).to_state()
    again = make(name).fit(worlds["german"].work(run=Run(decisions=first.decisions), seconds=1000.0)).to_state()
    assert once[0] == again[0]
    assert all(np.array_equal(once[1][key], again[1][key], equal_nan=True) for key in once[1])


@pytest.mark.parametrize("name", ["linear-model", "forest", "boosting"])
def test_an_interrupted_run_ends_with_what_there_is(name: str, worlds: dict[str, World]) -> None:
    run = Run()
    run.interrupted = True
    own = make(name).fit(worlds["california"].work(run=run, members={"boosting": {"max_iter": 2000}}))
    found = own.predict(worlds["california"].test)["median_house_value"]
    truth = worlds["california"].test.truth["median_house_value"]
    assert np.corrcoef(found[:, 0], truth)[0, 1] > 0.6
    if name != "linear-model":
        assert own.models["0"].trees.count <= 50


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_state_is_refused(name: str, worlds: dict[str, World]) -> None:
    with pytest.raises(ModelFileError):
        MEMBERS[name].from_state({}, {}, worlds["titanic"].schema)


def test_an_unknown_kind_is_refused(worlds: dict[str, World]) -> None:
    with pytest.raises(ModelFileError, match="oracle"):
        from_state("oracle", {}, {}, worlds["titanic"].schema)
