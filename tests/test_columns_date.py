"""Dates: formats, zones, parts."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import shared_data
from mapsto.columns import Date
from mapsto.errors import ColumnRefused, OptionError
from mapsto.table.instants import find
from mapsto.table.moments import moments

START = dt.datetime(2023, 1, 1)


def learned(series: pl.Series, **options: str) -> Date:
    column = Date(name="x", **options)
    column.learn(series)
    return column


def hours(step: int, count: int = 200) -> pl.Series:
    return pl.Series("x", [START + dt.timedelta(hours=step * i) for i in range(count)])


FORMATS = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%y", "%d/%m/%y",
    "%d.%m.%Y", "%d.%m.%Y %H:%M:%S", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%Y %H:%M", "%d %b %Y", "%d %B %Y",
    "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y", "%Y%m%d", "%Y-%m", "%H:%M:%S", "%H:%M",
)  # fmt: skip


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_is_found_and_reads_what_was_written(format_: str) -> None:
    written = [START + dt.timedelta(days=11 * i, seconds=4567 * i) for i in range(120)]
    text = pl.Series("x", [moment.strftime(format_) for moment in written])
    expected = [dt.datetime.strptime(cell, format_) for cell in text]
    if "%d" not in format_ and "%m" not in format_:
        expected = [moment.replace(year=1970) for moment in expected]
    found = moments(text, find(text).formats)
    assert np.array_equal(found, np.array(expected, dtype="datetime64[us]"))


@given(times=st.lists(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)), min_size=2, max_size=30))
@settings(max_examples=40, deadline=None)
def test_dates_and_their_iso_text_encode_the_same(times: list[dt.datetime]) -> None:
    series = pl.Series("x", times)
    column = learned(series)
    for written in (series.dt.strftime("%Y-%m-%d %H:%M:%S%.f"), series.dt.strftime("%Y-%m-%dT%H:%M:%S%.f")):
        for found, expected in zip(column.encode(written), column.encode(series), strict=True):
            assert np.array_equal(found, expected, equal_nan=True)


def test_day_and_month_are_told_apart_where_they_can_be() -> None:
    assert find(pl.Series(["31/12/2020", "01/02/2021"])).rival is None
    claimed = Date.claim(pl.Series(["01/02/2020", "03/04/2021"]), name="x")
    assert "%m/%d/%Y" in claimed.reason
    assert "%d/%m/%Y would fit as well" in claimed.doubt
    given_format = learned(pl.Series(["01/02/2020", "03/04/2021"]), format="%d/%m/%Y")
    assert given_format.summary(pl.Series(["01/02/2020"]))["first"] == "2020-02-01T00:00:00"


@pytest.mark.parametrize(
    "texts",
    [["1.5", "2.25"], ["abc", "def"], ["12", "7"], ["2020-01-01", "x"], ["99999999", "12345678"], ["01/02/20x"]],
)
def test_other_text_is_refused(texts: list[str]) -> None:
    with pytest.raises(ColumnRefused):
        Date.claim(pl.Series(texts), name="x")


def test_a_date_is_no_target_and_says_what_to_do() -> None:
    with pytest.raises(ColumnRefused, match="days until"):
        Date.claim(hours(1), name="x", target=True)


def test_only_parts_that_vary_are_read() -> None:
    def names(series: pl.Series) -> list[str]:
        return [part.name.removesuffix(", sine") for part in learned(series).parts if "cosine" not in part.name]

    assert names(hours(24)) == ["years", "day of year", "day of month", "weekday"]
    assert names(hours(1)) == ["years", "day of year", "day of month", "weekday", "minute of day"]
    assert names(pl.Series([dt.time(3), dt.time(4)])) == ["minute of day"]
    assert names(pl.Series([dt.date(y, 1, 1) for y in (2001, 2002)])) == ["years", "weekday"]
    assert names(pl.Series([dt.date(2001, 1, 1), None])) == ["years"]


def test_cycles_close_and_features_give_positions() -> None:
    column = learned(hours(1))
    sunday, monday = (pl.Series([dt.datetime(2023, 5, day, 12)]) for day in (7, 8))
    features = {
        name: value for day in (sunday, monday) for name, value in [(day[0].day, column.features(column.encode(day)))]
    }
    names = features[7].names
    assert names == ["x, years", "x, day of year", "x, day of month", "x, weekday", "x, minute of day"]
    assert features[7].values[0, 1:].tolist() == [126, 6, 6, 720]
    assert features[8].values[0, 1:].tolist() == [127, 7, 0, 720]


def test_zones_are_read_on_the_wall_clock_of_training() -> None:
    tokyo = hours(1).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")
    column = learned(tokyo)
    again = column.encode(tokyo.dt.convert_time_zone("America/New_York"))
    text = column.encode(tokyo.dt.strftime("%Y-%m-%dT%H:%M:%S%z"))
    for expected, other, written in zip(column.encode(tokyo), again, text, strict=True):
        assert np.array_equal(expected, other)
        assert np.array_equal(expected, written)
    assert moments(tokyo[:1], zone="Asia/Tokyo")[0] == np.datetime64("2023-01-01T09:00")


def test_unreadable_dates_are_counted() -> None:
    text = pl.Series(["2020-01-01", "2020-02-30", "", None, "NA", "soon", "0020-01-01"])
    column = learned(text)
    assert np.flatnonzero(column.malformed(text)).tolist() == [1, 5, 6]
    assert column.summary(text)["missing"] == 6


@pytest.mark.parametrize("given_format", ["", "d/m/Y", "%Q", "%d/%m"])
def test_a_pattern_that_cannot_be_read_with_is_refused(given_format: str) -> None:
    with pytest.raises(OptionError, match="pattern"):
        Date(format=given_format)


def test_hourly_electricity_dates() -> None:
    frame = pl.read_csv(shared_data("ett", "ETTh1.csv.gz"))
    column = Date.claim(frame["date"], name="date")
    column.learn(frame["date"])
    assert len(column.parts) == 9
    assert not column.malformed(frame["date"]).any()
    assert column.summary(frame["date"])["last"].startswith("2018-06-26")
