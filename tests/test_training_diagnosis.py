from __future__ import annotations

import pytest
import torch
from torch import nn

from contract_objectives import Growing, Ring
from mapsto.objectives.base import Objective
from mapsto.training.contract import _same
from mapsto.training.diagnosis import from_history, from_probe, probe
from mapsto.training.history import History


class Rows:
    steps_per_epoch = 1

    def batch(self, epoch, step):
        return torch.linspace(-1, 1, 64)[:, None].repeat(1, 4)

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class Bare(Objective):
    name = "bare"

    def __init__(self, modules: nn.Module) -> None:
        self.modules, self.source = modules, Rows()

    def step(self, batch, update):
        loss = self.modules(batch).square().mean()
        update(loss)
        return {"loss": loss.detach()}


def notes_of(modules: nn.Module) -> str:
    return " ".join(note.text for note in from_probe(probe(Bare(modules))))


def test_all_well_says_nothing():
    torch.manual_seed(0)
    assert notes_of(nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))) == ""


def test_dead_units_are_named():
    modules = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
    nn.init.constant_(modules[0].bias, -100.0)
    assert "100% of the units of 1 give the same answer" in notes_of(modules)


def test_vanishing_gradients_are_named():
    torch.manual_seed(0)
    layers = [layer for _ in range(14) for layer in (nn.Linear(8, 8), nn.Sigmoid())]
    modules = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), *layers, nn.Linear(8, 1))
    assert "Gradients vanish" in notes_of(modules)


def test_exploding_gradients_are_named():
    modules = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 1))
    nn.init.constant_(modules[1].weight, 1e6)
    assert "Gradients explode" in notes_of(modules)


@pytest.mark.parametrize("make", [Ring, Growing])
def test_a_probe_leaves_no_trace(make):
    objective = make()
    before = [p.detach().clone() for p in objective.modules.parameters()]
    state = (objective.source.state_dict(), objective.state_dict())
    probe(objective)
    assert _same(before, [p.detach() for p in objective.modules.parameters()])
    assert _same(state, (objective.source.state_dict(), objective.state_dict()))
    assert all(p.grad is None for p in objective.modules.parameters())


def history(losses: list[float], figures: list[float], **changes) -> History:
    rows = [
        {"step": step, "losses": {"y": loss}, "figure": figure, "best": False}
        for step, (loss, figure) in enumerate(zip(losses, figures, strict=True), start=1)
    ]
    best = min(range(len(rows)), key=lambda i: figures[i])
    rows[best]["best"] = True
    return History("net", rows, **changes)


def texts(given: History) -> str:
    return " ".join(note.text for note in from_history(given, higher_is_better=False))


def test_overfitting():
    assert "net overfits" in texts(history([5, 4, 3, 2, 1, 0.5], [5, 3, 4, 5, 6, 7]))


def test_underfitting():
    assert "hardly learned" in texts(history([5, 5, 5, 4.99, 5], [5, 5, 5, 5, 4]))


def test_learning_says_nothing():
    assert texts(history([5, 4, 3, 2, 1], [5, 4, 3, 2, 1])) == ""


def test_an_early_end_is_said_to_be_early():
    assert "more time would help" in texts(history([5, 4, 3, 2, 1], [5, 4, 3, 2, 1], ended="time"))


def test_divergence():
    assert "became infinite twice" in texts(history([5, 1], [5, 1], rollbacks=2))
