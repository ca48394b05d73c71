"""Seconds an epoch of pictures: `python -m benchmarks epochs [--peers PYTHON] [--only NAME,...] [--rows N] ...`.

All train the same small convolutional network on Fashion-MNIST with the same batch size, Adam at one constant rate and
no augmentation, each in a process of its own, one after another, over and over, so that a slow minute of the machine
hits all. What counts is the median of epochs 2 to n, and the accuracy on the test rows after as many epochs.

* mapsto: `training.loop.train` as a fit calls it: bytes until a batch is read, channels last, the precision it chooses.
* by-hand: what an expert writes for this one network: bytes in memory and on the device, batches by index, channels
  last, bfloat16 where the device multiplies in it, fused Adam. Goal on a GPU: mapsto takes at most 1.5 times as long.
* tutorial: a `Dataset` of PIL pictures made tensors one by one, `DataLoader(shuffle=True)`, float32.
* lightning, skorch, keras (3, on PyTorch): arrays of float32 made beforehand, otherwise as their documentation does it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.common import ROOT, WORK, cores, publish, table

if TYPE_CHECKING:
    import torch
    from torch import nn

OURS = ("mapsto", "by-hand", "tutorial")
"""Run by this interpreter, the others by that of `--peers`."""
RATE, CLASSES, SIDE = 1e-3, 10, 28
FILTERS, HIDDEN, DROPOUT = (16, 32, 64), 128, 0.5
Task = dict[str, Any]
"""Arrays `train_x` (uint8 rows, 28, 28), `train_y`, `test_x`, `test_y` (int64), and `batch`, `epochs`, `seed`."""
Result = dict[str, Any]
"""`epochs` (seconds of each), `accuracy` on the test rows, `parameters`; `precision` where it is not float32."""


def main(arguments: list[str]) -> None:
    """Run every contender in turn, as often as asked, compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks epochs")
    parser.add_argument("--peers", default=sys.executable, help="interpreter of the peers' environment")
    parser.add_argument("--only", default=",".join(CONTENDERS), help="contenders, separated by commas")
    parser.add_argument("--rows", type=int, default=60_000, help="training rows")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=cores())
    given = parser.parse_args(arguments)
    names = given.only.split(",")
    if unknown := set(names) - CONTENDERS.keys():
        parser.error(f"no contender is named {', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    folder = WORK / "epochs"
    prepare(folder, given.rows)
    found: dict[str, list[Result]] = {name: [] for name in names}
    failed: dict[str, str] = {}
    for repetition in range(given.repetitions):
        task = {"batch": given.batch, "epochs": given.epochs, "seed": repetition, "threads": given.threads}
        for name in names[:: -1 if repetition % 2 else 1]:
            if name not in failed:
                result = run(name, folder, task, sys.executable if name in OURS else given.peers)
                if isinstance(result, str):
                    failed[name] = result
                else:
                    found[name].append(result)
    about = (
        f"Fashion-MNIST, {given.rows:,} training rows, all test rows; convolutions of {FILTERS} filters, a connected "
        f"layer of {HIDDEN}; batch {given.batch}, Adam at {RATE}, {given.epochs} epochs a run, {given.repetitions} "
        f"interleaved runs each, {given.threads} threads. Seconds: median of epochs 2 to {given.epochs} of all runs "
        "(with one epoch, of that), and the fastest; in brackets the lowest and highest ratio of one round. "
    )
    from benchmarks.inputs import gpu

    about += "mapsto and by-hand computed on the GPU." if gpu() else "On a GPU: not measured."
    publish("epochs", arguments, about, [shown(found, failed)])


def prepare(folder: Path, rows: int) -> None:
    """The arrays that all contenders read."""
    from benchmarks.inputs import idx

    folder.mkdir(parents=True, exist_ok=True)
    for part, name, count in (("train", "train", rows), ("test", "t10k", None)):
        np.save(folder / f"{part}_x.npy", idx(f"{name}-images-idx3-ubyte.gz")[:count])
        np.save(folder / f"{part}_y.npy", idx(f"{name}-labels-idx1-ubyte.gz")[:count].astype(np.int64))


def run(name: str, folder: Path, task: Task, python: str) -> Result | str:
    """One run in a process of its own; where it fails, the last line of what it said."""
    threads = str(task["threads"])
    env = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "KERAS_BACKEND": "torch", "OMP_NUM_THREADS": threads}
    done = subprocess.run(
        [python, "-m", "benchmarks.epochs", name, str(folder.resolve()), json.dumps(task)],
        cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no message"])[-1]
    result: Result = json.loads(done.stdout.splitlines()[-1])
    print(f"{name}: {[round(each, 2) for each in result['epochs']]} s, accuracy {result['accuracy']:.4f}", flush=True)
    return result


def shown(found: dict[str, list[Result]], failed: dict[str, str]) -> str:
    """The table, in the order of the contenders."""
    lines, seconds = [], {name: [_steady(one) for one in runs] for name, runs in found.items() if runs}
    for name in found:
        if name in failed:
            lines.append([name, *[""] * 5, f"not run: {failed[name]}"])
            continue
        taken = seconds[name]
        every = np.concatenate(taken)
        accuracy = np.mean([one["accuracy"] for one in found[name]])
        figures = [f"{np.median(every):.2f}", f"{every.min():.2f}", _ratio(taken, seconds.get("mapsto"))]
        lines.append([name, *figures, f"{100 * accuracy:.2f} %", f"{found[name][0]['parameters']:,}"])
        lines[-1].append(found[name][0].get("precision", "float32"))
    header = ["contender", "s an epoch", "fastest", "times mapsto's", "accuracy", "parameters", "precision"]
    return table(header, lines)


def _steady(result: Result) -> list[float]:
    """Seconds of the epochs that count: not the first, in which all warms up, unless it is the only one."""
    seconds: list[float] = result["epochs"]
    return seconds[1:] or seconds


def _ratio(theirs: list[list[float]], ours: list[list[float]] | None) -> str:
    if not ours:
        return ""
    each = [float(np.median(a) / np.median(b)) for a, b in zip(theirs, ours, strict=False)]
    return f"{np.median(each):.2f} ({min(each):.2f} to {max(each):.2f})"


# -- the contenders, each in a process of its own


def mapsto(task: Task) -> Result:
    """Our loop on a convnet composed for the column."""
    import polars as pl

    from mapsto.composition import Composition
    from mapsto.metrics import get
    from mapsto.objectives.supervised import Goal, Supervised, predict
    from mapsto.recipe import Learning
    from mapsto.schema import Schema
    from mapsto.training.batches import RowSource, to_batch
    from mapsto.training.loop import train
    from mapsto.training.run import Run

    class Source(RowSource):
        """Notes when each epoch begins."""

        def batch(self, epoch: int, step: int) -> Any:
            if step == 0:
                begun.append((epoch, time.perf_counter()))
            return super().batch(epoch, step)

    class Watched(Supervised):
        """Notes when it is asked for a validation figure (there is none): the last time is the end of the training."""

        def validate(self) -> float | None:
            ended.append(time.perf_counter())
            return super().validate()

    begun: list[tuple[int, float]] = []
    ended: list[float] = []
    frames = [pl.DataFrame({"x": task[f"{part}_x"], "y": task[f"{part}_y"]}) for part in ("train", "test")]
    schema = Schema.claim(frames[0], targets=["y"], types={"y": "category"})
    schema.learn(frames[0])
    rows, test = (schema.encode(frame, truth=True) for frame in frames)
    options = {"filters": FILTERS[0], "stages": len(FILTERS), "hidden": HIDDEN, "dropout": DROPOUT}
    still = {"picture_shift": 0.0, "picture_flip": "no"}
    composition = Composition.build(
        schema, "convnet", rows=rows.rows, options=options, encoding=still, seed=task["seed"]
    )
    learning = Learning(
        optimizer="adam", learning_rate=RATE, weight_decay=0.0, epochs=task["epochs"], schedule="constant", warmup=0.0,
        averaging=0.0,
    )  # fmt: skip
    target = schema.targets[0]
    device = _device()
    composition = composition.to(device)
    source = Source(to_batch(rows, [target], device), task["batch"], task["seed"])
    goal = Goal(target, target.loss(None, {}).to(device), get("accuracy", "classification", classes=CLASSES))
    own = Run()
    train(Watched(composition, source, [goal]), learning, own, "epochs", seed=task["seed"])
    precision = own.decisions.get("epochs/precision", {"precision": "float32"})["precision"]
    classes = [int(each) for each in target.classes]
    answer = np.array(classes)[predict(composition.cpu(), test, [target])["y"].argmax(axis=1)]
    marks = [*_in_order(begun, task["epochs"], ended[-1]), ended[-1]]
    return _result(marks, answer, task, composition) | {"precision": precision}


def by_hand(task: Task) -> Result:
    """A loop for this network alone."""
    import torch
    from torch.nn import functional as F

    from mapsto.training import devices
    from mapsto.training.precision import multiplies_bfloat16

    device = _device()
    half = multiplies_bfloat16(device)
    model = network().to(device, memory_format=torch.channels_last)
    x, y = (torch.from_numpy(task[name]).to(device) for name in ("train_x", "train_y"))
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    marks = [time.perf_counter()]
    for _ in range(task["epochs"]):
        for index in torch.randperm(len(x), device=device).split(task["batch"]):
            picture = x[index].unsqueeze(1).float().div_(255).contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                loss = F.cross_entropy(model(picture), y[index])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        devices.synchronize(device)
        marks.append(time.perf_counter())
    found = _result(marks, _answers(model.cpu(), task), task, model)
    return found | {"precision": "bfloat16" if half else "float32"}


def _device() -> torch.device:
    """That of our loop and of the one by hand; the others compute where they do by themselves."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def tutorial(task: Task) -> Result:
    """The loop of the tutorials."""
    import torch
    from PIL import Image
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    class Pictures(Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(task["train_x"])

        def __getitem__(self, row: int) -> tuple[Any, int]:
            picture = Image.fromarray(task["train_x"][row])
            return torch.from_numpy(np.array(picture)).unsqueeze(0).float().div(255), int(task["train_y"][row])

    model = network()
    loader = DataLoader(Pictures(), batch_size=task["batch"], shuffle=True)
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=RATE), nn.CrossEntropyLoss()
    marks = [time.perf_counter()]
    for _ in range(task["epochs"]):
        for x, y in loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        marks.append(time.perf_counter())
    return _result(marks, _answers(model, task), task, model)


def lightning(task: Task) -> Result:
    """PyTorch Lightning's trainer, without logger, bar and checkpoints."""
    import pytorch_lightning as lightning
    import torch
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, TensorDataset

    class Model(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = network()
            self.marks: list[float] = []

        def training_step(self, batch: Any, _: int) -> Any:
            x, y = batch
            return F.cross_entropy(self.network(x), y)

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=RATE)

        def on_train_epoch_start(self) -> None:
            self.marks.append(time.perf_counter())

        def on_train_end(self) -> None:
            self.marks.append(time.perf_counter())

    model, rows = Model(), TensorDataset(torch.from_numpy(_floats(task["train_x"])), torch.from_numpy(task["train_y"]))
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = lightning.Trainer(max_epochs=task["epochs"], accelerator="cpu", **quiet)
    trainer.fit(model, DataLoader(rows, batch_size=task["batch"], shuffle=True))
    return _result(model.marks, _answers(model.network, task), task, model)


def skorch(task: Task) -> Result:
    """skorch's classifier, learning from all rows."""
    import torch
    from skorch import NeuralNetClassifier
    from torch import nn

    model = NeuralNetClassifier(
        network, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, lr=RATE, batch_size=task["batch"],
        max_epochs=task["epochs"], train_split=None, iterator_train__shuffle=True, verbose=0,
    )  # fmt: skip
    model.fit(_floats(task["train_x"]), task["train_y"])
    marks = np.concatenate([[0.0], np.cumsum(model.history[:, "dur"])])
    return _result(marks.tolist(), model.predict(_floats(task["test_x"])), task, model.module_)


def keras(task: Task) -> Result:
    """Keras 3 on PyTorch, channels last as it likes them."""
    import keras

    class Marks(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            marks.append(time.perf_counter())

        def on_train_end(self, logs: Any = None) -> None:
            marks.append(time.perf_counter())

    marks: list[float] = []
    keras.utils.set_random_seed(task["seed"])
    stages = [
        layer
        for filters in FILTERS
        for layer in (
            keras.layers.Conv2D(filters, 3, padding="same"), keras.layers.MaxPooling2D(), keras.layers.ReLU()
        )
    ]  # fmt: skip
    last = [keras.layers.Dense(HIDDEN, activation="relu"), keras.layers.Dropout(DROPOUT), keras.layers.Dense(CLASSES)]
    model = keras.Sequential([keras.Input((SIDE, SIDE, 1)), *stages, keras.layers.Flatten(), *last])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(RATE), loss=loss)
    x, test = (np.moveaxis(_floats(task[part]), 1, -1) for part in ("train_x", "test_x"))
    model.fit(x, task["train_y"], batch_size=task["batch"], epochs=task["epochs"], verbose=0, callbacks=[Marks()])
    return _result(marks, model.predict(test, verbose=0).argmax(axis=1), task, None) | {
        "parameters": model.count_params()
    }


def network() -> nn.Module:
    """The network of all but mapsto and keras, who build their own like it."""
    from torch import nn

    layers: list[nn.Module] = []
    for before, after in zip([1, *FILTERS], FILTERS, strict=False):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]
    width = FILTERS[-1] * (SIDE >> len(FILTERS)) ** 2
    last = [nn.Linear(width, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, CLASSES)]
    return nn.Sequential(*layers, nn.Flatten(), *last)


def _in_order(begun: list[tuple[int, float]], epochs: int, end: float) -> list[float]:
    """When the epochs of a training that ended then began; trials before it and checks after it begin some as well."""
    begun = [(epoch, when) for epoch, when in begun if when < end]
    numbers = [epoch for epoch, _ in begun]
    last = max(at for at in range(len(begun)) if numbers[at : at + epochs] == list(range(epochs)))
    return [when for _, when in begun[last : last + epochs]]


def _floats(pictures: np.ndarray) -> np.ndarray:
    return pictures[:, None].astype(np.float32) / 255


def _answers(model: nn.Module, task: Task) -> np.ndarray:
    import torch

    model.eval()
    with torch.no_grad():
        parts = torch.from_numpy(_floats(task["test_x"])).split(1000)
        return torch.cat([model(part).argmax(dim=1) for part in parts]).numpy()


def _result(marks: list[float], answer: np.ndarray, task: Task, model: nn.Module | None) -> Result:
    """`marks`: when each epoch began, and the end of the last."""
    accuracy = float((answer == task["test_y"]).mean())
    parameters = 0 if model is None else sum(each.numel() for each in model.parameters())
    return {"epochs": np.diff(marks).tolist(), "accuracy": accuracy, "parameters": parameters}


CONTENDERS: dict[str, Callable[[Task], Result]] = {
    "mapsto": mapsto, "by-hand": by_hand, "tutorial": tutorial, "lightning": lightning, "skorch": skorch,
    "keras": keras,
}  # fmt: skip


def contend(name: str, folder: Path, task: Task) -> None:
    """One run; its result is the last line printed."""
    import torch

    torch.set_num_threads(task["threads"])
    torch.manual_seed(task["seed"])
    arrays = {key: np.load(folder / f"{key}.npy") for key in ("train_x", "train_y", "test_x", "test_y")}
    print(json.dumps(CONTENDERS[name](task | arrays)))


if __name__ == "__main__":
    contend(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))
