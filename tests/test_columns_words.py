"""Words in their order: splitting, vocabularies of words and of byte pairs, lengths, vectors."""

from __future__ import annotations

import gzip
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import shared_data
from mapsto.columns import Text
from mapsto.columns.common.bytepairs import BytePairs
from mapsto.columns.common.parts import Ragged
from mapsto.columns.common.state import State
from mapsto.columns.common.vectors import read_vectors
from mapsto.columns.common.words import WordList, Words, WordsPart, split
from mapsto.errors import DataError, ModelFileError, OptionError

TEXT = st.text(alphabet="abÉß'’é .,!?-_19\n中文😀", max_size=30)


def news(rows: int) -> pl.Series:
    with gzip.open(shared_data("ag_news", "train_10k.csv.gz")) as file:
        return pl.read_csv(file.read())["text"].head(rows)


def learned(text: pl.Series, **options: object) -> Words:
    given = {"pieces": None, "length": None, "most": 30_000, "min_count": 1}
    return Words.learn(text, **{**given, **options})


def words_of(found: Ragged, row: int) -> list[int]:
    return found.values[found.offsets[row] : found.offsets[row + 1]].tolist()


@given(st.lists(TEXT, min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_texts_are_split_and_looked_up_as_a_plain_implementation_would(texts: list[str]) -> None:
    plain = [re.findall(r"[\w']{1,32}|[^\w\s]{1,8}", text.lower().replace("’", "'")) for text in texts]
    assert split(pl.Series(texts, dtype=pl.String)).to_list() == plain
    words = learned(pl.Series(texts, dtype=pl.String), pieces="words", length=20)
    place = {word: index + 1 for index, word in enumerate(words.vocabulary.words)}
    found = words.encode(pl.Series([*texts, None, "never"], dtype=pl.String))
    assert [words_of(found, row) for row in range(len(texts))] == [[place[w] for w in row[:20]] for row in plain]
    assert words_of(found, len(texts)) == []
    assert words_of(found, len(texts) + 1) == [0]


def test_the_most_frequent_words_are_kept() -> None:
    vocabulary = WordList.learn(pl.Series(["b", "a", "b", "c", "a", "b", "d"]), most=2, min_count=1)
    assert vocabulary.words == ("b", "a")
    assert WordList.learn(pl.Series(["b", "a", "b"]), most=9, min_count=2).words == ("b",)


@given(st.lists(TEXT, min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_pieces_joined_again_are_the_text(texts: list[str]) -> None:
    """Nothing is unknown, whatever was learned from; a blank before each word is all that is added."""
    from tokenizers.decoders import ByteLevel

    words = Words(PAIRS, 1000)
    found = words.encode(pl.Series(texts, dtype=pl.String))
    assert found.values.dtype == np.int32
    for row, plain in enumerate(split(pl.Series(texts, dtype=pl.String)).to_list()):
        pieces = [PAIRS.pieces[index - 1] for index in words_of(found, row)]
        assert ByteLevel().decode(pieces) == "".join(f" {word}" for word in plain)


PAIRS = BytePairs.learn(pl.Series(["lower", "lowest", "newer", "newest", "wide", "widest"] * 50), most=280)


def test_frequent_words_become_one_piece_and_rare_ones_a_few() -> None:
    cut = Words(PAIRS, 100).encode(pl.Series(["lowest", "newest", "wider"]))
    assert np.diff(cut.offsets).tolist() == [1, 1, 2]
    assert [PAIRS.pieces[index - 1] for index in words_of(cut, 2)] == ["Ġwide", "r"]


def test_pieces_follow_from_the_joins() -> None:
    again = BytePairs.from_state(State({"name": "x"}, {"joins": PAIRS.joins}))
    assert again.pieces == PAIRS.pieces
    text = pl.Series(["the lowest of wide news, über"])
    assert Words(again, 99).encode(text).values.tolist() == Words(PAIRS, 99).encode(text).values.tolist()


@pytest.mark.parametrize(
    "joins", [[[0, 256]], [[-1, 0]], [[256, 256]], [[0, 0]] + [[256 + i, 256 + i] for i in range(9)]]
)
def test_joins_of_a_stranger_are_checked(joins: list[list[int]]) -> None:
    with pytest.raises(ModelFileError, match="joins"):
        BytePairs.from_state(State({"name": "x"}, {"joins": np.array(joins, dtype=np.int32)}))


def test_words_where_most_are_known_and_pieces_where_they_are_not() -> None:
    text = news(2500)
    plain = learned(text)
    assert isinstance(plain.vocabulary, WordList)
    undivided = text.head(1000).str.replace_all(" ", "", literal=True)
    cut = learned(undivided)
    assert isinstance(cut.vocabulary, BytePairs)
    assert cut.size < plain.size < 30_000
    few = news(20)
    assert isinstance(learned(few).vocabulary, WordList)
    assert isinstance(learned(few.str.replace_all(r"[^\w]", "")).vocabulary, BytePairs)


def test_the_length_is_that_of_nearly_all_texts() -> None:
    text = pl.Series(["one two three"] * 97 + ["many " * 30] * 2 + ["too " * 900])
    assert learned(text).length == 30
    assert learned(text, length=5).encode(text).offsets.tolist() == [*range(0, 294, 3), *(291 + 5, 301, 306)]
    assert learned(text, pieces="bytepairs").length >= 30
    assert learned(pl.Series(["one"])).length == 8


def test_a_table_reads_the_bag_and_a_network_for_sequences_the_words() -> None:
    column = Text(name="x")
    column.learn(pl.Series(["good film", "bad film", "good plot"]))
    part = column.parts[1]
    assert isinstance(part, WordsPart)
    assert part.network == ""
    assert part.key == "words:x"
    assert part.shape("sequence", {"sense_width": 7}) == (8, 7)
    assert column.lengths(column.encode(pl.Series(["good new film", None]))).tolist() == [3, 0]


def test_vectors_are_read_in_the_formats_of_word2vec_and_glove(tmp_path) -> None:
    lines = ["Good 3 4", "film 0 5", "good 9 9", "odd word 1 1", "else 7 7"]
    for name, first in (("word2vec.txt", ["5 2"]), ("glove.txt", [])):
        path = tmp_path / name
        path.write_text("\n".join(first + lines) + "\n")
        found = read_vectors(path, ["film", "good", "absent"])
        assert found.shape == (4, 2)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[2] / found[1, 1], [0.6, 0.8], rtol=1e-5)
        assert found[3].any()
        assert np.linalg.norm(found, axis=1).mean() == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("good 1 2\nfilm 1 nan\n", "line 2"),
        ("good 1 2\nfilm x 2\n", "line 2"),
        ("a b\n" + "good " + "1 " * 40_000, "longer than"),
        ("other 1 2\n", "none of the 2 words"),
        ("good " + "1 " * 2000, "up to 1,024"),
        ("", "none of"),
    ],
)
def test_malformed_vectors_are_named(tmp_path, content: str, said: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=said):
        read_vectors(path, ["good", "film"])


def test_a_file_of_vectors_that_is_not_there() -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_vectors("nowhere.txt", ["good"])


def test_vectors_are_saved_and_their_file_is_not(tmp_path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("good 1 2\nbad 2 1\n")
    column = Text(name="x", vectors=str(path), min_count=1)
    column.learn(pl.Series(["good film", "bad film"]))
    json, arrays = column.to_state()
    assert "secret" not in str(json)
    again = Text.from_state(json, arrays)
    np.testing.assert_array_equal(again.parts[1].vectors, column.parts[1].vectors)
    with pytest.raises(ModelFileError, match="vectors"):
        Text.from_state(json, {**arrays, "vectors": arrays["vectors"][:-1]})


def test_options_out_of_range_are_refused() -> None:
    for options in ({"pieces": "letters"}, {"words": 0}, {"length": 2**16}, {"vectors": "f", "pieces": "bytepairs"}):
        with pytest.raises(OptionError):
            Text(**options)


def test_skip_gram_brings_words_of_one_kind_together() -> None:
    draw = np.random.default_rng(0)
    kinds = [["sun", "rain", "snow", "wind"], ["bread", "wine", "cheese", "soup"]]
    texts = [" ".join(draw.choice(kinds[row % 2], 6)) for row in range(100)]
    column = Text(name="x", vectors="skip-gram")
    column.learn(pl.Series(texts))
    ids = column.encode(pl.Series([" ".join(kinds[0] + kinds[1])]))[1].values
    vectors = column.parts[1].vectors[ids]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = vectors @ vectors.T
    assert alike[:4, :4].mean() > alike[:4, 4:].mean() + 0.3


def test_many_texts_are_encoded_in_stretches(monkeypatch) -> None:
    text = pl.Series(["one two three", None, "", "two", "three three"] * 20)
    words = learned(text.drop_nulls())
    whole = words.encode(text)
    monkeypatch.setattr("mapsto.columns.common.words._CHUNK_BYTES", 30)
    again = words.encode(text)
    np.testing.assert_array_equal(again.values, whole.values)
    np.testing.assert_array_equal(again.offsets, whole.offsets)
