"""The training loop against a hand-written one and the tutorial one: `python -m benchmarks loop [--steps N] ...`.

All three train a perceptron on Adult with the same batch size, optimizer (Adam, with decay but in the tutorial) and
first weights, one after another in the same process, over and over; medians of the repetitions are compared, so that a
slow minute of the machine hits all.

* mapsto: `training.loop.train` with the supervised objective; the whole call is timed.
* by hand: the same modules, batches by the same index, the same autocast and fused optimizer, matrices decaying and the
  rest not; nothing else. What ours takes longer is the price of schedule, decisions, progress, checks. Some of it is
  paid once a training (about 10 ms at width 256, 50 at 1,024), so it counts for less the longer a training is.
* tutorial: one-hot features in a `Dataset`, `DataLoader(shuffle=True)`, float32, plain `torch.optim.Adam`.
"""

from __future__ import annotations

import argparse
import copy
import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.common import cores, publish, table
from benchmarks.datasets import DATASETS
from mapsto.composition import Composition
from mapsto.metrics import get
from mapsto.networks.blocks.heads import Head
from mapsto.networks.blocks.ragged import take
from mapsto.objectives.base import Batch
from mapsto.objectives.supervised import Goal, Supervised
from mapsto.recipe import Learning
from mapsto.schema import Encoded, Schema
from mapsto.training import precision
from mapsto.training.batches import RowSource, to_batch
from mapsto.training.loop import train
from mapsto.training.optimizers import decay_groups
from mapsto.training.run import Run

CPU = torch.device("cpu")
RATE, DECAY = 1e-3, 1e-2
SEED = 0
NETWORK = {"depth": 3, "dropout": 0.0}


class Arena:
    """Adult encoded once, the network of one width, and the three ways to train it from the same first weights."""

    def __init__(self, schema: Schema, encoded: Encoded, width: int, batch_size: int, steps: int) -> None:
        self.schema, self.target = schema, schema.targets[0]
        self.rows = to_batch(encoded, schema.targets, CPU)
        self.batch_size = min(batch_size, encoded.rows)
        self.steps = steps
        self.half = precision.multiplies_bfloat16(CPU)
        options = NETWORK | {"width": width}
        self.first = Composition.build(schema, "perceptron", rows=encoded.rows, options=options, seed=SEED)
        with torch.no_grad():
            self.flat = self.first.encode(self.rows.blocks).detach().clone()
        self.truth = self.rows.truth[self.target.name]

    def ours(self) -> float:
        """Seconds a step of `train`, everything it does included."""
        composition = copy.deepcopy(self.first).train()
        goal = Goal(self.target, self.target.loss(None, {}), get("auc", "classification"))
        source = _Cut(RowSource(self.rows, self.batch_size, SEED), self.steps)
        learning = Learning(
            optimizer="adamw", learning_rate=RATE, weight_decay=DECAY, epochs=1, schedule="constant", warmup=0.0,
            averaging=0.0, precision="bfloat16" if self.half else "float32", compile="never",
        )  # fmt: skip
        objective = Supervised(composition, source, [goal])
        start = time.perf_counter()
        history = train(objective, learning, Run(), "loop", seed=SEED)
        seconds = time.perf_counter() - start
        assert history.steps == self.steps
        self.trained = lambda: self._logits(composition)
        return seconds / self.steps

    def by_hand(self) -> float:
        """Seconds a step of a loop that does the same arithmetic and nothing else."""
        composition = copy.deepcopy(self.first).train()
        groups = decay_groups(composition, composition.parameters(), DECAY)
        optimizer = torch.optim.AdamW(groups, lr=RATE, fused=True)
        name, blocks, truth = self.target.name, self.rows.blocks, self.truth
        count, per_epoch = len(truth), -(-len(truth) // self.batch_size)
        start = time.perf_counter()
        for step in range(self.steps):
            epoch, at = divmod(step, per_epoch)
            if at == 0:
                order = torch.from_numpy(np.random.default_rng([SEED, epoch]).permutation(count))
            index = order[at * count // per_epoch : (at + 1) * count // per_epoch]
            batch = {key: take(block, index) for key, block in blocks.items()}
            with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
                loss = nn.functional.cross_entropy(composition(batch)[name].squeeze(1), truth.index_select(0, index))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        seconds = time.perf_counter() - start
        self.trained = lambda: self._logits(composition)
        return seconds / self.steps

    def tutorial(self) -> float:
        """Seconds a step of the loop of the tutorials."""
        composition = copy.deepcopy(self.first).train()
        model = nn.Sequential(composition.network, _plain(composition.heads[0]))
        loader = DataLoader(TensorDataset(self.flat, self.truth), batch_size=self.batch_size, shuffle=True)
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
        criterion = nn.CrossEntropyLoss()
        torch.manual_seed(SEED)
        done = 0
        start = time.perf_counter()
        while done < self.steps:
            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                done += 1
                if done == self.steps:
                    break
        seconds = time.perf_counter() - start
        self.trained = lambda: model(self.flat)
        return seconds / self.steps

    def loss(self) -> float:
        """Mean loss over all rows of the network trained last, in float32."""
        with torch.no_grad():
            return float(nn.functional.cross_entropy(self.trained(), self.truth))

    def _logits(self, composition: Composition) -> torch.Tensor:
        return composition(self.rows.blocks)[self.target.name].squeeze(1)


class _Cut:
    """A source whose one epoch has a given number of steps: as many passes over another source as that takes."""

    def __init__(self, source: RowSource, steps: int) -> None:
        self.source, self.steps_per_epoch = source, steps

    def batch(self, epoch: int, step: int) -> Batch:
        return self.source.batch(*divmod(step, self.source.steps_per_epoch))

    def state_dict(self) -> dict[str, object]:
        return {}

    def load_state_dict(self, state: dict[str, object]) -> None:
        pass


def _plain(head: Head) -> nn.Linear:
    """A head of one view as the linear layer that it is."""
    _, width, out = head.weight.shape
    linear = nn.Linear(width, out)
    with torch.no_grad():
        linear.weight.copy_(head.weight[0].t())
        linear.bias.copy_(head.bias.flatten())
    return linear


def main(arguments: list[str]) -> None:
    """Interleave the three loops, compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks loop")
    parser.add_argument("--steps", type=int, default=1024, help="steps of one repetition (eight passes at batch 256)")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--widths", default="256,1024")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=cores())
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    schema, encoded = adult()
    lines, sentences = [], []
    for width in map(int, given.widths.split(",")):
        arena = Arena(schema, encoded, width, given.batch, given.steps)
        seconds, losses = race(arena, given.repetitions)
        check(losses)
        for name, taken in seconds.items():
            milliseconds = 1e3 * np.array(taken)
            figures = [f"{value:.3f}" for value in (np.median(milliseconds), milliseconds.min())]
            lines.append([str(width), name, *figures, f"{losses[name]:.5f}"])
        sentences.append(f"* Width {width}: " + compared(seconds))
    half = "bfloat16 autocast" if precision.multiplies_bfloat16(CPU) else "float32 (no products in bfloat16 here)"
    about = (
        f"Adult ({encoded.rows:,} rows), perceptron of depth {NETWORK['depth']}, batch {given.batch}, "
        f"{given.steps} steps a repetition, {given.repetitions} interleaved repetitions, {given.threads} threads. "
        f"mapsto and the loop by hand compute in {half} with fused AdamW, the tutorial loop in float32 with Adam. "
        "Goals: at most 1.05 times the "
        "loop by hand; with matrix units (AMX) at least 1.9 (width 256) and 3.5 times (width 1024) faster than the "
        "tutorial."
    )
    header = ["width", "loop", "median ms a step", "fastest", "loss afterwards"]
    publish("loop", arguments, about, [table(header, lines), "\n".join(sentences)])


def race(arena: Arena, repetitions: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds a step of every repetition, and the loss that one repetition leads to, by loop."""
    loops = {"mapsto": arena.ours, "by hand": arena.by_hand, "tutorial": arena.tutorial}
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    losses: dict[str, float] = {}
    for name, loop in loops.items():  # warm up
        loop()
        losses[name] = arena.loss()
    for repetition in range(repetitions):
        for name in list(loops)[:: -1 if repetition % 2 else 1]:
            seconds[name].append(loops[name]())
    return seconds, losses


def compared(seconds: dict[str, list[float]]) -> str:
    """Both ratios: the median over repetitions, and the middle half of them."""
    ours = np.array(seconds["mapsto"])
    by_hand = np.quantile(ours / np.array(seconds["by hand"]), [0.5, 0.25, 0.75])
    tutorial = np.quantile(np.array(seconds["tutorial"]) / ours, [0.5, 0.25, 0.75])
    return "mapsto takes {:.3f} ({:.3f} to {:.3f}) times the loop by hand".format(
        *by_hand
    ) + " and is {:.2f} ({:.2f} to {:.2f}) times faster than the tutorial loop.".format(*tutorial)


def check(losses: dict[str, float]) -> None:
    """Equal work leads to equal losses: to rounding by hand; to the noise of another order of rows in the tutorial."""
    if abs(losses["by hand"] / losses["mapsto"] - 1) > 1e-3:
        raise SystemExit(f"the loops do not do the same arithmetic: {losses}")
    if abs(losses["tutorial"] / losses["mapsto"] - 1) > 0.05:
        raise SystemExit(f"the tutorial loop does not reach an equal loss: {losses}")


def adult() -> tuple[Schema, Encoded]:
    """The training file of Adult, encoded."""
    dataset = next(one for one in DATASETS if one.name == "adult")
    frame = dataset.frame()
    schema = Schema.claim(frame, targets=[dataset.target])
    schema.learn(frame)
    return schema, schema.encode(frame, truth=True)
