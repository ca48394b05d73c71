"""Restarts: begun where there is hope, kept where they gain, undone where they do not, the same when repeated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import mapsto
from mapsto.columns import Number
from mapsto.objectives.base import Objective
from mapsto.recipe import Learning
from mapsto.training.defaults import derive
from mapsto.training.history import History, validations
from mapsto.training.restarts import promising, spread, with_restarts
from mapsto.training.run import Run


def history(*losses: tuple[float, float], best: int = -1, figure: float = 0.5) -> History:
    """One with a validation for each pair of losses, seen and unseen."""
    rows = [
        {"epoch": n, "step": n, "seconds": float(n), "figure": figure, "best": False, "seen": seen, "unseen": unseen}
        for n, (seen, unseen) in enumerate(losses, 1)
    ]
    if rows:
        rows[best]["best"] = True
    return History("net", rows, steps=len(rows), planned=len(rows), seconds=1.0)


@pytest.mark.parametrize(
    ("losses", "best", "hope"),
    [
        ([(0.9, 0.9), (0.8, 0.8), (0.7, 0.7), (0.6, 0.6)], -1, True),
        ([(0.9, 0.9), (0.8, 0.8), (0.7, 0.77), (0.6, 0.75)], -1, False),  # what it learns no longer holds
        ([(0.9, 0.9), (0.61, 0.61), (0.605, 0.605), (0.6, 0.6)], -1, False),  # it hardly falls any more
        ([(0.61, 0.61), (0.8, 0.8), (0.7, 0.7), (0.6, 0.6)], -1, False),  # it had been there already
        ([(0.9, 0.9), (0.8, 0.8), (0.7, 0.7), (0.6, 0.6)], 0, False),  # it was best before the half
        ([], -1, False),
    ],
)
def test_there_is_hope_while_both_losses_are_close_and_fall(
    losses: list[tuple[float, float]], best: int, hope: bool
) -> None:
    assert promising(history(*losses, best=best)) is hope


def test_nobody_told_the_losses() -> None:
    told = history((0.9, 0.9), (0.8, 0.8))
    for row in told.rows:
        del row["seen"], row["unseen"]
    assert not promising(told)


HOPEFUL = [(0.9, 0.9), (0.8, 0.8), (0.7, 0.7), (0.6, 0.6)]


class Teacher:
    """Trains by counting: each training adds 1 to the weight and ends with the next figure."""

    def __init__(self, *figures: float, losses: Any = HOPEFUL) -> None:
        self.objective = type("Counting", (Objective,), {"step": lambda self, batch, update: {}})()
        self.objective.modules = torch.nn.Linear(1, 1)
        torch.nn.init.zeros_(self.objective.modules.weight)
        self.figures, self.losses, self.asked = iter(figures), losses, []

    def __call__(self, learning: Learning, name: str, seconds: float | None) -> History:
        self.asked.append((name, learning.epochs, learning.patience))
        with torch.no_grad():
            self.objective.modules.weight += 1
        return replace(history(*self.losses, figure=next(self.figures)), name=name)

    def teach(self, run: Run | None = None, seconds: float | None = None, **learning: Any) -> tuple[History, int]:
        settings = Learning(**{"epochs": 4, "patience": 4} | learning)
        return with_restarts(self.objective, settings, run or Run(), "net", seconds, self)

    @property
    def weight(self) -> float:
        return self.objective.modules.weight.item()


def test_each_restart_is_twice_as_long_and_what_does_not_gain_is_undone() -> None:
    teacher = Teacher(0.5, 0.6, 0.7, 0.65)
    found, count = teacher.teach()
    assert teacher.asked == [
        ("net", 4, 4),
        ("net, restart 1", 8, 8),
        ("net, restart 2", 16, 16),
        ("net, restart 3", 32, 32),
    ]
    assert (found.figure, count, teacher.weight) == (0.7, 2, 3.0)
    assert [row["step"] for row in found.rows] == list(range(1, 13))
    assert (found.steps, found.planned) == (12, 12)
    assert [note.text for note in found.notes] == [  # the epochs that were learned, whatever was planned
        "net learned for 4 more epochs: on the choosing rows 0.5 before, 0.6 after.",
        "net learned for 4 more epochs: on the choosing rows 0.6 before, 0.7 after.",
        "net learned for 4 more epochs; that gained nothing on the choosing rows, and was undone.",
    ]


def test_after_one_that_gained_nothing_there_is_no_other() -> None:
    teacher = Teacher(0.5, 0.4, 0.9)
    assert teacher.teach()[1] == 0
    assert teacher.weight == 1.0


def test_the_recipe_says_how_many_whatever_the_losses_are() -> None:
    teacher = Teacher(0.5, 0.4, 0.6, losses=[(0.1, 0.9)])
    found, count = teacher.teach(restarts=2)
    assert (len(teacher.asked), found.figure, count) == (3, 0.6, 2)
    none = Teacher(0.5)
    assert none.teach(restarts=0)[1] == 0


def test_none_is_begun_for_which_there_is_no_time_and_that_is_recorded() -> None:
    run, teacher = Run(), Teacher(0.5, 0.6)
    assert teacher.teach(run, seconds=0.2)[1] == 0
    assert run.decisions == {"net/restart 1": False}
    again = Teacher(0.5, 0.6)
    assert again.teach(Run(decisions=run.decisions))[1] == 0
    plenty = Teacher(0.5, 0.6, 0.5)
    assert plenty.teach(Run(), seconds=60.0)[1] == 1
    asked = Teacher(0.5, 0.6)
    found, count = asked.teach(Run(), seconds=0.2, restarts=2)
    assert count == 0
    assert [note.text for note in found.notes] == ["net made 0 of 2 restarts: no time was left for more."]


def test_without_hope_nothing_is_decided() -> None:
    run = Run()
    assert Teacher(0.5, losses=[(0.5, 0.9)]).teach(run)[1] == 0
    assert run.decisions == {}


@pytest.mark.parametrize(
    ("given", "network", "open_"),
    [
        ({}, "tabm", True),
        ({"epochs": 5}, "tabm", False),
        ({}, "resnet", False),
        ({"epochs": 5, "restarts": 2}, "tabm", None),
    ],
)
def test_it_is_open_only_where_epochs_follow_from_the_number_of_rows(
    given: dict[str, int], network: str, open_: bool | None
) -> None:
    restarts = derive(Learning(**given), 10_000, network, []).restarts
    assert restarts == (2 if open_ is None else None if open_ else 0)
    assert derive(Learning(**given), 10_000, network, [Number()]).restarts == (2 if open_ is None else 0)


def test_rows_that_are_told_are_spread() -> None:
    rows = spread(1_000_000)
    assert len(rows) == 4_096
    assert (rows[0], rows[-1]) == (0, 999_999)
    assert np.diff(rows).min() > 200


def told(run: Run, history: History) -> None:
    """The events of a training, as the loop emits them."""
    for row in history.rows:
        run.event("validated", name=history.name, planned=history.planned, **row)


def test_what_a_run_shows_is_one_training_without_what_was_undone_or_done_twice() -> None:
    run, teacher = Run(), Teacher(0.5, 0.6, 0.7, 0.65)

    def train(learning: Learning, name: str, seconds: float | None) -> History:
        found = teacher(learning, name, seconds)
        told(run, found)
        return found

    kept, _ = with_restarts(teacher.objective, Learning(epochs=4), run, "net", None, train)
    shown = validations(run.events)
    assert [row["step"] for row in shown] == [row["step"] for row in kept.rows] == list(range(1, 13))
    assert {row["name"] for row in shown} == {"net"}
    assert shown[-1]["planned"] == kept.planned
    assert [row["epoch"] for row in shown] == list(range(1, 13))
    again = [event for event in run.events if event["kind"] == "validated"][2:]
    assert validations([*run.events, *again[:2]]) == shown  # of the first training, after a kill
    restarted = [event for event in run.events if event["kind"] == "restarted"]
    assert validations([*run.events, *again[2:6], restarted[0]]) == shown  # of the first restart


def waves(rows: int, seed: int) -> pl.DataFrame:
    """Which of four waves through a space is highest at a point: classes that do not overlap."""
    point = np.random.default_rng(seed).normal(size=(rows, 4))
    ways = np.random.default_rng(9).normal(size=(4, 4))
    highest = np.sin(1.5 * point @ ways).argmax(axis=1)
    return pl.DataFrame({f"x{i}": point[:, i] for i in range(4)} | {"wave": np.array(list("abcd"))[highest]})


def test_classes_that_do_not_overlap_are_learned_for_longer_and_the_recipe_repeats_it() -> None:
    table, fresh = waves(9_000, seed=0), waves(2_000, seed=1)
    small = {"networks": {"tabm": {"width": 64, "views": 2}}}
    model = mapsto.fit(table, "wave", network="tabm", test=0, valid=0.2, progress=False, recipe=small)
    assert model.recipe.learning.restarts
    assert any("more epochs" in note.text for note in model.notes)
    assert set(model.history["name"]) == {"tabm"}
    assert model.history["step"].is_sorted()
    again = mapsto.fit(table, "wave", test=0, valid=0.2, progress=False, recipe=model.recipe)
    assert again.predict_proba(fresh).equals(model.predict_proba(fresh))
    model.recipe.learning.restarts = 0
    once = mapsto.fit(table, "wave", test=0, valid=0.2, progress=False, recipe=model.recipe)
    right = [(one.predict(fresh)["wave"] == fresh["wave"]).mean() for one in (once, model)]
    assert right[1] > right[0] + 0.02


def test_a_restart_is_repeated_where_several_members_are_learned_again_from_all_rows() -> None:
    events: list[dict[str, Any]] = []
    small = {"network": ["tabm", "linear"], "networks": {"tabm": {"width": 32, "views": 2}}}
    mapsto.fit(waves(9_000, seed=0), "wave", valid=0.2, refit=True, progress=events.append, recipe=small)
    trained = [event["name"] for event in events if event["kind"] == "trained"]
    restarts = [name.removeprefix("tabm") for name in trained if name.startswith("tabm,")]
    assert restarts
    assert [name for name in trained if name.startswith("refit tabm")] == [
        "refit tabm", *(f"refit tabm{name}" for name in restarts)
    ]  # fmt: skip


def test_a_recipe_repeats_self_training_with_restarts() -> None:
    table = waves(8_000, seed=0)
    table = table.with_columns(wave=pl.when(pl.int_range(pl.len()) % 3 > 0).then("wave"))
    small = {"networks": {"tabm": {"width": 32, "views": 2}}, "learning": {"self_train": True}}
    model = mapsto.fit(table, "wave", network="tabm", test=0, valid=0.2, progress=False, recipe=small)
    assert model.recipe.learning.restarts
    again = mapsto.fit(table, "wave", test=0, valid=0.2, progress=False, recipe=model.recipe)
    fresh = waves(500, seed=1)
    assert again.predict_proba(fresh).equals(model.predict_proba(fresh))
