"""Categories and labels that were not learned are told where most cells hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.columns import Category, Set
from mapsto.model import Model

DRAW = np.random.default_rng(0)


def fitted(rows: Any, target: str, **options: Any) -> Model:
    """A model that is learned in a moment."""
    return mapsto.fit(rows, target, network="linear-model", progress=False, **options)


def test_categories_none_of_which_was_learned_are_told() -> None:
    colours = np.array(["red", "blue", "green", "grey"])[DRAW.integers(0, 4, 400)]
    model = fitted({"c": colours, "y": np.where(colours == "red", 5.0, 1.0) + DRAW.normal(size=400)}, "y")
    model.predict({"c": colours})
    assert model.last_problems == []
    model.predict({"c": pl.Series(colours).replace({"red": "rot", "blue": "blau", "green": "grün", "grey": "grau"})})
    (note,) = model.last_problems
    assert note.kind == "warning"
    assert "400 of 400 cells (100.0%) hold values that were not learned" in note.text
    assert "'grau'" in note.text


@pytest.mark.parametrize(("unknown", "told"), [(0, 0), (4, 0), (5, 1), (10, 1)])
def test_half_of_the_cells_are_many(unknown: int, told: int) -> None:
    column = Category(name="c")
    column.learn(pl.Series(["a", "b", "rare"] * 3 + ["once"]))
    cells = pl.Series(["z"] * unknown + ["once"] * (10 - unknown) + [None, " "])
    assert len(column.remarks(cells)) == told
    assert column.remarks(cells.head(4)) == []


def test_ranks_that_no_row_had_are_known() -> None:
    column = Category(name="c", ordered=["low", "middle", "high"])
    column.learn(pl.Series(["low", "high"] * 5))
    assert column.remarks(pl.Series(["middle"] * 10)) == []
    assert len(column.remarks(pl.Series(["mittel"] * 10))) == 1


def test_sets_of_labels_none_of_which_was_learned_are_told() -> None:
    column = Set(name="c")
    column.learn(pl.Series(["a|b", "b|c", "a", "c|a", "b"] * 4))
    assert column.remarks(pl.Series(["x|a", "y|b"] * 10)) == []
    (remark,) = column.remarks(pl.Series(["x|y", "z", None, ""] * 10))
    assert "only labels that were not learned" in remark.what
    assert len(remark.rows) == 20


def test_true_and_false_in_other_words_are_told() -> None:
    flag = DRAW.random(200) < 0.5
    model = fitted({"c": np.where(flag, "yes", "no"), "y": flag + DRAW.normal(size=200)}, "y")
    model.predict({"c": np.where(flag, "oui", "non")})
    assert any("'oui'" in note.text or "'non'" in note.text for note in model.last_problems)
