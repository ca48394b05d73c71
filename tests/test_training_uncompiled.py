"""Optimizers whose methods do not ask for the compiler: the same steps, and no import."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

from mapsto.training.uncompiled import uncompiled


def stepped(kind: Any, **options: Any) -> tuple[torch.Tensor, dict[str, Any]]:
    """A weight after some steps, half of them after its optimizer was saved and loaded, and the state at the end."""
    torch.manual_seed(0)
    weight = torch.randn(8, 4, requires_grad=True)
    optimizer = kind([weight], **options)
    for step in range(6):
        if step == 3:
            state = optimizer.state_dict()
            optimizer = kind([weight], **options)
            optimizer.load_state_dict(state)
        optimizer.zero_grad()
        ((weight * torch.randn(8, 4)) ** 2).sum().backward()
        optimizer.step()
    return weight.detach(), optimizer.state_dict()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (SGD, {"lr": 0.01, "momentum": 0.9, "fused": True}),
        (Adam, {"lr": 0.01, "fused": True}),
        (AdamW, {"lr": 0.01, "fused": True}),
        (Adagrad, {"lr": 0.01, "foreach": True}),
        (RMSprop, {"lr": 0.01, "foreach": True}),
    ],
)
def test_steps_are_the_same_bit_for_bit(kind: type[Optimizer], options: dict[str, Any]) -> None:
    (found, state), (expected, theirs) = stepped(uncompiled(kind), **options), stepped(kind, **options)
    assert torch.equal(found, expected)
    assert state["param_groups"] == theirs["param_groups"]
    assert all(torch.equal(state["state"][0][name], value) for name, value in theirs["state"][0].items())


def test_hooks_are_still_called() -> None:
    weight, seen = torch.ones(1, requires_grad=True), []
    optimizer = uncompiled(SGD)([weight], lr=0.1)
    optimizer.register_step_post_hook(lambda *_: seen.append(weight.item()))
    weight.sum().backward()
    optimizer.step()
    assert seen == [pytest.approx(0.9)]
    assert weight.requires_grad


def test_learning_imports_no_compiler():
    code = """
import sys, mapsto
rows = {"x": list(range(80)), "y": ["a", "b"] * 40}
for optimizer in ("adamw", "muon", "nesterov", "adagrad", "rmsprop"):
    recipe = {"learning": {"epochs": 1, "optimizer": optimizer}}
    mapsto.fit(rows, "y", network="perceptron", folds=2, recipe=recipe, progress=False)
sys.exit("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
