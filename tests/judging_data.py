"""Real tables as plain arrays, and quick out-of-sample predictions of them, for the tests of judging."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import cross_val_predict

from conftest import shared_data

TABLES = {
    "adult": (("adult", "adult_train.csv.gz"), "income"),
    "german": (("german_credit", "german_credit.csv"), "credit_risk"),
    "california": (("california_housing", "housing.csv.gz"), "median_house_value"),
    "titanic": (("titanic", "titanic.csv"), "survived"),
    "bank": (("bank_marketing", "bank.csv.gz"), "deposit"),
    "diamonds": (("diamonds", "diamonds.csv.gz"), "price"),
    "id_leak": (("hostile", "id_leak.csv"), "target"),
}


def codes(series: pl.Series) -> np.ndarray:
    """Numbers as they are, anything else as codes in sorted order; missing is NaN."""
    if series.dtype.is_numeric():
        return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    text = series.cast(pl.String)
    known = text.drop_nulls().unique().sort()
    return text.replace_strict(known, range(len(known)), return_dtype=pl.Float64).fill_null(float("nan")).to_numpy()


@cache
def columns(name: str, rows: int | None = None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Input columns by name, `(rows,)` each, and the target; a random sample of `rows`."""
    path, target = TABLES[name]
    frame = pl.read_csv(shared_data(*path), null_values="?")
    if rows is not None:
        frame = frame.sample(rows, seed=0, shuffle=True)
    found = {column: codes(frame[column]) for column in frame.columns}
    truth = found.pop(target)
    return found, truth if name in ("california", "diamonds") else truth.astype(np.int64)


@cache
def out_of_fold(name: str, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, truth and out-of-fold predictions by quick boosted trees."""
    inputs, truth = columns(name, rows)
    values = np.column_stack(list(inputs.values()))
    if truth.dtype == np.int64:
        model = HistGradientBoostingClassifier(max_iter=40, random_state=0)
        return values, truth, cross_val_predict(model, values, truth, cv=3, method="predict_proba")
    model = HistGradientBoostingRegressor(max_iter=40, random_state=0)
    return values, truth, cross_val_predict(model, values, truth, cv=3)[:, None]
