"""Plain-array trees: three ways to the same sums, agreement with scikit-learn, and refusal of hostile contents."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapsto.errors import ModelFileError
from mapsto.members import from_state, make
from mapsto.members.boosting import Boosting
from mapsto.members.common import compiled, tables, trees
from mapsto.members.common.compiled import Compiled
from mapsto.members.common.preparation import Preparation
from mapsto.members.common.tables import Tables
from mapsto.members.common.treemodel import TreeMember, TreeModel
from mapsto.members.common.trees import Trees, not_above
from mapsto.schema import Encoded
from members_world import World, california, german, titanic

CASES = [
    ("german", "boosting", {}),
    ("german", "forest", {"n_estimators": 8}),
    ("titanic", "boosting", {"max_leaf_nodes": 8, "max_iter": 20}),
    ("titanic", "forest", {"n_estimators": 8}),
    ("california", "boosting", {"max_leaf_nodes": 16, "max_iter": 25}),
    ("california", "boosting", {"max_leaf_nodes": 64, "max_iter": 25}),
    ("california", "extra-trees", {"n_estimators": 8}),
]


@pytest.fixture(scope="module")
def worlds() -> dict[str, World]:
    return {"titanic": titanic(), "german": german(), "california": california(1500)}


def rows_with_gaps(world: World, member: TreeMember) -> np.ndarray:
    values = world.test.blocks["x"].copy()
    rng = np.random.default_rng(3)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[rng.random(values.shape) < 0.05] = 77
    return member.preparation.apply(values)


@pytest.mark.parametrize(("table", "name", "options"), CASES)
def test_all_ways_through_the_trees_agree_bit_for_bit(
    table: str, name: str, options: dict[str, int], worlds: dict[str, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_ROWS", 64)  # several turns
    world = worlds[table]
    member = make(name).fit(world.work(members={name: options}))
    assert isinstance(member, TreeMember)
    x = rows_with_gaps(world, member)
    for model in member.models.values():
        walked = model.trees._totals(x, model.start)
        assert np.ptp(walked[:, 0]) > 0
        ways = [Compiled.of(model.trees), Tables.of(model.trees)]
        assert name != "boosting" or all(ways)
        for way in ways:
            assert way is None or np.array_equal(way.totals(x, model.start), walked)
        many = np.tile(x, (1 + 2**17 // (len(x) * model.trees.count), 1))
        assert np.array_equal(model.trees.totals(many, model.start)[-len(x) :], walked)


@pytest.mark.parametrize(("table", "target"), [("german", "credit_risk"), ("california", "median_house_value")])
def test_boosting_predicts_what_scikit_learn_does(table: str, target: str, worlds: dict[str, World]) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    world = worlds[table]
    member = Boosting(max_iter=40).fit(world.work(valid=False))
    x = member.preparation.apply(world.train.blocks["x"])
    kinds = {"german": HistGradientBoostingClassifier, "california": HistGradientBoostingRegressor}
    theirs = kinds[table](max_iter=40, random_state=0, early_stopping=False,
                          categorical_features=np.arange(member.preparation.native))  # fmt: skip
    theirs.fit(x, world.train.truth[target])
    rows = rows_with_gaps(world, member)
    expected = theirs.predict_proba(rows) if table == "german" else theirs.predict(rows)[:, None]
    np.testing.assert_allclose(member.models["0"].predict(rows), expected, rtol=2e-6)


def test_a_forest_predicts_what_scikit_learn_does(worlds: dict[str, World]) -> None:
    from sklearn.ensemble import RandomForestClassifier

    world = worlds["german"]
    given = {"n_estimators": 20, "min_samples_leaf": 3, "max_features": 0.5, "max_depth": 9}
    member = make("forest").fit(world.work(members={"forest": given}))
    assert isinstance(member, TreeMember)
    x = member.preparation.apply(world.train.blocks["x"])
    theirs = RandomForestClassifier(**given, random_state=0, n_jobs=1, warm_start=True)
    for count in (10, 20):
        theirs.set_params(n_estimators=count).fit(x, world.train.truth["credit_risk"])
    rows = rows_with_gaps(world, member)
    np.testing.assert_allclose(member.models["0"].predict(rows), theirs.predict_proba(rows), atol=1e-6)


def test_without_the_compiled_walk_the_sums_are_the_same(
    worlds: dict[str, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds["california"]
    member = make("forest").fit(world.work(members={"forest": {"n_estimators": 30}}))
    test = world.test.take(np.tile(np.arange(world.test.rows), 10))
    assert test.rows * 30 > trees._FEW
    found = member.predict(test)
    monkeypatch.setattr(compiled, "_walk", lambda: None)
    again = from_state("forest", *member.to_state(), world.schema)
    assert np.array_equal(again.predict(test)["median_house_value"], found["median_house_value"])


def test_a_walk_that_behaves_otherwise_is_not_used() -> None:
    def walk(nodes: np.ndarray, data: np.ndarray, *rest: object) -> None:
        out = rest[-1]
        assert isinstance(out, np.ndarray)
        out[:] = 10

    assert not compiled._agrees(walk)
    assert not compiled._agrees(lambda nodes: None)
    assert compiled._walk() is not None, "the installed scikit-learn's walk is known"


@given(st.lists(st.floats(allow_nan=False, width=64), min_size=1), st.floats(allow_nan=False, width=32))
def test_rounded_thresholds_send_float32_values_the_same_way(thresholds: list[float], value: float) -> None:
    exact = np.array(thresholds)
    x = np.float32(value)
    assert np.array_equal(x <= not_above(exact), np.float64(x) <= exact)


def test_codes_are_ranked_by_frequency_and_unseen_ones_are_missing() -> None:
    from mapsto.columns.base import Features

    values = np.array([[5, 0], [5, 1], [2, 0], [5, np.nan], [2, 0], [9, 1]], dtype=np.float32)
    preparation = Preparation.fit(Features(values, ["code", "number"], [True, False]))
    new = np.array([[5, 3], [2, 3], [9, 3], [7, 3], [-1, 3], [1e9, 3], [np.nan, np.inf]], dtype=np.float32)
    found = preparation.apply(new)
    np.testing.assert_array_equal(found[:, 0], [0, 1, 2, np.nan, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(found[:, 1], [3, 3, 3, 3, 3, 3, np.nan])


def test_columns_of_many_codes_are_read_as_numbers(worlds: dict[str, World]) -> None:
    from mapsto.columns.base import Features

    rng = np.random.default_rng(0)
    values = np.column_stack([rng.integers(0, 400, 5000), rng.integers(0, 4, 5000)]).astype(np.float32)
    preparation = Preparation.fit(Features(values, ["many", "few"], [True, True]))
    assert (preparation.native, preparation.order.tolist()) == (1, [1, 0])
    assert preparation.apply(values)[:, 1].max() == 399


# -- contents that may be hostile


@pytest.fixture(scope="module")
def saved(worlds: dict[str, World]) -> tuple[dict, dict[str, np.ndarray]]:
    return Boosting(max_iter=5).fit(worlds["german"].work()).to_state()


def tampered(arrays: dict[str, np.ndarray], name: str, index: object, value: object) -> dict[str, np.ndarray]:
    changed = arrays[name].copy()
    changed[index] = value
    return {**arrays, name: changed}


INNER = 0
HOSTILE = {
    "left child before its parent": ("0.left", INNER, 0),
    "right child negative": ("0.right", INNER, -5),
    "left child in another tree": ("0.left", INNER, 120),
    "two parents": ("0.right", INNER, 1),
    "column that does not exist": ("0.feature", INNER, 99),
    "column below -1": ("0.feature", INNER, -2),
    "threshold not a number": ("0.threshold", slice(None), np.nan),
    "value not finite": ("0.values", 0, np.inf),
    "start moved": ("0.starts", 1, 3),
    "start beyond": ("0.starts", -1, 30_000),
    "rank out of range": ("preparation.rank.0", 0, 120),
    "order repeated": ("preparation.order", 0, 1),
    "total not finite": ("0.start", 0, np.nan),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_arrays_are_refused(
    what: str, saved: tuple[dict, dict[str, np.ndarray]], worlds: dict[str, World]
) -> None:
    state, arrays = saved
    name, index, value = HOSTILE[what]
    if what == "rank out of range":
        arrays = {**arrays, name: arrays[name].astype(np.int16)}
        value = 300
    with pytest.raises(ModelFileError):
        Boosting.from_state(state, tampered(arrays, name, index, value), worlds["german"].schema)


@pytest.mark.parametrize("name", ["0.left", "0.feature", "0.threshold", "0.values", "0.sets", "0.starts", "0.start"])
@pytest.mark.parametrize("how", ["gone", "short", "text", "deep"])
def test_arrays_of_another_form_are_refused(
    name: str, how: str, saved: tuple[dict, dict[str, np.ndarray]], worlds: dict[str, World]
) -> None:
    state, arrays = saved
    array = arrays[name]
    changed = {"short": array[:-1], "text": array.astype(str), "deep": array[None]}
    others = {key: value for key, value in arrays.items() if key != name}
    with pytest.raises(ModelFileError):
        Boosting.from_state(state, others if how == "gone" else {**others, name: changed[how]}, worlds["german"].schema)


@pytest.mark.parametrize(
    "change",
    [
        {"link": "exp"},
        {"link": 3},
        {"present": [0, 5]},
        {"present": []},
        {"categories": 0},
        {"categories": 2},
        {"rows": 0},
        {"scale": "wide"},
        {"crosses": [{"kind": "spell", "columns": [0]}]},
        {"crosses": [{"kind": "ratio", "columns": [0, 400]}]},
    ],
    ids=str,
)
def test_hostile_entries_are_refused(
    change: dict, saved: tuple[dict, dict[str, np.ndarray]], worlds: dict[str, World]
) -> None:
    state, arrays = saved
    changed = {**state, "models": {"0": {**state["models"]["0"], **change}}}
    with pytest.raises(ModelFileError):
        Boosting.from_state(changed, arrays, worlds["german"].schema)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_altered_number_is_refused_or_harmless(data: st.DataObject) -> None:
    world, state, arrays = _small()
    name = data.draw(st.sampled_from(sorted(arrays)))
    array = arrays[name].copy()
    flat = array.reshape(-1).view(np.uint8)
    for _ in range(data.draw(st.integers(1, 3))):
        flat[data.draw(st.integers(0, len(flat) - 1))] = data.draw(st.integers(0, 255))
    try:
        member = Boosting.from_state(state, {**arrays, name: array}, world.schema)
    except ModelFileError:
        return
    few = member.predict(world.test)["credit_risk"]
    many = member.predict(Encoded(20_000, {"x": np.tile(world.test.blocks["x"], (80, 1))}))["credit_risk"]
    for model in member.models.values():
        assert isinstance(model, TreeModel)
        walk = Compiled.of(model.trees)
        assert walk is not None
        walk.totals(member.preparation.apply(world.test.blocks["x"]), model.start)
    np.testing.assert_array_equal(many[: len(few)], few)


_MADE: list[tuple[World, dict, dict[str, np.ndarray]]] = []


def _small() -> tuple[World, dict, dict[str, np.ndarray]]:
    if not _MADE:
        world = german()
        _MADE.append((world, *Boosting(max_iter=4).fit(world.work()).to_state()))
    return _MADE[0]


def test_a_chain_as_deep_as_it_is_long_is_refused() -> None:
    inner = 2000
    feature = np.full(2 * inner + 1, -1)
    feature[: 2 * inner : 2] = 0
    child = np.zeros(2 * inner + 1, dtype=np.int64)
    left, right = child.copy(), child.copy()
    left[: 2 * inner : 2], right[: 2 * inner : 2] = np.arange(1, 2 * inner, 2), np.arange(2, 2 * inner + 1, 2)
    flags = np.zeros(2 * inner + 1, dtype=bool)
    chain = Trees(1, 0, np.array([0, 2 * inner + 1]), feature, child.astype(np.float32), left, right, flags, flags,
                  np.zeros((0, 1), dtype=bool), np.zeros((inner + 1, 1), dtype=np.float32))  # fmt: skip
    state, arrays = chain.to_state()
    with pytest.raises(ModelFileError, match="deeper"):
        Trees.from_state(state, arrays, features=1, native=0, width=1)
