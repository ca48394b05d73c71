"""A row that lies far outside all others (a row of totals, a fortune) does not decide alone how members are weighed."""

from __future__ import annotations

import numpy as np
import pytest

from mapsto import metrics
from mapsto.members.ensemble import greedy_weights


@pytest.fixture
def truth():
    return np.random.default_rng(0).normal(20, 5, 300)


def test_the_member_that_is_right_of_all_but_one_row_is_chosen(truth):
    truth[150] = 3000.0
    noise = np.random.default_rng(1).normal(size=(2, 300))
    good, doubled = truth + noise[0], 2 * truth + noise[1]
    good[150], doubled[150] = 20.0, 2500.0
    weights = greedy_weights(
        [{"y": good[:, None]}, {"y": doubled[:, None]}], {"y": truth}, {"y": metrics.get("rmse", "regression")}
    )["y"]
    assert weights[0] > 0.9


def test_members_that_err_alike_in_every_row_share_the_weight(truth):
    noise = np.random.default_rng(1).normal(size=(2, 300))
    weights = greedy_weights(
        [{"y": (truth + one)[:, None]} for one in noise], {"y": truth}, {"y": metrics.get("rmse", "regression")}
    )["y"]
    assert 0.3 < weights[0] < 0.7
