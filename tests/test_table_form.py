from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from conftest import shared_data
from mapsto.errors import DataError
from mapsto.table import Split, check_form, duplicates_across, rare_classes, read, split

N = 100
BASE = pl.DataFrame({"x": np.arange(N), "y": np.arange(N) % 2})


def said(notes) -> str:
    return " ".join(note.text for note in notes)


def test_a_sound_table_needs_no_word():
    assert check_form(BASE, ["y"]) == []


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("constant_target.csv", ["'target'", "is 1 in every row", "nothing to learn"]),
        ("header_only.csv", ["no rows"]),
        ("single_row.csv", ["one row"]),
    ],
)
def test_hostile_forms_are_refused(name, parts):
    table = read(shared_data("hostile", name))
    with pytest.raises(DataError) as error:
        check_form(table.frame, ["target"])
    for part in parts:
        assert part in str(error.value)


def test_a_target_without_values_is_refused():
    with pytest.raises(DataError, match="missing in all"):
        check_form(BASE.with_columns(y=pl.lit(None, dtype=pl.String)), ["y"])


def test_empty_and_constant_columns_are_told():
    empty = check_form(read(shared_data("hostile", "all_missing_column.csv")).frame, ["target"])
    assert "'empty_col' is empty" in said(empty)
    assert "'c' is 7 in every row" in said(check_form(BASE.with_columns(c=7), ["y"]))
    late = BASE.with_columns(c=pl.Series([7] * 2000 + [8])[-N:])
    assert check_form(late, ["y"]) == []


def test_a_column_with_gaps_and_one_value_is_not_constant():
    assert check_form(BASE.with_columns(c=pl.Series([1, None] * 50)), ["y"]) == []


def test_duplicated_columns_are_told():
    notes = check_form(BASE.with_columns(z=pl.col("x")), ["y"])
    assert "'z' has the same values as 'x'" in said(notes)
    same_start = pl.DataFrame({"a": range(3000), "b": [*range(2999), 5], "y": [0, 1] * 1500})
    assert check_form(same_start, ["y"]) == []


@pytest.mark.parametrize("order", [["y", "copy", "x"], ["copy", "y", "x"]])
def test_a_copy_of_the_target_is_a_warning(order):
    notes = check_form(BASE.with_columns(copy=pl.col("y")).select(order), ["y"])
    assert notes[0].kind == "warning"
    assert notes[0].column == "copy"
    assert "gives the answer away" in notes[0].text


def test_duplicated_rows_are_counted():
    notes = check_form(pl.concat([BASE, BASE[:3]]), ["y"])
    assert notes[0].count == 3
    assert notes[0].rows == (100, 101, 102)


def test_rare_classes_and_missing_targets_are_told():
    table = read(shared_data("hostile", "rare_class.csv"))
    assert "1 class with fewer than 5 rows" in said(rare_classes(table.frame["target"]))
    notes = check_form(BASE.with_columns(y=pl.Series([None, *range(99)])), ["y"])
    assert "missing in 1 row" in said(notes)


def test_few_rows_are_told():
    assert "only 10 rows" in said(check_form(BASE[:10], ["y"]))


def test_duplicates_across_parts():
    frame = pl.concat([BASE[:80], BASE[:15], BASE[:5].with_columns(y=1 - pl.col("y"))])
    cut = Split(np.arange(80), np.arange(0), np.arange(0), np.arange(80, 100))
    note = duplicates_across(frame, cut, ["y"])[0]
    assert (note.kind, note.count) == ("warning", 20)
    assert "15 of them with the same target" in note.text
    assert duplicates_across(BASE, split(BASE, strata=None), ["y"]) == []


def test_duplicates_of_real_data():
    frame = read(shared_data("adult", "adult_train.csv.gz")).frame
    notes = duplicates_across(frame, split(frame, strata=None), ["income"])
    assert notes[0].kind == "info"
    assert "test rows" in notes[0].text
