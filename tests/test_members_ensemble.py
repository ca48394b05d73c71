"""Greedy weights: better members weigh more, useless and dear ones go; mixing, shares and hostile states."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapsto import metrics
from mapsto.errors import ModelFileError, OptionError
from mapsto.members import make
from mapsto.members.ensemble import Ensemble, greedy_weights
from members_world import World, german, titanic

ROWS = 2000


def numbers(*noise: float, seed: int = 0) -> tuple[list[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """A truth, and predictions that miss it by independent noise of these sizes."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=ROWS)
    return [{"y": (truth + size * rng.normal(size=ROWS))[:, None]} for size in noise], {"y": truth}


RMSE = {"y": metrics.get("rmse", "regression")}


def error(found: list[dict[str, np.ndarray]], truth: dict[str, np.ndarray], weights: np.ndarray) -> float:
    return RMSE["y"](truth["y"], np.tensordot(weights, np.stack([f["y"] for f in found]), axes=1))


def test_independent_errors_are_averaged_away() -> None:
    found, truth = numbers(1.0, 1.0, 1.0)
    weights = greedy_weights(found, truth, RMSE)["y"]
    np.testing.assert_allclose(weights, 1 / 3, atol=0.05)
    assert error(found, truth, weights) < 0.62


def test_better_members_weigh_more() -> None:
    found, truth = numbers(0.5, 1.0)
    weights = greedy_weights(found, truth, RMSE)["y"]
    np.testing.assert_allclose(weights, [0.8, 0.2], atol=0.05)


def test_a_useless_member_gets_nothing() -> None:
    found, truth = numbers(0.3, 5.0)
    assert greedy_weights(found, truth, RMSE)["y"].tolist() == [1, 0]


def test_members_that_rows_cannot_tell_apart_share_the_weight() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=200)
    found = [{"y": (truth + rng.normal(size=200))[:, None]} for _ in range(4)]
    weights = greedy_weights(found, {"y": truth}, RMSE)["y"]
    assert (weights > 0.1).all()


def test_few_events_do_not_decide_for_one_member() -> None:
    rng = np.random.default_rng(1)
    truth = (np.arange(450) < 10).astype(np.int64)
    scores = [1 / (1 + np.exp(-(2 * truth - 3 + rng.normal(size=450)))) for _ in range(3)]
    found = [{"y": np.column_stack([1 - p, p])} for p in scores]
    weights = greedy_weights(found, {"y": truth}, {"y": metrics.get("auc", "classification")})["y"]
    assert weights.max() < 0.9


def test_the_least_weights_are_let_go() -> None:
    found, truth = numbers(0.1, 3.0, 3.0, 3.0)
    weights = greedy_weights(found, truth, RMSE)["y"]
    assert weights[0] > 0.9
    assert ((weights == 0) | (weights >= 0.02)).all()


def test_row_weights_count() -> None:
    found, truth = numbers(1.0, 1.0)
    half = np.arange(ROWS) < ROWS // 2
    found[0]["y"][half] = truth["y"][half, None]
    found[1]["y"][~half] = truth["y"][~half, None]
    assert greedy_weights(found, truth, RMSE, weight=half.astype(np.float64))["y"][0] == 1
    assert greedy_weights(found, truth, RMSE, weight=(~half).astype(np.float64))["y"][1] == 1


def test_rows_without_truth_are_left_out() -> None:
    found, truth = numbers(0.5, 1.0)
    missing = {"y": np.where(np.arange(ROWS) % 2 == 0, truth["y"], np.nan)}
    assert greedy_weights(found, missing, RMSE)["y"][0] > 0.6


def test_where_nothing_can_be_told_the_first_member_stands_for_all() -> None:
    auc = {"y": metrics.get("auc", "classification")}
    found = [{"y": np.full((5, 2), 0.5)}, {"y": np.full((5, 2), 0.5)}]
    assert greedy_weights(found, {"y": np.zeros(5, dtype=np.int64)}, auc)["y"].tolist() == [1, 0]
    assert greedy_weights(found, {"y": np.full(5, -1)}, auc)["y"].tolist() == [1, 0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.1, 3), min_size=1, max_size=5), st.integers(0, 99))
def test_the_mix_is_never_worse_than_the_best_member_by_more_than_noise(noise: list[float], seed: int) -> None:
    found, truth = numbers(*noise, seed=seed)
    weights = greedy_weights(found, truth, RMSE)["y"]
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    best = min(error(found, truth, row) for row in np.eye(len(noise)))
    assert error(found, truth, weights) <= best * 1.01


@pytest.fixture(scope="module")
def world() -> World:
    return titanic()


@pytest.fixture(scope="module")
def ensemble(world: World) -> Ensemble:
    return Ensemble([make("linear-model"), make("forest"), make("boosting")], names=["a", "b", "c"]).fit(world.work())


def test_an_ensemble_does_not_lose_to_its_members(ensemble: Ensemble, world: World) -> None:
    metric = world.work().metrics["survived"]
    truth = world.valid.truth["survived"]
    each = [metric(truth, member.predict(world.valid)["survived"]) for member in ensemble.members]
    assert metric(truth, ensemble.predict(world.valid)["survived"]) <= min(each) + 1e-9


def test_mixing_predictions_is_predicting(ensemble: Ensemble, world: World) -> None:
    mixed = ensemble.mix([member.predict(world.test) for member in ensemble.members])
    for name, prediction in ensemble.predict(world.test).items():
        np.testing.assert_array_equal(prediction, mixed[name])


def test_shares_sum_to_one(ensemble: Ensemble) -> None:
    for target in (None, "survived", "fare", "class"):
        shares = ensemble.shares(target)
        assert sum(shares.values()) == pytest.approx(1)
        assert set(shares) <= {"a", "b", "c"}
        assert min(shares.values()) > 0


def test_only_members_that_count_are_saved_and_asked(world: World) -> None:
    parts = [make("dummy").fit(world.work()), make("linear-model")]
    own = Ensemble(parts, {target.name: np.array([1.0, 0.0]) for target in world.schema.targets}, ["x", "y"])
    state, arrays = own.to_state()
    assert state["names"] == ["x"]
    again = Ensemble.from_state(state, arrays, world.schema)
    np.testing.assert_array_equal(again.predict(world.test)["fare"], own.predict(world.test)["fare"])


def test_validation_rows_are_needed(world: World) -> None:
    with pytest.raises(OptionError, match="valid="):
        Ensemble([make("dummy")]).fit(world.work(valid=False))


@pytest.mark.parametrize(
    "weights", [[0.5, 0.6], [1.5, -0.5], [1.0], ["1", 0], [float("nan"), 1.0], [True, False], 1.0], ids=str
)
def test_hostile_weights_are_refused(weights: object) -> None:
    world = german()
    parts = [make("dummy").fit(world.work()) for _ in range(2)]
    state, arrays = Ensemble(parts, {"credit_risk": np.array([0.5, 0.5])}).to_state()
    with pytest.raises(ModelFileError):
        Ensemble.from_state({**state, "weights": {"credit_risk": weights}}, arrays, world.schema)


def test_an_ensemble_of_ensembles_is_refused_when_opened() -> None:
    world = german()
    inner = Ensemble([make("dummy").fit(world.work())], {"credit_risk": np.ones(1)})
    state, arrays = Ensemble([inner], {"credit_risk": np.ones(1)}).to_state()
    with pytest.raises(ModelFileError, match="ensemble"):
        Ensemble.from_state(state, arrays, world.schema)
