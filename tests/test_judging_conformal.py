from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judging_data import out_of_fold
from mapsto.errors import ModelFileError, OptionError
from mapsto.judging.conformal import Conformal


def coverages(name: str, rows: int, level: float) -> list[float]:
    """Coverage on the other half of the rows, for 20 random halves."""
    _, truth, prediction = out_of_fold(name, rows)
    task = "classification" if truth.dtype == np.int64 else "regression"
    found = []
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(truth))
        calibrate, test = np.array_split(order, 2)
        conformal = Conformal.fit(task, truth[calibrate], prediction[calibrate])
        if task == "regression":
            low, high = conformal.interval(prediction[test], level)
            inside = (low <= truth[test]) & (truth[test] <= high)
        else:
            inside = conformal.sets(prediction[test], level)[np.arange(len(test)), truth[test]]
        found.append(inside.mean())
    return found


@pytest.mark.parametrize("name", ["california", "adult", "german"])
def test_mean_coverage_over_20_splits_is_as_promised(name: str) -> None:
    assert np.mean(coverages(name, 1000 if name == "german" else 2500, 0.9)) == pytest.approx(0.9, abs=0.02)


def test_numbers_keep_the_promise_at_every_level() -> None:
    for level in (0.5, 0.8, 0.95):
        assert np.mean(coverages("california", 2500, level)) == pytest.approx(level, abs=0.02)


@settings(deadline=None)
@given(st.integers(1, 5000), st.floats(0.01, 0.99))
def test_the_radius_is_the_order_statistic_of_the_theorem(rows: int, level: float) -> None:
    """With scores 1..n the radius is the rank itself: exact up to 1,000 rows, rounded up by a thousandth beyond."""
    conformal = Conformal.fit("regression", np.zeros(rows), np.arange(1.0, rows + 1)[::-1, None])
    rank = math.ceil(round((rows + 1) * level, 9))
    if rank > rows:
        assert conformal.radius(level) == math.inf
    else:
        assert rank <= conformal.radius(level) <= rank + (0 if rows <= 1000 else math.ceil(rows / 1000))


def test_too_few_rows_promise_nothing() -> None:
    conformal = Conformal.fit("regression", np.arange(8.0), np.zeros((8, 1)))
    low, high = conformal.interval(np.array([[1.0]]), 0.9)
    assert (low[0], high[0]) == (-math.inf, math.inf)
    sets = Conformal.fit("classification", np.array([0, 1]), np.eye(2)).sets(np.array([[0.9, 0.1]]), 0.9)
    assert sets.all()
    nothing = Conformal.fit("regression", np.array([np.nan]), np.ones((1, 1)))
    assert nothing.radius(0.1) == math.inf


def test_a_scale_widens_uncertain_rows_and_keeps_coverage() -> None:
    generator = np.random.default_rng(0)
    scale = generator.uniform(0.1, 3, 6000)
    truth = scale * generator.normal(size=6000)
    prediction = np.zeros((6000, 1))
    conformal = Conformal.fit("regression", truth[:3000], prediction[:3000], scale[:3000])
    low, high = conformal.interval(prediction[3000:], 0.9, scale[3000:])
    inside = (low <= truth[3000:]) & (truth[3000:] <= high)
    sure = scale[3000:] < 1
    assert inside[sure].mean() == pytest.approx(0.9, abs=0.03)
    assert inside[~sure].mean() == pytest.approx(0.9, abs=0.03)
    np.testing.assert_allclose((high - low) / scale[3000:], (high - low)[0] / scale[3000])


def test_sets_hold_the_most_probable_class_and_grow_with_the_level() -> None:
    generator = np.random.default_rng(0)
    p = generator.dirichlet(np.ones(4), 500)
    truth = (generator.random((500, 1)) > p.cumsum(axis=1)).sum(axis=1)
    conformal = Conformal.fit("classification", truth, p)
    small, large = conformal.sets(p, 0.5), conformal.sets(p, 0.95)
    assert small[np.arange(500), p.argmax(axis=1)].all()
    assert (large | ~small).all()
    assert large.sum() > small.sum()


def test_state_survives_json() -> None:
    truth = np.random.default_rng(0).normal(size=3000)
    conformal = Conformal.fit("regression", truth, np.zeros((3000, 1)))
    state = json.loads(json.dumps(conformal.to_json()))
    again = Conformal.from_json(state)
    assert len(state["scores"]) == 1000
    assert [again.radius(q) for q in (0.1, 0.9, 0.999)] == [conformal.radius(q) for q in (0.1, 0.9, 0.999)]


@pytest.mark.parametrize(
    "change",
    [
        {"task": "multilabel"},
        {"rows": 2.0},
        {"rows": 7},
        {"rows": -1},
        {"rows": True},
        {"scores": [0.2, 0.1, 0.3]},
        {"scores": [0.1, 0.2, math.nan]},
        {"scores": [0.1, 0.2, "0.3"]},
        {"scores": [-0.1, 0.2, 0.3]},
        {"scores": [0.1, 0.2, 10**400]},
        {"scores": None},
    ],
)
def test_damaged_state_is_refused(change: dict) -> None:
    state = Conformal.fit("regression", np.array([0.1, 0.2, 0.3]), np.zeros((3, 1))).to_json()
    with pytest.raises(ModelFileError, match="conformal state"):
        Conformal.from_json(state | change)


def test_what_has_no_interval_says_so() -> None:
    with pytest.raises(OptionError, match="level between 0 and 1"):
        Conformal.fit("regression", np.zeros(3), np.ones((3, 1))).radius(90)
    with pytest.raises(OptionError, match="not for several labels"):
        Conformal.fit("multilabel", np.ones((3, 2)), np.ones((3, 2)))
