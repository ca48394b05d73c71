"""Law 2: a cell is read in one way, decided at the fit and kept: alone or among others, from a file or a frame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from mapsto.columns import TYPES
from mapsto.columns.common.parts import Ragged
from mapsto.schema import Schema
from mapsto.table import read
from test_columns_contract import CASES

WRITTEN = [name for name, (_, series) in CASES.items() if not (series.dtype.is_nested() or series.dtype == pl.Binary)]
"""Cases that a text file can hold."""
ROWS = (0, 3, 8)


def table_of(name: str) -> pl.DataFrame:
    cells = CASES[name][1]
    return pl.DataFrame({"x": cells, "size": np.arange(len(cells)) % 7, "y": np.arange(len(cells)) * 1.5})


def arrays(schema: Schema, frame: pl.DataFrame) -> list[Any]:
    encoded = schema.encode(frame)
    return [array for column in schema.inputs for array in schema.arrays(encoded, column)]


def same(whole: Any, row: int, alone: Any) -> bool:
    taken = whole.take(np.array([row])) if isinstance(whole, Ragged) else whole[[row]]
    if isinstance(taken, Ragged):
        return np.array_equal(taken.values, alone.values)
    return np.array_equal(taken, alone, equal_nan=taken.dtype.kind == "f")


@pytest.mark.parametrize("name", CASES)
def test_a_row_of_a_frame_reads_alone_as_among_others(name: str) -> None:
    frame = table_of(name)
    schema = Schema.claim(frame, targets=["y"], types={"x": CASES[name][0]})
    schema.learn(frame)
    whole = arrays(schema, frame)
    for row in ROWS:
        alone = arrays(schema, frame[row : row + 1])
        assert all(same(a, row, b) for a, b in zip(whole, alone, strict=True))


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_row_of_a_file_reads_alone_as_among_others(name: str, separator: str, tmp_path: Path) -> None:
    frame = table_of(name).with_columns(pl.col("x").cast(pl.Int64) if CASES[name][1].dtype == pl.Duration else "x")
    frame.write_csv(tmp_path / "all.csv", separator=separator)
    table = read(tmp_path / "all.csv")
    learned = Schema.claim(table.frame, targets=["y"], table=table)
    learned.learn(table.frame)
    state, own = learned.to_state()
    schema = Schema.from_state(json.loads(json.dumps(state)), own)
    assert schema.spelled() == learned.spelled()
    whole = arrays(schema, table.frame)
    for row in ROWS:
        frame[row : row + 1].write_csv(tmp_path / "one.csv", separator=separator)
        one = read(tmp_path / "one.csv", align=True, spelled=schema.spelled()).frame
        texts = pl.read_csv(tmp_path / "one.csv", separator=separator, infer_schema=False)
        for rows in (one, texts):
            assert all(same(a, row, b) for a, b in zip(whole, arrays(schema, rows), strict=True)), (row, rows)


def test_all_types_are_tried() -> None:
    tried = [kind for kind, _ in CASES.values()]
    assert {kind if isinstance(kind, type) else type(kind) for kind in tried} == set(TYPES)


@pytest.mark.parametrize(
    ("columns", "row", "read_as"),
    [
        ({"v": ["1.10", "1.1", "2.x", "1.10"] * 5, "s": ["a"] * 20}, {"v": "1.10"}, "1.10"),
        ({"v": ["01", "10", "1", "10"] * 5, "s": ["a"] * 20}, {"v": "10"}, "10"),
        ({"v": ["1E5", "2E5", "1E5", "3E5"] * 5, "s": ["a"] * 20}, {"v": "1E5"}, "1E5"),
    ],
)
def test_a_text_stays_text_in_a_file_that_holds_only_its_digits(
    columns: dict[str, list[str]], row: dict[str, str], read_as: str, tmp_path: Path
) -> None:
    frame = pl.DataFrame(columns).with_columns(y=pl.int_range(20) % 5)
    frame.write_csv(tmp_path / "all.csv")
    table = read(tmp_path / "all.csv")
    schema = Schema.claim(table.frame, targets=["y"], inputs=["v"], table=table)
    schema.learn(table.frame)
    pl.DataFrame(row).write_csv(tmp_path / "one.csv")
    one = read(tmp_path / "one.csv", spelled=schema.spelled()).frame
    assert one["v"].to_list() == [read_as]
    place = columns["v"].index(read_as)
    assert same(arrays(schema, table.frame)[0], place, arrays(schema, one)[0])


def test_parts_of_a_folder_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a;b;y\n" + "1,5;1.234;1\n2,5;7;2\n" * 20)
    (tmp_path / "test.csv").write_text("a;b;y\n7;1.234;1\n8;2.345;2\n")
    table = read(tmp_path)
    assert table.frame["b"][0] == 1234.0
    assert table.parts["test"]["b"].to_list() == [1234.0, 2345.0]


def test_a_column_of_words_in_one_part_is_text_in_all(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,y\n" + "1.10,1\n2.0,2\n" * 20)
    (tmp_path / "test.csv").write_text("a,y\nx1,1\n1.10,2\n")
    table = read(tmp_path)
    assert table.frame["a"][0] == "1.10"
    assert table.parts["test"]["a"].to_list() == ["x1", "1.10"]
