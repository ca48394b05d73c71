"""Law 9: `time=` binds every stage, and a step that takes seconds is not tried thirty times, or once a fold.

Time is a number here that work moves on, so that a busy machine changes nothing.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mapsto import processors
from mapsto.members.bagged import Bagged
from mapsto.members.base import Member
from mapsto.objectives.base import Batch, Objective
from mapsto.recipe import Learning
from mapsto.training import loop, measuring
from mapsto.training.batches import RowSource
from mapsto.training.budget import Budget, NotInTime
from mapsto.training.run import Run
from members_world import World, german


class Clock:
    """A time that passes where work says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(Run, "elapsed", property(lambda _: found.now))
    for module in (loop, measuring):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=found))
    monkeypatch.setattr(processors, "flags", lambda: frozenset({"avx512_bf16"}))
    return found


class Slow(Objective):
    """Each row of a step, and each validation, takes its seconds."""

    name = "slow"

    def __init__(self, clock: Clock, a_row: float, validation: float = 0.0, rows: int = 64) -> None:
        self.clock, self.a_row, self.validation = clock, a_row, validation
        self.modules = nn.Linear(3, 1)
        self.source = RowSource(Batch({"numbers": torch.ones(rows, 3)}, {"y": torch.ones(rows, 1)}), rows)
        self.steps: list[int] = []

    def step(self, batch: Any, update: Any) -> dict[str, torch.Tensor]:
        rows = len(batch.blocks["numbers"])
        self.steps.append(rows)
        self.clock.now += self.a_row * rows
        loss = (self.modules(batch.blocks["numbers"]) - batch.truth["y"]).square().mean()
        update(loss)
        return {"y": loss.detach()}

    def validate(self) -> float:
        self.clock.now += self.validation
        return 0.5


def train(slow: Slow, run: Run, name: str = "net", **given: Any) -> Any:
    return loop.train(slow, Learning(learning_rate=1e-3, epochs=50), run, name, **given)


@pytest.mark.parametrize("a_row", [0.02, 0.1, 1.0])
def test_a_slow_step_is_seen_on_few_rows_and_tried_no_further(clock: Clock, a_row: float) -> None:
    run, slow = Run(), Slow(clock, a_row)
    history = train(slow, run, seconds=20.0)
    assert run.decisions["net/first step"]["slow"]
    assert not {"net/threads", "net/precision", "net/pace"} & run.decisions.keys()
    assert len(slow.steps) - history.steps <= 4
    assert slow.steps.count(64) - history.steps <= 1
    assert clock.now <= 20.0 + 64 * a_row + 24 * a_row  # where not even one step fits, one


def test_a_quick_step_is_measured_on_more(clock: Clock) -> None:
    run = Run()
    train(Slow(clock, 1e-4), run, seconds=20.0)
    assert not run.decisions["net/first step"]["slow"]
    assert "net/pace" in run.decisions


def test_folds_share_what_was_seen(clock: Clock) -> None:
    run, first, second = Run(), Slow(clock, 0.1), Slow(clock, 0.1)
    train(first, run, "fold 1", alike="folds", seconds=20.0)
    history = train(second, run, "fold 2", alike="folds", seconds=20.0)
    assert second.steps.count(64) == history.steps


def test_what_may_be_left_out_is_not_begun_where_it_hardly_gets_anywhere(clock: Clock) -> None:
    run = Run()
    with pytest.raises(NotInTime, match="a step takes about 64 s, of 20 s"):
        train(Slow(clock, 1.0), run, seconds=20.0, optional=True)
    before = clock.now
    with pytest.raises(NotInTime):  # a resumed run leaves out the same, without a look at a step
        train(Slow(clock, 0.0), Run(decisions=run.decisions), seconds=20.0, optional=True)
    assert clock.now == before


def test_without_a_time_a_slow_step_is_made_once_to_see_whether_the_limit_is_kept(clock: Clock) -> None:
    run = Run()
    run.most = 600.0
    slow = Slow(clock, 1.0)
    train(slow, run, "fold 1", alike="folds")
    train(other := Slow(clock, 1.0), run, "fold 2", alike="folds", part=0.5)
    assert run.decisions["folds/a step"] >= 64.0
    assert clock.now < 800.0
    assert len(other.steps) < 8


class Sleeper(Member):
    """Learns for so long, whatever its time is."""

    name = "sleeper"

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds, self.log = clock, seconds, []

    def __deepcopy__(self, memo: Any) -> Sleeper:
        return self

    def fit(self, work: Any) -> Sleeper:
        self.log.append(work.seconds)
        self.clock.now += self.seconds
        return self

    def predict(self, encoded: Any, *, threads: int | None = None) -> Any:
        return {"credit_risk": np.zeros((encoded.rows, 2))}

    def to_state(self) -> Any:
        return {}, {}

    @classmethod
    def from_state(cls, json: Any, arrays: Any, schema: Any) -> Sleeper:
        raise NotImplementedError


@pytest.fixture(scope="module")
def world() -> World:
    return german()


@pytest.mark.parametrize(("each", "learned"), [(2.0, 5), (30.0, 1)])
def test_folds_that_would_not_end_in_time_are_given_up_after_the_first(
    world: World, clock: Clock, each: float, learned: int
) -> None:
    run, sleeper = Run(), Sleeper(clock, each)
    fold = np.arange(world.train.rows) % 5
    folds = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(5)]
    work = world.work(run=run, seconds=20.0)
    work.optional, work.label = True, "x: "
    if learned == 1:
        with pytest.raises(NotInTime, match="one of 5 folds took 30 s"):
            Bagged(sleeper, folds).fit(work)
    else:
        Bagged(sleeper, folds).fit(work)
    assert len(sleeper.log) == learned
    assert run.decisions["x: sleeper: the other folds"]["fits"] is (learned == 5)


def test_an_end_is_an_end_for_all_that_goes_on_inside(clock: Clock) -> None:
    run = Run(time=100.0)
    whole = Budget.of(run)
    assert whole is not None
    half = whole.share(0.5)
    clock.now = 40.0
    assert (whole.seconds, half.seconds, half.share(0.5).end) == (60.0, 10.0, 45.0)
    assert half.before(4.0).seconds == 6.0
    assert half.fits("it", lambda: 9.0)
    assert half.fits("it", lambda: 99.0)  # recorded: what was decided before counts
    assert not half.fits("more", lambda: 11.0)
    clock.now = 101.0
    assert whole.over
    assert half.seconds == 0.0
    assert Budget.of(Run()) is None
