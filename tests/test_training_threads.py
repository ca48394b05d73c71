"""Threads of a step: by how much its operations have to do, the same each time, and without a trace."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from mapsto.objectives.base import Objective
from mapsto.recipe import Learning
from mapsto.tensors import threads_within
from mapsto.training.loop import Training, Trial, train
from mapsto.training.run import Run
from mapsto.training.threads import to_be_chosen, worth_waiting_for


class Rows:
    """One batch of random rows."""

    steps_per_epoch = 1

    def __init__(self, rows: int, width: int) -> None:
        self.rows = torch.randn(rows, width, generator=torch.Generator().manual_seed(0))

    def batch(self, epoch: int, step: int) -> Tensor:
        return self.rows

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to set."""


class Copies(Objective):
    """Learns to give back what it is given; notes how many threads its steps had."""

    name: ClassVar[str] = "copies"
    verbs: ClassVar[tuple[str, ...]] = ("predict",)

    def __init__(self, rows: int, width: int) -> None:
        torch.manual_seed(0)
        self.modules = nn.Sequential(
            nn.Linear(width, width), nn.BatchNorm1d(width), nn.Dropout(0.1), nn.Linear(width, width)
        )
        self.source = Rows(rows, width)
        self.threads: list[int] = []

    def step(self, batch: Tensor, update: Any) -> dict[str, Tensor]:
        self.threads.append(torch.get_num_threads())
        loss = (self.modules(batch) - batch).square().mean()
        update(loss)
        return {"copies": loss.detach()}

    def validate(self) -> float | None:
        return None


LEARNING = Learning(optimizer="adam", learning_rate=0.01, epochs=4, precision="float32", averaging=0.9)


def training(rows: int, width: int, run: Run | None = None) -> Training:
    return Training(Copies(rows, width), LEARNING, run or Run(), "copies")


@pytest.mark.parametrize(("rows", "width", "few"), [(16, 8, True), (256, 64, True), (256, 512, False)])
def test_small_operations_are_left_to_one_thread(rows: int, width: int, few: bool) -> None:
    with threads_within(16):
        found = training(rows, width)
        assert to_be_chosen(found)
        first, again = worth_waiting_for(found), worth_waiting_for(found)
        assert first == again
        assert first["threads"] == 1 if few else 1 < first["threads"] < 16
        assert "an operation" in first["why"]
        assert found.step == 0
        found.begin()
        found.work()
        assert found.objective.threads[-4:] == [first["threads"]] * 4  # type: ignore[attr-defined]
        assert torch.get_num_threads() == 16


def test_more_to_do_is_worth_more_threads_but_no_more_than_there_are() -> None:
    with threads_within(16):
        some, more = (worth_waiting_for(training(rows, 512))["threads"] for rows in (128, 256))
        assert 1 < some < more < 16
    with threads_within(2):
        assert worth_waiting_for(training(256, 512))["threads"] == 2
    with threads_within(1):
        assert not to_be_chosen(training(256, 512))


@pytest.mark.parametrize(("several", "one", "chosen"), [(3.0, 5.0, 2), (4.8, 5.0, 1), (9.0, 5.0, 1)])
def test_where_a_time_was_given_several_threads_must_be_faster(
    several: float, one: float, chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with threads_within(2):
        found = Training(Copies(256, 512), LEARNING, Run(), "copies", seconds=10.0)
        took = {2: several / 1e3, 1: one / 1e3}
        monkeypatch.setattr(found, "trial", lambda steps, seconds: Trial(took[found.threads], 0.0, steps))
        decided = worth_waiting_for(found)
    assert decided["threads"] == chosen
    assert f"{several:.3g} ms a step with 2 threads, {one:.3g} with one" in decided["why"]


def test_counting_leaves_no_trace() -> None:
    """A training that counted ends as one that was told, bit for bit: weights, statistics, averages, random state."""
    with threads_within(2):
        run, objectives = Run(), [Copies(256, 64), Copies(256, 64)]
        train(objectives[0], LEARNING, run, "copies", seed=1)
        assert run.decisions["copies/threads"]["threads"] == 1
        train(objectives[1], LEARNING, Run(decisions=run.decisions), "copies", seed=1)
    assert len(objectives[0].threads) == len(objectives[1].threads) + 1
    counted, told = (each.modules.state_dict() for each in objectives)
    for name, value in counted.items():
        assert torch.equal(value, told[name]), name


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_what_is_compiled_is_not_looked_into() -> None:
    with threads_within(2):
        found = training(16, 8)
        found.modules.compile()
        assert not to_be_chosen(found)
        found = training(16, 8)
        found.objective.modules = found.modules = nn.Sequential(torch.compile(nn.Linear(8, 8)))
        assert not to_be_chosen(found)


def test_counting_imports_no_compiler() -> None:
    code = (
        "import sys, torch; sys.path.insert(0, 'tests'); torch.set_num_threads(2)\n"
        "from test_training_threads import training, worth_waiting_for\n"
        "assert worth_waiting_for(training(16, 8))['threads'] == 1\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
