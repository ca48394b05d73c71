"""What the benchmarks of pictures, texts, sounds and trees share: the real data, and one task a process.

A task is a set of rows, the options of the call, and a goal. Each runs in a fresh process, so that seconds hold all
that a person waits for after the import: reading, baselines, learning, judging.
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.common import RESULTS, processor, publish, table
from benchmarks.datasets import DATA

Frame = pl.DataFrame | dict[str, Any]


@dataclass(frozen=True)
class Task:
    """One call of `mapsto.fit` and what it should reach."""

    name: str
    rows: Callable[[], tuple[Frame, Frame]]
    """Training and test rows."""
    target: str
    goal: str
    options: Mapping[str, Any] = field(default_factory=dict)
    metric: str = "accuracy"
    figure: Callable[[Any, Frame], float] | None = None
    """Of the model on the test rows, where it is not a metric of theirs."""
    gpu: bool = False
    """Whether it is about a machine with a GPU."""


@dataclass(frozen=True)
class Peer:
    """A usual way of doing the same without mapsto: training and test rows to the accuracy on the latter."""

    name: str
    rows: Callable[[], tuple[Frame, Frame]]
    score: Callable[[Frame, Frame], float]


# -- pictures


def idx(name: str) -> np.ndarray:
    """An IDX file of Fashion-MNIST."""
    raw = gzip.decompress((DATA / "fashion_mnist" / name).read_bytes())
    sizes = np.frombuffer(raw, ">i4", raw[3], 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(sizes)


def fashion() -> tuple[Frame, Frame]:
    """Fashion-MNIST, the standard split: arrays of 28 x 28 grey pictures."""
    found = [
        {"image": idx(f"{part}-images-idx3-ubyte.gz"), "label": idx(f"{part}-labels-idx1-ubyte.gz").astype(str)}
        for part in ("train", "t10k")
    ]
    return found[0], found[1]


def zipped(path: Path) -> dict[str, bytes]:
    """The files of a zip by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in sorted(archive.namelist()) if not name.endswith("/")}


def cifar() -> tuple[Frame, Frame]:
    """CIFAR-10, 10,000 training and 2,000 test pictures as JPEG bytes."""
    found = []
    for part in ("train", "test"):
        files = zipped(DATA / "cifar10_subset" / f"{part}.zip")
        labels = [Path(name).parent.name for name in files]
        found.append(pl.DataFrame({"image": list(files.values()), "label": labels}))
    return found[0], found[1]


def faces() -> tuple[Frame, Frame]:
    """AT&T faces: pictures 1-7 of 40 people to learn from, 8-10 to tell them by."""
    files = zipped(DATA / "att_faces" / "faces_png.zip")
    parts = [Path(name).parts for name in files]
    frame = pl.DataFrame({
        "image": list(files.values()),
        "person": [part[-2] for part in parts],
        "number": [int(Path(part[-1]).stem) for part in parts],
    })  # fmt: skip
    known = pl.col("number") <= 7
    return frame.filter(known).drop("number"), frame.filter(~known).drop("number")


def strangers(turn: int) -> tuple[Frame, Frame]:
    """AT&T faces: all pictures of 30 people to learn from, and of ten others, a quarter of all in turn."""
    rows = pl.concat([frame for frame in faces() if isinstance(frame, pl.DataFrame)])
    out = pl.col("person").is_in([f"s{10 * turn + place}" for place in range(1, 11)])
    return rows.filter(~out), rows.filter(out)


# -- texts


def ag_news() -> tuple[Frame, Frame]:
    """AG News, both training files (19,950 rows) and the standard test file."""
    one, two, test = (
        pl.read_csv(DATA / "ag_news" / f"{name}.csv.gz").select("text", "class")
        for name in ("train_10k", "train_extra_lowercased", "test")
    )
    return pl.concat([one, two]), test


def sst2() -> tuple[Frame, Frame]:
    """SST-2 sentences; the development rows join the training rows' folder as validation is cut from them."""

    def part(name: str) -> pl.DataFrame:
        return pl.read_csv(
            DATA / "sst2" / f"{name}.tsv", separator="\t", has_header=False, quote_char=None,
            new_columns=["sentence", "label"],
        ).with_columns(pl.col("label").cast(pl.String))  # fmt: skip

    return part("train"), part("test")


def clinc() -> tuple[Frame, Frame]:
    """CLINC150 in scope: 150 intents."""
    parts = json.loads(gzip.decompress((DATA / "clinc150" / "data_full.json.gz").read_bytes()))
    found = [pl.DataFrame(parts[part], schema=["text", "intent"], orient="row") for part in ("train", "test")]
    return found[0], found[1]


def told_apart(model: Any, test: Frame) -> float:
    """AUC of `novelty` for questions of none of CLINC150's intents against the test questions."""
    from sklearn.metrics import roc_auc_score

    parts = json.loads(gzip.decompress((DATA / "clinc150" / "data_full.json.gz").read_bytes()))
    outside = pl.DataFrame(parts["oos_test"], schema=["text", "intent"], orient="row")
    found = [model.novelty(rows)["novelty"].to_numpy() for rows in (test, outside)]
    new = np.repeat([0, 1], [len(each) for each in found])
    return float(roc_auc_score(new, np.concatenate(found)))


def rows_a_second(model: Any, test: Frame) -> float:
    """Training rows a second of the network, validations included."""
    first, last = model._fitted.history[0], model._fitted.history[-1]
    steps, seconds = last["step"] - first["step"], last["seconds"] - first["seconds"]
    return float(steps * model._fitted.recipe.learning.batch_size / seconds)


def some(rows: Callable[[], tuple[pl.DataFrame, pl.DataFrame]], count: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """So many of the training rows, drawn once, and all test rows."""
    train, test = rows()
    return train[np.sort(np.random.default_rng(0).permutation(train.height)[:count])], test


# -- trees


def sst_trees(*, binary: bool = False) -> tuple[Frame, Frame]:
    """The Stanford Sentiment Treebank: parses and the root's label, of five or of two."""

    def part(name: str) -> pl.DataFrame:
        lines = gzip.decompress((DATA / "sst_trees" / f"{name}.txt.gz").read_bytes()).decode().splitlines()
        frame = pl.DataFrame({"tree": lines, "label": [line[1] for line in lines]})
        if binary:
            frame = frame.filter(pl.col("label") != "2").with_columns(
                pl.when(pl.col("label") < "2").then(pl.lit("negative")).otherwise(pl.lit("positive")).alias("label")
            )
        return frame

    return part("train"), part("test")


def sst_trees_binary() -> tuple[Frame, Frame]:
    """Without the neutral sentences."""
    return sst_trees(binary=True)


# -- sound


def digits() -> tuple[Frame, Frame]:
    """Free spoken digits: recordings 0-4 of each speaker and digit to test."""
    files = zipped(DATA / "fsdd" / "recordings.zip")
    names = [Path(name).stem.split("_") for name in files]
    frame = pl.DataFrame({
        "sound": list(files.values()),
        "digit": [name[0] for name in names],
        "speaker": [name[1] for name in names],
        "index": [int(name[2]) for name in names],
    })  # fmt: skip
    test = pl.col("index") < 5
    return frame.filter(~test).drop("index", "speaker"), frame.filter(test).drop("index", "speaker")


def new_speaker() -> tuple[Frame, Frame]:
    """The same, with a speaker who was never heard."""
    files = zipped(DATA / "fsdd" / "recordings.zip")
    names = [Path(name).stem.split("_") for name in files]
    frame = pl.DataFrame({
        "sound": list(files.values()),
        "digit": [name[0] for name in names],
        "speaker": [name[1] for name in names],
    })  # fmt: skip
    out = pl.col("speaker") == "theo"
    return frame.filter(~out).drop("speaker"), frame.filter(out).drop("speaker")


# -- clips


def clips(rows: int, part: str, seed: int) -> Frame:
    """Items of Fashion-MNIST that move across 32 x 32 pixels in one of eight directions, eight frames each."""
    items = idx(f"{part}-images-idx3-ubyte.gz")
    draw = np.random.default_rng(seed)
    chosen, direction = draw.integers(0, len(items), rows), draw.integers(0, 8, rows)
    angle = direction * np.pi / 4
    found = np.zeros((rows, 8, 32, 32), np.uint8)
    small = items[chosen][:, ::2, ::2]
    start = draw.uniform(4, 12, (rows, 2))
    for frame in range(8):
        step = (frame - 3.5) * 1.1
        top = np.clip(np.round(start[:, 0] + step * np.sin(angle)), 0, 18).astype(int)
        left = np.clip(np.round(start[:, 1] + step * np.cos(angle)), 0, 18).astype(int)
        index = np.arange(14)
        found[np.arange(rows)[:, None, None], frame, top[:, None, None] + index[:, None],
              left[:, None, None] + index] = small  # fmt: skip
    return {"clip": found, "direction": np.char.add("d", direction.astype(str))}


def moving() -> tuple[Frame, Frame]:
    """4,000 clips to learn from, 1,000 of other items to test."""
    return clips(4_000, "train", 0), clips(1_000, "t10k", 1)


# -- several kinds of columns at once


SUBJECTS = {
    "shop": 6.0, "buy": 6.0, "job": 3.0, "interview": 3.0, "food": 0.0, "restaurant": 0.0, "dinner": 0.0,
    "doctor": -3.0, "health": -3.0, "travel": -6.0, "hotel": -6.0, "flight": -6.0, "taxi": -6.0,
}  # fmt: skip
"""What a word in the topic of a talk adds to the price; talks on other topics are left out."""
CITIES = {"Oslo": 5.0, "Bonn": 2.0, "Rome": -2.0, "Nice": -5.0}


def mixed() -> tuple[Frame, Frame]:
    """A price made of the subject of a talk (its summary is given), a garment's picture, a number and a city.

    Each of the four adds about as much to it, and noise less. DialogSum, Fashion-MNIST; talks and pictures of the test
    rows are in no training row.
    """
    raw = gzip.decompress((DATA / "dialogsum" / "dialogsum.train_half.jsonl.gz").read_bytes())
    talks = [json.loads(line) for line in raw.decode().splitlines()]
    cut = round(0.75 * len(talks))
    return _priced(talks[:cut], "train", 0), _priced(talks[cut:], "t10k", 1)


def _priced(found: list[dict[str, str]], pictures: str, seed: int) -> Frame:
    worth = [next((v for word, v in SUBJECTS.items() if word in each["topic"].lower()), None) for each in found]
    told = [(each["summary"], value) for each, value in zip(found, worth, strict=True) if value is not None]
    images, labels = idx(f"{pictures}-images-idx3-ubyte.gz"), idx(f"{pictures}-labels-idx1-ubyte.gz")
    draw = np.random.default_rng(seed)
    each = draw.integers(0, len(images), len(told))
    city, size = draw.choice(list(CITIES), len(told)), draw.normal(0, 1, len(told))
    price = np.array([value for _, value in told]) + (labels[each] - 4.5) * 1.4 + 4 * np.sin(1.5 * size)
    price += np.array([CITIES[name] for name in city]) + draw.normal(0, 1, len(told))
    return {"talk": np.array([text for text, _ in told]), "garment": images[each], "city": city, "size": size,
            "price": price}  # fmt: skip


# -- running


_CHILD = """
import json, sys, time, resource
from importlib import import_module
module, name = sys.argv[1], sys.argv[2]
task = next(t for t in import_module(module).TASKS if t.name == name)
train, test = task.rows()
import mapsto
start = time.perf_counter()
model = mapsto.fit(train, target=task.target, test=test, progress=False, **task.options)
taken = time.perf_counter() - start
start = time.perf_counter()
figure = task.figure(model, test) if task.figure else model.evaluate(test)[task.target][task.metric]
asked = time.perf_counter() - start
rows = len(next(iter(test.values()))) if isinstance(test, dict) else test.height
contenders = {c.name: c.value for c in model.verdict.contenders}
print(json.dumps({"figure": figure, "seconds": taken, "us": 1e6 * asked / rows, "contenders": contenders,
                  "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""

NOT_MEASURED = "not measured: no GPU"
ABOUT = (
    "Each row is one call of `mapsto.fit`; the figure is measured on the test rows. The last column says when, and on "
    "what kind of processor."
)


def run(task: Task, module: str) -> dict[str, Any]:
    """One task in a process of its own.

    Raises:
        RuntimeError: it failed; with the last line it wrote.
    """
    command = [sys.executable, "-c", _CHILD, module, task.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{task.name}: " + (done.stderr.strip().splitlines() or ["no message"])[-1])
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def main(name: str, arguments: Sequence[str], tasks: Sequence[Task], peers: Sequence[Peer] = ()) -> None:
    """Run the tasks (or those named with `--only`) and the peers; publish a table of these and of earlier runs."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {name}")
    parser.add_argument("--only", default="", help="tasks, separated by commas")
    given = parser.parse_args(list(arguments))
    chosen = [task for task in tasks if not given.only or task.name in given.only.split(",")]
    for task in chosen:
        if task.gpu and not gpu():
            print(f"{task.name}: {NOT_MEASURED}", flush=True)
            continue
        found = run(task, f"benchmarks.{name}")
        others = ", ".join(f"{n} {v:.3f}" for n, v in found["contenders"].items())
        options = ", ".join(f"{key}={value!r}" for key, value in task.options.items())
        line = [f"{found['figure']:.4f}", task.goal, f"{found['seconds']:.0f}", f"{found['us']:.0f}",
                f"{found['mb']:.0f}", options or "none", others]  # fmt: skip
        _keep(name, "tasks", task.name, line)
        print(task.name, line, flush=True)
    for peer in peers if not given.only else ():
        start = time.perf_counter()
        figure = peer.score(*peer.rows())
        _keep(name, "peers", peer.name, [f"{figure:.4f}", f"{time.perf_counter() - start:.0f}"])
    kept = _kept(name)
    header = ["task", "figure", "goal", "seconds", "us a row", "peak MB", "options", "contenders on the same rows"]
    rows = [[task.name, *kept["tasks"].get(task.name, _empty(task))] for task in tasks]
    sections = [table([*header, "measured"], [row for row in rows if len(row) > 1])]
    if kept["peers"]:
        rows = [[n, *line] for n, line in kept["peers"].items()]
        sections += ["## Without mapsto", table(["peer", "accuracy", "seconds", "measured"], rows)]
    publish(name, [], ABOUT, sections)


def gpu() -> bool:
    """Whether there is one."""
    import torch

    return torch.cuda.is_available()


def _empty(task: Task) -> list[str]:
    """The row of a task of which nothing is known: none, unless it waits for a GPU."""
    return [NOT_MEASURED, task.goal, *[""] * 6] if task.gpu else []


def _kept(name: str) -> dict[str, dict[str, list[str]]]:
    """What was measured so far, by task or peer; last, when, and on what kind of processor."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"tasks": {}, "peers": {}}


def _keep(name: str, kind: str, key: str, line: list[str]) -> None:
    kept = _kept(name)
    kept[kind][key] = [*line, f"{datetime.date.today()}, {processor()}"]
    lines = json.dumps(kept, ensure_ascii=False, indent=1)
    (RESULTS / f"{name}.json").write_text(lines + "\n", encoding="utf-8")


def texts(frame: Frame) -> list[str]:
    """The first column as a list."""
    column = next(iter(frame.values())) if isinstance(frame, dict) else frame.to_series(0)
    return list(column)


def labels(frame: Frame) -> np.ndarray:
    """The last column as an array."""
    column = list(frame.values())[-1] if isinstance(frame, dict) else frame.to_series(-1)
    return np.asarray(column)


def tfidf(train: Frame, test: Frame) -> float:
    """TF-IDF of words and word pairs with logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=500)
    )
    return float(model.fit(texts(train), labels(train)).score(texts(test), labels(test)))
