"""Names of columns hint, their values decide; what is left out although it tells about the target is said."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.judging.checks import telling
from mapsto.schema import Schema

DRAW = np.random.default_rng(0)
ROWS = 200


def type_in(name: str, values: np.ndarray) -> str:
    frame = pl.DataFrame({name: values, "target": DRAW.normal(size=len(values))})
    schema = Schema.claim(frame, targets=["target"])
    return next(column.type for column in schema.columns if column.name == name)


@pytest.mark.parametrize("name", ["Air Quality Index", "price_index", "AQI_idx", "bodyMassIndex", "dose", "heat index"])
def test_measurements_are_numbers_whatever_their_name(name: str) -> None:
    assert type_in(name, DRAW.integers(0, 500, ROWS)) == "number"
    assert type_in(name, DRAW.choice(10**5, ROWS, replace=False)) == "number"
    assert type_in(name, DRAW.permutation(np.arange(10, 2010, 10))) == "number"
    assert type_in(name, np.arange(1950, 1950 + ROWS)) == "number"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("index", DRAW.permutation(ROWS)),
        ("Unnamed: 0", DRAW.permutation(ROWS)),
        ("n", np.arange(ROWS)),
        ("n", np.arange(1, ROWS + 1)),
        ("order_id", DRAW.choice(10**6, ROWS, replace=False)),
    ],
)
def test_row_numbers_and_keys_are_left_out(name: str, values: np.ndarray) -> None:
    assert type_in(name, values) == "identifier"


def test_codes_by_name_are_still_codes() -> None:
    assert type_in("station_id", DRAW.integers(0, 5, ROWS)) == "category"
    assert type_in("zip", DRAW.integers(10_000, 10_020, ROWS)) == "category"


def test_what_is_left_out_and_tells_about_the_target_is_said() -> None:
    key = DRAW.choice(10**4, ROWS, replace=False).astype(float)
    noise = DRAW.normal(size=ROWS)
    assert telling({"id": key}, "regression", noise, target="y") == []
    assert telling({"id": key}, "classification", (noise > 0).astype(np.int64), target="y") == []
    (note,) = telling({"id": key}, "regression", key + 500 * noise, target="y")
    assert "Column 'id' was left out, but it tells about the target 'y'" in note.text
    (note,) = telling({"id": key}, "classification", (key > 7000).astype(np.int64), target="y")
    assert "types={'id': 'number'}" in note.text


def test_a_fit_says_it() -> None:
    key = [f"C{i:05}" for i in range(120)]
    frame = pl.DataFrame({"key": key, "x": DRAW.normal(size=120), "y": ["a"] * 60 + ["b"] * 60})
    model = mapsto.fit(frame, target="y", network="linear-model", time="2s", progress=False)
    assert any("'key' was left out, but it tells" in note.text for note in model.notes)
