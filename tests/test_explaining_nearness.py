"""Novelty, similar training rows, and the rows that all explanations mix."""

from __future__ import annotations

import gzip
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mapsto
from conftest import shared_data
from explaining_world import california, fitted, german, titanic
from mapsto.columns.text import Text
from mapsto.explaining import novelty, similar
from mapsto.explaining.mixing import Mixer, Pace, join
from mapsto.explaining.space import distances


@pytest.mark.parametrize("world", [german, california, titanic])
def test_training_rows_are_not_new_and_few_others_are(world):
    model, frame = world()
    found = novelty(model, frame)
    assert found.shape == (frame.height,)
    assert (found >= 0).all()
    assert np.quantile(found, 0.9) < 1


def test_an_outlier_is_new_in_every_number_column():
    model, frame = california()
    for name in frame.columns[:-1]:
        odd = frame.head(1).with_columns((pl.col(name).cast(pl.Float64) + 1e6).alias(name))
        assert novelty(model, odd)[0] > 1


def test_an_infinite_distance_is_a_number():
    model, frame = california()
    odd = frame.head(1).with_columns(pl.lit(1e300).alias("population"))
    assert np.isfinite(novelty(model, odd)).all()


def test_a_category_never_seen_is_new():
    model, frame = german()
    odd = frame.head(5).with_columns(pl.lit("Mars").alias("housing"))
    assert (novelty(model, odd) > 1).all()
    twice = odd.with_columns(pl.lit("pilot").alias("job"))
    assert (novelty(model, twice) > novelty(model, odd)).all()


@settings(max_examples=10, deadline=None)
@given(st.permutations(list(range(20))))
def test_novelty_belongs_to_the_row(order):
    model, frame = german()
    whole = novelty(model, frame.head(20))
    np.testing.assert_allclose(novelty(model, frame.head(20)[order]), whole[order], atol=1e-9)


def test_no_rows_have_no_novelty():
    model, frame = german()
    assert novelty(model, frame.head(0)).shape == (0,)


def test_a_training_row_is_most_similar_to_itself():
    model, frame = german()
    known = model.background.shown["credit_amount"][7]
    row = frame.filter(pl.col("credit_amount").cast(pl.String) == known.replace(",", "")).head(1)
    found = similar(model, row, k=3)
    assert found.columns[:3] == ["row", "rank", "distance"]
    assert found["rank"].to_list() == [1, 2, 3]
    assert found["distance"][0] < 1e-6
    assert found["credit_amount"][0] == known
    assert "credit_risk" in found.columns


def test_more_neighbours_than_rows_gives_all_rows():
    model, frame = german()
    assert similar(model, frame.head(2), k=10_000).height == 2 * len(model.background)


def test_similar_distances_rise():
    model, frame = california()
    found = similar(model, frame.head(10), k=8)
    apart = found["distance"].to_numpy().reshape(10, 8)
    assert (np.diff(apart, axis=1) >= 0).all()


def test_text_counts_as_one_column():
    frame = pl.DataFrame({"t": ["a red fox", "a blue dog", "the red dog"] * 40, "y": [0.0, 1.0, 2.0] * 40})
    model = fitted(frame, ["y"], lambda encoded: {"y": np.zeros((encoded.rows, 1))}, t=Text(name="t"))
    found = novelty(model, pl.DataFrame({"t": ["a red fox", "entirely other words about nothing"]}))
    assert found[0] < found[1]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000))
def test_distances_are_euclidean(first, second, seed):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(first, 4)), random.normal(size=(second, 4))
    np.testing.assert_allclose(distances(a, b), np.linalg.norm(a[:, None] - b, axis=2), atol=1e-6)


# -- mixing


def test_mixing_rows_with_themselves_changes_nothing():
    model, frame = titanic()
    encoded = model.schema.encode(frame.head(30))
    mixer = Mixer(model.schema, encoded)
    same = mixer.mix(np.tile(np.arange(30)[:, None], (1, len(model.schema.inputs))))
    for key, block in encoded.blocks.items():
        np.testing.assert_array_equal(same.blocks[key], block)


def test_every_column_comes_from_the_row_asked_for():
    model, frame = german()
    encoded = model.schema.encode(frame.head(40))
    source = np.random.default_rng(0).integers(0, 40, size=(25, 20))
    mixed = Mixer(model.schema, encoded).mix(source)
    for place, column in enumerate(model.schema.inputs):
        for made, own in zip(model.schema.arrays(mixed, column), model.schema.arrays(encoded, column), strict=True):
            np.testing.assert_array_equal(made, own[source[:, place]])


def test_ragged_columns_are_mixed_and_joined():
    frame = pl.DataFrame({"t": ["a red fox", "a blue dog", "the red dog"] * 10, "x": range(30), "y": [0.0] * 30})
    model = fitted(frame, ["y"], lambda encoded: {"y": np.zeros((encoded.rows, 1))}, t=Text(name="t"))
    first, second = model.schema.encode(frame.head(3)), model.schema.encode(frame.slice(3, 3))
    both = join(first, second)
    mixed = Mixer(model.schema, both).mix(np.array([[1, 5], [4, 0]]))
    text = mixed.blocks["bag:t"]
    expected = both.blocks["bag:t"].take(np.array([1, 4]))
    np.testing.assert_array_equal(text.values, expected.values)
    np.testing.assert_array_equal(text.offsets, expected.offsets)


def test_without_a_limit_the_clock_does_not_matter():
    model, frame = german()
    pace = Pace(model, None)
    pace.predict(model.schema.encode(frame.head(100)))
    assert pace.rows() == float("inf")
    assert Pace(model, 0.0).limited


def test_texts_of_none_of_the_classes_are_new(tmp_path):
    parts = json.loads(gzip.decompress(shared_data("clinc150", "data_full.json.gz").read_bytes()))
    known = pl.DataFrame(parts["train"], schema=["text", "intent"], orient="row")
    some = known.filter(pl.col("intent").is_in(known["intent"].unique(maintain_order=True)[:10].to_list()))
    test = some.gather_every(10)
    model = mapsto.fit(some, target="intent", test=test, network="linear-model", progress=False)
    strangers = pl.DataFrame(parts["oos_test"][:300], schema=["text", "intent"], orient="row")
    one, other = (model.novelty(rows)["novelty"].to_numpy() for rows in (test, strangers))
    assert (one > 1).mean() < 0.1
    assert (other[:, None] > one).mean() > 0.9
    model.save(tmp_path / "intents.mapsto")
    again = mapsto.load(tmp_path / "intents.mapsto").novelty(test)["novelty"].to_numpy()
    np.testing.assert_allclose(again, one, rtol=1e-5)
