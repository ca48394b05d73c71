"""T19, S18, S21: columns of types that only other libraries know are read, left aside or refused, never a panic."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO

import numpy as np
import pandas as pd
import polars as pl
import pytest
import soundfile
from PIL import Image

from mapsto.errors import DataError
from mapsto.schema import Schema
from mapsto.table import read

pa = pytest.importorskip("pyarrow")


def strange():
    wide, words = pa.array([Decimal("1.5")] * 3, pa.decimal256(50, 2)), [pa.array([1, 2]), pa.array(["x"])]
    types = pa.array([0, 1, 0], pa.int8())
    return {
        "decimal256": wide,
        "interval": pa.array([pa.MonthDayNano([1, 2, 3])] * 3),
        "run-end-encoded": pa.RunEndEncodedArray.from_arrays([2, 3], ["x", "y"]),
        "dense union": pa.UnionArray.from_dense(types, pa.array([0, 0, 1], pa.int32()), words),
        "sparse union": pa.UnionArray.from_sparse(types, [pa.array([1, 2, 3]), pa.array(["x", "y", "z"])]),
        "list of decimals": pa.array([[Decimal("1.5")]] * 3, pa.list_(pa.decimal256(50, 2))),
        "map": pa.array([[("k", 1)]] * 3, pa.map_(pa.string(), pa.int64())),
    }  # fmt: skip


@pytest.mark.parametrize("kind", strange())
@pytest.mark.parametrize("how", ["table", "dict", "file", "pandas"])
def test_columns_of_arrow(tmp_path, kind, how):
    data = pa.table({"a": strange()[kind], "b": [1, 2, 3]})
    if how == "dict":
        data = {name: data[name] for name in data.column_names}
    elif how == "pandas":
        if kind in ("run-end-encoded", "dense union", "sparse union"):
            pytest.skip("pandas has none")
        data = pd.DataFrame({"a": pd.Series(pd.arrays.ArrowExtensionArray(data["a"])), "b": [1, 2, 3]})
    elif how == "file":
        path = tmp_path / "t.arrow"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, data.schema) as writer:
            writer.write_table(data)
        data = path
    frame = read(data).frame
    assert frame["b"].to_list() == [1, 2, 3]
    assert frame["a"].null_count() == 0
    Schema.claim(frame, targets=["b"], inputs=["a"])


def test_long_decimals_in_parquet(tmp_path):
    from pyarrow import parquet

    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": strange()["decimal256"], "b": [1, 2, 3]}), path)
    assert read(path).frame.rows() == [(1.5, 1), (1.5, 2), (1.5, 3)]


def test_structs_of_bytes_and_path_are_files(tmp_path):
    path = tmp_path / "t.parquet"
    cells = [{"bytes": b"one", "path": "1.png"}, None, {"bytes": b"two", "path": None}]
    pl.DataFrame({"image": cells, "n": [1, 2, 3]}).write_parquet(path)
    assert read(path).frame["image"].to_list() == [b"one", None, b"two"]
    dtype = pl.Struct({"bytes": pl.Binary, "path": pl.String})
    named = pl.DataFrame({"image": [{"bytes": None, "path": "1.png"}]}, schema={"image": dtype})
    assert read(named).frame["image"].to_list() == ["1.png"]
    sounds = [{"array": [0.0, 1.0], "path": "1.wav", "sampling_rate": 8000}]
    (sound,) = read(pl.DataFrame({"audio": sounds})).frame["audio"].to_list()
    samples, rate = soundfile.read(BytesIO(sound))
    assert (samples.tolist(), rate) == ([0.0, 1.0], 8000)
    without_rate = pl.DataFrame({"audio": [{"array": [0.0, 1.0], "path": "1.wav"}]})
    assert read(without_rate).frame["audio"].to_list() == [[0.0, 1.0]]


@pytest.mark.parametrize(
    "data",
    [
        {"a": ["x\ud800", "b"]},
        {"a": np.array(["x\ud800", "b"])},
        {"a": [["x\ud800"], ["b"]]},
        {"a\ud800": ["x", "b"]},
        pd.DataFrame({"a": np.array(["x\ud800", "b"], dtype=object)}, dtype=object),
    ],
)
def test_lone_surrogates(data):
    frame = read(data).frame
    assert "\ufffd" in frame.columns[0] + str(frame[:, 0].to_list())


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "RGBa", "La", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16"]
)
def test_pictures_of_every_mode(mode):
    frame = read({"a": [Image.new(mode, (4, 4))] * 3, "b": [1, 2, 3]}).frame
    assert frame["a"].null_count() == 0


@pytest.mark.parametrize("cells", [np.ones((3, 4, 4), complex), [np.ones((4, 4), complex)] * 3, [1 + 2j] * 3])
def test_complex_numbers(cells):
    Schema.claim(read({"a": cells, "b": [1, 2, 3]}).frame, targets=["b"], inputs=["a"])


FAR = 2**62


@pytest.mark.parametrize(
    "cells",
    [
        pl.Series([FAR, 0]).cast(pl.Datetime("us")),
        pl.Series([FAR, 0]).cast(pl.Datetime("ms")),
        pl.Series([-FAR, 0]).cast(pl.Datetime("ms", "Europe/Berlin")),
        pl.Series([2**30, 0], dtype=pl.Int32).cast(pl.Date),
        pl.Series([FAR, 0]).cast(pl.Duration("ms")),
        np.array(["300000-01-01", "1970-01-01"], "M8[D]"),
        np.array([FAR, 0], "M8[s]"),
    ],
)
def test_dates_beyond_the_calendar(cells):
    table = read({"a": cells, "b": [1, 2]})
    assert table.frame["a"].is_null().to_list() == [True, False]
    Schema.claim(table.frame, targets=["b"], inputs=["a"])


def test_dates_beyond_the_calendar_are_told():
    table = read(pl.DataFrame({"a": pl.Series([FAR, 0]).cast(pl.Datetime("us"))}))
    assert (table.notes[0].column, table.notes[0].count) == ("a", 1)


def test_integers_of_any_length():
    assert read({"a": [10**60, 1, None]}).frame["a"].to_list() == [str(10**60), "1", None]
    assert read(pd.DataFrame({"a": [10**60, 1]})).frame["a"].to_list() == [str(10**60), "1"]
    with pytest.raises(DataError, match="column 'a', row 0"):
        read({"a": [10**5000]})
