"""What matters and how: permutation importance and partial dependence."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from explaining_world import california, fitted, formula, german, numbers, titanic
from mapsto.errors import DataError
from mapsto.explaining import importance, partial_dependence
from mapsto.explaining.importance import deciding_metric


def test_what_is_not_read_loses_nothing_and_what_is_read_loses():
    truth = numbers().with_columns(y=pl.col("a") * 3 + pl.col("c"))
    model = formula(lambda a, b, c: 3 * a + c, truth)
    found = importance(model)
    assert found["column"].to_list() == ["a", "c", "b"]
    assert found["loss"][2] == 0
    assert (found["low"][0], found["high"][0]) > (0.5, 0.5)
    assert found.columns == ["column", "target", "loss", "low", "high"]


@pytest.mark.parametrize("world", [german, california])
def test_intervals_surround_the_loss_and_the_order_falls(world):
    found = importance(world()[0])
    assert (found["low"] <= found["loss"] + 1e-9).all()
    assert (found["loss"] <= found["high"] + 1e-9).all()
    assert found["loss"].to_list() == sorted(found["loss"], reverse=True)


def test_real_columns_come_first():
    assert importance(german()[0])["column"][0] == "checking_status"
    assert importance(california()[0])["column"][0] == "median_income"


def test_every_target_has_its_own_list():
    found = importance(titanic()[0])
    assert found["target"].unique(maintain_order=True).to_list() == ["survived", "fare", "class"]
    assert found.group_by("target").len()["len"].to_list() == [11, 11, 11]
    assert found.filter(pl.col("target") == "class")["column"][0] == "pclass"


def test_importance_repeats_and_short_time_uses_fewer_rows():
    model = german()[0]
    assert importance(model).equals(importance(model))
    hurried = importance(model, max_seconds=1e-6)
    assert hurried.height == 20
    assert set(hurried["column"]) == set(importance(model)["column"])


def test_the_users_own_metric_falls_back_to_the_default_of_the_task():
    model = german()[0]
    target = model.schema.targets[0]
    assert deciding_metric(model, target).name == "auc"
    model.metrics["credit_risk"] = "their_own_score"
    try:
        assert deciding_metric(model, target).name == "auc"
    finally:
        model.metrics["credit_risk"] = "auc"


def test_a_model_without_rows_says_so():
    model = german()[0]
    kept, model.held = model.held, None
    try:
        with pytest.raises(DataError, match="held-out rows"):
            importance(model)
    finally:
        model.held = kept


# -- partial dependence


def test_dependence_follows_a_known_function():
    model = formula(lambda a, b, c: a**2 + b)
    found = partial_dependence(model, ["a", "c"])
    along = found.filter(pl.col("column") == "a")
    inner = along.filter(pl.col("position").abs() < 1)
    at, mean = inner["position"].to_numpy(), inner["mean"].to_numpy()
    parabola = np.polyfit(at, mean, 2)  # the model squares scaled values, positions are in the user's units
    assert inner.height > 5
    assert parabola[0] > 0.1
    assert np.ptp(mean - np.polyval(parabola, at)) < 0.02
    assert np.ptp(found.filter(pl.col("column") == "c")["mean"].to_numpy()) < 1e-6
    assert (along["low"] <= along["high"]).all()


def test_categories_are_tried_by_frequency_and_positions_are_missing():
    model, frame = german()
    found = partial_dependence(model, ["purpose"])
    kinds = found.filter(pl.col("class") == "good")
    assert kinds["position"].null_count() == kinds.height == 8
    train = frame.head(666)["purpose"].value_counts(sort=True)
    assert kinds["value"][0] == train["purpose"][0]
    for _, both in found.group_by("value"):
        assert both["mean"].sum() == pytest.approx(1, abs=1e-6)


def test_short_time_averages_fewer_rows_but_tries_every_value():
    model = california()[0]
    whole, hurried = partial_dependence(model, ["longitude"]), partial_dependence(model, ["longitude"], 1e-6)
    assert whole["value"].to_list() == hurried["value"].to_list()


def test_an_unknown_column_is_named():
    with pytest.raises(DataError, match=r"'agee'.*age_years"):
        partial_dependence(german()[0], ["agee"])


def test_a_column_without_any_value_has_one_point():
    frame = numbers().with_columns(pl.lit(None, dtype=pl.String).alias("b"))
    model = fitted(frame, ["y"])
    assert partial_dependence(model, ["b"])["value"].to_list() == ["missing"]
