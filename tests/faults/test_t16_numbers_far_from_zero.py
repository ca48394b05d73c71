"""T16: numbers close together and far from 0 are told apart by every member and every baseline alike."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.columns import Date, Number
from mapsto.columns.base import Column

ROWS = 300
START = 1_700_000_000_000
"""Milliseconds since 1970."""


def moments() -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds within two minutes, and something that follows from them."""
    draw = np.random.default_rng(0)
    x = START + np.sort(draw.choice(120_000, ROWS, replace=False))
    return x, np.sin((x - START) / 20_000.0)


@pytest.mark.parametrize("network", ["linear-model", "boosting", "forest", "nearest"])
def test_milliseconds_within_two_minutes(network: str) -> None:
    x, y = moments()
    y = (x - START) / 1000.0 if network == "linear-model" else y
    model = mapsto.fit({"x": x, "y": y}, "y", network=network, test=0.3, time="8s", progress=False)
    assert model.evaluate({"x": x, "y": y})["y"]["r2"] > 0.95


@pytest.mark.parametrize("network", ["linear-model", "boosting", "forest", "nearest", "linear"])
def test_milliseconds_within_a_minute_are_predicted(network: str) -> None:
    x = np.random.default_rng(0).normal(size=ROWS)
    y = START + (10_000 * x).round().astype(np.int64)
    recipe = {"learning": {"epochs": 100}}
    model = mapsto.fit({"x": x, "y": y}, "y", network=network, test=0.3, recipe=recipe, progress=False)
    assert model.evaluate({"x": x, "y": y})["y"]["r2"] > 0.7
    figures = {one["name"]: one["value"] for one in model.verdict.to_dict()["contenders"]}  # type: ignore[union-attr]
    assert max(value for name, value in figures.items() if name != "dummy") < 0.7 * figures["dummy"]
    assert model.predict({"x": [0.0]})["y"].dtype == pl.Float64


@pytest.mark.parametrize("scaling", ["robust", "standard", "minmax", "quantile"])
def test_what_flat_learners_read_keeps_neighbours_apart(scaling: Any) -> None:
    x, _ = moments()
    column = Number(name="x", scaling=scaling)
    column.learn(pl.Series(x))
    assert len(np.unique(flat(column, pl.Series(x)))) > 0.99 * ROWS


def test_dates_within_two_minutes() -> None:
    x, _ = moments()
    days = pl.Series(
        "when", [datetime.datetime(2024, 1, 1) + datetime.timedelta(milliseconds=int(t - START)) for t in x]
    )
    column = Date(name="when")
    spread = pl.concat([days, days.dt.offset_by("2d")])
    column.learn(spread)
    assert len(np.unique(flat(column, spread))) > 1.9 * ROWS


def test_ratios_still_mean_something_near_zero() -> None:
    column = Number(name="x")
    column.learn(pl.Series([10.0, 20.0, 40.0]))
    assert np.allclose(flat(column, pl.Series([10.0, 20.0, 40.0])), [10, 20, 40], rtol=1e-5)


def flat(column: Column, series: pl.Series) -> np.ndarray:
    return column.features(column.encode(series)).values[:, 0]
