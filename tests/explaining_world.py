"""Fitted models over real tables with quick scikit-learn trees in place of a trained ensemble."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
from conftest import shared_data
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from mapsto.columns.base import Column
from mapsto.columns.category import Category
from mapsto.columns.number import Number
from mapsto.fitted import Fitted
from mapsto.recipe import Recipe
from mapsto.sample import Sample
from mapsto.schema import Encoded, Schema


class Trees:
    """What `Fitted` asks of an ensemble, answered by one boosted-tree model a target."""

    def __init__(self, schema: Schema, train: Encoded) -> None:
        self.schema = schema
        self.members = [SimpleNamespace(name="trees")]
        self.names = ["trees"]
        values = schema.features(train).values
        self.models = {}
        for target in schema.targets:
            kind = HistGradientBoostingRegressor if target.task == "regression" else HistGradientBoostingClassifier
            truth = train.truth[target.name]
            known = np.isfinite(truth) if target.task == "regression" else truth >= 0
            self.models[target.name] = kind(max_iter=30, random_state=0).fit(values[known], truth[known])

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> dict[str, np.ndarray]:
        values = self.schema.features(encoded).values
        return {
            name: model.predict_proba(values) if hasattr(model, "predict_proba") else model.predict(values)[:, None]
            for name, model in self.models.items()
        }

    def shares(self, target: str | None = None) -> dict[str, float]:
        return {"trees": 1.0}


class Formula(Trees):
    """A known function of the encoded rows instead of trees."""

    def __init__(self, schema: Schema, function: Callable[[Encoded], dict[str, np.ndarray]]) -> None:
        self.schema, self.function = schema, function
        self.members = [SimpleNamespace(name="formula")]
        self.names = ["trees"]

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> dict[str, np.ndarray]:
        return self.function(encoded)


def column(series: pl.Series) -> Column:
    kind = Number if series.dtype.is_numeric() else Category
    return kind(name=series.name, reason="in this test")


def fitted(
    frame: pl.DataFrame,
    targets: list[str],
    function: Callable[[Encoded], dict[str, np.ndarray]] | None = None,
    *,
    inputs: dict[str, Column] | None = None,
) -> Fitted:
    """Trained on the first two thirds, held: the last third."""
    inputs = inputs or {}
    schema = Schema(
        [inputs.get(name) or column(frame[name]) for name in frame.columns if name not in targets],
        [column(frame[name]) for name in targets],
    )
    cut = frame.height * 2 // 3
    train, rest = frame.head(cut), frame.slice(cut)
    schema.learn(train)
    encoded, held = schema.encode(train, truth=True), schema.encode(rest, truth=True)
    ensemble: Any = Trees(schema, encoded) if function is None else Formula(schema, function)
    tasks = {t.name: "rmse" if t.task == "regression" else "auc" if len(t.classes) == 2 else "log_loss" for t in schema.targets}
    made = Fitted(schema, ensemble, Recipe(), tasks)
    made.background = Sample.draw(schema, encoded, train, 300, 0)
    made.held = Sample.draw(schema, held, rest, 500, 0)
    made.held.predictions = made.predictions(made.held.encoded)
    return made


@cache
def german() -> tuple[Fitted, pl.DataFrame]:
    frame = pl.read_csv(shared_data("german_credit", "german_credit.csv"))
    return fitted(frame, ["credit_risk"]), frame.drop("credit_risk")


@cache
def california() -> tuple[Fitted, pl.DataFrame]:
    frame = pl.read_csv(shared_data("california_housing", "housing.csv.gz")).sample(3000, seed=0, shuffle=True)
    return fitted(frame, ["median_house_value"]), frame.drop("median_house_value")


@cache
def titanic() -> tuple[Fitted, pl.DataFrame]:
    frame = pl.read_csv(shared_data("titanic", "titanic.csv")).drop("alive")
    frame = frame.with_columns(pl.col("survived").cast(pl.String))
    return fitted(frame, ["survived", "fare", "class"]), frame.drop("survived", "fare", "class")
