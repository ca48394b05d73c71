"""A blank cell is a missing one, for columns of all types, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.columns import TYPES, Column
from mapsto.columns.common.parts import Ragged

DRAW = np.random.default_rng(0)
WORDS = ["ship", "came", "late", "and", "left", "harbour"]
CELLS: dict[str, list[str]] = {
    "number": [f"{value:.3f}" for value in DRAW.normal(size=40)],
    "category": [WORDS[n % 4] for n in range(40)],
    "boolean": [["yes", "no"][n % 2] for n in range(40)],
    "date": [f"2020-{1 + n % 12:02}-{1 + n % 28:02}" for n in range(40)],
    "set": [f"{WORDS[n % 3]}|{WORDS[3 + n % 3]}" for n in range(40)],
    "text": [" ".join(DRAW.choice(WORDS, 9)) for _ in range(40)],
    "sequence": [f"[{n}, {n + 1.5}, 3]" for n in range(40)],
    "image": [f"{n}.png" for n in range(40)],
    "audio": [f"{n}.wav" for n in range(40)],
    "video": [f"{n}.mp4" for n in range(40)],
    "tree": [f"(S ({WORDS[n % 6]} {WORDS[n % 5]}) (VP {WORDS[n % 4]}))" for n in range(40)],
}


def flat(column: Column, cells: list[str | None]) -> list[list[Any]]:
    """What each cell is encoded as."""
    found = column.encode(pl.Series("x", cells, dtype=pl.String))
    rows = range(len(cells))
    return [
        [
            (a.values[a.offsets[n] : a.offsets[n + 1]] if isinstance(a, Ragged) else np.asarray(a)[n]).tolist()
            for a in found
        ]
        for n in rows
    ]


def test_every_type_is_among_them() -> None:
    assert CELLS.keys() == {kind.type for kind in TYPES if kind.is_input}


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("blank", ["", " ", "\t", "\u00a0 \n"])
def test_it_is_read_as_none_and_is_no_problem(kind: str, blank: str) -> None:
    series = pl.Series("x", CELLS[kind])
    (made,) = [each for each in TYPES if each.type == kind]
    column = made(name="x")
    column.learn(series)
    given, missing = flat(column, [blank, None])
    assert str(given) == str(missing)
    assert not column.malformed(pl.Series("x", [blank], dtype=pl.String)).any()


def test_a_row_of_blank_cells_has_no_answer_and_is_told() -> None:
    texts = [f"the {colour} cat sat on a mat" for colour in ["red", "blue"] * 30]
    model = mapsto.fit({"x": texts, "y": ["a", "b"] * 30}, target="y", network="boosting", progress=False)
    asked = pl.DataFrame({"x": ["", None, " ", "the red cat"]})
    assert model.predict(asked)["y"].is_null().to_list() == [True, True, True, False]
    assert "3 rows have no input that can be read" in model.last_problems[0].text
