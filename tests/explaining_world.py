"""Fitted models over real tables with quick scikit-learn trees in place of a trained ensemble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from conftest import shared_data
from mapsto.columns.base import Column
from mapsto.columns.category import Category
from mapsto.columns.number import Number
from mapsto.composition import Composition
from mapsto.fitted import Fitted
from mapsto.members.ensemble import Ensemble
from mapsto.members.network import Network
from mapsto.metrics import present
from mapsto.recipe import Recipe
from mapsto.sample import Sample, draw_rows
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
            known = present(target.task, truth)
            self.models[target.name] = kind(max_iter=30, random_state=0).fit(values[known], truth[known])

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> dict[str, np.ndarray]:
        values = self.schema.features(encoded).values
        return {
            name: model.predict_proba(values) if hasattr(model, "predict_proba") else model.predict(values)[:, None]
            for name, model in self.models.items()
        }

    def shares(self, target: str | None = None) -> dict[str, float]:
        return {"trees": 1.0}


class Formula:
    """A known function of the encoded rows, in the place of an ensemble."""

    def __init__(self, function: Callable[[Encoded], dict[str, np.ndarray]]) -> None:
        self.predict_from = function
        self.members, self.names = [SimpleNamespace(name="formula")], ["formula"]

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> dict[str, np.ndarray]:
        return self.predict_from(encoded)

    def shares(self, target: str | None = None) -> dict[str, float]:
        return {"formula": 1.0}


def column(series: pl.Series) -> Column:
    kind = Number if series.dtype.is_numeric() else Category
    return kind(name=series.name, reason="in this test")


METRICS = {"regression": "rmse", "multilabel": "log_loss"}


def fitted(
    frame: pl.DataFrame,
    targets: list[str],
    function: Callable[[Encoded], dict[str, np.ndarray]] | None = None,
    **types: Column,
) -> Fitted:
    """Trained on the first two thirds, held: the last third. `types` by column name, where not the obvious one."""
    own = {name: types.get(name) or column(frame[name]) for name in frame.columns}
    schema = Schema([own[name] for name in frame.columns if name not in targets], [own[name] for name in targets])
    cut = frame.height * 2 // 3
    train, rest = frame.head(cut), frame.slice(cut)
    schema.learn(train)
    encoded, held = schema.encode(train, truth=True), schema.encode(rest, truth=True)
    ensemble: Any = Trees(schema, encoded) if function is None else Formula(function)
    metrics = {t.name: METRICS.get(t.task or "", "auc" if len(t.classes) == 2 else "log_loss") for t in schema.targets}
    made = Fitted(schema, ensemble, Recipe(), metrics)
    made.background = Sample.of(schema, encoded, train, draw_rows(encoded.rows, 300, 0))
    made.held = Sample.of(schema, held, rest, draw_rows(held.rows, 500, 0))
    made.held.predictions = made.predictions(made.held.encoded)
    return made


def numbers(rows: int = 300, **columns: np.ndarray) -> pl.DataFrame:
    """A frame of three normal columns a, b, c (or those given) and a target y that is never looked at."""
    random = np.random.default_rng(0)
    return pl.DataFrame({name: random.normal(size=rows) for name in "abc"} | columns | {"y": random.normal(size=rows)})


def formula(function: Callable[..., np.ndarray], frame: pl.DataFrame | None = None) -> Fitted:
    """A model of y that is this function of the number columns, each given as an array of encoded numbers."""
    frame = numbers() if frame is None else frame

    def predict(encoded: Encoded) -> dict[str, np.ndarray]:
        block = np.asarray(encoded.blocks["numbers"], dtype=np.float64)
        return {"y": function(*block.T)[:, None]}

    return fitted(frame, ["y"], predict)


def network(model: Fitted, name: str) -> Fitted:
    """The same model with an untrained network of this name as its only member."""
    member = Network(name)
    member.composition = Composition.build(model.schema, name, rows=600).eval()
    member.targets = model.schema.targets
    weights = {target.name: np.ones(1) for target in model.schema.targets}
    return replace(model, ensemble=Ensemble([member], weights, [name]))


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
