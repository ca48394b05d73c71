"""A value that stands outside the sample a claim looks at counts like any other."""

from __future__ import annotations

import polars as pl
import pytest

from mapsto.columns.common.cells import SAMPLE
from mapsto.schema import Schema

ROWS = 12_000


def hidden(first: list[object], late: object) -> pl.Series:
    """A column in which `late` stands only where an even spread of `SAMPLE` rows does not look."""
    import numpy as np

    looked = np.zeros(ROWS, dtype=bool)
    looked[np.linspace(0, ROWS - 1, SAMPLE).astype(np.int64)] = True
    values = [first[i % len(first)] for i in range(ROWS)]
    for row in np.flatnonzero(~looked)[::2]:
        values[row] = late
    return pl.Series("y", values)


@pytest.mark.parametrize(
    ("first", "late"), [(["yes", "no"], "maybe"), (["T", "F"], "N"), ([0, 1], 2), ([0.0, 1.0], 2.0)]
)
def test_a_third_class_outside_the_sample_is_a_class(first: list[object], late: object) -> None:
    frame = pl.DataFrame([hidden(first, late), pl.Series("x", range(ROWS)).sqrt()])
    (target,) = Schema.claim(frame, targets=["y"]).targets
    target.learn(frame["y"])
    assert target.type == "category"
    assert late in target.classes


def test_a_fraction_outside_the_sample_makes_a_quantity() -> None:
    frame = pl.DataFrame([hidden([0.0, 1.0], 0.5), pl.Series("x", range(ROWS)).sqrt()])
    assert Schema.claim(frame, targets=["y"]).targets[0].type == "number"
