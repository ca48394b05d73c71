"""What strangers' tables broke: rows to judge by, classes, and whole numbers of many digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.columns.base import Column
from mapsto.errors import DataError
from mapsto.model import Model
from mapsto.schema import Schema

DRAW = np.random.default_rng(0)


def fitted(rows: Any, target: str, **options: Any) -> Model:
    """A model that is learned in a moment."""
    return mapsto.fit(rows, target, network="linear-model", progress=False, **options)


# -- rows of their own, groups, updates


def mixed(rows: int = 300) -> pl.DataFrame:
    """Two inputs that both tell of a class."""
    a, b = DRAW.normal(size=rows), DRAW.integers(0, 3, rows)
    return pl.DataFrame({"a": a, "b": np.array(["x", "y", "z"])[b], "t": np.where(a + b > 1, "yes", "no")})


@pytest.mark.parametrize("role", ["test", "valid"])
def test_rows_to_judge_by_need_every_input(role: str) -> None:
    options: dict[str, Any] = {role: mixed(80).drop("b")}
    with pytest.raises(DataError, match=rf"the {role} rows lack the input columns \['b'\]"):
        fitted(mixed(), "t", **options)
    options = {role: mixed(80).drop("b")}
    assert fitted(mixed(), "t", inputs=["a"], **options).predict(mixed(5).select("a")).height == 5


def test_what_only_rows_to_judge_by_have_is_no_input() -> None:
    model = fitted(mixed().drop("b"), "t", test=mixed(80))
    assert model.predict(mixed(5).select("a")).height == 5


def test_rare_classes_are_told_of_choices_alone() -> None:
    x = DRAW.normal(size=200)
    model = fitted({"x": x, "y": np.round(10 * x + 40).astype(int)}, "y")
    assert not [note for note in model.notes if "can hardly be learned" in note.text]
    model = fitted({"x": x, "y": ["rare"] * 3 + ["a", "b"] * 98 + ["a"]}, "y")
    assert [note.column for note in model.notes if "can hardly be learned" in note.text] == ["y"]


def test_what_is_wrong_with_rows_to_judge_or_learn_from_is_told() -> None:
    model = fitted(mixed(), "t")
    with pytest.raises(DataError, match=r"by='bb' names no column.*Did you mean 'b'\?"):
        model.evaluate(mixed(), by="bb")
    with pytest.raises(DataError, match="no rows to judge"):
        model.evaluate(mixed().head(0))
    with pytest.raises(DataError, match=r"no row to update with has a value of 't' that the model knows.*'no'"):
        model.update(mixed().with_columns(t=pl.lit("perhaps")))


@pytest.mark.parametrize("missing", [None, float("nan")])
@pytest.mark.parametrize("frame", [True, False])
def test_classes_that_are_missing_are_refused_as_scikit_learn_does(missing: Any, frame: bool) -> None:
    from mapsto.sklearn import MapstoClassifier

    x: Any = mixed(60).select("a").to_pandas() if frame else DRAW.normal(size=(60, 2))
    y = np.array(["p", "q"] * 29 + [missing, "p"], dtype=object)
    with pytest.raises(ValueError, match=r"NaN|None|nan"):
        MapstoClassifier(random_state=0).fit(x, y)


# -- whole numbers of more digits than a float keeps

LONG = 1_234_567_890_123_456_700


@pytest.mark.parametrize("as_text", [False, True])
def test_accounts_of_nineteen_digits_stay_apart(as_text: bool) -> None:
    group = DRAW.integers(0, 20, 400)
    account = [str(LONG + g) if as_text else LONG + int(g) for g in group]
    rows = pl.DataFrame({"account": account, "y": DRAW.normal(size=20)[group] * 5})
    model = fitted(rows, "y")
    assert model.columns["type"][0] == "category"
    assert model.evaluate(rows)["y"]["r2"] > 0.9
    assert model.evaluate(rows.with_columns(pl.col("account").cast(pl.String)))["y"]["r2"] > 0.9


def claimed(cells: Any, name: str = "c") -> Column:
    """The type that takes a column among the inputs."""
    schema = Schema.claim(pl.DataFrame({name: cells, "t": ["a", "b"] * (len(cells) // 2)}), targets=["t"])
    return (schema.inputs or schema.left_out)[0]


def test_which_whole_numbers_are_too_long() -> None:
    assert claimed([LONG + k for k in range(100)]).type == "identifier"
    assert claimed([LONG + k % 60 for k in range(100)]).type == "category"
    assert claimed([2**60 + 2**20 * int(k) for k in DRAW.integers(0, 900, 100)]).type == "number"
    many = pl.Series([LONG + int(k) for k in DRAW.integers(0, 3000, 6000)])
    assert claimed(many).type == "category"
    target = Schema.claim(pl.DataFrame({"x": range(100), "y": [LONG + k % 4 for k in range(100)]}), targets=["y"])
    assert target.targets[0].type == "category"
