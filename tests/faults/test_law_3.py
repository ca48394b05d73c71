"""A type is claimed by all the cells that are there, never by the first, nor by those that a sample meets.

Each column is of one kind where a sample looks (an even spread of the usual size, and the first rows), and of another
elsewhere. Whatever type takes it, what it cannot read is so little that it is a loss to be told, not another kind.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import polars as pl
import pytest

from mapsto.columns import TYPES
from mapsto.columns.common.cells import SAMPLE
from mapsto.errors import ColumnRefused
from mapsto.schema import Schema

ROWS = 15_000
TOLERATED = 0.11
DRAW = np.random.default_rng(0)
KINDS: dict[str, list[Any]] = {
    "booleans": ["yes", "no"],
    "numbers": ["1.5", "27", "3.25"],
    "dates": ["2020-01-31", "2021-12-01", "2022-05-17"],
    "american dates": ["01/31/2020", "12/01/2021"],
    "keys": [f"C{n:06}" for n in range(ROWS)],
    "labels": ["red|blue", "blue", "red|green", "green|blue"],
    "lists": ["[1.5, 2.5, 3.5]", "[0.5, -1.0]"],
    "trees": ["(S (NP she) (VP sings))", "(S (NP he) (VP (V saw) (NP it)))"],
    "words": ["open", "closed", "waiting", "sent back"],
    "sentences": [f"the {n}th time we came here it was raining again" for n in range(ROWS)],
}


def mixed(seen: list[Any], hidden: list[Any], share: float) -> pl.Series:
    """`hidden` in a share of the rows that no sample of `SAMPLE` rows meets, `seen` elsewhere."""
    looked = np.zeros(ROWS, dtype=bool)
    for size in (500, 1000, SAMPLE):
        looked[np.linspace(0, ROWS - 1, size).astype(np.int64)] = True
    looked[:100] = True
    free = np.flatnonzero(~looked)
    late = set(free[np.linspace(0, len(free) - 1, int(share * len(free))).astype(np.int64)].tolist())
    return pl.Series("x", [hidden[i % len(hidden)] if i in late else seen[i % len(seen)] for i in range(ROWS)])


@pytest.mark.parametrize(("seen", "hidden"), list(itertools.permutations(KINDS, 2)))
def test_what_a_sample_does_not_meet_counts(seen: str, hidden: str) -> None:
    series = mixed(KINDS[seen], KINDS[hidden], 1.0)
    frame = pl.DataFrame([series, pl.Series("y", DRAW.normal(size=ROWS))])
    schema = Schema.claim(frame, targets=["y"])
    column = next(column for column in schema.columns if column.name == "x")
    if column.is_input:
        assert column.malformed(series).mean() <= TOLERATED, f"{column.type}: {column.reason}"


@pytest.mark.parametrize("kind", TYPES)
def test_claims_do_not_depend_on_the_order_of_rows(kind: Any) -> None:
    for values in KINDS.values():
        series = pl.Series("x", [values[i % len(values)] for i in range(3000)])
        halves = pl.concat([series.gather_every(2), pl.Series("x", ["something else"] * 1500)])
        assert takes(kind, halves) == takes(kind, halves.reverse())


def takes(kind: Any, series: pl.Series) -> bool:
    try:
        kind.claim(series, name="x")
    except ColumnRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["2020-01-01", "2021-02-03", "unknown year"], "not read as date: only 67% of cells"),
        (["[1.5, 2]", "[2.5, 1, 2]", "see appendix"], "not read as sequence: only 67% of cells"),
        (["[1 2 ... 9]", "[3 4 ... 8]", "[3 2 ... 0]"], "not read as sequence: 100% of the lists were shortened"),
    ],
)
def test_why_a_type_that_nearly_took_it_did_not_is_shown(cells: list[str], why: str) -> None:
    frame = pl.DataFrame({"x": [cells[i % len(cells)] for i in range(300)], "y": DRAW.normal(size=300)})
    (column,) = Schema.claim(frame, targets=["y"]).inputs
    assert why in column.reason
    assert why in column.doubt
