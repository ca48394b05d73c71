"""Files and series as cells, second search for faults: what is timed, opened, turned, and told to be unreadable."""

from __future__ import annotations

import time as clock
from typing import Any

import numpy as np
import polars as pl
import pytest

from mapsto.columns import Image
from mapsto.fitting.affordable import rows_in_time
from mapsto.schema import Schema
from mapsto.training.run import Run

DRAW = np.random.default_rng(0)


def test_what_is_loaded_at_first_use_is_no_cost_of_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    encode, calls = Image.encode, list[int]()

    def slow_at_first(self: Image, series: pl.Series) -> list[Any]:
        calls.append(len(series))
        clock.sleep(0.5 if len(calls) == 1 else 0.0)
        return encode(self, series)

    frame = pl.DataFrame({"photo": DRAW.integers(0, 256, (200, 16, 16), dtype=np.uint8), "y": ["a", "b"] * 100})
    schema = Schema.claim(frame, targets=["y"])
    monkeypatch.setattr(Image, "encode", slow_at_first)
    rows, notes = rows_in_time(frame, schema, np.zeros(200, np.int64), Run(time=30.0), 0)
    assert (rows, notes) == (None, [])
