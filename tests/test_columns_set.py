"""Sets: separators, bags, multilabel targets."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import shared_data
from mapsto.columns import Set
from mapsto.columns.common.parts import Ragged
from mapsto.errors import ColumnRefused, DataError

LABELS = st.lists(st.sampled_from("abcdef"), max_size=5, unique=True)


def learned(series: pl.Series, **options: object) -> Set:
    column = Set(name="x", **options)
    column.learn(series)
    return column


@given(cells=st.lists(st.none() | LABELS, min_size=1, max_size=30).filter(any))
@settings(max_examples=30, deadline=None)
def test_lists_and_text_encode_the_same_and_come_back(cells: list[list[str] | None]) -> None:
    lists = pl.Series("x", cells, dtype=pl.List(pl.String))
    text = pl.Series("x", [None if cell is None else " | ".join(cell) for cell in cells], dtype=pl.String)
    from_lists, from_text = learned(lists, min_count=1), learned(text, separator=" | ", min_count=1)
    (first,), (second,) = from_lists.encode(lists), from_text.encode(text)
    assert isinstance(first, Ragged)
    assert isinstance(second, Ragged)
    assert np.array_equal(first.values, second.values)
    assert np.array_equal(first.offsets, second.offsets)
    truth = from_lists.encode_target(lists)
    known = np.array([cell is not None for cell in cells])
    assert np.array_equal(truth[known].sum(axis=1), [len(cell) for cell in cells if cell is not None])
    back = from_lists.decode(truth).to_list()
    assert [cell if cell is None else sorted(cell) for cell in cells] == back
    written = from_text.decode(truth).to_list()
    assert written == [cell if cell is None else " | ".join(sorted(cell)) for cell in cells]


def test_repeats_blanks_and_unknown_labels() -> None:
    column = learned(pl.Series(["a|b", "b|a", "b|rare"]), order=False)
    (bag,) = column.encode(pl.Series([" b |b||a", "new|b", "", None]))
    assert isinstance(bag, Ragged)
    assert bag.values.tolist() == [1, 2, 0, 1]
    assert np.diff(bag.offsets).tolist() == [2, 2, 0, 0]
    assert bag.weights == pytest.approx(np.full(4, 1 / np.sqrt(2)))
    features = column.features([bag])
    assert features.names == ["x, labels", "x: b", "x: a"]
    assert features.values.tolist() == [[2, 1, 1], [2, 1, 0], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("cells", "separator"),
    [
        (["a|b", "b", "a|c", "c|a", "b|c"], "|"),
        (["red; blue", "blue", "red; green", "green; blue", "green; red"], "; "),
        (["a, b", "b, c", "c, a", "a, c", "b, a", "c, b", "a, b, c"], ", "),
    ],
)
def test_separators_are_found(cells: list[str], separator: str) -> None:
    column = Set.claim(pl.Series(cells), name="x", target=True)
    assert column.separator == separator
    column.learn(pl.Series(cells))
    truth = column.encode_target(pl.Series(cells))
    assert np.array_equal(column.encode_target(column.decode(truth)), truth)


@pytest.mark.parametrize(
    "cells",
    [
        ["Braund, Mr. Owen", "Cumings, Mrs. John", "Heikkinen, Miss. Laina", "Allen, Mr. William"],
        ["Paris, France", "Lyon, France"],
        ["male: single", "female: divorced", "male: single"],
        ["one", "two"],
        ["So it began, and then, at last, it ended.", "Never before, never since, so well."],
    ],
)
def test_ordinary_text_is_no_set(cells: list[str]) -> None:
    with pytest.raises(ColumnRefused):
        Set.claim(pl.Series(cells), name="x")


def test_vectors_are_no_labels() -> None:
    with pytest.raises(ColumnRefused, match="not labels"):
        Set.claim(pl.Series([[1.0, 2.0]]), name="x")


def test_threshold_and_naive_guess() -> None:
    column = learned(pl.Series([["a"], ["a", "b"], ["b", "a"], None]))
    truth = column.encode_target(pl.Series([["a"], ["a", "b"], None]))
    assert column.naive(truth, 1).tolist() == [[1.0, 0.5]]
    prediction = np.array([[0.4, 0.6], [np.nan, np.nan]])
    assert column.decode(prediction).to_list() == [["b"], None]
    assert column.decode(prediction, threshold=0.3).to_list() == [["a", "b"], None]
    assert column.link(np.array([[-800.0, 0.0, 800.0]])).tolist() == [[0.0, 0.5, 1.0]]


def test_too_many_labels_are_an_error_as_target_only() -> None:
    column = learned(pl.Series([[str(i)] for i in range(9)]), max_size=5)
    assert len(column.encode(pl.Series([["1"]]))) == 1
    with pytest.raises(DataError, match="9 labels"):
        _ = column.out_features


def test_movie_genres() -> None:
    genres = pl.read_csv(shared_data("movielens_latest_small", "movies.csv.gz"))["genres"]
    column = Set.claim(genres, name="genres", target=True)
    column.learn(genres)
    assert column.out_features == 20
    truth = column.encode_target(genres)
    assert truth.sum() == genres.str.split("|").list.len().sum()
    assert set(column.decode(truth[:1]).to_list()[0].split("|")) == set(genres[0].split("|"))
