"""A model file written by an earlier version still opens and predicts the same; made by `golden/make.py`."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import mapsto
from mapsto import modelfile

GOLDEN = Path(__file__).with_name("golden")


def make():
    spec = importlib.util.spec_from_file_location("make_golden", GOLDEN / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model():
    return mapsto.load(GOLDEN / "model.mapsto")


@pytest.fixture(scope="module")
def new():
    return make().rows().head(12)


@pytest.fixture(scope="module")
def expected():
    return json.loads((GOLDEN / "expected.json").read_text(encoding="utf-8"))


def test_it_holds_a_member_of_each_kind_in_few_bytes(model):
    assert model._fitted.ensemble.names == ["boosting", "forest", "linear-model", "perceptron"]
    assert all((weights > 0).all() for weights in model._fitted.ensemble.weights.values())
    assert (GOLDEN / "model.mapsto").stat().st_size < 400_000


def test_predictions_are_as_they_were(model, new, expected):
    found = model.predict(new, interval=0.9)
    for name in ("credit_amount", "credit_amount_low", "credit_amount_high"):
        np.testing.assert_allclose(found[name], expected["predict"][name], rtol=1e-5)
    assert found["credit_risk_set"].to_list() == expected["predict"]["credit_risk_set"]
    for name, values in expected["predict_proba"].items():
        np.testing.assert_allclose(model.predict_proba(new)[name], values, atol=1e-5)


def test_its_scores_are_as_they_were(model, new, expected):
    for target, scores in expected["evaluate"].items():
        found = model.evaluate(new)[target]
        assert found.keys() == scores.keys()
        for name, value in scores.items():
            assert found[name] == pytest.approx(value, rel=1e-4, abs=1e-5, nan_ok=True), name


def test_it_can_be_explained_and_written_again(model, new):
    assert model.explain(new.head(1), max_seconds=1)["column"].n_unique() == 5
    assert np.isfinite(model.novelty(new)["novelty"].to_numpy()).all()
    assert "credit_risk" in model.describe()
    manifest, parts = modelfile.load(GOLDEN / "model.mapsto")
    again = modelfile.from_bytes(model.to_bytes())[1]
    assert again.keys() == parts.keys()
    for name, (_, arrays) in parts.items():
        assert again[name][1].keys() == arrays.keys()
    assert manifest["format"] == 1
