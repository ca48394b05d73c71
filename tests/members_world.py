"""Small stand-ins for the rooms around members, over real tables: a schema of plain columns, and a work order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl

from conftest import shared_data
from mapsto import metrics
from mapsto.columns.base import Features
from mapsto.members.base import Work
from mapsto.recipe import Recipe
from mapsto.schema import Encoded
from mapsto.training.budget import Budget
from mapsto.training.run import Run


@dataclass
class Target:
    name: str
    task: str
    classes: list[Any]
    origin: float = 0.0

    @property
    def out_features(self) -> int:
        return max(1, len(self.classes))

    def naive(self, truth: np.ndarray, rows: int) -> np.ndarray:
        if self.task == "regression":
            guess = np.array([truth.mean()])
        elif self.task == "classification":
            guess = np.bincount(truth, minlength=len(self.classes)) / len(truth)
        else:
            guess = truth.mean(axis=0)
        return np.tile(guess, (rows, 1))


@dataclass
class Plain:
    """A schema whose encoded form is the matrix itself."""

    names: list[str]
    categorical: list[bool]
    targets: list[Target]
    parts: ClassVar[dict[str, Any]] = {}

    def features(self, encoded: Encoded) -> Features:
        return Features(encoded.blocks["x"], self.names, self.categorical)


@dataclass
class World:
    schema: Plain
    train: Encoded
    valid: Encoded
    test: Encoded

    def work(self, *, valid: bool = True, run: Run | None = None, **given: Any) -> Work:
        names = {"classification": "log_loss", "regression": "rmse", "multilabel": "log_loss"}
        deciding = {t.name: metrics.get(names[t.task], t.task) for t in self.schema.targets}
        options, run, seconds = given.pop("members", {}), run or Run(), given.pop("seconds", None)
        budget = None if seconds is None else Budget.within(run, seconds)
        return Work(
            self.schema,
            self.train,
            self.valid if valid else None,
            deciding,
            Recipe(members=options),
            run,
            threads=1,
            budget=budget,
            **given,
        )


def encode(frame: pl.DataFrame, targets: dict[str, str]) -> tuple[Plain, Encoded]:
    """Numbers as they are, text as codes, missing as NaN; targets by name with their task."""
    columns, names, categorical = [], [], []
    for series in frame.drop(list(targets)):
        text = not series.dtype.is_numeric()
        codes = series.cast(pl.String).rank("dense") - 1 if text else series
        columns.append(codes.cast(pl.Float32).to_numpy())
        names.append(series.name)
        categorical.append(text)
    truth, found = {}, []
    for name, task in targets.items():
        series = frame[name]
        classes = series.unique().sort().to_list() if task == "classification" else []
        codes = series.rank("dense").cast(pl.Int64) - 1 if classes else series.cast(pl.Float64)
        truth[name] = codes.to_numpy()
        found.append(Target(name, task, classes))
    values = np.ascontiguousarray(np.column_stack(columns).astype(np.float32))
    return Plain(names, categorical, found), Encoded(frame.height, {"x": values}, truth)


def world(frame: pl.DataFrame, targets: dict[str, str], *, rows: int | None = None) -> World:
    """Half of the shuffled rows to learn from, a quarter to stop at, a quarter to test with."""
    schema, encoded = encode(frame, targets)
    order = np.random.default_rng(0).permutation(encoded.rows)[:rows]
    half, rest = np.split(order, [len(order) // 2])
    valid, test = np.split(rest, [len(rest) // 2])
    return World(schema, encoded.take(half), encoded.take(valid), encoded.take(test))


def german() -> World:
    return world(pl.read_csv(shared_data("german_credit", "german_credit.csv")), {"credit_risk": "classification"})


def titanic() -> World:
    frame = pl.read_csv(shared_data("titanic", "titanic.csv")).drop("alive")
    return world(frame, {"survived": "classification", "fare": "regression", "class": "classification"})


def california(rows: int = 3000) -> World:
    frame = pl.read_csv(shared_data("california_housing", "housing.csv.gz"))
    return world(frame, {"median_house_value": "regression"}, rows=rows)
