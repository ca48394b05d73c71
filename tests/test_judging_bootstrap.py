from __future__ import annotations

import numpy as np
import pytest

from mapsto.judging.bootstrap import bounds, difference, draws, interval, scores
from mapsto.metrics import get

rmse, mae, auc = get("rmse", "regression"), get("mae", "regression"), get("auc", "classification")


def numbers(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=rows)
    return truth, truth[:, None] + generator.normal(size=(rows, 1))


def test_draws_hold_every_row_once_on_average() -> None:
    counts = np.concatenate(list(draws(50, resamples=2000)))
    assert counts.shape == (2000, 50)
    assert (counts.sum(axis=1) == 50).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.1)
    assert counts.var(axis=0).mean() == pytest.approx(0.98, abs=0.05)  # binomial(50, 1/50)


def test_scores_equal_those_of_the_rows_drawn() -> None:
    truth, prediction = numbers(30)
    counts = next(draws(30, resamples=4)).astype(int)
    expected = [mae(np.repeat(truth, c), np.repeat(prediction, c, axis=0)) for c in counts]
    np.testing.assert_allclose(scores(mae, truth, [prediction], resamples=4)[0], expected)


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    truth, prediction = numbers(400)
    error = np.abs(truth - prediction[:, 0])
    found = interval(mae, truth, prediction)
    half = 1.96 * error.std() / 20
    assert found.value == pytest.approx(error.mean())
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.1)
    assert found.low < found.value < found.high


def test_intervals_hold_the_true_value_about_as_often_as_said() -> None:
    truth, prediction = numbers(40_000)
    whole = rmse(truth, prediction)
    parts = np.arange(40_000).reshape(200, 200)
    found = [interval(rmse, truth[rows], prediction[rows], level=0.9, resamples=300) for rows in parts]
    covered = np.mean([one.low <= whole <= one.high for one in found])
    assert 0.82 < covered < 0.96


def test_a_paired_difference_is_narrower_than_the_two_intervals() -> None:
    truth, first = numbers(300)
    second = first + 0.05
    found = difference(rmse, truth, first, second)
    alone = interval(rmse, truth, first)
    assert found.high - found.low < 0.3 * (alone.high - alone.low)
    back = difference(rmse, truth, second, first)
    assert (found.value, found.low, found.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert difference(rmse, truth, first, first) == bounds(0.0, np.zeros(3))


def test_the_same_seed_gives_the_same_interval_whatever_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, prediction = numbers(100)
    first = interval(rmse, truth, prediction, seed=3)
    assert interval(rmse, truth, prediction, seed=3) == first
    assert interval(rmse, truth, prediction, seed=4) != first
    monkeypatch.setattr("mapsto.judging.bootstrap._CELLS", 700)
    again = interval(rmse, truth, prediction, seed=3)
    assert (again.low, again.high) == pytest.approx((first.low, first.high), rel=1e-12)


def test_rows_without_truth_and_weights() -> None:
    truth, prediction = numbers(60)
    weight = np.repeat([1.0, 0.0], 30)
    np.testing.assert_allclose(
        interval(rmse, truth, prediction, weight).value, interval(rmse, truth[:30], prediction[:30]).value
    )
    missing = np.where(np.arange(60) < 30, truth, np.nan)
    assert interval(rmse, missing, prediction).value == pytest.approx(rmse(truth[:30], prediction[:30]))


def test_an_undefined_figure_has_no_interval() -> None:
    one_class, p = np.zeros(20, dtype=int), np.full((20, 2), 0.5)
    found = interval(auc, one_class, p)
    assert np.isnan([found.value, found.low, found.high]).all()
    assert np.isnan(interval(rmse, np.empty(0), np.empty((0, 1))).low)
    rare = one_class.copy()
    rare[0] = 1  # some draws hold no row of class 1
    assert interval(auc, rare, p).low == 0.5


def test_bags_of_many_rows_give_the_interval_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, first = numbers(4000)
    second = first * 0.9
    exact, paired = interval(rmse, truth, first), difference(rmse, truth, first, second)
    monkeypatch.setattr("mapsto.judging.bootstrap.BAG", 800)
    for whole, bagged in ((exact, interval(rmse, truth, first)), (paired, difference(rmse, truth, first, second))):
        assert bagged.value == whole.value
        assert (bagged.low, bagged.high) == pytest.approx((whole.low, whole.high), abs=0.2 * (whole.high - whole.low))


def test_rows_of_a_group_are_drawn_together() -> None:
    groups = np.repeat([7, 3, 5], [4, 2, 1])
    counts = np.concatenate(list(draws(7, groups=groups, resamples=500)))
    assert (counts[:, :4] == counts[:, :1]).all()
    assert (counts[:, 4] == counts[:, 5]).all()
    assert (counts[:, [0, 4, 6]].sum(axis=1) == 3).all()


@pytest.mark.parametrize("each", [2, 400])
def test_the_interval_of_groups_is_that_of_their_means(each: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    level = generator.normal(size=8000 // each)
    groups = np.repeat(np.arange(len(level)), each)
    truth = np.zeros(8000)
    prediction = (3 + level[groups] + 0.01 * generator.normal(size=8000))[:, None]
    for bag in (20_000, 2000):
        monkeypatch.setattr("mapsto.judging.bootstrap.BAG", bag)
        found = interval(mae, truth, prediction, groups=groups)
        half = 1.96 * np.abs(3 + level).std() / np.sqrt(len(level))
        assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.2)
