"""Attributions: Shapley values where they are known, additivity, faithfulness, and the frame the user gets."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explaining_world import california, fitted, formula, german, network, numbers, titanic
from mapsto.columns.category import Category
from mapsto.columns.set import Set
from mapsto.columns.text import Text
from mapsto.errors import DataError
from mapsto.explaining import attribute, explain, shapley
from mapsto.explaining.faithfulness import faithfulness
from mapsto.explaining.game import Game
from mapsto.explaining.mixing import Pace


def exact_shapley(function, rows: np.ndarray, background: np.ndarray) -> np.ndarray:
    """By all orders and all background rows."""
    columns = rows.shape[1]
    found = np.zeros(rows.shape)
    orders = list(permutations(range(columns)))
    for place, row in enumerate(rows):
        for order in orders:
            mixed = background.copy()
            before = function(*mixed.T).mean()
            for column in order:
                mixed[:, column] = row[column]
                after = function(*mixed.T).mean()
                found[place, column] += (after - before) / len(orders)
                before = after
    return found


@pytest.mark.parametrize(
    "function",
    [lambda a, b, c: a * b + c, lambda a, b, c: np.where(a > 0, b, c), lambda a, b, c: np.maximum(np.maximum(a, b), c)],
)
def test_sampled_values_approach_the_exact_ones(function, monkeypatch):
    monkeypatch.setattr(shapley, "PAIRS", 300)
    model = formula(function)
    rows = model.schema.encode(numbers().head(5))
    found = attribute(model, rows)
    expected = exact_shapley(function, rows.blocks["numbers"], model.background.encoded.blocks["numbers"])
    assert np.abs(found.values[:, :, 0] - expected).max() < 0.06
    assert np.abs(found.gap).max() < 0.01


def test_a_column_that_is_not_read_gets_nothing():
    found = attribute(formula(lambda a, b, c: 3 * a - c), numbers_encoded(20))
    assert (found.values[:, 1] == 0).all()
    assert np.abs(found.values[:, 0]).mean() > 0.5


def numbers_encoded(rows: int):
    return formula(lambda a, b, c: a).schema.encode(numbers().head(rows))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_a_sum_is_attributed_in_proportion(weights):
    model = formula(lambda a, b, c: weights[0] * a + weights[1] * b + weights[2] * c)
    rows = numbers_encoded(8)
    found = attribute(model, rows).values[:, :, 0]
    mean = model.background.encoded.blocks["numbers"].mean(axis=0)
    expected = np.array(weights) * (rows.blocks["numbers"] - mean)
    assert np.abs(found - expected).max() <= 0.6 * max(map(abs, weights)) + 1e-6


@pytest.mark.parametrize("world", [german, california])
def test_base_and_attributions_add_up_to_the_prediction(world):
    model, frame = world()
    found = attribute(model, model.schema.encode(frame.head(60)))
    moved = np.abs(found.figure - found.base).mean()
    assert np.abs(found.gap).mean() < 0.05 * moved
    np.testing.assert_allclose(found.base + found.values.sum(axis=1) + found.gap, found.figure)


def test_what_is_explained_is_the_probability_of_the_predicted_class():
    model, frame = german()
    encoded = model.schema.encode(frame.head(40))
    predicted = model.predictions(encoded)["credit_risk"]
    found = attribute(model, encoded)
    np.testing.assert_allclose(found.figure[:, 0], predicted.max(axis=1))
    model.thresholds["credit_risk"] = 0.95
    try:
        found = attribute(model, encoded)
    finally:
        model.thresholds.clear()
    np.testing.assert_array_equal(found.chosen[:, 0], (predicted[:, 1] >= 0.95).astype(int))
    np.testing.assert_allclose(found.figure[:, 0], predicted[np.arange(40), found.chosen[:, 0]])


def test_the_same_question_gets_the_same_answer():
    model, frame = titanic()
    encoded = model.schema.encode(frame.head(10))
    np.testing.assert_array_equal(attribute(model, encoded).values, attribute(model, encoded).values)


def test_many_rows_are_walked_in_several_parts(monkeypatch):
    model, frame = german()
    encoded = model.schema.encode(frame.head(50))
    whole = attribute(model, encoded)
    monkeypatch.setattr(shapley, "_PART", 4000)
    parts = attribute(model, encoded)
    assert parts.samples == whole.samples == shapley.PAIRS
    assert np.corrcoef(parts.values.ravel(), whole.values.ravel())[0, 1] > 0.97


def test_without_time_every_row_is_still_explained():
    model, frame = german()
    encoded = model.schema.encode(frame.head(100))
    found = attribute(model, encoded, max_seconds=1e-6)
    assert found.values.shape == (100, 20, 1)
    assert np.isfinite(found.values).all()
    assert found.samples == 1


def test_groups_of_columns_keep_the_sum(monkeypatch):
    model, frame = german()
    encoded = model.schema.encode(frame.head(10))
    game = Game(model, encoded, Pace(model, None))
    others = game.draw(4, 0)
    for steps in (1, 3, 7, 20):
        total = shapley.contributions(game, others, steps, [0])
        expected = 8 * game.own_RT[:, 0] - 2 * sum(game.empty(np.arange(10), others[:, j])[:, 0] for j in range(4))
        np.testing.assert_allclose(total[:, :, 0].sum(axis=1), expected, atol=1e-9)


# -- faithfulness


def test_naming_the_columns_that_matter_is_faithful_and_naming_others_is_not():
    frame = numbers(**{name: np.random.default_rng(3).normal(size=300) for name in "defghij"})
    model = formula(lambda *columns: 5 * columns[2] + 0.01 * sum(columns), frame)
    encoded = model.schema.encode(frame.head(50))
    found = attribute(model, encoded)
    assert np.median(found.faithfulness) > 3
    game = Game(model, encoded, Pace(model, None))
    backwards = 1 / (1e-9 + np.abs(found.values))
    assert np.median(faithfulness(game, backwards, np.inf, 0)) < 0.2
    anything = np.random.default_rng(0).normal(size=found.values.shape)
    assert 0.5 < faithfulness(game, anything, np.inf, 0).mean() < 1.5


def test_where_nothing_matters_faithfulness_is_one():
    found = attribute(formula(lambda a, b, c: np.zeros(len(a))), numbers_encoded(5))
    assert (found.faithfulness == 1).all()
    assert (found.values == 0).all()


def test_explanations_of_real_models_are_faithful():
    for world in (german, california):
        model, frame = world()
        assert np.median(attribute(model, model.schema.encode(frame.head(60))).faithfulness) > 1.5


# -- integrated gradients


def test_a_linear_network_is_explained_alike_by_both_methods():
    model = network(california()[0], "linear")
    encoded = model.schema.encode(california()[1].head(20))
    found = attribute(model, encoded)
    assert found.method == "integrated gradients"
    sampled, _ = shapley.shapley(Game(model, encoded, Pace(model, None)), 0, model.recipe.seed)
    scale = np.abs(sampled).max()
    np.testing.assert_allclose(found.values, sampled, atol=1e-3 * scale)


@pytest.mark.parametrize("name", ["tabm", "ft-transformer"])
def test_gradients_add_up_through_softmax_and_temperature(name):
    model, frame = titanic()
    model = network(model, name)
    model.temperatures = {"survived": 0.3, "class": 2.0}
    found = attribute(model, model.schema.encode(frame.head(12)))
    moved = np.abs(found.figure - found.base).mean(axis=0)
    sampled, _ = shapley.shapley(Game(model, model.schema.encode(frame.head(12)), Pace(model, None)), 0, 0)
    for target in range(3):
        agreement = np.corrcoef(found.values[:, :, target].ravel(), sampled[:, :, target].ravel())[0, 1]
        assert agreement > 0.7
    assert (np.abs(found.gap).mean(axis=0) < 0.35 * moved).all()


# -- several labels, and ragged columns


def test_labels_texts_and_sets_can_be_explained():
    random = np.random.default_rng(0)
    words = ["red", "green", "blue"]
    frame = pl.DataFrame(
        {
            "text": [" ".join(random.choice(words, 4)) for _ in range(120)],
            "tags": ["|".join(sorted(set(random.choice(list("xyz"), 2)))) for _ in range(120)],
            "kind": random.choice(["p", "q"], 120),
            "labels": ["|".join(sorted(set(random.choice(["m", "n"], 2)))) for _ in range(120)],
        }
    )
    types = {
        "text": Text(name="text"),
        "tags": Set(name="tags", separator="|"),
        "labels": Set(name="labels", separator="|"),
    }
    model = fitted(frame, ["labels"], lambda encoded: labels_from_tags(encoded), kind=Category(name="kind"), **types)
    told = explain(model, frame.head(6))
    first = told.group_by("row", maintain_order=True).first()
    assert (told.filter(pl.col("column") != "tags")["attribution"] == 0).all()
    assert set(first["column"]) <= {"tags", "text"}
    found = attribute(model, model.schema.encode(frame.head(6)))
    predicted = model.predictions(model.schema.encode(frame.head(6)))["labels"]
    np.testing.assert_allclose(found.figure[:, 0], predicted.max(axis=1))


def labels_from_tags(encoded) -> dict[str, np.ndarray]:
    tags = encoded.blocks["bag:tags"]
    lengths = np.diff(tags.offsets)
    starts = np.minimum(tags.offsets[:-1], max(len(tags.values) - 1, 0))
    first = np.where(lengths > 0, tags.values[starts], 0)
    return {"labels": np.column_stack([0.1 + 0.2 * (first % 3), 0.3 + 0.1 * lengths])}


# -- the frame


def test_the_frame_names_row_column_value_attribution_and_faithfulness():
    model, frame = german()
    told = explain(model, frame.head(3))
    assert told.columns == ["row", "column", "value", "attribution", "faithfulness"]
    assert told.height == 60
    assert told["row"].to_list() == sorted(told["row"].to_list())
    for _, rows in told.group_by("row"):
        sizes = rows["attribution"].abs().to_list()
        assert sizes == sorted(sizes, reverse=True)
        assert rows["faithfulness"].n_unique() == 1
    assert told.filter((pl.col("row") == 1) & (pl.col("column") == "purpose"))["value"].item() == frame["purpose"][1]


def test_several_targets_are_named():
    model, frame = titanic()
    told = explain(model, frame.head(2))
    assert told.columns[1] == "target"
    assert told.group_by("row", "target").len()["len"].to_list() == [11] * 6


def test_missing_columns_and_rows_are_refused():
    model, frame = german()
    with pytest.raises(DataError, match="purpose"):
        explain(model, frame.drop("purpose"))
    with pytest.raises(DataError, match="no rows"):
        explain(model, frame.head(0))


def test_missing_and_unseen_cells_are_explained():
    model, frame = german()
    odd = frame.head(2).with_columns(pl.lit(None).cast(pl.Int64).alias("age_years"), pl.lit("Mars").alias("housing"))
    told = explain(model, odd)
    assert set(told.filter(pl.col("column") == "age_years")["value"]) == {"missing"}
    assert np.isfinite(told["attribution"].to_numpy()).all()


def test_a_single_input_column_gets_the_whole_difference():
    frame = pl.DataFrame({"a": np.linspace(0, 1, 90), "y": np.zeros(90)})
    model = formula(lambda a: 2 * a, frame)
    found = attribute(model, model.schema.encode(frame.head(5)))
    np.testing.assert_allclose(found.values[:, 0, 0], (found.figure - found.base - found.gap)[:, 0])
    assert (found.faithfulness == 1).all()
