"""A split by time reads a column as the column of dates does: every form, over all rows, with the caller's format."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from mapsto.columns import Date
from mapsto.errors import DataError
from mapsto.fitting.folds import times_of
from mapsto.schema import Schema
from mapsto.table import split

DRAW = np.random.default_rng(0)
ROWS = 400
DAYS = [dt.datetime(2022, 1, 1, 6) + dt.timedelta(days=int(day)) for day in DRAW.permutation(ROWS)]
FORMATS = (
    "%d/%m/%y", "%d-%m-%y", "%d.%m.%y", "%y-%m-%d", "%m/%d/%y", "%d-%m-%Y", "%d/%m/%Y %H:%M:%S", "%b %d, %Y",
    "%d %B %Y", "%Y.%m.%d", "%m/%d/%Y %I:%M %p", "%a, %d %b %Y %H:%M:%S +0000", "%Y-%m-%dT%H:%M:%SZ", "%Y%m%d",
)  # fmt: skip


def are_the_latest(test: np.ndarray) -> bool:
    late = np.argsort(np.array(DAYS, dtype="datetime64[s]"))[-len(test) :]
    return set(test.tolist()) == set(late.tolist())


@pytest.mark.parametrize("format_", FORMATS)
def test_the_latest_rows_test_in_every_form_that_a_column_reads(format_: str) -> None:
    frame = pl.DataFrame({"when": [day.strftime(format_) for day in DAYS]})
    assert are_the_latest(split(frame, strata=None, how="time:when").test)
    column = Date.claim(frame["when"], name="when")
    assert not column.malformed(frame["when"]).any()
    assert are_the_latest(np.argsort(column.times(frame["when"]))[-80:])


def test_the_whole_column_decides_and_not_its_beginning() -> None:
    """The first thousand rows could be month and day."""
    early = [dt.datetime(2020 + i % 3, 1 + i % 12, 1 + i % 9) for i in range(3000)]
    late = [dt.datetime(2021, 5, 28)] * 3
    text = pl.Series("when", [day.strftime("%d/%m/%Y") for day in early + late])
    found = split(pl.DataFrame([text]), strata=None, how="time:when", test=0.1, valid=0).test
    latest = np.array(early + late, dtype="datetime64[s]")
    assert latest[found].min() >= np.delete(latest, found).max()


def test_two_ways_of_writing_in_one_column() -> None:
    texts = [day.strftime("%d/%m/%Y" if row % 10 == 0 else "%Y-%m-%d") for row, day in enumerate(DAYS)]
    frame = pl.DataFrame({"when": texts})
    assert are_the_latest(split(frame, strata=None, how="time:when").test)
    column = Date.claim(frame["when"], name="when")
    assert "360 as %Y-%m-%d, 40 as %d/%m/%Y" in column.doubt
    column.learn(frame["when"])
    assert not column.malformed(frame["when"]).any()
    again = Date.from_state(*column.to_state())
    assert np.array_equal(again.times(frame["when"]), column.times(frame["when"]))


def test_the_format_of_a_given_type_rules_the_split() -> None:
    """Days up to the twelfth read either way."""
    texts = ["01/02/2020", "02/01/2020", "03/01/2020", "01/03/2020"]
    frame = pl.DataFrame({"when": texts, "y": [1.0, 2.5, 3.0, 4.5]})
    for format_, order in (("%d/%m/%Y", [1, 2, 0, 3]), ("%m/%d/%Y", [0, 3, 1, 2])):
        schema = Schema.claim(frame, targets=["y"], types={"when": Date(format=format_)})
        assert np.argsort(times_of(frame, schema, "time:when")).tolist() == order


def test_a_column_that_is_no_time_is_refused_with_a_cell() -> None:
    frame = pl.DataFrame({"when": ["2020-01-01", "soon", "later", "2020-01-04"] * 10})
    with pytest.raises(DataError, match="only 50% of its cells read as dates; 'soon' does not"):
        split(frame, strata=None, how="time:when")


def test_a_few_unreadable_times_stay_in_training_and_are_told() -> None:
    texts = [day.strftime("%d/%m/%Y") for day in DAYS]
    texts[7] = "unknown"
    cut = split(pl.DataFrame({"when": texts}), strata=None, how="time:when")
    assert 7 in cut.train
    assert "1 row without a time" in cut.notes[0].text
