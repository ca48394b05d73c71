from __future__ import annotations

import numpy as np
import pytest

from judging_data import out_of_fold
from mapsto.errors import OptionError
from mapsto.judging.thresholds import best_threshold, cost_matrix, cost_threshold, decide, reaching
from mapsto.metrics import get

GERMAN = ["bad", "good"]


@pytest.mark.parametrize(
    "costs",
    [
        {("bad", "good"): 5, ("good", "bad"): 1},
        {("bad", "good"): 5},
        {"bad": {"good": 5}, "good": {"bad": 1}},
        [[0, 5], [1, 0]],
        np.array([[0, 5], [1, 0]]),
    ],
)
def test_costs_are_given_in_several_ways(costs: object) -> None:
    np.testing.assert_array_equal(cost_matrix(costs, GERMAN), [[0, 5], [1, 0]])


def test_classes_that_are_no_text_are_found_by_value_and_by_text() -> None:
    assert cost_matrix({(True, False): 7}, [False, True])[1, 0] == 7
    assert cost_matrix({"2": {"0": 7}}, [0, 1, 2])[2, 0] == 7


@pytest.mark.parametrize(
    "costs, message",
    [
        ({("bad", "god"): 5}, r"class 'god', which the target does not have; did you mean 'good'\? Classes: bad, good"),
        ({"bad": 5}, r"got the entry 'bad': 5"),
        ({("bad", "good"): "much"}, "finite number; got 'much' for bad taken for good"),
        ({("bad", "good"): float("nan")}, "finite number"),
        ([[0, 5]], r"one row and one column a class \(2: bad, good\)"),
        ([[0, 5], [1]], "one row and one column a class"),
        (5, "one row and one column a class"),
        ([[5, 0], [0, 1]], "a right decision about 'bad' costs 5, a wrong one only 0"),
    ],
)
def test_wrong_costs_are_named(costs: object, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        cost_matrix(costs, GERMAN)


def test_the_threshold_and_the_matrix_decide_alike() -> None:
    matrix = cost_matrix({"bad": {"good": 5}}, GERMAN)
    p = np.linspace(0, 1, 1000)  # 5/6 is not among them
    p = np.column_stack([1 - p, p])
    np.testing.assert_array_equal(decide(p, matrix), decide(p, threshold=cost_threshold(matrix)))
    assert (decide(p) == p.argmax(axis=1)).all()


def test_costs_of_german_credit_fall_by_deciding_with_them() -> None:
    _, truth, p = out_of_fold("german", 1000)
    matrix = cost_matrix({"bad": {"good": 5}}, GERMAN)  # codes are in sorted order
    with_costs, without = (matrix[truth, chosen].mean() for chosen in (decide(p, matrix), decide(p)))
    assert with_costs < 0.75 * without
    assert with_costs < min(matrix[truth, 0].mean(), matrix[truth, 1].mean())  # better than all bad or all good


def test_the_best_threshold_beats_every_other() -> None:
    _, truth, p = out_of_fold("german", 1000)
    for name in ("f1", "balanced_accuracy", "accuracy"):
        metric = get(name, "classification")
        best = metric.at(best_threshold(metric, truth, p))(truth, p)
        assert best >= max(metric.at(t)(truth, p) for t in np.linspace(0, 1, 41)) - 0.002
    labels = (np.column_stack([truth, 1 - truth])).astype(np.float32)
    micro = get("f1_micro", "multilabel")
    assert micro.at(best_threshold(micro, labels, p[:, ::-1]))(labels, p[:, ::-1]) >= micro(labels, p[:, ::-1])


def test_of_equal_thresholds_the_one_nearest_to_a_half() -> None:
    truth, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.9, 0.95])
    assert best_threshold(get("f1", "classification"), truth, np.column_stack([1 - p, p])) == pytest.approx(
        0.5, abs=0.1
    )
    with pytest.raises(OptionError, match="AUC does not depend on a threshold"):
        best_threshold(get("auc", "classification"), truth, np.column_stack([1 - p, p]))
    assert best_threshold(get("f1", "classification"), np.array([-1]), np.array([[0.5, 0.5]])) == 0.5


@pytest.mark.parametrize("least", [0.0, 0.5, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("name", ["sensitivity", "specificity"])
def test_a_wanted_figure_is_reached_and_no_more_given_up(name: str, least: float) -> None:
    _, truth, p = out_of_fold("german", 1000)
    p = p.round(2)  # ties
    metric, other = (get(n, "classification") for n in sorted(["sensitivity", "specificity"], key=lambda n: n != name))
    found = reaching(name, least, truth, p)
    assert metric.at(found)(truth, p) >= least
    reached = [t for t in np.append(np.unique(p[:, 1]), 1.01) if metric.at(t)(truth, p) >= least]
    assert other.at(found)(truth, p) == max(other.at(t)(truth, p) for t in reached)


def test_other_figures_cannot_be_reached() -> None:
    with pytest.raises(OptionError, match="sensitivity or a specificity"):
        reaching("accuracy", 0.9, np.array([0, 1]), np.eye(2))
    with pytest.raises(OptionError, match="between 0 and 1"):
        reaching("sensitivity", 90, np.array([0, 1]), np.eye(2))
