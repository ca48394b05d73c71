"""Text: hashed n-grams, their weights, topics."""

from __future__ import annotations

import gzip
import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import shared_data
from mapsto.columns import Text
from mapsto.columns.common.ngrams import BUCKETS, counted
from mapsto.columns.common.parts import Ragged
from mapsto.errors import ColumnRefused


def learned(texts: list[str | None], **options: object) -> Text:
    column = Text(name="x", **options)
    column.learn(pl.Series("x", texts, dtype=pl.String))
    return column


def bag_of(column: Text, texts: list[str | None]) -> Ragged:
    bag, _ = column.encode(pl.Series("x", texts, dtype=pl.String))
    assert isinstance(bag, Ragged)
    return bag


def grams(texts: list[str], *, characters: bool) -> list[dict[int, int]]:
    found: list[dict[int, int]] = []
    for rows, row, bucket, times in counted(pl.Series(texts, dtype=pl.String), characters=characters):
        here: list[dict[int, int]] = [{} for _ in range(rows)]
        for r, b, t in zip(row.tolist(), bucket.tolist(), times.tolist(), strict=True):
            here[r][b] = t
        found += here
    return found


WORDS = st.lists(st.text(alphabet="abcé1_'", min_size=1, max_size=6), max_size=8)


@given(cells=st.lists(WORDS, min_size=1, max_size=8), gap=st.sampled_from([" ", "  ", ", ", "\n", "!-"]))
@settings(max_examples=40, deadline=None)
def test_n_grams_are_those_of_a_plain_implementation(cells: list[list[str]], gap: str) -> None:
    """As many n-grams as words, pairs and character runs; the same ones wherever a text stands; case is ignored."""
    texts = [gap.join(words) for words in cells]
    for characters in (False, True):
        found = grams(texts, characters=characters)
        for words, here in zip(cells, found, strict=True):
            runs = [len(f" {w} ".encode()) - n + 1 for w in words for n in (3, 4)] if characters else []
            assert sum(here.values()) == len(words) + max(0, len(words) - 1) + sum(max(0, run) for run in runs)
        again = grams([f"?{text.upper()}" for text in reversed(texts)], characters=characters)
        if gap != "  " and not any("é" in text for text in texts):
            assert again[::-1] == found


def test_hashes_of_different_words_hardly_collide() -> None:
    words = ["".join(letters) for letters in itertools.product("abcdefgh", repeat=4)]
    buckets = {next(iter(here)) for here in grams(words, characters=False)}
    expected = BUCKETS * (1 - (1 - 1 / BUCKETS) ** len(words))
    assert len(buckets) == pytest.approx(expected, abs=15)


def test_weights_are_tf_idf_of_length_one() -> None:
    texts = ["common rare", "common other", "common other", "common rare rare", None, ""]
    column = learned(texts, characters=False)
    bag = bag_of(column, texts)
    assert bag.weights is not None
    norms = np.sqrt(np.add.reduceat(bag.weights**2, bag.offsets[:4]))
    assert norms == pytest.approx(np.ones(4))
    assert np.diff(bag.offsets)[4:].tolist() == [0, 0]
    (common,) = set(bag_of(column, ["common"]).values)
    (rare,) = set(bag_of(column, ["rare"]).values)
    first = dict(zip(bag.values[: bag.offsets[1]].tolist(), bag.weights[: bag.offsets[1]].tolist(), strict=True))
    assert first[rare] > first[common]


def test_unseen_words_are_dropped_and_size_is_kept() -> None:
    column = learned(["one two three four"] * 3, size=3)
    assert column.parts[0].size == 3
    assert len(bag_of(column, ["entirely new words"]).values) == 0


def test_characters_relate_misspelt_words() -> None:
    column = learned(["Johnson", "Jonson", "Smith", "Smyth"] * 5)
    bag = bag_of(column, ["Johnsen", "Smithe"])
    assert (np.diff(bag.offsets) > 0).all()


@pytest.mark.parametrize("texts", [[], [None], ["", " "], ["one"], ["!", "?"]])
def test_hardly_any_text_still_works(texts: list[str | None]) -> None:
    column = learned(texts)
    arrays = column.encode(pl.Series(["one two", None], dtype=pl.String))
    assert [len(array) for array in arrays] == [2, 2]
    assert column.features(arrays).values.shape[0] == 2


def test_text_is_no_target() -> None:
    with pytest.raises(ColumnRefused, match="cannot be predicted"):
        Text.claim(pl.Series(["a b c"]), name="x", target=True)


def test_news_topics_separate_the_classes() -> None:
    with gzip.open(shared_data("ag_news", "train_10k.csv.gz")) as file:
        frame = pl.read_csv(file.read()).head(2500)
    column = Text.claim(frame["text"], name="text")
    column.learn(frame["text"][:2000])
    topics = column.features(column.encode(frame["text"])).values
    assert topics.shape == (2500, 32)
    labels = frame["label"].to_numpy()
    centers = np.stack([topics[:2000][labels[:2000] == label].mean(axis=0) for label in range(4)])
    nearest = np.argmin(((topics[2000:, None] - centers) ** 2).sum(axis=2), axis=1)
    assert (nearest == labels[2000:]).mean() > 0.7
