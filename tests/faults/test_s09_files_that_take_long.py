"""Where files take longer to read than the time allows, some rows are read, and it is said which part of how many."""

from __future__ import annotations

import time as clock
from typing import Any

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.columns import Image
from mapsto.fitting.affordable import rows_in_time
from mapsto.schema import Schema
from mapsto.training.run import Run

DRAW = np.random.default_rng(0)
PICTURES = DRAW.integers(0, 256, (200, 16, 16), dtype=np.uint8)
FRAME = pl.DataFrame({"photo": PICTURES, "y": ["a", "b", "b", "b"] * 50})


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    encode = Image.encode

    def slowly(self: Image, series: pl.Series) -> list[Any]:
        clock.sleep(0.02 * len(series))
        return encode(self, series)

    monkeypatch.setattr(Image, "encode", slowly)


def chosen(seconds: float | None, strata: np.ndarray) -> tuple[np.ndarray | None, str]:
    schema = Schema.claim(FRAME, targets=["y"])
    rows, notes = rows_in_time(FRAME, schema, strata, Run(time=seconds), 0)
    return rows, " ".join(note.text for note in notes)


@pytest.mark.usefixtures("slow")
def test_as_many_rows_as_fit_are_drawn_of_each_class_its_share() -> None:
    strata = np.array([0, 1, 1, 1] * 50)
    rows, told = chosen(12.0, strata)
    assert rows is not None
    assert 10 < rows.sum() <= 80
    assert abs(strata[rows].mean() - 0.75) < 0.05
    assert f"Only {rows.sum()} of 200 rows are used" in told
    assert "'photo'" in told


@pytest.mark.usefixtures("slow")
def test_a_few_rows_are_read_however_short_the_time() -> None:
    rows, _ = chosen(0.01, np.zeros(200, np.int64))
    assert rows is not None
    assert rows.sum() == 10


@pytest.mark.usefixtures("slow")
def test_without_a_time_or_with_enough_all_rows_are_read() -> None:
    assert chosen(None, np.zeros(200, np.int64)) == (None, "")
    assert chosen(900.0, np.zeros(200, np.int64)) == (None, "")


@pytest.mark.usefixtures("slow")
def test_a_fit_tells_and_keeps_parts_that_were_given() -> None:
    test = pl.DataFrame({"photo": PICTURES[:40], "y": ["a", "b"] * 20})
    model = mapsto.fit(FRAME, target="y", test=test, time=9, network="forest", progress=False)
    assert "rows are used, drawn at random" in " ".join(note.text for note in model.notes)
    assert 0 < model._fitted.facts["rows"]["test"] < 40
