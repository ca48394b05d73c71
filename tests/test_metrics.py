"""Metrics against scikit-learn on random data, and their own laws."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from mapsto.errors import OptionError
from mapsto.metrics import METRICS, all_for, default, get, wrap

seeds = st.integers(0, 10_000)
few = settings(max_examples=25, deadline=None)


def classes_of(seed: int, classes: int, *, ties: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth with every class, probabilities (rounded where ties are wanted) and weights."""
    generator = np.random.default_rng(seed)
    rows = int(generator.integers(3 * classes, 80))
    truth = generator.permutation(np.arange(rows) % classes)
    p = generator.dirichlet(np.ones(classes), rows) + 0.5 * np.eye(classes)[truth] * generator.random((rows, 1))
    p = p / p.sum(axis=1, keepdims=True)
    if ties:
        p = np.round(p, 1) + 0.01
        p /= p.sum(axis=1, keepdims=True)
    return truth, p, generator.integers(1, 4, rows).astype(float)


@few
@given(seeds, st.booleans())
def test_two_classes_agree_with_scikit_learn(seed: int, ties: bool) -> None:
    y, p, w = classes_of(seed, 2, ties=ties)
    chosen = p.argmax(axis=1)
    expected = {
        "accuracy": sk.accuracy_score(y, chosen, sample_weight=w),
        "balanced_accuracy": sk.balanced_accuracy_score(y, chosen, sample_weight=w),
        "f1": sk.f1_score(y, chosen, sample_weight=w),
        "sensitivity": sk.recall_score(y, chosen, sample_weight=w),
        "specificity": sk.recall_score(y, chosen, pos_label=0, sample_weight=w),
        "auc": sk.roc_auc_score(y, p[:, 1], sample_weight=w),
        "average_precision": sk.average_precision_score(y, p[:, 1], sample_weight=w),
        "log_loss": sk.log_loss(y, p, sample_weight=w),
        "brier": sk.brier_score_loss(y, p[:, 1], sample_weight=w),
    }
    for metric in all_for("classification"):
        assert metric(y, p, w) == pytest.approx(expected[metric.name]), metric.name


@few
@given(seeds, st.booleans())
def test_more_classes_agree_with_scikit_learn(seed: int, ties: bool) -> None:
    y, p, w = classes_of(seed, 4, ties=ties)
    chosen = p.argmax(axis=1)
    expected = {
        "accuracy": sk.accuracy_score(y, chosen, sample_weight=w),
        "balanced_accuracy": sk.balanced_accuracy_score(y, chosen, sample_weight=w),
        "f1": sk.f1_score(y, chosen, average="macro", sample_weight=w),
        "auc": sk.roc_auc_score(y, p, multi_class="ovr", sample_weight=w),
        "average_precision": sk.average_precision_score(np.eye(4)[y], p, sample_weight=w),
        "log_loss": sk.log_loss(y, p, sample_weight=w),
    }
    for name, value in expected.items():
        assert get(name, "classification")(y, p, w) == pytest.approx(value), name


@few
@given(seeds)
def test_numbers_agree_with_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    y = generator.lognormal(size=int(generator.integers(5, 60)))
    p = (y + 0.3 * generator.normal(size=len(y)))[:, None]
    w = generator.integers(1, 4, len(y)).astype(float)
    expected = {
        "rmse": sk.root_mean_squared_error(y, p, sample_weight=w),
        "mae": sk.mean_absolute_error(y, p, sample_weight=w),
        "median_absolute_error": np.median(np.repeat(abs(y - p[:, 0]), w.astype(int))),
        "r2": sk.r2_score(y, p, sample_weight=w),
        "rmsle": sk.root_mean_squared_log_error(y, np.maximum(p[:, 0], 0), sample_weight=w),
        "mape": sk.mean_absolute_percentage_error(y, p, sample_weight=w),
    }
    for metric in all_for("regression"):
        assert metric(y, p, w) == pytest.approx(expected[metric.name]), metric.name


@few
@given(seeds)
def test_labels_agree_with_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = int(generator.integers(10, 50))
    y = (generator.random((rows, 3)) < 0.4).astype(np.float32)
    y[0], y[1] = 0, 1
    p = np.clip(0.3 * y + 0.7 * generator.random((rows, 3)), 0.01, 0.99)
    w = generator.integers(1, 4, rows).astype(float)
    chosen = p >= 0.5
    expected = {
        "f1_micro": sk.f1_score(y, chosen, average="micro", sample_weight=w),
        "f1_macro": sk.f1_score(y, chosen, average="macro", sample_weight=w),
        "hamming": sk.hamming_loss(y, chosen, sample_weight=w),
        "exact": sk.accuracy_score(y, chosen, sample_weight=w),
        "auc": sk.roc_auc_score(y, p, sample_weight=w),
        "average_precision": sk.average_precision_score(y, p, sample_weight=w),
        "log_loss": np.mean([sk.log_loss(y[:, j], p[:, j], sample_weight=w) for j in range(3)]),
        "brier": np.mean([sk.brier_score_loss(y[:, j], p[:, j], sample_weight=w) for j in range(3)]),
    }
    for metric in all_for("multilabel"):
        assert metric(y, p, w) == pytest.approx(expected[metric.name]), metric.name


def example(task: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    if task == "regression":
        truth = generator.lognormal(size=40)
        return truth, truth[:, None] + generator.normal(size=(40, 1))
    if task == "classification":
        return generator.permutation(np.arange(40) % 3), generator.dirichlet(np.ones(3), 40)
    return (generator.random((40, 3)) < 0.5).astype(np.float32), generator.random((40, 3))


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: f"{metric.task}-{metric.name}")
def test_laws_of_every_metric(metric) -> None:
    truth, prediction = example(metric.task)
    value = metric(truth, prediction)
    counts = np.random.default_rng(1).integers(0, 3, (5, len(truth)))
    stacked = metric.scorer(truth, prediction)(counts.astype(float))
    repeated = [metric(np.repeat(truth, c, axis=0), np.repeat(prediction, c, axis=0)) for c in counts]
    np.testing.assert_allclose(stacked, repeated, rtol=1e-9)  # a weight is a number of copies

    missing = truth.copy()
    missing[:7] = -1 if metric.task == "classification" else np.nan
    assert metric(missing, prediction) == pytest.approx(metric(truth[7:], prediction[7:]))

    order = np.random.default_rng(2).permutation(len(truth))
    assert metric(truth[order], prediction[order]) == pytest.approx(value)
    assert np.isnan(metric(truth[:0], prediction[:0]))
    broken = prediction.copy()
    broken[3] = np.nan
    assert np.isnan(metric(truth, broken))

    perfect = truth[:, None] if metric.task == "regression" else np.eye(3)[truth] if truth.ndim == 1 else truth
    assert metric.sign * metric(truth, perfect) > metric.sign * value


def test_undefined_figures_are_nan_not_errors() -> None:
    one_class, p = np.ones(4, dtype=int), np.full((4, 2), 0.5)
    assert np.isnan(get("auc", "classification")(one_class, p))
    assert np.isnan(get("specificity", "classification")(one_class, p))
    assert np.isnan(get("r2", "regression")(np.ones(4), np.ones((4, 1))))
    assert np.isnan(get("rmsle", "regression")(np.array([-1.0, 2.0]), np.ones((2, 1))))
    absent = get("auc", "classification")(np.array([0, 1, 0, 1]), np.full((4, 3), 1 / 3))
    assert absent == 0.5  # the third class has no row and is left out


def test_a_threshold_changes_what_is_chosen_and_nothing_else() -> None:
    truth, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.4, 0.9])
    p = np.column_stack([1 - p, p])
    assert get("sensitivity", "classification")(truth, p) == 0.5
    assert get("sensitivity", "classification").at(0.35)(truth, p) == 1.0
    assert get("auc", "classification").at(0.35) is get("auc", "classification")
    labels = np.array([[0.0, 1.0]])
    assert get("exact", "multilabel").at(0.2)(labels, np.array([[0.1, 0.3]])) == 1.0


def test_cost_is_that_of_the_cheapest_decisions() -> None:
    costs = np.array([[0.0, 5.0], [1.0, 0.0]])
    metric = get("cost", "classification", costs=costs)
    truth, p = np.array([0, 1]), np.array([[0.3, 0.7], [0.1, 0.9]])
    assert metric(truth, p) == 0.0  # 0.7 is below 5/6, so the first row is not risked
    assert metric(1 - truth, p) == 3.0
    assert metric.at(0.5)(truth, p) == 2.5
    with pytest.raises(OptionError, match="needs costs"):
        get("cost", "classification")


def test_a_wrong_name_is_answered_with_the_nearest_and_the_known() -> None:
    with pytest.raises(OptionError, match=r"no metric 'RMSEs' for regression; did you mean 'rmse'\? Known: rmse, mae"):
        get("RMSEs", "regression")
    with pytest.raises(OptionError, match="no metric 'rmse' for classification"):
        get("rmse", "classification")


def test_defaults() -> None:
    chosen = [
        default("classification", 2),
        default("classification", 5),
        default("regression"),
        default("multilabel", 3),
    ]
    assert [metric.name for metric in chosen] == ["auc", "log_loss", "rmse", "log_loss"]


def test_a_function_of_the_user_becomes_a_metric() -> None:
    def largest(truth, prediction):
        return np.abs(truth - prediction[:, 0]).max()

    metric = get(largest, "regression")
    truth, prediction = example("regression")
    truth[0] = np.nan
    assert (metric.name, metric.higher_is_better) == ("largest", False)
    assert metric(truth, prediction) == np.abs(truth - prediction[:, 0])[1:].max()
    counts = np.random.default_rng(0).integers(0, 2, (3, len(truth))).astype(float)
    assert metric.scorer(truth, prediction)(counts).shape == (3,)
    with pytest.raises(OptionError, match="takes no weights"):
        metric(truth, prediction, np.full(len(truth), 0.5))


def test_the_direction_of_a_function_is_told_named_or_tried() -> None:
    def right(truth, prediction, weight=None):
        return np.average(prediction.argmax(axis=1) == truth, weights=weight)

    def odd_loss(truth, prediction):
        return 0.0

    def constant(truth, prediction):
        return 0.0

    assert get(right, "classification", classes=3).higher_is_better
    assert not wrap(odd_loss, "classification").higher_is_better
    with pytest.raises(OptionError, match=r"cannot tell.*constant\.higher_is_better"):
        wrap(constant, "multilabel", 4)
    constant.higher_is_better = True
    assert wrap(constant, "multilabel").higher_is_better
    weighted = get(right, "classification", classes=2)(np.array([0, 1]), np.eye(2)[[0, 0]], np.array([0.25, 0.75]))
    assert weighted == 0.25
