from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsto.table.precheck import check
from mapsto.table.quotes import paired, records_of

COMMA, QUOTE = ord(","), ord('"')
CELLS = st.text(alphabet='ab ,"\n;é', max_size=5)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=12)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def written(rows: list[list[str]], **options: object) -> bytes:
    text = io.StringIO()
    csv.writer(text, **options).writerows(rows)
    return text.getvalue().encode()


@given(rows=ROWS, size=st.integers(1, 40), end=st.sampled_from(["\n", "\r\n"]))
def test_finds_exactly_the_records_with_another_number_of_fields(rows, size, end):
    data = written(rows, lineterminator=end)
    found = check(pieces(data, size), separator=COMMA, quote=QUOTE)
    expected = [len(row) for row in rows]
    assert found.ok
    assert found.fields == expected[0]
    assert found.records == len(rows)
    assert found.odd.fields.tolist() == [fields for fields in expected if fields != expected[0]]
    for start, stop, fields in zip(found.odd.starts, found.odd.ends, found.odd.fields, strict=True):
        record = next(csv.reader(io.StringIO(data[start:stop].decode(), newline="")))
        assert len(record) == fields
    lines = [1 + data[:start].count(b"\n") for start in found.odd.starts]
    assert found.odd.lines.tolist() == lines


@given(rows=ROWS, size=st.integers(1, 40))
def test_chunk_size_does_not_matter(rows, size):
    data = written(rows)
    whole, cut = (check(p, separator=COMMA, quote=QUOTE) for p in ([data], pieces(data, size)))
    assert (whole.records, whole.fields, whole.header) == (cut.records, cut.fields, cut.header)
    assert np.array_equal(whole.odd.starts, cut.odd.starts)


@given(data=st.binary(max_size=60), size=st.integers(1, 9))
def test_any_bytes_are_taken_without_failing(data, size):
    found = check(pieces(data, size), separator=COMMA, quote=QUOTE)
    assert found.ok == (found.nul is None and found.utf8 and found.unpaired is None)


def test_names_the_line_of_blank_lines_nul_bytes_and_unpaired_quotes():
    blank = check([b"a,b\n1,2\n\n\r\n3,4\n"], separator=COMMA, quote=QUOTE)
    assert blank.odd.numbers(5) == [3, 4]
    assert (blank.odd.fields.tolist(), blank.odd.counts.tolist()) == ([0], [2])
    assert blank.records == 3
    assert check([b"a,b\n1,\0", b"\0\n"], separator=COMMA, quote=QUOTE).nul == (2, 1, 1)
    assert check([b'a,b\n1,2\n3,"x\n4,5\n'], separator=COMMA, quote=QUOTE).unpaired == 3
    assert check([b'a,b\n1,5" pipe\n'], separator=COMMA, quote=QUOTE).unpaired == 2
    assert not check([b"a,b\n1,\xe9\n"], separator=COMMA, quote=QUOTE).utf8


def test_utf8_letters_cut_by_chunks_are_valid():
    data = "a,b\né,日本\n".encode()
    assert check(pieces(data, 1), separator=COMMA, quote=QUOTE).utf8
    assert not check([data[:-2]], separator=COMMA, quote=QUOTE).utf8


@given(rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=8))
def test_mending_leaves_proper_quotes_alone(rows):
    data = written(rows, lineterminator="\n")
    mended = paired(data, COMMA, QUOTE)
    assert mended.data == data
    assert not mended.inner
    assert not mended.open


@given(data=st.text(alphabet='a," \n', max_size=40))
def test_after_mending_all_quotes_pair_and_lines_stay(data):
    raw = data.encode()
    mended = paired(raw, COMMA, QUOTE)
    assert check([mended.data], separator=COMMA, quote=QUOTE).unpaired is None
    assert mended.data.count(b"\n") == raw.count(b"\n")


def test_stray_quotes_are_told_apart():
    data = b'a,b\n1,5" pipe\n2,"x, y"\n3,"open\n4,z\n'
    mended = paired(data, COMMA, QUOTE)
    assert mended.inner == [2]
    assert mended.open == [4]
    broken = records_of(mended.data, QUOTE, mended.open)
    assert [mended.data[a:b] for a, b in zip(broken.starts, broken.ends, strict=True)] == [b'3,"""open"\n']


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_quoted_field_over_several_lines_is_one_record(size):
    data = b'a,b\n1,"x\n\ny"\n2\n'
    found = check(pieces(data, size), separator=COMMA, quote=QUOTE)
    assert found.spans
    assert found.records == 3
    assert found.odd.lines.tolist() == [5]
