from __future__ import annotations

import datetime as dt
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mapsto.errors import DataError
from mapsto.table import Table, fingerprint, give_back, read

FRAME = pl.DataFrame(
    {
        "n": [1, 2, 3],
        "gap": [1, None, 3],
        "x": [0.5, None, 2.5],
        "b": [True, None, False],
        "t": ["a", None, "ü"],
        "d": [dt.datetime(2024, 1, 1), None, dt.datetime(2024, 6, 1)],
        "z": pl.Series([dt.datetime(2024, 1, 1), None, dt.datetime(2024, 6, 1)]).dt.replace_time_zone("Europe/Paris"),
        "c": pl.Series(["p", "q", None], dtype=pl.Categorical),
    }
)


def given_as(kind):
    if kind == "polars":
        return FRAME
    if kind == "lazy":
        return FRAME.lazy()
    if kind == "pyarrow":
        return FRAME.to_arrow()
    if kind == "dict":
        return {name: FRAME[name].to_list() for name in FRAME.columns}
    if kind == "pandas arrow":
        return FRAME.to_pandas(use_pyarrow_extension_array=True)
    frame = FRAME.to_pandas()
    return frame.convert_dtypes() if kind == "pandas nullable" else frame


@pytest.mark.parametrize("kind", ["polars", "lazy", "pyarrow", "dict", "pandas", "pandas nullable", "pandas arrow"])
def test_every_kind_gives_the_same_cells(kind):
    table = read(given_as(kind))
    found = table.frame.with_columns(pl.col("c").cast(pl.String))
    expected = FRAME.with_columns(pl.col("c").cast(pl.String))
    for name in FRAME.columns:
        assert found[name].to_list() == expected[name].to_list(), name


@pytest.mark.parametrize(
    ("kind", "type_"), [("polars", pl.DataFrame), ("lazy", pl.DataFrame), ("dict", pl.DataFrame),
                        ("pandas", pd.DataFrame), ("pyarrow", pa.Table)]
)  # fmt: skip
def test_given_back_in_the_same_kind(kind, type_):
    table = read(given_as(kind))
    back = give_back(table.frame, table.kind, like=table.like)
    assert isinstance(back, type_)
    again = read(back).frame
    for name in FRAME.columns:
        assert again[name].cast(pl.String).to_list() == table.frame[name].cast(pl.String).to_list(), name


def test_pandas_index_is_ignored_in_and_taken_over_out():
    given = pd.DataFrame({"a": [3, 1, 2]}, index=["r", "p", "q"])
    table = read(given)
    assert table.frame["a"].to_list() == [3, 1, 2]
    back = give_back(pl.DataFrame({"y": [1, 2, 3]}), table.kind, like=table.like)
    assert back.index.tolist() == ["r", "p", "q"]
    assert list(give_back(pl.DataFrame({"y": [1]}), table.kind, like=table.like).index) == [0]


def test_pandas_oddities():
    frame = pd.DataFrame(
        {
            "mixed": pd.Series([1, "a", None], dtype=object),
            "big": pd.Series([2**70, 1, 2], dtype=object),
            "sparse": pd.arrays.SparseArray([0, 0, 1]),
            "period": pd.period_range("2024-01", periods=3, freq="M"),
            7: [1, 2, 3],
        }
    )
    found = read(frame).frame
    assert found["mixed"].to_list() == ["1", "a", None]
    assert found["big"].to_list() == [str(2**70), "1", "2"]
    assert found["sparse"].to_list() == [0, 0, 1]
    assert found["period"].to_list() == ["2024-01", "2024-02", "2024-03"]
    assert found["7"].to_list() == [1, 2, 3]


def test_pandas_without_pyarrow():
    code = """
import sys
sys.modules["pyarrow"] = None
import pandas as pd
from mapsto.table import give_back, read
frame = pd.DataFrame({"n": pd.Series([1, None], dtype="Int64"), "t": ["a", None]})
frame["c"] = pd.Series(["p", "q"], dtype="category")
table = read(frame)
assert table.frame.rows() == [(1, "a", "p"), (None, None, "q")], table.frame
back = give_back(table.frame, table.kind)
assert back["n"].isna().tolist() == [False, True]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_dicts_of_many_things():
    table = read(
        {
            "array": np.array([1, 2], dtype=np.int8),
            "half": np.array([1, 2], dtype=np.float16),
            "words": np.array(["a", "b"]),
            "objects": np.array([1, "x"], dtype=object),
            "masked": np.ma.array([1, 2], mask=[False, True]),
            "days": np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]"),
            "series": pd.Series([1.5, None]),
            "polars": pl.Series([1, 2]),
            "range": range(2),
            3: [True, None],
        }
    )
    assert table.kind == "dict"
    assert table.frame["objects"].to_list() == ["1", "x"]
    assert table.frame["masked"].to_list() == [1, None]
    assert table.frame["series"].to_list() == [1.5, None]
    assert table.frame["3"].to_list() == [True, None]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"a": [1], "b": [1, 2]}, "different lengths"),
        ({"a": 5}, "column 'a'"),
        ({"a": "text"}, "column 'a'"),
        ({"a": np.zeros((2, 2, 1, 1, 1, 1))}, "shape"),
        ({"a": pd.DataFrame({"b": [1, 2]})}, "shape"),
        ({}, "no columns"),
        ({1: [1], "1": [2]}, "two columns are named '1'"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "positions 1 and 2"),
        (pa.table([[1], [2]], names=["a", "a"]), "positions 1 and 2"),
        (np.zeros((2, 2)), "name its columns"),
    ],
)
def test_what_cannot_be_a_table_is_explained(data, said):
    with pytest.raises(DataError, match=said):
        read(data)


def test_a_table_passes_through_and_input_is_untouched():
    table = Table(FRAME)
    assert read(table) is table
    given = given_as("pandas")
    copy = given.copy(deep=True)
    read(given)
    pd.testing.assert_frame_equal(given, copy)


# -- fingerprint


def test_fingerprint_sees_values_names_types_and_order_only():
    one = fingerprint(FRAME)
    assert one == fingerprint(pl.concat([FRAME[:1], FRAME[1:]], rechunk=False))
    assert one == fingerprint(FRAME.clone())
    changed = [
        FRAME.rename({"n": "m"}),
        FRAME.reverse(),
        FRAME.with_columns(n=pl.Series([1, 2, 4])),
        FRAME.with_columns(pl.col("n").cast(pl.Int32)),
        FRAME.with_columns(t=pl.Series(["a", "", "ü"])),
        FRAME.with_columns(gap=pl.Series([1, 0, 3])),
        FRAME.drop("n"),
    ]
    assert len({one, *map(fingerprint, changed)}) == 8


def test_fingerprint_of_lists_and_shifted_texts():
    assert fingerprint(pl.DataFrame({"l": [[1], [2, 3]]})) != fingerprint(pl.DataFrame({"l": [[1, 2], [3]]}))
    assert fingerprint(pl.DataFrame({"t": ["ab", "c"]})) != fingerprint(pl.DataFrame({"t": ["a", "bc"]}))
    assert fingerprint(pl.DataFrame({"l": [[], [1]]})) != fingerprint(pl.DataFrame({"l": [None, [1]]}))
