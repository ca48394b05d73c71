"""Law 10: no exception leaves that is not ours, panics of libraries included.

Columns of every type that frames of any library hold, in every role and for every verb, and files damaged in any way.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import zipfile
from contextlib import suppress
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import mapsto
from mapsto.errors import DataError, MapstoError, ours, translated
from mapsto.schema import Schema
from mapsto.table import check_form, read

pa = pytest.importorskip("pyarrow")
ROWS = 24
FAR = 2**62


def repeated(*values):
    return (list(values) * ROWS)[:ROWS]


COLUMNS = {
    "texts with halves of letters": repeated("x\ud800", "b", None),
    "lists with halves of letters": repeated(["x\ud800"], ["b"]),
    "long integers": repeated(10**60, 1, None),
    "complex": repeated(1 + 2j, 3j),
    "complex arrays": np.ones((ROWS, 4, 4), complex),
    "truth in lists": repeated([True, False], [False, False]),
    "masks": np.ones((ROWS, 4, 4), bool),
    "objects": [object() for _ in range(ROWS)],
    "mixed": repeated(1, "x", [3], None, {"a": 1}),
    "decimals": repeated(Decimal("1.5"), Decimal("NaN"), None),
    "sets": [{1, n} for n in range(ROWS)],
    "times": repeated(dt.time(1), None),
    "times with zones": repeated(dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, tzinfo=dt.UTC)),
    "dates and texts": repeated(dt.date(2020, 1, 1), "x"),
    "far instants": pl.Series(repeated(FAR, -FAR, 0)).cast(pl.Datetime("us")),
    "far instants in a zone": pl.Series(repeated(FAR, 0)).cast(pl.Datetime("ms", "Europe/Berlin")),
    "far days": pl.Series(repeated(2**30, 0), dtype=pl.Int32).cast(pl.Date),
    "far durations": pl.Series(repeated(FAR, 0)).cast(pl.Duration("ms")),
    "far seconds": np.array(repeated(FAR, 0), "M8[s]"),
    "years": np.array(repeated(1, 40), "M8[Y]"),
    "structs": repeated({"x": {"y": [1]}}, None),
    "files": repeated({"bytes": b"x", "path": "p"}, None),
    "bytes": repeated(b"\x89PNG\r\n\x1a\n", b"RIFF", b"", None),
    "pictures": [Image.new(mode, (4, 4)) for mode in repeated("HSV", "La", "F", "I;16", "LAB")],
    "infinite": repeated(float("inf"), float("-inf"), float("nan"), 1e308),
    "empty lists": repeated([], None),
    "deep lists": repeated([[[[1]]]], [[[[]]]]),
    "nothing": [None] * ROWS,
    "escapes": repeated("\x1b[0m", "\x00", "\u202e"),
    "periods": pd.Series(pd.period_range("2020", periods=ROWS, freq="M")),
    "intervals": pd.Series(pd.interval_range(0, ROWS)),
    "decimal256": pa.chunked_array([pa.array(repeated(Decimal("1.5"), None), pa.decimal256(50, 2))]),
    "months and days": pa.chunked_array([pa.array(repeated(pa.MonthDayNano([1, 2, 3]), None))]),
    "runs": pa.chunked_array([pa.RunEndEncodedArray.from_arrays([2, ROWS], ["x", "y"])]),
    "void": np.zeros(ROWS, "V8"),
    "records": np.zeros(ROWS, [("x", "i4")]),
    "long doubles": np.zeros(ROWS, np.longdouble),
    "wide integers": pl.Series(repeated(2**100, None), dtype=pl.Int128),
}
Y = [n % 2 for n in range(ROWS)]


@pytest.fixture(scope="module")
def model():
    return mapsto.fit({"a": list(range(ROWS)), "b": repeated("x", "y", "z"), "y": Y}, "y", network="linear", time="4s",
                      progress=False)  # fmt: skip


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_kind_of_column_in_every_role(kind, model):
    with suppress(MapstoError):
        frame = read({"a": COLUMNS[kind], "b": Y}).frame
        for inputs, target in ((["a"], "b"), (["b"], "a")):
            with suppress(MapstoError):
                schema = Schema.claim(frame, targets=[target], inputs=inputs)
                schema.targets[0].learn(frame[target])
                schema.learn(frame, np.arange(ROWS))
                schema.encode(frame, truth=True)
                check_form(frame, [target])
    for verb, name in ((model.predict, "a"), (model.predict, "b"), (model.evaluate, "y")):
        with suppress(MapstoError):
            verb({"a": list(range(ROWS)), "b": repeated("x", "y"), "y": Y} | {name: COLUMNS[kind]})


def test_all_of_them_beside_each_other(tmp_path):
    # Objects that say nothing plain are refused, column and row named.
    columns = {f"{name} \x1b": cells for name, cells in COLUMNS.items() if name != "objects"} | {"y": Y}
    model = mapsto.fit(columns, "y", network="dummy", time="8s", progress=False)
    model.predict(columns)
    model.report(tmp_path / "report.html")


def files():
    frame = pl.DataFrame({"a": list(range(50)), "b": ["x", "é", None, '"q"', "1,2"] * 10})
    made = {"t.csv": frame.write_csv().encode(), "t.jsonl": frame.write_ndjson().encode()}
    made["t.json"] = frame.write_json().encode()
    for name, write in (
        ("t.parquet", frame.write_parquet),
        ("t.arrow", frame.write_ipc),
        ("s.arrow", frame.write_ipc_stream),
    ):
        data = io.BytesIO()
        write(data)
        made[name] = data.getvalue()
    made["t.csv.gz"] = gzip.compress(made["t.csv"])
    for name, method in (("t.zip", zipfile.ZIP_DEFLATED), ("b.zip", zipfile.ZIP_BZIP2), ("l.zip", zipfile.ZIP_LZMA)):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", method) as archive:
            archive.writestr("t.csv", made["t.csv"])
        made[name] = data.getvalue()
    return made


FILES = files()


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files(tmp_path_factory, name, data):
    raw = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damage") / name
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    with suppress(MapstoError):
        read(path)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx", ".json", ".zip", ".gz", ".arrow", ".xls", ".txt", ""])
def test_files_under_any_name(tmp_path, name, suffix):
    path = tmp_path / f"t{suffix}"
    path.write_bytes(FILES[name])
    with suppress(MapstoError):
        read(path)


@pytest.mark.parametrize(
    "document",
    [[], {}, 5, "x", None, [1, 2], [[1], [2]], [{}], {"a": 1}, {"a": []}, {"a": {}}, {"a": [1], "b": {"0": 1}},
     [{"a": 10**40}, {"a": 1}], [{"a": {"b": [1, "x", None]}}, {"a": 5}], [{"": 1}], [{"a\ud800": "\udfff"}]],
)  # fmt: skip
def test_documents_of_any_form(tmp_path, document):
    for name, text in (("t.json", json.dumps(document)), ("t.jsonl", f"{json.dumps(document)}\n" * 2)):
        path = tmp_path / name
        path.write_text(text)
        with suppress(MapstoError):
            read(path)


class PanicException(BaseException):
    """As libraries in Rust raise it."""


@pytest.mark.parametrize(
    "error", [PanicException("x"), pl.exceptions.ComputeError("x"), OverflowError("x"), RecursionError()]
)
def test_the_last_door(error):
    @ours
    def verb():
        raise error

    with pytest.raises(DataError, match="verb: a library cannot work with these data"):
        verb()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), DataError("mine"), ZeroDivisionError()])
def test_what_passes_the_last_door(error):
    @ours
    def verb():
        raise error

    with pytest.raises(type(error)):
        verb()


@pytest.mark.parametrize("error", [PanicException("x"), ValueError("x"), MemoryError()])
def test_errors_of_libraries_are_told_with_their_reason(error):
    with (
        pytest.raises(DataError, match=r"t\.csv cannot be read: (x|there is not enough memory)\. Mend it"),
        translated("t.csv cannot be read", advice="Mend it"),
    ):
        raise error
