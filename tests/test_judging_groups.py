from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from judging_data import columns, out_of_fold
from mapsto.judging.groups import evaluate_groups
from mapsto.metrics import get

auc, accuracy = get("auc", "classification"), get("accuracy", "classification")


def test_groups_of_real_rows_get_the_figures_of_their_rows() -> None:
    inputs, _ = columns("adult", 2500)
    _, truth, p = out_of_fold("adult", 2500)
    sex = np.where(inputs["sex"] == 1, "Male", "Female")
    found = evaluate_groups(truth, p, pl.Series("sex", sex), [auc, accuracy])
    assert list(found) == ["Female", "Male"]
    rows = sex == "Male"
    assert found["Male"] == {
        "rows": int(rows.sum()),
        "auc": auc(truth[rows], p[rows]),
        "accuracy": accuracy(truth[rows], p[rows]),
    }
    shares = [found[s]["rows"] / len(truth) * found[s]["accuracy"] for s in found]
    assert sum(shares) == pytest.approx(accuracy(truth, p))


def test_missing_groups_missing_truth_and_weights() -> None:
    truth, p = np.array([0, 1, -1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.5, 0.5], [0.1, 0.9]])
    weight = np.array([1.0, 1.0, 1.0, 3.0])
    found = evaluate_groups(truth, p, pl.Series([None, "a", "b", "a"]), [accuracy, auc], weight)
    assert found["a"] == pytest.approx({"rows": 2, "accuracy": 0.75, "auc": np.nan}, nan_ok=True)
    assert found["b"]["rows"] == 0
    assert np.isnan(found["b"]["accuracy"])
    assert list(found) == ["a", "b", None]
