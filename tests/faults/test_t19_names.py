"""T19: a kept column called like an answer is refused in our words; columns may be named by numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mapsto
from mapsto.errors import OptionError
from mapsto.sklearn import MapstoClassifier, MapstoRegressor

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=120)
OPTIONS: dict[str, Any] = {"network": "linear-model", "progress": False, "time": "8s", "test": 0.2}


def test_a_kept_column_called_like_a_class(tmp_path: Any) -> None:
    frame = pl.DataFrame({"x": X, "yes": range(120), "sold": np.where(X > 0, "yes", "no")})
    model = mapsto.fit(frame, "sold", keep=["yes"], **OPTIONS)
    frame.write_csv(tmp_path / "new.csv")
    path = str(tmp_path / "new.csv")
    with pytest.raises(OptionError, match=r"keep='yes': the answers have a column of this name.*keep=\[\]"):
        model.predict_file(path, proba=True)
    assert model.predict_file(path)["yes"].to_list() == [str(i) for i in range(120)]
    assert model.predict_file(path, proba=True, keep=[]).columns == ["no", "yes"]


def test_a_kept_column_called_like_an_interval() -> None:
    frame = pl.DataFrame({"x": X, "y_low": range(120), "y": 2 * X})
    model = mapsto.fit(frame, "y", keep=["y_low"], **OPTIONS)
    with pytest.raises(OptionError, match="keep='y_low'"):
        model.predict(frame, interval=0.9)
    assert model.predict(frame, interval=0.9, keep=[]).columns == ["y", "y_low", "y_high"]


def numbered() -> pd.DataFrame:
    return pd.DataFrame({0: X, 1: np.where(X > 1, "big", "small"), 2: 2 * X, 3: range(120)})


def test_integer_names() -> None:
    frame = numbered()
    model = mapsto.fit(frame, 2, inputs=[0, 1], types={1: "category"}, keep=[3], metric={2: "mae"}, **OPTIONS)
    found = model.predict(frame)
    assert found.columns.tolist() == [3, 2]
    assert model.predict(frame, keep=[1]).columns.tolist() == [1, 2]
    assert model.evaluate(frame, by=1)["2"].keys() == {"big", "small"}
    assert set(model.columns["column"]) >= {"0", "1", "2"}


def test_names_that_are_none() -> None:
    with pytest.raises(OptionError, match=r"target=2.5"):
        mapsto.fit(numbered(), 2.5, **OPTIONS)  # type: ignore[arg-type]


def test_scikit_learn_wrappers_take_frames_with_integer_names() -> None:
    frame = numbered()
    regressor = MapstoRegressor("linear", time="5s").fit(frame[[0, 1]], frame[2])
    assert len(regressor.predict(frame[[0, 1]])) == 120
    classifier = MapstoClassifier("linear", time="5s", types={1: "category"}).fit(frame[[0, 1]], frame[1])
    assert set(classifier.predict(frame[[0, 1]])) <= {"big", "small"}
