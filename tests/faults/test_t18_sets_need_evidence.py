"""Labels with commas in them are classes; a set needs parts that recur in other combinations, at any place."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest

from mapsto.columns import Column
from mapsto.fitting.prepare import claim_notes
from mapsto.schema import Schema

DRAW = np.random.default_rng(0)
ILLS = ["angina", "asthma", "gastritis", "migraine", "flu", "arthritis"]


def target_of(cells: list[str]) -> Column:
    frame = pl.DataFrame({"x": DRAW.normal(size=len(cells)), "y": cells})
    return Schema.claim(frame, targets=["y"]).targets[0]


@pytest.mark.parametrize("separator", [", ", ",", "; ", "|"])
@pytest.mark.parametrize("grades", [["mild", "severe"], ["mild", "severe", "chronic", "acute"], ["", "mild", "severe"]])
def test_a_thing_and_its_grade_is_one_label(separator: str, grades: list[str]) -> None:
    classes = [separator.join(filter(None, pair)) for pair in itertools.product(ILLS, grades)]
    target = target_of(classes * 20)
    assert target.type == "category"
    target.learn(pl.Series(classes))
    assert set(target.classes) == set(classes)


def test_names_and_places_are_no_sets() -> None:
    names = [f"{last}, {first}" for last in ("Li", "Ray", "Kim", "Roe") for first in ("Ann", "Bob", "Cy", "Di", "Ed")]
    assert target_of(names * 10).type == "category"


@pytest.mark.parametrize("separator", [", ", ",", ";", "|"])
def test_parts_in_other_combinations_are_a_set_and_that_is_told(separator: str) -> None:
    tags = ["red", "green", "blue", "black", "white"]
    kept = [DRAW.random(5) < 0.4 for _ in range(400)]
    cells = [separator.join(tag for tag, has in zip(tags, row, strict=True) if has) for row in kept if row.any()]
    target = target_of(cells)
    assert target.type == "set"
    assert "types={'y': 'category'}" in target.doubt
    frame = pl.DataFrame({"x": DRAW.normal(size=len(cells)), "y": cells})
    notes = claim_notes(Schema.claim(frame, targets=["y"]), [])
    assert any("if a cell is one class" in note.text for note in notes)
