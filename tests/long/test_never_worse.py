"""The default call is not clearly worse than the best baseline of its own verdict, whatever the input and the task.

Real data that come with scikit-learn, and texts and sounds where the shared data sets are at hand.
"""

from __future__ import annotations

import gzip
import os
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

import mapsto
from mapsto.judging.verdict import WITHOUT_NETWORKS, best_baseline
from mapsto.metrics import METRICS

pytestmark = pytest.mark.long
SHARED = Path(os.environ.get("MAPSTO_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def table(name, classes=True):
    found = getattr(datasets, f"load_{name}")()
    target = found.target.astype(str) if classes else found.target
    return {f"x{i}": column for i, column in enumerate(found.data.T)} | {"y": target}


def digits(shape, rows=600):
    found = datasets.load_digits()
    return {"x": list(found.images[:rows].reshape(rows, *shape)), "y": found.target[:rows].astype(str)}


def tags():
    """Several labels a row: which of three measures of a wine are above their median."""
    found = datasets.load_wine()
    high = found.data[:, :3] > np.median(found.data[:, :3], axis=0)
    labels = [[name for name, is_high in zip(("alcohol", "acid", "ash"), row, strict=True) if is_high] for row in high]
    return {f"x{i}": column for i, column in enumerate(found.data[:, 3:].T)} | {"y": labels}


def two_targets():
    found = datasets.load_wine()
    rows = {f"x{i}": column for i, column in enumerate(found.data[:, 1:].T)}
    return rows | {"y": found.target.astype(str), "alcohol": found.data[:, 0]}


def texts():
    path = at_hand(SHARED / "sst2" / "train.tsv")
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[:1200]]
    return {"x": [line[0] for line in lines], "y": [line[1] for line in lines]}


def sounds(tmp_path):
    found = list((SHARED / "fsdd").glob("*.zip")) if (SHARED / "fsdd").exists() else []
    if not found:
        pytest.skip("the shared data sets are not here")
    with zipfile.ZipFile(found[0]) as archive:
        names = [name for name in archive.namelist() if name.endswith(".wav")][::10]
        archive.extractall(tmp_path, names)
    return {"x": [str(tmp_path / name) for name in names], "y": [Path(name).name[0] for name in names]}


def at_hand(path):
    if not path.exists():
        pytest.skip("the shared data sets are not here")
    return path


def trees():
    """Sentences of films as trees, the neutral left out."""
    packed = at_hand(SHARED / "sst_trees" / "train.txt.gz").read_bytes()
    lines = [line for line in gzip.decompress(packed).decode().splitlines() if line[1] != "2"][:800]
    return {"x": lines, "y": ["good" if line[1] > "2" else "bad" for line in lines]}


def rides():
    """Taxi rides of half hours, by when they were."""
    rows = pl.read_csv(at_hand(SHARED / "nab" / "data" / "realKnownCause" / "nyc_taxi.csv"))[:3000]
    return {"x": rows["timestamp"].to_list(), "y": rows["value"].to_list()}


def ink(shape, rows=600):
    """How much of a digit is drawn, as pictures or as series."""
    found = digits(shape, rows)
    return {"x": found["x"], "y": [float(np.mean(each)) for each in found["x"]]}


def clips(rows=240):
    """A digit that moves to the left or to the right."""
    random, found = np.random.default_rng(0), datasets.load_digits().images[:rows] * 15
    cells, ways = np.zeros((rows, 6, 24, 24), np.uint8), []
    for number, picture in enumerate(found):
        right, begin, top = number % 2, random.integers(3, 9), random.integers(0, 16)
        for frame in range(6):
            left = begin + (frame if right else 5 - frame)
            cells[number, frame, top : top + 8, left : left + 8] = picture
        ways.append("right" if right else "left")
    return {"x": cells, "y": ways}


KINDS = {
    "numbers to a number": lambda tmp_path: table("diabetes", classes=False),
    "numbers to two classes": lambda tmp_path: table("breast_cancer"),
    "numbers to three classes": lambda tmp_path: table("wine"),
    "numbers to labels": lambda tmp_path: tags(),
    "numbers to a class and a number": lambda tmp_path: two_targets(),
    "pictures to a class": lambda tmp_path: digits((8, 8)),
    "series to a class": lambda tmp_path: digits((64,)),
    "texts to a class": lambda tmp_path: texts(),
    "sounds to a class": sounds,
    "trees to a class": lambda tmp_path: trees(),
    "dates to a number": lambda tmp_path: rides(),
    "pictures to a number": lambda tmp_path: ink((8, 8)),
    "series to a number": lambda tmp_path: ink((64,)),
    "clips to a class": lambda tmp_path: clips(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_call_is_not_clearly_worse_than_its_baselines(kind, tmp_path):
    data = KINDS[kind](tmp_path)
    target = [name for name in ("y", "alcohol") if name in data]
    types = {"x": "sequence"} if kind.startswith("series") else {}
    frame = data if kind.startswith(("pictures", "series", "clips")) else pl.DataFrame(data)
    model = mapsto.fit(frame, target=target, types=types, time=60, progress=False)
    for name, verdict in model._fitted.verdicts.items():
        task = model._fitted.schema.target(name).task
        baselines = [contender for contender in verdict.contenders if contender.name != WITHOUT_NETWORKS]
        best = best_baseline(METRICS[task, verdict.contenders[0].metric], baselines)
        assert best is not None
        assert best.ahead_high is None or best.ahead_high >= 0, f"{kind}, {name}:\n{verdict}"
