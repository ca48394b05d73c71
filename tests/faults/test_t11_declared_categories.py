"""What a table declares to be a category is one, with its order and its levels, as input and as target."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mapsto
from mapsto.columns import Category
from mapsto.schema import Schema
from mapsto.table import read

DRAW = np.random.default_rng(0)
ROWS = 120
CODES = DRAW.integers(0, 3, ROWS)


def column_of(data: object, target: str = "y") -> Category:
    table = read(data)
    schema = Schema.claim(table.frame, targets=[target], table=table)
    (column,) = (column for column in schema.columns if column.name == "x")
    column.learn(table.frame["x"])
    assert isinstance(column, Category)
    return column


def pandas(values: object) -> pd.DataFrame:
    return pd.DataFrame({"x": values, "y": DRAW.normal(size=ROWS)})


@pytest.mark.parametrize("values", [[10, 20, 500], [1.5, 2.5, 7.0], ["1", "2", "3"], ["yes", "no", "maybe"]])
def test_categories_of_pandas(values: list[object]) -> None:
    column = column_of(pandas(pd.Categorical([values[code] for code in CODES], categories=values)))
    assert column.ordered is None
    assert sorted(column.classes) == sorted(values)


@pytest.mark.parametrize("values", [["low", "mid", "high"], [30, 10, 20]])
def test_order_and_levels_are_kept(values: list[object]) -> None:
    """The middle level is in no row."""
    seen = [values[0] if code else values[2] for code in CODES]
    column = column_of(pandas(pd.Categorical(seen, categories=values, ordered=True)))
    assert list(column.ordered or []) == values
    assert column.classes == [values[0], values[2]]
    ranks = column.encode(pl.Series(values))[1]
    assert ranks.tolist() == [-1, 0, 1]
    again = Category.from_state(*column.to_state())
    assert again.encode(pl.Series(values))[1].tolist() == [-1, 0, 1]


def test_intervals_of_cut_are_in_order() -> None:
    column = column_of(pandas(pd.cut(DRAW.normal(size=ROWS), [-9, -1, 1, 9])))
    assert column.ordered == ["(-9, -1]", "(-1, 1]", "(1, 9]"]


def test_polars_and_pyarrow() -> None:
    y = DRAW.normal(size=ROWS)
    texts = [["no", "yes"][code % 2] for code in CODES]
    assert column_of(pl.DataFrame({"x": pl.Series(texts, dtype=pl.Categorical), "y": y})).ordered is None
    enum = pl.Series([["lo", "mid", "hi"][code] for code in CODES], dtype=pl.Enum(["lo", "mid", "hi"]))
    assert column_of(pl.DataFrame({"x": enum, "y": y})).ordered == ["lo", "mid", "hi"]
    numbers = pa.array([[7, 90, 1][code] for code in CODES]).dictionary_encode()
    assert column_of(pa.table({"x": numbers, "y": y})).ordered is None
    ordered = pa.DictionaryArray.from_arrays(pa.array(CODES.astype("int8")), ["lo", "mid", "hi"], ordered=True)
    assert column_of(pa.table({"x": ordered, "y": y})).ordered == ["lo", "mid", "hi"]


def test_a_target_of_many_declared_classes_is_classified_and_given_back_as_it_came() -> None:
    codes = np.arange(240) % 30
    frame = pd.DataFrame({"x": codes + DRAW.normal(0, 0.1, 240), "y": pd.Categorical(codes * 10)})
    model = mapsto.fit(frame, target="y", network="forest", time="3s", progress=False)
    found = model.predict(frame)["y"]
    assert "accuracy" in next(iter(model.evaluate(frame).values()))
    assert set(found) <= set(range(0, 300, 10))


def test_an_ordered_target_comes_back_in_its_order() -> None:
    values = pd.Categorical.from_codes(CODES, ["low", "mid", "high"], ordered=True)
    frame = pd.DataFrame({"x": CODES + DRAW.normal(0, 0.1, ROWS), "y": values})
    model = mapsto.fit(frame, target="y", network="linear-model", time="3s", progress=False)
    assert list(model.predict_proba(frame).columns) == ["low", "mid", "high"]
    assert list(model.predict(frame)["y"].cat.categories) == ["low", "mid", "high"]
