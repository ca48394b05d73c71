"""Nothing is registered without evidence: a row each, complete, and better than what it has to beat."""

from __future__ import annotations

import datetime
import math
from typing import Any

import pytest

from mapsto import evidence
from mapsto.columns import TYPES
from mapsto.members import MEMBERS
from mapsto.metrics import METRICS
from mapsto.networks import NETWORKS
from mapsto.objectives import OBJECTIVES

SET_ASIDE = {kind.type for kind in TYPES if not kind.is_input}
"""Types that leave their column out need no row; if they have one, they must not lose to a model that reads it."""
NAIVE = ("member", "dummy")
"""The naive baseline itself has nothing to beat."""
REGISTERED = [
    *(("column", kind.type) for kind in TYPES if kind.type not in SET_ASIDE),
    *(("network", name) for name in NETWORKS),
    *(("member", name) for name in MEMBERS if ("member", name) != NAIVE),
    *(("objective", name) for name in OBJECTIVES),
]
FIGURES = ("value", "low", "high", "naive", "gain", "gain_low", "gain_high", "seconds")
TEXTS = ("name", "kind", "dataset", "metric", "beat", "date", "command")


def rows() -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["kind"], row["name"]): row for row in evidence.rows()}


@pytest.mark.parametrize(("kind", "name"), REGISTERED)
def test_every_registered_name_has_a_row(kind: str, name: str) -> None:
    assert (kind, name) in rows(), f"measure it: python -m benchmarks evidence {name}"


def test_every_row_stands_for_a_registered_name_and_only_once() -> None:
    found = [(row["kind"], row["name"]) for row in evidence.rows()]
    assert len(set(found)) == len(found)
    assert set(found) <= {*REGISTERED, *(("column", name) for name in SET_ASIDE)}


@pytest.mark.parametrize("row", evidence.rows(), ids=lambda row: row["name"])
class TestRow:
    def test_is_complete(self, row: dict[str, Any]) -> None:
        assert all(isinstance(row[key], str) and row[key] for key in TEXTS)
        assert all(math.isfinite(row[key]) for key in FIGURES)
        assert row["command"] == f"python -m benchmarks evidence {row['name']}"
        assert datetime.date.fromisoformat(row["date"]) <= datetime.date.today()

    def test_its_direction_is_that_of_its_metric(self, row: dict[str, Any]) -> None:
        directions = {metric.higher_is_better for (_, name), metric in METRICS.items() if name == row["metric"]}
        assert directions == {row["higher_is_better"]}

    def test_its_intervals_hold_their_figures(self, row: dict[str, Any]) -> None:
        assert row["low"] <= row["value"] <= row["high"]
        assert row["gain_low"] <= row["gain"] <= row["gain_high"]

    def test_its_gain_is_the_signed_difference(self, row: dict[str, Any]) -> None:
        difference = (row["value"] - row["naive"]) * (1 if row["higher_is_better"] else -1)
        assert row["gain"] == pytest.approx(difference, rel=1e-3, abs=1e-4 * abs(row["value"]))

    def test_beats_what_it_has_to_beat(self, row: dict[str, Any]) -> None:
        if row["name"] in SET_ASIDE:
            assert row["gain_high"] >= 0, f"leaving the column out loses: {row}"
        else:
            assert row["gain_low"] > 0, f"not better than {row['beat']}: {row}"
