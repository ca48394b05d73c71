from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsto.table.numbers import MISSING, typed


def column(cells, **options):
    found = typed(pl.DataFrame({"c": pl.Series(cells, dtype=pl.String)}), **options)
    return found.frame["c"], found.notes


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["1", "-2", "+3", None], [1, -2, 3, None]),
        (["1", "2.5", "1e3"], [1.0, 2.5, 1000.0]),
        (["0", "0.5", "00.5"], [0.0, 0.5, 0.5]),
        ([" 1", "2 "], [1, 2]),
        (["1", "NA", "?", "-", "none"], [1, None, None, None, None]),
        (["1.5", "nan", "inf"], [1.5, None, float("inf")]),
        (["1.0e400", "1"], [float("inf"), 1.0]),
    ],
)
def test_columns_of_numbers(cells, found):
    assert column(cells)[0].to_list() == found


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "two"],
        ["01234", "99999"],
        ["12345678901234567890", "1"],
        ["1234567890123456789", "1.5"],
        ["NA", "?"],
        ["nan", "inf"],
        [None, None],
        ["0x1F", "1"],
        ["1e400", "1"],
        ["1E5", "12E3"],
        ["+4917012345", "+4917012346"],
        ["1,234", "2,345"],
        ["2020-01-01"],
        ["1_000"],
        ["true", "false"],
    ],
)
def test_columns_that_stay_text(cells):
    found = column(cells)[0]
    assert found.dtype == pl.String
    assert found.to_list() == cells


def test_a_word_after_the_sample_keeps_the_column_text():
    cells = [str(i) for i in range(5000)] + ["late"]
    assert column(cells)[0].to_list() == cells


def test_decimal_commas_need_evidence():
    assert column(["0,05", "1.234,5", "12"])[0].to_list() == [0.05, 1234.5, 12.0]
    assert column(["1,234", "2"], decimal_comma=True)[0].to_list() == [1.234, 2.0]
    assert column(["1,234", "2"])[0].dtype == pl.String
    assert column(["0,05", "1.5"])[0].dtype == pl.String


def test_marks_are_counted_and_named_by_line():
    note = column(["1", "NA", "3", "n/a"], first_line=2)[1][0]
    assert (note.kind, note.count, note.rows, note.column) == ("repair", 2, (1, 3), "c")
    assert "'NA', 'n/a'" in note.text
    assert "lines 3, 5" in note.text


def test_why_digits_stay_text_is_said():
    assert "leading zeros" in column(["01", "22"])[1][0].text
    assert "digits" in column(["12345678901234567890"])[1][0].text


@given(st.lists(st.sampled_from(["1", "2.5", "x", "01", " 3", "1,5", "-", "", "9" * 20, *MISSING]), max_size=8))
def test_no_number_is_invented_and_none_is_lost(cells):
    found = column(cells)[0]
    if found.dtype == pl.String:
        assert found.to_list() == cells
        return
    for cell, value in zip(cells, found.to_list(), strict=True):
        if value is None:
            assert cell.strip().lower() in (*MISSING, "")
        else:
            assert float(cell.strip().replace(",", ".")) == value
