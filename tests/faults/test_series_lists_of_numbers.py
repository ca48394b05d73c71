"""Series given as lists of numbers: the default call learns what is strong on few rows and lengths of all kinds, holds
what its own baselines can do, and learns no recurrent network where it would be a guess.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.fitting import candidates
from mapsto.fitting.baselines import serving
from mapsto.fitting.learned import work_of
from mapsto.fitting.options import make_options
from mapsto.fitting.prepare import Prepared, prepare
from mapsto.fitting.reading import read_rows
from mapsto.members import make
from mapsto.model import Model
from mapsto.schema import Schema
from mapsto.training.run import Run

RECIPE: dict[str, Any] = {
    "members": {"forest": {"n_estimators": 10}, "extra-trees": {"n_estimators": 20}, "boosting": {"max_iter": 10}},
    "networks": {"rocket": {"gaps": 4, "thresholds": 2}},
}


def waves(rows: int, low: int, high: int, *, channels: int = 1, seed: int = 0) -> dict[str, Any]:
    """A bump, or a dent of the same size, anywhere in noise: means and slopes say nothing of which it is."""
    draw = np.random.default_rng([seed, rows])
    kind = draw.choice(["sharp", "flat"], rows)
    cells = []
    for each in kind:
        steps = int(draw.integers(low, high + 1))
        x = draw.normal(0, 0.3, (steps, channels))
        width = max(2, steps // 8)
        at = int(draw.integers(0, steps - 2 * width + 1))
        shape = np.hanning(2 * width) if each == "flat" else np.sign(np.sin(np.arange(2 * width) * np.pi))
        shape = np.where(np.arange(2 * width) % 2, 1.0, -1.0) if each == "sharp" else shape * 2 - 1
        x[at : at + 2 * width] += shape[:, None]
        cells.append((x[:, 0] if channels == 1 else x).tolist())
    return {"wave": cells, "kind": kind.tolist()}


def fitted(rows: dict[str, Any], target: str, **options: Any) -> Model:
    return mapsto.fit(rows, target, recipe=RECIPE, progress=False, threads=1, types={"wave": "sequence"}, **options)


@cache
def few() -> Model:
    """Learned from sixty series of equal length, as strangers have them."""
    return fitted(waves(60, 40, 40), "kind")


def prepared(rows: dict[str, Any], **options: Any) -> Prepared:
    made = make_options(target="kind", types={"wave": "sequence"}, recipe=RECIPE, **options)
    return prepare(*read_rows(pl.DataFrame(rows, strict=False), made))


def learned(rows: dict[str, Any]) -> list[str]:
    return [one.name for one in candidates.candidates(prepared(rows))]


def test_few_series_are_told_apart() -> None:
    test = waves(80, 40, 40, seed=1)
    assert few().evaluate(test)["kind"]["accuracy"] > 0.9


def test_the_ensemble_is_no_worse_than_the_best_of_its_own_verdict() -> None:
    ours, *others = few().verdict.contenders
    assert ours.metric == "auc"
    assert ours.value >= max(one.value for one in others) - 0.05
    assert "hybrid" in {member.name for member in few().verdict.members}


def test_baselines_read_the_same_kernels() -> None:
    assert any("kernels" in one.name for one in few().verdict.contenders)
    assert set(serving(few()._fitted.schema)) >= {"hybrid", "forest", "linear-model"}
    assert "hybrid" not in serving(Schema([], []))


def test_what_kernels_see_is_remembered_for_the_next_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = prepared(waves(40, 40, 40))
    first = make("hybrid").fit(work_of(rows, Run(), rows.options.recipe, None, "first: "))
    before = first.predict(rows.dev)["kind"]
    monkeypatch.setattr("mapsto.networks.rocket.Rocket.look", None)
    again = make("hybrid").fit(work_of(rows, Run(), rows.options.recipe, None, "again: "))
    assert np.array_equal(again.predict(rows.dev)["kind"], before)


def test_one_row_at_a_time_is_predicted_like_many() -> None:
    test = waves(7, 40, 40, seed=2)
    many = few().predict_proba({"wave": test["wave"]}).to_numpy()
    for row, cell in enumerate(test["wave"]):
        assert np.array_equal(few().predict_proba({"wave": [cell]}).to_numpy()[0], many[row])


@pytest.mark.parametrize("cell", [[], [1.0], [0.5, None, 2.0], [3.0] * 400], ids=len)
def test_cells_of_other_lengths_are_predicted(cell: list[float | None]) -> None:
    column = pl.Series("wave", [cell], dtype=pl.List(pl.Float64))
    found = few().predict_proba(pl.DataFrame([column])).to_numpy().astype(float)
    assert np.isfinite(found).all()


def test_lengths_channels_and_missing_steps_are_read() -> None:
    rows = waves(70, 20, 60, channels=3)
    for cell in rows["wave"][::5]:
        cell[len(cell) // 2][1] = None
    model = fitted(rows, "kind")
    assert model.evaluate(waves(60, 20, 60, channels=3, seed=1))["kind"]["accuracy"] > 0.85


def test_series_of_fewer_steps_than_a_kernel_has() -> None:
    draw = np.random.default_rng(0)
    up = draw.random(60) < 0.5
    cells = [np.sort(draw.normal(size=draw.integers(2, 8)))[:: 1 if each else -1].tolist() for each in up]
    model = fitted({"wave": cells, "up": np.where(up, "yes", "no").tolist()}, "up")
    found = model.predict({"wave": [[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]]})["up"].to_list()
    assert found == ["yes", "no"]


def test_numbers_are_predicted_from_series() -> None:
    draw = np.random.default_rng(0)
    pace = draw.uniform(0.1, 0.6, 90)
    cells = [np.sin(each * np.arange(50) + draw.uniform(0, 6)).tolist() for each in pace]
    model = fitted({"wave": cells[:60], "pace": pace[:60]}, "pace")
    assert model.evaluate({"wave": cells[60:], "pace": pace[60:]})["pace"]["r2"] > 0.9


def test_a_network_is_learned_where_rows_and_steps_are_enough_for_it() -> None:
    assert "gru" not in learned(waves(60, 40, 40))
    assert "gru" not in learned(waves(100, 1_460, 1_460))
    assert "gru" in learned(waves(candidates.MANY_SERIES * 2, 9, 9))
    assert learned(waves(60, 40, 40))[0] == "hybrid"


def test_long_series_keep_to_a_short_time() -> None:
    model = fitted(waves(60, 1_460, 1_460), "kind", time=6.0)
    assert {member.name for member in model.verdict.members} <= {"hybrid", "extra-trees", "forest", "linear-model"}
