"""T21: a folder whose test rows lack the target, a test table that lacks it, and `sheet=`."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.errors import DataError
from mapsto.fitting.options import make_options
from mapsto.fitting.reading import read_rows
from mapsto.table import read


def rows(count):
    draw = np.random.default_rng(0)
    x = draw.normal(size=count)
    return pl.DataFrame({"Id": np.arange(count), "x": x, "price": x + 1})


@pytest.fixture
def contest(tmp_path):
    rows(100).write_csv(tmp_path / "train.csv")
    rows(40).drop("price").write_csv(tmp_path / "test.csv")
    pl.DataFrame({"Id": [0], "price": [0.0]}).write_csv(tmp_path / "sample_submission.csv")
    return tmp_path


def test_rows_without_the_target_are_not_tested_on(contest):
    table, _ = read_rows(str(contest), make_options(target="price"))
    assert table.parts == {}
    assert any("test rows" in note.text and "rows to predict" in note.text for note in table.notes)


def test_a_target_with_no_value_is_the_same(contest):
    rows(40).with_columns(price=pl.lit(None, pl.Float64)).write_csv(contest / "test.csv")
    assert read_rows(str(contest), make_options(target="price"))[0].parts == {}


def test_a_test_table_that_was_given_is_named(contest):
    options = make_options(target="price", test=str(contest / "test.csv"))
    with pytest.raises(DataError, match=r"test\.csv.*no column 'price'"):
        read_rows(str(contest / "train.csv"), options)


def test_sheets_by_name_and_number(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("fastexcel")
    book = openpyxl.Workbook()
    for name, shift in (("one", 0), ("two", 100)):
        sheet = book.create_sheet(name)
        sheet.append(["x", "y"])
        for n in range(30):
            sheet.append([n + shift, n])
    del book["Sheet"]
    path = tmp_path / "t.xlsx"
    book.save(path)
    for sheet in ("two", 2, "2"):
        assert read_rows(str(path), make_options(target="y", sheet=sheet))[0].frame["x"].min() == 100
        assert read(path, sheet=sheet).frame["x"].min() == 100
    with pytest.raises(DataError, match="no sheet 'three'"):
        mapsto.fit(path, "y", sheet="three", progress=False)
