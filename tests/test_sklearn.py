"""scikit-learn's own checks, pipelines and pickling of the estimators."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from mapsto.sklearn import MapstoClassifier, MapstoRegressor

QUICK = {"learning": {"epochs": 12, "batch_size": 32}, "networks": {"perceptron": {"width": 32}}}

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": "mini-batches of repeated rows differ from weighted rows",
}


@parametrize_with_checks(
    [
        MapstoClassifier("perceptron", recipe=QUICK, random_state=0),
        MapstoRegressor("perceptron", recipe=QUICK, random_state=0),
    ],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_scores_in_a_pipeline():
    x, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), MapstoClassifier(random_state=0))
    assert cross_val_score(model, x, y, cv=3).mean() > 0.9


def test_regressor_learns():
    x, y = load_diabetes(return_X_y=True)
    assert MapstoRegressor(random_state=0).fit(x[::2], y[::2]).score(x[1::2], y[1::2]) > 0.3


def test_frames_keep_their_columns():
    frame = pd.DataFrame({"city": ["Bonn", "Oslo"] * 40, "size": np.arange(80.0)})
    y = np.where(frame["city"] == "Bonn", "left", "right")
    model = MapstoClassifier("perceptron", recipe=QUICK, random_state=0).fit(frame, y)
    assert list(model.classes_) == ["left", "right"]
    assert model.score(frame, y) == 1.0
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["size", "city"]].rename(columns={"size": "area"}))


def test_pickle_is_a_model_file_and_predicts_the_same():
    x, y = load_iris(return_X_y=True)
    model = MapstoClassifier("perceptron", recipe=QUICK, random_state=0).fit(x, y)
    assert isinstance(model.__getstate__()["model_"], bytes)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
