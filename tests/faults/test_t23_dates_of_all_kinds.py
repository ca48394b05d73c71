"""Dates are recognised in the forms that people write, and told where something is left open."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from mapsto.columns import Date
from mapsto.schema import Schema

DRAW = np.random.default_rng(0)
ROWS = 200
DAYS = [
    dt.datetime(2021, 1, 1) + dt.timedelta(days=int(day), seconds=int(second))
    for day, second in zip(DRAW.integers(0, 1200, ROWS), DRAW.integers(0, 86400, ROWS), strict=True)
]


def claimed(name: str, values: list[object]) -> object:
    frame = pl.DataFrame({name: values, "y": DRAW.normal(size=len(values))})
    schema = Schema.claim(frame, targets=["y"])
    return next(column for column in schema.columns if column.name == name)


def same_days(column: object, values: list[object]) -> bool:
    assert isinstance(column, Date)
    column.learn(pl.Series(values))
    found = column.times(pl.Series(values)).astype("datetime64[us]").astype("datetime64[D]")
    return np.array_equal(found, np.array(DAYS, dtype="datetime64[D]"))


@pytest.mark.parametrize(
    "format_",
    [
        "%d-%m-%y", "%Y.%m.%d", "%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y %I:%M %p", "%a, %d %b %Y %H:%M:%S +0000",
        "%a, %d %b %Y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y", "%d/%b/%Y:%H:%M:%S +0000", "%A, %B %d, %Y", "%dth %B %Y",
        "%d%b%Y", "%Y-%m-%d %H:%M:%S,%f", "%Y-%m-%d %H:%M:%S UTC", "%Y%m%dT%H%M%S", "%d/%m/%Y, %H:%M",
    ],
)  # fmt: skip
def test_text(format_: str) -> None:
    values: list[object] = [day.strftime(format_) for day in DAYS]
    assert same_days(claimed("x", values), values)


def test_serials_of_excel_by_name_and_size() -> None:
    serials: list[object] = [(day - dt.datetime(1899, 12, 30)) / dt.timedelta(days=1) for day in DAYS]
    assert same_days(claimed("Order Date", serials), serials)
    whole: list[object] = [int(serial) for serial in serials]
    assert same_days(claimed("date", whole), whole)
    rising: list[object] = list(range(44562, 44562 + ROWS))
    assert claimed("date", rising).type == "date"
    assert claimed("price", whole).type == "number"


def test_seconds_and_milliseconds_since_1970_by_name_and_size() -> None:
    for scale in (1, 1000):
        epochs: list[object] = [int(day.replace(tzinfo=dt.UTC).timestamp() * scale) for day in DAYS]
        assert same_days(claimed("created_at", epochs), epochs)
        assert claimed("price", epochs).type == "number"
    near: list[object] = [1_700_000_000_000 + int(x) for x in DRAW.integers(0, 120_000, ROWS)]
    assert claimed("timestamp", near).type == "number"


def test_whole_numbers_that_are_all_days() -> None:
    days: list[object] = [int(day.strftime("%Y%m%d")) for day in DAYS]
    assert same_days(claimed("x", days), days)
    assert claimed("x", [*days[1:], 20211345]).type == "number"


def test_what_is_open_is_told() -> None:
    either = [f"{1 + i % 12:02}/{1 + i % 11:02}/2020" for i in range(50)]
    assert "%d/%m/%Y would fit as well" in claimed("x", list(either)).doubt
    births = [f"{1 + i % 28:02}/{1 + i % 12:02}/{i:02}" for i in range(100)]
    assert "years of two digits are read as 1970 to 2069" in claimed("x", list(births)).doubt


def test_the_reason_of_a_column_that_is_mostly_dates_is_shown() -> None:
    mostly = [day.strftime("%Y-%m-%d") if i % 4 else f"around {i}" for i, day in enumerate(DAYS)]
    column = claimed("x", list(mostly))
    assert column.type != "date"
    assert "not read as date: only 75% of cells read as dates, 'around 0' does not" in column.reason


def test_a_sorted_log_settles_day_and_month() -> None:
    days = [dt.datetime(2020, 1, 1) + dt.timedelta(days=i) for i in range(400)]
    days = [day for day in days if day.day <= 12]
    values: list[object] = [day.strftime("%d/%m/%Y") for day in days]
    column = claimed("x", values)
    assert (np.diff(column.times(pl.Series(values))) > 0).all()
