"""Law 1: what is read as something else is said, what is lost is counted and named, in fitting as in predicting."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.columns import TYPES
from mapsto.fitting.options import make_options
from mapsto.fitting.prepare import prepare
from mapsto.table import read
from test_columns_contract import CASES

BROKEN: dict[str, list[Any]] = {
    "number-text": ["abc", "1.2.3"],
    "number-floats": [float("inf"), float("-inf")],
    "date-text": ["soon", "99/99/2021"],
    "boolean-text": ["maybe", "perhaps"],
    "image-bytes": [b"no picture", b""],
    "audio-bytes": [b"no sound", b"RIFF"],
    "video-album": [[b"nothing"], [b"none"]],
    "tree-judged": ["(1 (2 never)", ")("],
    "sequence-text": ["[1, 2", "up and down"],
    "sequence-vectors": [[[1.0]], [[1.0, 2.0, 3.0]]],
}
"""Cells that no such column can read."""
ALL_READ = ("category-text", "set-text", "text")
"""Types to which every text says something."""
NEVER_READ = ("identifier", "ignored")
ROWS = (4, 9)


def table(name: str, broken: list[Any]) -> pl.DataFrame:
    """The cells of a case, some of them broken, beside numbers to learn from and to predict."""
    series = CASES[name][1]
    cells = series.to_list()
    for row, cell in zip(ROWS, broken, strict=False):
        cells[row] = cell
    draw = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "x": pl.Series(cells, dtype=series.dtype, strict=False),
            "size": draw.normal(size=len(cells)),
            "y": draw.normal(size=len(cells)),
        }
    )


def told(name: str, broken: list[Any], **more: Any) -> tuple[list[Any], Any, pl.DataFrame]:
    frame, kind = table(name, broken), CASES[name][0]
    options = make_options(target="y", network="linear-model", types={"x": kind}, **more)
    prepared = prepare(read(frame), options)
    return [note for note in prepared.notes if "cannot be read" in note.text], prepared.schema, frame


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("test", [0, 0.3])
def test_lost_cells_are_counted_and_named_while_fitting_and_predicting(name: str, test: float) -> None:
    notes, schema, frame = told(name, BROKEN[name], test=test)
    assert [(note.kind, note.column, note.count, note.rows) for note in notes] == [("warning", "x", 2, ROWS)]
    there = len(frame) - frame["x"].null_count()
    assert f"2 of {there} cells ({2 / there:.1%})" in notes[0].text
    assert "such as " in notes[0].text
    found = schema.unread(frame, schema.encode(frame))
    assert {column: rows.tolist() for column, rows in found.items()} == {"x": list(ROWS)}


@pytest.mark.parametrize("name", [*BROKEN, *ALL_READ])
def test_missing_cells_are_not_lost(name: str) -> None:
    assert told(name, [])[0] == []


@pytest.mark.parametrize("name", ALL_READ)
def test_types_that_read_all_text_lose_none(name: str) -> None:
    assert told(name, ["abc", "(1 (2 never)"])[0] == []


def test_every_type_is_tried() -> None:
    tried = [CASES[name][0] for name in (*BROKEN, *ALL_READ, *NEVER_READ)]
    assert {kind if isinstance(kind, type) else type(kind) for kind in tried} == set(TYPES)


def test_the_lost_cells_of_a_target_are_told_with_what_that_means() -> None:
    frame = table("number-text", ["abc", "n.k."]).rename({"x": "y", "y": "x"})
    prepared = prepare(read(frame), make_options(target="y", network="linear-model", types={"y": "number"}))
    (note,) = [note for note in prepared.notes if "cannot be read" in note.text]
    assert note.text.startswith("Target 'y': 2 of ")
    assert "such as 'abc' and 'n.k.': their rows are neither learned from nor judged (rows 4, 9)" in note.text


def test_model_report_description_events_and_predictions_tell(tmp_path: Any) -> None:
    frame = pl.concat([table("number-text", BROKEN["number-text"])] * 3)
    run = tmp_path / "run"
    model = mapsto.fit(frame, "y", types={"x": "number"}, network="linear-model", output=run, progress=False)
    text = "Column 'x': 6 of 153 cells (3.9%) cannot be read as number, such as 'abc' and '1.2.3' and count as missing"
    (note,) = [note for note in model.notes if note.text.startswith(text)]
    assert "(rows 4, 9, 64, 69, 124 and 1 more)" in note.text
    assert text in model.describe()
    assert "6 of 153 cells (3.9%)" in (run / "report.html").read_text()
    assert (run / "events.jsonl").read_text().count("6 of 153 cells") == 1
    model.predict(frame.head(8))
    assert [problem.text for problem in model.last_problems] == [
        "Column 'x': 1 of 7 cells (14.3%) cannot be read as number, such as 'abc' and count as missing (row 4)."
    ]
