"""Whether `time=` is kept, alone and beside a busy process: `python -m benchmarks timekeeping [--seconds 20,60] ...`.

Every fit runs in a fresh process; the clock runs from the call of `mapsto.fit` to its return, so the first import of
PyTorch counts. Kept means within 5 % or 3 s, whichever is larger. The FT-transformer would take minutes on Adult, so
that there the time is what ends it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from itertools import product

from benchmarks.common import busy, cores, publish, python, table
from benchmarks.datasets import DATA, DATASETS

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
    parser.add_argument("--seconds", default="10,20,60")
    parser.add_argument("--sets", default="adult,german")
    parser.add_argument("--networks", default="auto,ft-transformer")
    given = parser.parse_args(arguments)
    lines = []
    for dataset in (one for one in DATASETS if one.name in given.sets.split(",")):
        for network, seconds, threads in product(given.networks.split(","), given.seconds.split(","), (0, cores())):
            budget = float(seconds)
            with busy(threads):
                wall, model = fit(str(DATA / dataset.file), dataset.target, budget, network)
            kept = abs(wall - budget) <= max(3.0, 0.05 * budget)
            beside = f"busy, {threads} threads" if threads else "alone"
            verdict = "kept" if kept else "ended early" if wall < budget else "LATE"
            figures = [f"{budget:g}", beside, f"{wall:.1f}", f"{wall - budget:+.1f}", verdict]
            lines.append([dataset.name, network, *figures, model])
            print(*lines[-1], flush=True)
    about = (
        "Wall seconds of `mapsto.fit(..., time=)`, from call to return, in a fresh process each. Kept: within 5 % or "
        "3 s. An early end is no fault where validation stopped improving; a late one is."
    )
    header = ["table", "network", "time=", "beside", "wall s", "over", "verdict", "model"]
    publish("timekeeping", arguments, about, [table(header, lines)])


def fit(path: str, target: str, seconds: float, network: str) -> tuple[float, str]:
    """Wall seconds of one fit, and what came of it."""
    done = subprocess.run(
        python(_FIT, path, target, str(seconds), network), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return found["wall"], found["model"]
