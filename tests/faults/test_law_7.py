"""A weight of 0 means that the row is not there: nothing is learned, scaled, counted, drawn or judged by it."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

import mapsto
from every_type import INPUTS, cells, series
from mapsto.columns.common.parts import Ragged
from mapsto.errors import DataError
from mapsto.fitting.options import make_options
from mapsto.fitting.prepare import Prepared, prepare
from mapsto.metrics import MISSING, all_for
from mapsto.table import read

ROWS, GHOSTS = 80, 40
DRAW = np.random.default_rng(0)


def world(kind: str) -> tuple[pl.DataFrame, np.ndarray]:
    """Rows of weight 1 with those of weight 0 among them, which hold other values; and which are there."""
    values = cells(kind, ROWS + GHOSTS, seed=1)
    there = np.ones(ROWS + GHOSTS, dtype=bool)
    there[DRAW.choice(ROWS + GHOSTS, GHOSTS, replace=False)] = False
    wild = {"number": 1e9, "category": "Atlantis", "text": "unheard of words", "set": ["unheard"], "sequence": [1e9]}
    ghost = wild.get(kind)
    values = [value if real else ghost for value, real in zip(values, there, strict=True)]
    y = np.where(there, DRAW.normal(size=len(there)), 1e6)
    frame = pl.DataFrame([series(kind, values), pl.Series("y", y), pl.Series("w", there.astype(float))])
    return frame, there


def prepared(frame: pl.DataFrame, kind: str) -> Prepared:
    options = make_options(target="y", network="boosting", weight="w", types={"x": kind}, test=0.2)
    return prepare(read(frame), options)


@pytest.mark.parametrize("kind", INPUTS)
def test_every_type_learns_as_if_they_were_deleted(kind: str) -> None:
    frame, there = world(kind)
    with_ghosts, without = prepared(frame, kind), prepared(frame.filter(pl.Series(there)), kind)
    states = [one.schema.to_state() for one in (with_ghosts, without)]
    assert json.dumps(states[0][0], sort_keys=True) == json.dumps(states[1][0], sort_keys=True)
    assert all(np.array_equal(states[0][1][name], array) for name, array in states[1][1].items())
    for ours, other in ((with_ghosts.dev, without.dev), (with_ghosts.test, without.test)):
        assert np.array_equal(ours.truth["y"], other.truth["y"])
        for key, block in other.blocks.items():
            one = ours.blocks[key]
            pairs = (
                [(one.values, block.values)] if isinstance(block, Ragged) else [(np.asarray(one), np.asarray(block))]
            )
            assert all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)
    assert np.array_equal(np.flatnonzero(there)[without.rows], with_ghosts.rows)
    assert any(f"{GHOSTS} rows of weight 0" in note.text for note in with_ghosts.notes)


@pytest.mark.parametrize("network", ["linear-model", "boosting"])
def test_a_fit_is_that_of_the_other_rows(network: str) -> None:
    frame, there = world("number")
    there = pl.Series(there)
    made = [
        mapsto.fit(data, "y", weight="w", network=network, folds=2, test=0.2, progress=False, threads=1)
        for data in (frame, frame.filter(there))
    ]
    asked = frame.filter(there).drop("y")
    answers = [model.predict(asked, interval=0.8) for model in made]
    assert answers[0].equals(answers[1])
    assert answers[0]["y"].abs().max() < 10
    judged = [model.verdict.to_dict()["contenders"] for model in made]
    figures = [[(c["name"], c["value"], c["low"], c["high"]) for c in one] for one in judged]
    assert figures[0] == figures[1]
    scores = made[0].evaluate(frame)["y"], made[1].evaluate(frame.filter(there))["y"]
    assert scores[0] == pytest.approx(scores[1], nan_ok=True)


@pytest.mark.parametrize("task", ["regression", "classification", "multilabel"])
def test_figures_are_those_of_the_other_rows(task: str) -> None:
    truth = {
        "regression": np.abs(DRAW.normal(size=60)),
        "classification": DRAW.integers(MISSING, 3, 60),
        "multilabel": DRAW.integers(0, 2, (60, 3)).astype(np.float32),
    }[task]
    prediction = DRAW.dirichlet(np.ones(3), 60) if task != "regression" else DRAW.random((60, 1))
    weight = DRAW.integers(0, 3, 60).astype(float)
    there = weight > 0
    for metric in all_for(task):
        assert metric(truth, prediction, weight) == pytest.approx(
            metric(truth[there], prediction[there], weight[there]), nan_ok=True
        )


def test_the_naive_guess_weighs_its_rows() -> None:
    y = np.tile([0.0, 100.0], 100) + DRAW.normal(size=200)
    frame = pl.DataFrame({"x": DRAW.normal(size=200), "y": y, "w": [3.0, 1.0] * 100})
    model = mapsto.fit(frame, "y", weight="w", network="dummy", test=0.0, folds=2, progress=False)
    assert model.predict(frame[:1])["y"][0] == pytest.approx(25, abs=3)


def test_rows_of_weight_0_in_every_place_are_refused() -> None:
    frame = pl.DataFrame({"x": range(90), "y": range(90), "w": [0.0] * 90})
    with pytest.raises(DataError, match="'w' is 0 in all 90"):
        mapsto.fit(frame, "y", weight="w", progress=False)
    good = frame.with_columns(w=pl.lit(1.0))
    with pytest.raises(DataError, match="0 in all 90 test rows"):
        mapsto.fit(good, "y", weight="w", test=frame, progress=False)
