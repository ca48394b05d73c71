"""T21: content decides what a file is, not its suffix, and where its table begins."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from mapsto.errors import DataError
from mapsto.table import read
from mapsto.table.layout import opening

FILES = Path(__file__).parent / "files"
TABLE = b"a,b\n" + b"".join(b"%d,%d\n" % (n, n % 3) for n in range(30))


def told(table):
    return " ".join(note.text for note in table.notes)


@pytest.mark.parametrize(
    ("name", "data"),
    [("t.csv", gzip.compress(TABLE, mtime=0)), ("t.csv.gz", TABLE), ("t.xls", TABLE), ("t.parquet", TABLE),
     ("t.csv.gz", gzip.compress(gzip.compress(TABLE, mtime=0), mtime=0))],
)  # fmt: skip
def test_misnamed_tables_are_read_and_told(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    table = read(path)
    assert (table.frame.shape, table.frame.columns) == ((30, 2), ["a", "b"])
    assert name in told(table)


@pytest.mark.parametrize("form", ["parquet", "ipc", "ndjson", "json"])
def test_binary_tables_and_json_named_csv(tmp_path, form):
    path = tmp_path / "t.csv"
    frame = read({"a": [1, 2], "b": ["x", "y"]}).frame
    getattr(frame, f"write_{form}")(path)
    assert read(path).frame.equals(frame)


def test_a_workbook_named_csv_and_a_cover_sheet(tmp_path):
    pytest.importorskip("fastexcel")
    path = tmp_path / "t.csv"
    path.write_bytes((FILES / "cover.xlsx").read_bytes())
    for each in (path, FILES / "cover.xlsx"):
        table = read(each)
        assert table.frame.shape == (60, 2)
        assert "'data' was read" in told(table)


def test_titles_in_a_sheet(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("fastexcel")
    book = openpyxl.Workbook()
    for row in (["Sales of the year"], [], ["a", "b", "c"], [1, 2, "x"], [3, 4, "y"]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    table = read(tmp_path / "t.xlsx")
    assert table.frame.columns == ["a", "b", "c"]
    assert table.frame.rows() == [(1, 2, "x"), (3, 4, "y")]
    assert "Sales of the year" in told(table)


@pytest.mark.parametrize(
    ("above", "separator"),
    [(b"sep=;\r\n", b";"), (b"Report of sales\n\n", b","), (b"Report of sales\n", b","),
     (b"# made by me\n# v 2\n", b","),
     (b"Exported on;2024-01-01\nUser;x\n\n", b";"), (b"\xef\xbb\xbfsep=\t\n", b"\t")],
)  # fmt: skip
def test_lines_above_the_header(tmp_path, above, separator):
    path = tmp_path / "t.csv"
    body = b"name;n;m\n" + b"".join(b"x;%d;%d\n" % (n, n % 3) for n in range(30))
    path.write_bytes(above + body.replace(b";", separator))
    table = read(path)
    assert (table.frame.columns, table.frame.height) == (["name", "n", "m"], 30)
    assert "above the header" in told(table)


@pytest.mark.parametrize(
    "data",
    [b"#id,name\n1,a\n2,b\n", b"City\nParis, France\nRome, Italy\n", b"x\n1\n2\n", b"1,2,3\n4,5,6\n",
     b'"a","b"\n"r",5,6\n"s",7,8\n', b"text\nhello, you\nbye\n"],
)  # fmt: skip
def test_headers_stay_headers(data):
    assert opening(data, ".csv").start == 0


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"%PDF-1.7\n\x00\x01\x02", "PDF"), (b"<!DOCTYPE html><html><table>", "web page"),
     (b"\x89PNG\r\n\x1a\n", "picture"),
     (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull")],
)  # fmt: skip
def test_other_kinds_are_named(tmp_path, data, said):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"t\.csv.*{said}"):
        read(path)


def test_a_last_line_with_separators_in_quotes_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'"key"\n"word"\n"1;\t;b"\n')
    assert read(path).frame.to_dict(as_series=False) == {"key": ["word", "1;\t;b"]}
