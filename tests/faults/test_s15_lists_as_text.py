"""Lists of numbers are read however they were written as text; what was cut when it was written is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from mapsto.columns import Sequence
from mapsto.schema import Schema

DRAW = np.random.default_rng(0)
FLAT = [DRAW.normal(size=n).round(3).tolist() for n in DRAW.integers(3, 30, 80)]
VECTORS = [DRAW.normal(size=(n, 2)).round(3).tolist() for n in DRAW.integers(1, 9, 80)]


def claimed(cells: list[str]) -> Any:
    frame = pl.DataFrame({"x": cells, "y": DRAW.normal(size=len(cells))})
    column = Schema.claim(frame, targets=["y"]).columns[0]
    column.learn(frame["x"])
    return column


def same(cells: list[str], lists: list[Any]) -> bool:
    column = claimed(cells)
    plain = Sequence(name="x")
    plain.learn(pl.Series("x", lists))
    assert column.type == "sequence"
    assert not column.malformed(pl.Series(cells)).any()
    (one,), (other,) = column.encode(pl.Series(cells)), plain.encode(pl.Series(lists))
    return bool(np.array_equal(one.values, other.values) and np.array_equal(one.offsets, other.offsets))


@pytest.mark.parametrize(
    "written",
    [
        str,
        lambda row: str(tuple(row)),
        lambda row: ",".join(map(str, row)),
        lambda row: "; ".join(map(str, row)),
        lambda row: " ".join(map(str, row)),
        lambda row: f"array({row})",
        lambda row: f"np.array({row}, dtype=float32)",
        lambda row: "[" + "\n ".join(map(str, row)) + "]",
    ],
)
def test_rows_of_numbers(written: Callable[[list[float]], str]) -> None:
    assert same([written(row) for row in FLAT], FLAT)


@pytest.mark.parametrize("written", [str, lambda rows: str(tuple(map(tuple, rows))), lambda rows: f"array({rows})"])
def test_rows_of_vectors(written: Callable[[list[list[float]]], str]) -> None:
    assert same([written(rows) for rows in VECTORS], VECTORS)


def test_pixels_as_whole_numbers_with_blanks() -> None:
    pixels = DRAW.integers(0, 256, (60, 48)).tolist()
    assert same([" ".join(map(str, row)) for row in pixels], pixels)


@pytest.mark.parametrize("gap", ["null", "None", "nan", "NaN"])
def test_gaps_inside_lists(gap: str) -> None:
    gaps = [[None if i % 3 == 1 else x for i, x in enumerate(row)] for row in FLAT]
    assert same(["[" + ", ".join(gap if x is None else str(x) for x in row) + "]" for row in gaps], gaps)


def test_lists_cut_by_the_writer_are_told() -> None:
    cells = [f"[{row[0]} {row[1]} ... {row[-1]}]" for row in FLAT]
    column = claimed(cells)
    assert column.type != "sequence"
    assert "100% of the lists were shortened with '...'" in column.reason


def test_words_inside_brackets_are_unreadable_not_missing_numbers() -> None:
    column = claimed([str(row) for row in FLAT])
    assert column.malformed(pl.Series(["[1.5, soon]", "[1.5, null]", "[]"])).tolist() == [True, False, False]


@pytest.mark.parametrize("text", ["555 1234", "1,5", "2020 01 31", "(50)", "1,234", "10.0.0.1"])
def test_other_text_is_no_list(text: str) -> None:
    column = claimed([text.replace("5", str(i % 9)) for i in range(80)])
    assert column.type != "sequence"
