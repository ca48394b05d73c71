"""Evaluation flatters nobody: rows that say the same are told across training and test rows, for columns of all types;
groups are those that people mean; windows of one series are told.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile

import mapsto
from mapsto.columns import TYPES
from mapsto.table import split

DRAW = np.random.default_rng(0)
WORDS = [
    "the",
    "ship",
    "came",
    "late",
    "and",
    "left",
    "the",
    "harbour",
    "again",
    "with",
    "a",
    "new",
    "crew",
    "in",
    "the",
    "morning",
    "rain",
]
ROWS, COPIES = 60, 30


def _sound() -> bytes:
    file = BytesIO()
    soundfile.write(file, DRAW.normal(0, 0.1, 900), 8000, format="WAV")
    return file.getvalue()


CELLS: dict[str, list[Any]] = {
    "number": DRAW.normal(size=ROWS).tolist(),
    "category": [f"kind {n % 40}" for n in range(ROWS)],
    "boolean": [["yes", "no"][n % 2] for n in range(ROWS)],
    "date": [date(2020, 1, 1) + timedelta(days=13 * n) for n in range(ROWS)],
    "set": [f"{WORDS[n % 7]}|{WORDS[7 + n % 5]}" for n in range(ROWS)],
    "text": [" ".join(DRAW.choice(WORDS, 12)) for _ in range(ROWS)],
    "sequence": [DRAW.normal(size=9).tolist() for _ in range(ROWS)],
    "image": [DRAW.integers(0, 256, (12, 12), dtype=np.uint8).tolist() for _ in range(ROWS)],
    "audio": [_sound() for _ in range(ROWS)],
    "video": [DRAW.integers(0, 256, (4, 12, 12), dtype=np.uint8).tolist() for _ in range(ROWS)],
    "tree": [f"(S ({WORDS[n % 7]} {WORDS[n % 5]}) (VP {WORDS[n % 11]}))" for n in range(ROWS)],
}
LABELS = [["a", "b"][n % 2] for n in range(ROWS)]
MEMBER: dict[str, Any] = {"target": "y", "network": "forest", "progress": False}


def spelled(cell: Any) -> Any:
    """The same in another spelling."""
    return f" {cell} " if isinstance(cell, str) else cell


def test_every_type_is_among_them() -> None:
    assert CELLS.keys() == {kind.type for kind in TYPES if kind.is_input}


@pytest.mark.parametrize("kind", CELLS)
def test_test_rows_that_say_what_training_rows_say_are_told(kind: str) -> None:
    cells = CELLS[kind]
    train = pl.DataFrame({"x": cells, "y": LABELS})
    test = pl.DataFrame({"x": [spelled(cell) for cell in cells[:COPIES]], "y": LABELS[:COPIES]})
    model = mapsto.fit(train, test=test, types={"x": kind}, **MEMBER)
    told = " ".join(note.text for note in model.notes if note.kind == "warning")
    found = re.search(rf"(\d+) of {COPIES} test rows repeat a training row in every input", told)
    assert found is not None, told
    assert int(found[1]) > COPIES // 2


@pytest.mark.parametrize("other", [lambda name: f" {name}", lambda name: name.replace("é", "e\u0301")])
def test_groups_are_those_that_people_mean(other: Any) -> None:
    names = [f"café {n}" for n in range(40)]
    frame = pl.DataFrame({"who": [*names, *map(other, names)]})
    cut = split(frame, strata=None, valid=0.2, test=0.3, how="group:who", seed=0, times=None)
    people = [set((rows % 40).tolist()) for rows in (cut.train, cut.test)]
    assert people[1]
    assert not people[0] & people[1]


def windows(shift: int) -> pl.DataFrame:
    series = DRAW.normal(size=2_000)
    return pl.DataFrame({
        "load": [series[n * shift : n * shift + 24].tolist() for n in range(60)],
        "when": range(60),
        "y": [float(series[n * shift + 25]) for n in range(60)],
    })  # fmt: skip


def test_windows_of_one_series_are_told() -> None:
    def told(frame: pl.DataFrame, **options: Any) -> bool:
        notes = mapsto.fit(frame, **MEMBER, **options).notes
        return "overlap from row to row" in " ".join(note.text for note in notes)

    assert told(windows(1))
    assert told(windows(6))
    assert not told(windows(24))
    assert not told(windows(1), split="time:when")
