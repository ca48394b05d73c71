"""T24: 5,000 columns and 200 rows end in time: nothing is slow for each column, and what is looked at is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import small_tables
from mapsto.columns.base import Features
from mapsto.judging import checks
from mapsto.judging.checks import leaks, shift
from mapsto.judging.screening import promising
from mapsto.members.base import Work
from mapsto.members.boosting import Boosting
from mapsto.members.common.narrowing import FEWEST, telling
from mapsto.members.common.preparation import Preparation
from mapsto.members.tuning import tune
from mapsto.networks.base import DataSize
from mapsto.networks.tabm import TabM
from mapsto.schema import Schema
from mapsto.training.budget import Budget
from mapsto.training.run import Run

ROWS, COLUMNS = 200, 2_000


def numbers(rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)


def as_features(x: np.ndarray) -> dict[str, Features]:
    return {str(j): Features(x[:, [j]], [str(j)], [False]) for j in range(x.shape[1])}


@pytest.mark.parametrize("kind", ["copy", "noisy", "missing", "band", "codes"])
def test_of_many_columns_those_that_give_the_target_away_are_found_with_few_tries(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    r, x = np.random.default_rng(1), numbers()
    truth = (r.random(ROWS) < 0.4).astype(np.int64)
    x[:, 77] = {
        "copy": truth,
        "noisy": 10.0 * truth + r.normal(size=ROWS),
        "missing": np.where(truth == 1, np.nan, x[:, 77]),
        "band": np.where(truth == 1, r.random(ROWS), r.choice([-1.0, 2.0], ROWS) + r.random(ROWS) * 0.5),
        "codes": 2.0 * r.integers(0, 10, ROWS) + truth,
    }[kind]
    tried = []
    whole = checks.alone
    monkeypatch.setattr(checks, "alone", lambda *a, **k: tried.append(1) or whole(*a, **k))
    found = leaks(as_features(x), "classification", truth, target="y")
    assert [note.column for note in found] == ["77"]
    assert len(tried) < COLUMNS / 20


def test_numbers_and_sets_as_targets_are_screened_too() -> None:
    x, r = numbers(), np.random.default_rng(2)
    price = np.exp(x[:, 5])
    assert "5" in [note.column for note in leaks(as_features(x), "regression", price, target="y")]
    labels = np.stack([x[:, 9] > 0, x[:, 9] > 0.5], axis=1).astype(np.float32)
    assert "9" in [note.column for note in leaks(as_features(x), "multilabel", labels, target="y")]
    several = {"two": x[:, :2], "one": x[:, [3]]}  # of several features nothing is known, so they are looked at
    assert "two" in promising(several, [("classification", r.integers(0, 2, ROWS))])


def test_where_rows_differ_few_columns_are_tried_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    x, other = numbers(columns=600), numbers(columns=600)[::-1].copy()
    other[:, ::15] += 3
    tried = []
    whole = checks.apart
    monkeypatch.setattr(checks, "apart", lambda *a, **k: tried.append(1) or whole(*a, **k))
    (note,) = shift(as_features(x), as_features(other))
    assert "no one alone" not in note.text
    assert len(tried) == 31


@pytest.fixture(scope="module")
def wide() -> Work:
    x = numbers(80, 1_500)
    columns = {f"g{j}": x[:, j] for j in range(x.shape[1])}
    frame = pl.DataFrame(columns | {"y": np.where(x[:, 1] + x[:, 2] > 0, "a", "b")})
    schema = Schema.claim(frame, targets=["y"])
    schema.learn(frame)
    return small_tables.work_on(schema, schema.encode(frame, truth=True))


def test_trees_see_the_columns_that_tell_and_the_model_is_the_same_when_opened(wide: Work) -> None:
    work = wide
    features = work.schema.features(work.train)
    kept = telling(features, work, keep={"g1400"})
    assert len(kept) == FEWEST
    assert {1, 2, 1400} <= set(kept.tolist())
    member = Boosting(max_iter=5).fit(work)
    assert member.preparation.width == FEWEST
    again = Boosting.from_state(*member.to_state(), work.schema)
    np.testing.assert_array_equal(member.predict(work.train)["y"], again.predict(work.train)["y"])


def test_few_columns_are_all_kept(wide: Work) -> None:
    work = wide
    few = Features(np.zeros((work.train.rows, 3), np.float32), ["a", "b", "c"], [False] * 3)
    np.testing.assert_array_equal(telling(few, work), [0, 1, 2])
    assert Preparation.fit(few).order.tolist() == [0, 1, 2]


def test_trials_end_with_their_time(wide: Work) -> None:
    run = Run()
    found = tune(replace(wide, run=run, budget=Budget.within(run, 0.0), label="tuning: "))
    assert found["crosses"] == {}
    assert "tuning: boosting settings" in run.decisions


def test_a_network_does_not_unfold_very_many_numbers() -> None:
    plain, unfolded = (TabM.Config.encoding(DataSize(ROWS, count, 2))["numbers"] for count in (COLUMNS, 50))
    assert (plain, unfolded) == ("plain", "piecewise")
