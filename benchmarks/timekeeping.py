"""Whether `time=` is kept, alone and beside a busy process: `python -m benchmarks timekeeping [--seconds 20,60] ...`.

`--made clips,sounds,series,wide,classes` runs some of the made inputs that are slow for each cell or column instead of
tables, each with its own seconds unless `--seconds` is given; `--beside alone` leaves the busy process out.

Every fit runs in a fresh process; the clock runs from the call of `mapsto.fit` to its return, so the first import of
PyTorch counts. Kept means within 5 % or 3 s, whichever is larger. The FT-transformer would take minutes on Adult, so
that there the time is what ends it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.common import busy, cores, publish, python, table
from benchmarks.datasets import DATA, DATASETS
from benchmarks.slow_inputs import MADE

_FIT = """
import json, sys, time
import mapsto
path, target, seconds, network = sys.argv[1:]
start = time.monotonic()
model = mapsto.fit(path, target=target, time=float(seconds), network=network, progress=False)
wall = time.monotonic() - start
print(json.dumps({"wall": wall, "model": repr(model)}))
"""


def main(arguments: list[str]) -> None:
    """Fit with each budget on each table, alone and beside a busy process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks timekeeping")
    parser.add_argument("--seconds", default=None)
    parser.add_argument("--sets", default="adult,german")
    parser.add_argument("--networks", default="auto,ft-transformer")
    parser.add_argument("--made", default="", help=f"of {','.join(MADE)}; then no tables are fitted")
    parser.add_argument("--beside", default="alone,busy")
    given = parser.parse_args(arguments)
    beside = [threads for name, threads in (("alone", 0), ("busy", cores())) if name in given.beside.split(",")]
    lines = []
    with TemporaryDirectory() as folder:
        for name, path, target, networks, times in _inputs(given, Path(folder)):
            for network, seconds, threads in product(networks, times, beside):
                lines.append(_line(name, path, target, network, float(seconds), threads))
                print(*lines[-1], flush=True)
    about = (
        "Wall seconds of `mapsto.fit(..., time=)`, from call to return, in a fresh process each. Kept: within 5 % or "
        "3 s. An early end is no fault where validation stopped improving; a late one is."
    )
    header = ["table", "network", "time=", "beside", "wall s", "over", "verdict", "model"]
    publish("timekeeping", arguments, about, [table(header, lines)])


def _inputs(given: argparse.Namespace, folder: Path) -> Iterator[tuple[str, str, str, list[str], list[str]]]:
    """Name, path and target of each input, with which networks and how many seconds."""
    if not given.made:
        for dataset in (one for one in DATASETS if one.name in given.sets.split(",")):
            times = (given.seconds or "10,20,60").split(",")
            yield dataset.name, str(DATA / dataset.file), dataset.target, given.networks.split(","), times
        return
    for name in given.made.split(","):
        make, seconds = MADE[name]
        own = folder / name
        own.mkdir()
        frame, target = make(own)
        path = own / "rows.arrow"
        frame.write_ipc(path)
        yield name, str(path), target, ["auto"], (given.seconds or seconds).split(",")


def _line(name: str, path: str, target: str, network: str, budget: float, threads: int) -> list[str]:
    with busy(threads):
        wall, model = fit(path, target, budget, network)
    kept = abs(wall - budget) <= max(3.0, 0.05 * budget)
    beside = f"busy, {threads} threads" if threads else "alone"
    verdict = "kept" if kept else "ended early" if wall < budget else "LATE"
    return [name, network, f"{budget:g}", beside, f"{wall:.1f}", f"{wall - budget:+.1f}", verdict, model]


def fit(path: str, target: str, seconds: float, network: str) -> tuple[float, str]:
    """Wall seconds of one fit, and what came of it."""
    done = subprocess.run(
        python(_FIT, path, target, str(seconds), network), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return found["wall"], found["model"]
