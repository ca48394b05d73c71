"""Numbers in text with one unit are numbers; several units are never put together."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.columns import Number
from mapsto.columns.base import Column
from mapsto.model import Model
from mapsto.schema import Schema

DRAW = np.random.default_rng(0)


def fitted(rows: Any, target: str, **options: Any) -> Model:
    """A model that is learned in a moment."""
    return mapsto.fit(rows, target, network="linear-model", progress=False, **options)


def claimed(cells: Any, name: str = "c") -> Column:
    """The type that takes a column among the inputs."""
    schema = Schema.claim(pl.DataFrame({name: cells, "t": ["a", "b"] * (len(cells) // 2)}), targets=["t"])
    return (schema.inputs or schema.left_out)[0]


ONE_UNIT = {
    "blank": ("{} hp", "hp"), "none": ("{}.5s", "s"), "sign": ("{} °C", "°C"), "power": ("{}m2", "m2"),
    "thousands": ("3,{} lbs", "lbs"), "ratio": ("{} km/h", "km/h"), "money and size": ("€{}.2M", "M"),
    "two words": ("{} cu in", "cu in"), "negative": ("-{} kg", "kg"), "per square": ("{}.1 kg/m²", "kg/m²"),
}  # fmt: skip
MONEY = ["R$ {}", "Rs. {}", "Rs {}", "US$ {}", "A${}.50", "{} zł", "EUR{}"]
CODES = [
    "A{}", "{}B", "{}a", "Q{}", "{}x20", "{}h30", "1.{}.3", "{}th", "{}0s", "Room {}", "00{} kg", "{} pm",
    "+49{}1234567",
]  # fmt: skip
SOME = [int(k) for k in DRAW.integers(100, 999, 200)]


@pytest.mark.parametrize(("form", "unit"), ONE_UNIT.values(), ids=ONE_UNIT)
def test_one_unit_is_told_and_read(form: str, unit: str) -> None:
    cells = pl.Series([form.format(k) for k in SOME])
    column = claimed(cells)
    assert column.type == "number"
    assert f"with the unit {unit!r}" in column.reason
    column.learn(cells)
    found = column.encode_target(cells)
    assert np.corrcoef(np.abs(found), SOME)[0, 1] > 0.9999
    bare = pl.Series([cell.replace(unit, "") for cell in cells])
    assert column.encode_target(bare).tolist() == found.tolist()
    assert not column.malformed(cells).any()
    again = Number.from_state(*column.to_state())
    assert again.encode_target(cells).tolist() == found.tolist()


@pytest.mark.parametrize("form", MONEY)
def test_money_of_many_countries(form: str) -> None:
    assert claimed([form.format(k) for k in SOME]).type == "number"
    assert claimed([form.format(k) for k in range(100, 300)]).type == "number"


@pytest.mark.parametrize("form", CODES)
def test_codes_are_no_numbers_with_units(form: str) -> None:
    assert claimed([form.format(k) for k in SOME]).type != "number"


@pytest.mark.parametrize("forms", [("{} kg", "{} g"), ("{} °C", "{} °F"), ("€{}.2M", "€{}K"), ("${}", "€{}")])
def test_several_units_are_never_put_together(forms: tuple[str, str]) -> None:
    column = claimed([forms[k % 2].format(k) for k in SOME])
    assert column.type != "number"
    assert "in several units" in column.doubt


def test_a_target_in_miles_a_gallon_is_a_number_and_another_unit_is_told() -> None:
    x = DRAW.normal(size=300)
    rows = pl.DataFrame({"x": [f"{v:.2f} kg" for v in x], "y": [f"{25 + 5 * v:.0f} mpg" for v in x]})
    model = fitted(rows, "y")
    assert model.evaluate(rows)["y"]["r2"] > 0.9
    model.predict({"x": ["500 g", "1.0 kg"]})
    assert "'500 g'" in model.last_problems[0].text


def test_few_values_with_a_unit_stay_classes() -> None:
    assert claimed(["36 months", "60 months"] * 50).type == "category"
