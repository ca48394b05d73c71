"""A boolean has two values; three are a category."""

from __future__ import annotations

import polars as pl
import pytest

from mapsto.columns import Boolean
from mapsto.schema import Schema


def type_of(values: list[str]) -> str:
    schema = Schema.claim(pl.DataFrame({"x": values, "y": range(len(values))}), targets=["y"], types={"y": "number"})
    return schema.columns[0].type


@pytest.mark.parametrize("words", ["F N T", "Y N F", "yes no on", "0 1 N", "t true f", "no off yes", "n f", "y t 1"])
def test_three_words_are_a_category(words: str) -> None:
    assert type_of(words.split() * 30) == "category"


@pytest.mark.parametrize("words", ["F T", "Y N", "yes No NO", "on off", "0 1", "true FALSE False", "no 1"])
def test_two_values_are_a_boolean_in_any_case(words: str) -> None:
    assert type_of(words.split() * 30) == "boolean"


def test_three_words_are_three_classes() -> None:
    frame = pl.DataFrame({"x": range(90), "y": ["F", "N", "T"] * 30})
    (target,) = Schema.claim(frame, targets=["y"]).targets
    target.learn(frame["y"])
    assert target.classes == ["F", "N", "T"]


def test_a_word_of_another_pair_is_no_spelling_of_the_values_learned() -> None:
    column = Boolean(name="x")
    column.learn(pl.Series(["T", "F", "T"]))
    new = pl.Series(["t", "N", "yes", "true", "0"])
    assert column.encode(new)[0].tolist() == [3, 1, 1, 3, 2]
    assert column.malformed(new).tolist() == [False, True, True, False, False]
    assert column.encode_target(new).tolist() == [1, -2, -2, 1, 0]
