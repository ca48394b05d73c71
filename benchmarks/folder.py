"""A folder of 100,000 pictures, from the command to the first step: `python -m benchmarks folder [--pictures N]`.

PNG files of 64 x 64 pixels in colour, made from Fashion-MNIST and CIFAR-10, lie in a folder for each class. A child
process learns from them without baselines, through the same pipeline as `mapsto.fit`, twice: first with an empty cache
of decoded pictures, then with what the first left there. Timed is from the start of the process to the beginning and to
the end of the first step of training (one that is undone afterwards); anonymous memory is sampled from outside every 50
ms until the child ends.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks import memory
from benchmarks.common import WORK, Watch, publish, table
from benchmarks.inputs import cifar, fashion
from benchmarks.memory import mark, tell

SIDE = 64
_SECONDS, _GIGABYTES = 10.0, 2.0
_GARMENTS = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot"]
_STEP = "training: first step"
WHERE = memory.WHERE | {
    "mapsto.training.loop.Training.advance": _STEP,
    "mapsto.members.common.teaching.train": "training: further steps, validation",
}
"""Functions whose beginning and end are marked, as in `memory`."""


def main(arguments: list[str]) -> None:
    """Make the folder if it is not there, watch two children learn from it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks folder")
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--time", type=float, default=60.0, help="seconds that each child may take")
    parser.add_argument("--work", type=Path, default=WORK, help="where folder and cache are made, and kept")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child is not None:
        learn(given.child, given.time)
        return
    path = given.work / f"pictures-{given.pictures}"
    if not path.exists():
        make(path, given.pictures)
    cache = given.work / f"cache-{given.pictures}"
    for old in cache.rglob("*.np*"):
        old.unlink()
    runs = [watch(path, given.time, cache) for _ in range(2)]
    stages = dict.fromkeys(stage for seconds, _ in runs for stage in seconds)
    lines = [[stage, *(f"{seconds.get(stage, 0.0):.2f}" for seconds, _ in runs)] for stage in stages]
    lines.append(["**peak anonymous memory until the end, GB**", *(f"{peak * 2**20 / 1e9:.2f}" for _, peak in runs)])
    about = (
        f"{given.pictures:,} PNG files of {SIDE} x {SIDE} pixels in colour; time={given.time:g}, no baselines. Goal at "
        f"100,000, once cached: {_SECONDS:g} s to the first batch, never more than {_GIGABYTES:g} GB."
    )
    publish("folder", arguments, about, [table(["seconds until the first step ends", "first run", "cached"], lines)])


def make(path: Path, count: int) -> None:
    """The folder, written aside and renamed; pictures are repeated, each time a little brighter or darker."""
    from io import BytesIO

    from PIL import Image

    garments, things = fashion()[0], cifar()[0]
    sources = list(zip(garments["image"], (_GARMENTS[int(label)] for label in garments["label"]), strict=True))
    sources += list(zip(things["image"], things["label"], strict=True))
    beside = path.with_name(f"{path.name}.part")
    for name in {label for _, label in sources}:
        (beside / name).mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(0).permutation(len(sources))

    def write(number: int) -> None:
        picture, label = sources[order[number % len(sources)]]
        image = Image.open(BytesIO(picture)) if isinstance(picture, bytes) else Image.fromarray(np.asarray(picture))
        pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE))).astype(np.int16) + 8 * (number // len(sources))
        found = Image.fromarray(np.minimum(pixels, 255).astype(np.uint8))
        found.save(beside / label / f"{number:06}.png", compress_level=1)

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(write, range(count)):
            pass
    beside.rename(path)


def watch(path: Path, seconds: float, cache: Path) -> tuple[dict[str, float], float]:
    """Seconds by stage until the end of the first step, with three sums, and the peak in MiB, of a child."""
    command = [sys.executable, "-m", "benchmarks", "folder", "--child", str(path), "--time", str(seconds)]
    began = before = time.time()
    environment = os.environ | {"MAPSTO_CACHE": str(cache.resolve())}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    sampler = Watch(child.pid)
    sampler.start()
    stages: dict[str, float] = {}
    begun = first = cpu = None
    assert child.stdout is not None
    for line in child.stdout:
        if not line.startswith('{"stage"'):
            continue
        found = json.loads(line)
        if first is None:
            stages[sampler.stage] = stages.get(sampler.stage, 0.0) + found["clock"] - before
        if found["stage"] == _STEP and begun is None:
            begun = found["clock"] - began
        if sampler.stage == _STEP and first is None:
            first, cpu = found["clock"] - began, found["cpu"]
        sampler.stage, before = found["stage"], found["clock"]
    status = child.wait()
    peak = sampler.end()
    if status or begun is None or first is None or cpu is None:
        raise SystemExit(f"the child ended with status {status} while it was in stage {sampler.stage!r}")
    print(json.dumps({name: round(value) for name, value in sampler.peaks.items()}), file=sys.stderr)
    stages |= {"**from the command to the first batch**": begun, "to the end of the first step": first,
               "of these, computing": cpu}  # fmt: skip
    return stages, peak


def learn(path: Path, seconds: float) -> None:
    """Fit through the pipeline, telling the parent which stage it is in."""
    import mapsto.members.common.teaching  # noqa: F401 - so that it can be marked
    from mapsto.fitting.options import make_options
    from mapsto.fitting.pipeline import fit
    from mapsto.training.run import Run

    stages = ["elsewhere"]
    for place, stage in WHERE.items():
        mark(place, stage, stages)
    options = make_options(target="class", judge=False, time=seconds)
    tell("elsewhere")
    fit(str(path), options, Run(time=options.recipe.time))
    tell("done")
