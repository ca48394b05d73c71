from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import cross_val_predict

from judging_data import out_of_fold
from mapsto.judging.labels import suspected_labels


def test_flipped_labels_of_real_rows_come_first() -> None:
    values, truth, _ = out_of_fold("adult", 2500)
    generator = np.random.default_rng(0)
    flipped = generator.random(len(truth)) < 0.08
    given = np.where(flipped, 1 - truth, truth)
    model = HistGradientBoostingClassifier(max_iter=40, random_state=0)
    p = cross_val_predict(model, values, given, cv=3, method="predict_proba")
    found = suspected_labels("classification", given, p)
    base = flipped.mean()
    assert flipped[found.rows[:50]].mean() > 8 * base
    assert flipped[found.rows].mean() > 3 * base
    assert len(found) < 0.25 * len(truth)
    np.testing.assert_array_equal(found.given, given[found.rows])
    np.testing.assert_array_equal(found.suggested, 1 - found.given)
    assert (np.diff(found.suspicion) <= 0).all()


def test_shifted_numbers_of_real_rows_are_found() -> None:
    values, truth, _ = out_of_fold("california", 2500)
    generator = np.random.default_rng(0)
    wrong = generator.random(len(truth)) < 0.02
    given = np.where(wrong, truth * 10, truth)
    p = cross_val_predict(HistGradientBoostingRegressor(loss="absolute_error", max_iter=40), values, given, cv=3)
    found = suspected_labels("regression", given, p[:, None])
    assert wrong[found.rows[:30]].mean() > 0.9
    assert len(found) < 0.1 * len(truth)
    np.testing.assert_allclose(found.suggested, p[found.rows])


def test_confident_and_right_predictions_raise_no_suspicion() -> None:
    truth = np.arange(90) % 3
    p = np.eye(3)[truth] * 0.9 + 0.1 / 3
    assert len(suspected_labels("classification", truth, p)) == 0
    assert len(suspected_labels("regression", truth.astype(float), truth[:, None].astype(float))) == 0
    assert len(suspected_labels("multilabel", np.eye(3)[truth], p)) == 0


def test_each_label_of_a_row_is_a_question_of_its_own() -> None:
    truth = np.tile([[1.0, 0.0], [0.0, 1.0]], (20, 1))
    p = truth * 0.8 + 0.1
    truth[5, 0], truth[8] = 1 - truth[5, 0], np.nan
    found = suspected_labels("multilabel", truth, p)
    assert (found.rows.tolist(), found.label.tolist(), found.suggested.tolist()) == ([5], [0], [0])


def test_rows_without_label_are_passed_over_and_numbers_stay_those_given() -> None:
    truth = np.tile([0, 1], 50)
    p = np.eye(2)[truth] * 0.8 + 0.1
    truth[:10], truth[40] = -1, 1
    found = suspected_labels("classification", truth, p)
    assert found.rows.tolist() == [40]
    assert found.take(slice(0)).rows.tolist() == []
    assert found.suspicion[0] == pytest.approx(0.8)
    assert len(suspected_labels("classification", np.full(3, -1), p[:3])) == 0
