"""What a list of labels or a text loses is told, and there is an option: the order of labels, upper and lower case."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from mapsto.columns import Set, Text
from mapsto.schema import Schema

DRAW = np.random.default_rng(0)
WORDS = ["good", "day", "to", "you", "all", "here", "now", "then"]


def input_of(cells: list[Any]) -> Any:
    frame = pl.DataFrame({"x": cells, "y": DRAW.normal(size=len(cells))})
    return Schema.claim(frame, targets=["y"]).columns[0]


@pytest.mark.parametrize("labels", [["buy", "look", "leave"], [3, 7, 21]])
def test_order_is_read_where_it_varies_and_told(labels: list[Any]) -> None:
    cells = [[labels[place] for place in DRAW.permutation(3)] for _ in range(120)]
    column = input_of(cells)
    assert column.type == "set"
    assert "several orders" in column.reason
    series = pl.Series("x", cells)
    column.learn(series)
    features = column.features(column.encode(series))
    first = features.values[:, features.names.index(f"x: 1st: {labels[0]}")]
    assert first.tolist() == [cell[0] == labels[0] for cell in cells]
    follows = features.values[:, features.names.index(f"x: {labels[0]} > {labels[1]}")]
    assert follows.tolist() == [cell.index(labels[1]) == cell.index(labels[0]) + 1 for cell in cells]
    again = Set.from_state(*column.to_state())
    assert np.array_equal(again.encode(series)[0].values, column.encode(series)[0].values)


def test_order_can_be_left_out_or_asked_for() -> None:
    cells = pl.Series("x", [["a", "b"], ["b", "a"]] * 20)
    for order, differ in ((False, False), (True, True), (None, True)):
        column = Set(name="x", order=order)
        column.learn(cells)
        one, other = (column.encode(cells[row : row + 1])[0].values.tolist() for row in (0, 1))
        assert (sorted(one) != sorted(other)) == differ


def test_labels_in_one_order_are_a_plain_bag() -> None:
    cells = [sorted(DRAW.choice(list("abcde"), 3, replace=False).tolist()) for _ in range(100)]
    column = input_of(cells)
    column.learn(pl.Series("x", cells))
    assert not column.doubt
    assert column.parts[0].size <= 6


def test_upper_and_lower_case_is_told_and_can_be_read() -> None:
    cells = [" ".join(DRAW.choice(WORDS, 9)) for _ in range(200)]
    cells = [cell.upper() if i % 2 else cell for i, cell in enumerate(cells)]
    column = input_of(cells)
    assert column.type == "text"
    assert "case=True" in column.doubt
    pair = pl.Series(["good day to you", "GOOD DAY TO YOU"])
    for case in (False, True):
        column = Text(name="x", case=case)
        column.learn(pl.Series(cells))
        for each in (column, Text.from_state(*column.to_state())):
            for part in (0, 1):
                first, second = (each.encode(pair[row : row + 1])[part].values.tolist() for row in (0, 1))
                assert (first != second) == case


def test_plain_sentences_need_no_word() -> None:
    cells = [" ".join(DRAW.choice(WORDS, 9)).capitalize() + f" {i}." for i in range(200)]
    column = input_of(cells)
    assert column.type == "text"
    assert not column.doubt
