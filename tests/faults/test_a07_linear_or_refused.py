"""A7: JSON and text tables are read in a time that grows with their bytes, or refused with the bound named."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter

import pytest

from mapsto.errors import DataError
from mapsto.table import read

FILES = Path(__file__).parent / "files"
SECONDS = 30.0
"""Far above what it takes, far below what it took: machines may be busy."""


@pytest.fixture(autouse=True)
def _quick():
    start = perf_counter()
    yield
    assert perf_counter() - start < SECONDS


@pytest.mark.parametrize("name", ["deepo500.json", "deepd500.jsonl"])
def test_deep_documents(name):
    with pytest.raises(DataError, match="brackets inside each other; expected at most 32"):
        read(FILES / name)


def test_brackets_in_texts_are_no_depth(tmp_path):
    path = tmp_path / "t.json"
    path.write_text(json.dumps([{"a": '[[{"' * 50 + "\\", "b": 1}] * 3))
    assert read(path).frame.height == 3


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_new_name_in_every_record(tmp_path, form):
    lines = [json.dumps({f"k{n}": 1}) for n in range(10_000)]
    path = tmp_path / f"t.{form}"
    path.write_text("\n".join(lines) if form == "jsonl" else f"[{','.join(lines)}]")
    with pytest.raises(DataError, match="10,000 different names"):
        read(path)


def test_one_wide_record_above_many_empty_ones(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({f"k{n}": 1 for n in range(5_000)}) + "\n" + "{}\n" * 5_000)
    with pytest.raises(DataError, match="5,000 different names"):
        read(path)


def test_a_million_columns(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(",".join(f"c{n}" for n in range(1_000_000)) + "\n" + ",".join(["1"] * 1_000_000) + "\n")
    with pytest.raises(DataError, match="expected at most 100,000"):
        read(path)


@pytest.mark.parametrize("data", [b"a,b\n" + b'"' * 3_000_000, b'"' * 3_000_000])
def test_nothing_but_quotes(tmp_path, data):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"t\.csv: more than 1,048,576 quotes"):
        read(path)


@pytest.mark.parametrize("line", [b'"a,b\n', b'x"y,z"w\n'])
def test_quotes_that_enclose_nothing(tmp_path, line):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + line * 300_000)
    assert read(path).frame.shape == (300_000, 2)


@pytest.mark.parametrize("line", [b"\n", b"\r\n"])
def test_nothing_but_line_ends(tmp_path, line):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n1,2\n" + line * 1_000_000 + b"3,4\n")
    table = read(path)
    assert table.frame.rows() == [(1, 2), (3, 4)]
    assert "1,000,000 blank lines" in table.notes[0].text
