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
from mapsto.training.loop import Training
from mapsto.training.run import Run
from mapsto.training.threads import worth_waiting_for


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
        self.modules = nn.Sequential(nn.Linear(width, width), nn.Dropout(0.1), nn.Linear(width, width))
        self.source = Rows(rows, width)
        self.threads: list[int] = []

    def step(self, batch: Tensor, update: Any) -> dict[str, Tensor]:
        self.threads.append(torch.get_num_threads())
        loss = (self.modules(batch) - batch).square().mean()
        update(loss)
        return {"copies": loss.detach()}

    def validate(self) -> float | None:
        return None


def training(rows: int, width: int, run: Run | None = None) -> Training:
    learning = Learning(optimizer="adam", learning_rate=0.01, epochs=3, precision="float32", averaging=0.0)
    return Training(Copies(rows, width), learning, run or Run(), "copies")


@pytest.mark.parametrize(("rows", "width", "expected"), [(16, 8, 1), (256, 64, 1), (256, 1_024, 3)])
def test_small_operations_are_left_to_one_thread(rows: int, width: int, expected: int) -> None:
    with threads_within(3):
        found = training(rows, width)
        before = [weight.clone() for weight in found.modules.parameters()]
        random = torch.get_rng_state()
        assert worth_waiting_for(found) == worth_waiting_for(found) == expected
        assert found.step == 0
        assert torch.equal(torch.get_rng_state(), random)
        for weight, old in zip(found.modules.parameters(), before, strict=True):
            assert torch.equal(weight, old)
        found.begin()
        found.work()
        assert found.objective.threads[-3:] == [expected] * 3  # type: ignore[attr-defined]
        assert torch.get_num_threads() == 3


def test_it_is_recorded_and_no_more_than_there_are() -> None:
    run = Run()
    with threads_within(2):
        found = training(256, 1_024, run)
        found.begin()
    assert run.decided("copies/threads") == 2
    with threads_within(1):
        assert worth_waiting_for(training(256, 1_024)) == 1


def test_counting_imports_no_compiler() -> None:
    code = (
        "import sys, torch; sys.path.insert(0, 'tests'); torch.set_num_threads(2)\n"
        "from test_training_threads import training, worth_waiting_for\n"
        "assert worth_waiting_for(training(16, 8)) == 1\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
