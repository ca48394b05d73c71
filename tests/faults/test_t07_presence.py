"""A column whose cells hold one value or nothing tells by which are there (law 5)."""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.columns import Ignored
from mapsto.errors import ColumnRefused
from mapsto.schema import Schema
from one_member import auc_of

ROWS = 300
DRAW = np.random.default_rng(0)
THERE = DRAW.random((ROWS, 12)) < 0.4
"""Which of twelve articles lie in each basket."""
ANSWER = np.where(THERE[:, 0] ^ (DRAW.random(ROWS) < 0.05), "high", "low")
ONE = {
    "letter": "t",
    "capital": "X",
    "yes": "yes",
    "word": "bread",
    "number": 5,
    "float": 0.5,
    "flag": True,
    "day": datetime.date(2024, 2, 29),
    "time": datetime.datetime(2024, 2, 29, 12),
    "digits": "007",
    "sentence": "this customer has complained",
}


def column(value: object) -> pl.Series:
    return pl.Series("x", [value if there else None for there in THERE[:, 0]])


@pytest.mark.parametrize("value", ONE.values(), ids=ONE)
def test_one_value_or_none_is_an_input(value: object) -> None:
    schema = Schema.claim(pl.DataFrame({"x": column(value), "y": ANSWER}), targets=["y"])
    assert [c.name for c in schema.inputs] == ["x"]
    assert "whether it is there" in schema.inputs[0].reason
    schema.learn(pl.DataFrame({"x": column(value), "y": ANSWER}))
    (codes,) = schema.inputs[0].encode(column(value))
    assert len(np.unique(codes[THERE[:, 0]])) == len(np.unique(codes[~THERE[:, 0]])) == 1
    assert codes[THERE[:, 0]][0] != codes[~THERE[:, 0]][0]


def test_one_value_in_every_row_is_left_out() -> None:
    assert "all values are equal" in Ignored.claim(pl.Series([7, 7, 7]), name="x").reason
    with pytest.raises(ColumnRefused):
        Ignored.claim(pl.Series([7, None, 7]), name="x")


@pytest.mark.parametrize("name", ["boosting", "forest", "extra-trees", "linear-model", "nearest", "linear", "tabm"])
def test_every_member_learns_it(name: str) -> None:
    cells = np.where(THERE, "t", None)
    frame = pl.DataFrame({f"article {i}": pl.Series(cells[:, i].tolist(), dtype=pl.String) for i in range(12)})
    schema = Schema.claim(frame.with_columns(size=pl.Series(ANSWER)), targets=["size"])
    assert auc_of(name, schema, frame.with_columns(size=pl.Series(ANSWER))) > 0.85


def test_the_whole_fit_learns_it() -> None:
    cells = np.where(THERE, "t", None)
    frame = pl.DataFrame({f"article {i}": pl.Series(cells[:, i].tolist(), dtype=pl.String) for i in range(12)})
    frame = frame.with_columns(size=pl.Series(ANSWER))
    model = mapsto.fit(frame[:225], "size", network="linear-model", folds=2, test=0.0, threads=1, progress=False)
    assert model.evaluate(frame[225:])["size"]["auc"] > 0.85
    assert not any("left out" in note.text for note in model.notes)
