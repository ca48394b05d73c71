from __future__ import annotations

import numpy as np
import pytest

from judging_data import out_of_fold
from mapsto.judging.calibration import (
    apply_temperature,
    calibration_error,
    fit_temperature,
    golden_section,
    reliability,
)
from mapsto.metrics import Task, get


def drawn(task: Task, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and truths drawn from them: perfectly calibrated."""
    generator = np.random.default_rng(seed)
    if task == "multilabel":
        p = generator.beta(0.7, 1.2, (rows, 4))
        return (generator.random(p.shape) < p).astype(np.float32), p
    p = generator.dirichlet([0.7, 0.7, 0.7], rows)
    return (generator.random((rows, 1)) > p.cumsum(axis=1)).sum(axis=1), p


@pytest.mark.parametrize("task", ["classification", "multilabel"])
@pytest.mark.parametrize("spoilt", [0.5, 1.0, 2.5])
def test_the_temperature_that_spoilt_calibration_is_found(task: Task, spoilt: float) -> None:
    truth, p = drawn(task, 4000)
    overconfident = apply_temperature(task, p, 1 / spoilt)
    assert fit_temperature(task, truth, overconfident) == pytest.approx(spoilt, rel=0.1)
    restored = apply_temperature(task, overconfident, spoilt)
    np.testing.assert_allclose(restored, p, atol=1e-4)


@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_the_order_of_classes_stays_and_probabilities_stay_probabilities(task: Task) -> None:
    _, p = drawn(task, 200)
    p[0] = np.eye(p.shape[1])[0]  # certain
    scaled = apply_temperature(task, p, 3.0)
    assert (scaled.argmax(axis=1) == p.argmax(axis=1)).all()
    assert ((scaled >= 0) & (scaled <= 1)).all()
    if task == "classification":
        np.testing.assert_allclose(scaled.sum(axis=1), 1)
    assert apply_temperature(task, p, 1.0) is p


@pytest.mark.parametrize("name", ["german", "adult"])
def test_overconfident_predictions_of_real_rows_get_better(name: str) -> None:
    _, truth, p = out_of_fold(name, 1000)
    sharp = apply_temperature("classification", p, 0.4)
    half = len(truth) // 2
    temperature = fit_temperature("classification", truth[:half], sharp[:half])
    mended = apply_temperature("classification", sharp[half:], temperature)
    loss = get("log_loss", "classification")
    assert temperature > 1.5
    assert loss(truth[half:], mended) < loss(truth[half:], sharp[half:])
    before = calibration_error("classification", truth[half:], sharp[half:])
    assert calibration_error("classification", truth[half:], mended) < 0.7 * before


def test_few_rows_move_it_little_and_none_not_at_all() -> None:
    assert 0.1 < fit_temperature("classification", np.array([1, 1]), np.array([[0.4, 0.6], [0.4, 0.6]])) < 1
    assert fit_temperature("classification", np.array([-1, -1]), np.full((2, 2), 0.5)) == 1.0
    assert fit_temperature("regression", np.arange(3.0), np.ones((3, 1))) == 1.0


def test_weights_decide_which_rows_count() -> None:
    truth, p = drawn("classification", 2000)
    sharp = p.copy()
    sharp[1000:] = apply_temperature("classification", p[1000:], 0.3)
    weight = np.repeat([1.0, 0.0], 1000)
    assert fit_temperature("classification", truth, sharp, weight) == pytest.approx(1, rel=0.15)
    assert fit_temperature("classification", truth, sharp, 1 - weight) > 2


def test_error_of_calibrated_and_of_spoilt_probabilities() -> None:
    truth, p = drawn("classification", 20_000)
    assert calibration_error("classification", truth, p) < 0.02
    assert calibration_error("classification", truth, apply_temperature("classification", p, 0.4)) > 0.08
    said = np.full((1000, 2), [0.3, 0.7])  # one bin, since all are equal
    truth = (np.arange(1000) % 2).astype(np.int64)
    assert calibration_error("classification", truth, said) == pytest.approx(0.2)
    assert np.isnan(calibration_error("classification", np.array([-1]), said[:1]))


def test_bins_hold_equally_many_rows() -> None:
    truth, p = drawn("multilabel", 3000)
    found = reliability("multilabel", truth, p, bins=10)
    np.testing.assert_allclose(found.rows, 1200, atol=2)
    assert (np.diff(found.said) > 0).all()
    np.testing.assert_allclose(found.said, found.true, atol=0.05)


def test_golden_section_finds_a_border_minimum() -> None:
    assert golden_section(lambda x: x, 2, 5) == pytest.approx(2, abs=1e-3)
