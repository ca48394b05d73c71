"""A small table of mixed columns, made from a formula, for tests that train in a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from mapsto import metrics
from mapsto.columns import Category, Number
from mapsto.members.base import Work
from mapsto.recipe import Recipe
from mapsto.schema import Encoded, Schema
from mapsto.training.run import Run

KIND = {"number": Number, "category": Category}


def table(rows: int, seed: int = 0) -> pl.DataFrame:
    """`price` is a number and `sold` a class, both functions of `size`, `age` and `town` with noise."""
    random = np.random.default_rng(seed)
    size, age, town = random.normal(size=rows), random.uniform(0, 50, rows), random.integers(0, 3, rows)
    price = 2 * size - 0.05 * age + np.array([0.0, 1.0, -1.0])[town] + 0.1 * random.normal(size=rows)
    sold = np.where(price + 0.3 * random.normal(size=rows) > -1, "yes", "no")
    age[random.random(rows) < 0.1] = np.nan
    return pl.DataFrame(
        {"size": size, "age": pl.Series(age, nan_to_null=True), "town": np.array(["a", "b", "c"])[town],
         "price": 1000 + 50 * price, "sold": sold}
    )  # fmt: skip


def encoded(targets: dict[str, str], rows: int = 400, seed: int = 0) -> tuple[Schema, Encoded]:
    """A learned schema with these targets (name to type), and its rows."""
    frame = table(rows, seed)
    inputs = [Number(name="size"), Number(name="age"), Category(name="town")]
    schema = Schema(inputs, [KIND[kind](name=name) for name, kind in targets.items()])
    schema.learn(frame)
    return schema, schema.encode(frame, truth=True)


def work(targets: dict[str, str], rows: int = 400, run: Run | None = None, **recipe: Any) -> Work:
    """Work on 3/4 of the rows, validated on the rest."""
    return work_on(*encoded(targets, rows), run, **recipe)


def work_on(schema: Schema, every: Encoded, run: Run | None = None, **recipe: Any) -> Work:
    """The same on other rows."""
    rows = every.rows
    cut = 3 * rows // 4
    return Work(
        schema,
        every.take(np.arange(cut)),
        every.take(np.arange(cut, rows)),
        {t.name: metrics.default(t.task, len(t.classes)) for t in schema.targets},
        Recipe.parse({"learning": {"precision": "float32"} | recipe.pop("learning", {})} | recipe),
        run or Run(),
        threads=1,
        device="cpu",
    )
