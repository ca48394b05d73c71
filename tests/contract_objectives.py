"""Two objectives unlike supervised learning, which prove that the loop knows only the contract.

Run as a script, it trains both in one run folder, killing itself at a given step: `python contract_objectives.py
FOLDER STEPS KILL_AT`.
"""

from __future__ import annotations

import math
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.objectives.base import Objective, Update
from mapsto.recipe import Learning
from mapsto.training import loop
from mapsto.training.run import Run


def perceptron(inputs: int, outputs: int, width: int = 48, dropout: float = 0.0) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.LeakyReLU(0.2), nn.Dropout(dropout),
        nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, outputs),
    )  # fmt: skip


class RingSource:
    """Points on a circle of radius 1, with noise."""

    steps_per_epoch = 50

    def batch(self, epoch: int, step: int) -> Tensor:
        random = np.random.default_rng([3, epoch, step])
        angle, radius = random.uniform(0, 2 * math.pi, 128), random.normal(1.0, 0.05, 128)
        return torch.from_numpy(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32))

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class Ring(Objective):
    """A generator against a discriminator (Goodfellow et al. 2014) with a gradient penalty on real points."""

    name = "ring"
    draws = "rows"
    verbs = ("generate",)

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.modules = nn.ModuleDict({"generator": perceptron(8, 2), "discriminator": perceptron(2, 1)})
        for parameter in self.modules.parameters():
            fan = parameter.shape[-1]
            parameter.data = torch.randn(parameter.shape, generator=generator) / math.sqrt(fan) * (parameter.ndim > 1)
        self.source = RingSource()

    def parameter_groups(self) -> dict[str, Iterable[nn.Parameter]]:
        return {name: module.parameters() for name, module in self.modules.items()}

    def step(self, batch: Tensor, update: Update) -> dict[str, Tensor]:
        generator, discriminator = self.modules["generator"], self.modules["discriminator"]
        made = generator(torch.randn(len(batch), 8))
        real = batch.clone().requires_grad_()
        judged = discriminator(real)
        (slope,) = torch.autograd.grad(judged.sum(), real, create_graph=True)
        penalty = slope.square().sum(1).mean()
        critic = F.softplus(-judged).mean() + F.softplus(discriminator(made.detach())).mean()
        update(critic + 0.1 * penalty, "discriminator")
        forger = F.softplus(-discriminator(made)).mean()
        update(forger, "generator")
        return {"critic": critic.detach(), "forger": forger.detach()}

    def generate(self, count: int, seed: int) -> Tensor:
        with torch.no_grad():
            return self.modules["generator"](torch.randn(count, 8, generator=torch.Generator().manual_seed(seed)))


class GrowingSource:
    """Rows of y = sin(3 x); every epoch adds those of many candidates where the network errs most."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.x = torch.linspace(-1, 1, 32)[:, None]
        self.grown = 0

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.x) / 32)

    def batch(self, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        if epoch > self.grown:
            self._grow(epoch)
        order = torch.from_numpy(np.random.default_rng([5, epoch]).permutation(len(self.x)))
        x = self.x[order[step * 32 : (step + 1) * 32]]
        return x, torch.sin(3 * x)

    @torch.no_grad()
    def _grow(self, epoch: int) -> None:
        candidates = torch.from_numpy(np.random.default_rng([7, epoch]).uniform(-1, 1, (64, 1)).astype(np.float32))
        self.network.eval()
        error = (self.network(candidates) - torch.sin(3 * candidates)).abs()[:, 0]
        self.network.train()
        self.x = torch.cat([self.x, candidates[error.topk(8).indices]])
        self.grown = epoch

    def state_dict(self) -> dict[str, Any]:
        return {"x": self.x, "grown": self.grown}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.x, self.grown = state["x"], state["grown"]


class Growing(Objective):
    """Regression on rows that it asks for itself; counts its steps, to have a state of its own."""

    name = "growing"
    draws = "rollouts"
    higher_is_better = False

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.modules = perceptron(1, 1, dropout=0.1)
        self.source = GrowingSource(self.modules)
        self.steps = 0

    def step(self, batch: tuple[Tensor, Tensor], update: Update) -> dict[str, Tensor]:
        x, y = batch
        loss = F.mse_loss(self.modules(x), y)
        update(loss)
        self.steps += 1
        return {"mse": loss.detach()}

    def validate(self) -> float:
        x = torch.linspace(-1, 1, 201)[:, None]
        return F.mse_loss(self.modules(x), torch.sin(3 * x)).item()

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]


RING_LEARNING = Learning(
    optimizer="adam", learning_rate=2e-3, momentum=0.5, epochs=25, schedule="cosine", averaging=0.99,
    precision="float32",
)  # fmt: skip
GROWING_LEARNING = Learning(
    optimizer="adamw", learning_rate=5e-3, weight_decay=1e-4, epochs=500, schedule="one-cycle", warmup=0.3,
    averaging=0.9, clip_norm=1.0, precision="float32",
)  # fmt: skip


def killed_at(objective: Objective, kill_at: int, counted: list[int]) -> Objective:
    """The objective, in a process that dies as SIGKILL kills when the run has made `kill_at` steps."""
    step = objective.step

    def counting(batch: Any, update: Update) -> dict[str, Tensor]:
        counted[0] += 1
        if counted[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(batch, update)

    objective.step = counting
    return objective


def main(folder: str, epochs: int, kill_at: int) -> None:
    torch.set_num_threads(1)
    loop.CHECKPOINT_SECONDS = loop.LOOK_SECONDS = 0.02
    run = Run(folder, resume=True)
    counted = [0]
    state: dict[str, Tensor] = {}
    for make, learning in ((Ring, RING_LEARNING), (Growing, GROWING_LEARNING)):
        objective = killed_at(make(), kill_at, counted)
        loop.train(objective, learning.model_copy(update={"epochs": epochs}), run, objective.name, seed=4)
        state |= {f"{objective.name}.{name}": tensor for name, tensor in objective.modules.state_dict().items()}
    run.keep("end", {}, {name: tensor.numpy() for name, tensor in state.items()})
    Path(folder, "done").touch()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
