"""mapsto and its peers on the sets of series that come with packages, the standard training and test parts.

`python -m benchmarks series [--peers PYTHON] [--only NAME,...] [--sets NAME,...]`

The sets are copied out of the packages in the peers' environment (`--peers`, an interpreter with
`benchmarks/peers-series.txt`) by `series_contenders.py`, which also runs each fit in a process of its own. Finished
fits are kept as predictions under `--work` and not repeated, so a long comparison can be run in parts; the table is
written anew from all that is there.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.common import RESULTS, ROOT, machine, table
from benchmarks.series_contenders import CONTENDERS, OURS, SETS, load

_PEER = "minirocket"
"""Whom mapsto is measured against."""
_ABOUT = f"""Accuracy for classes, R² for numbers, of the standard test parts, which chose nothing; methods were chosen
by cross-validation on training parts of these sets, so that they are development sets and prove little of others.
Series of different lengths are filled up with zeros for the peers. `{_PEER}`: aeon's MiniRocket with cross-validated
ridge, for numbers too. Fit seconds are those of the wall, in brackets those of the processors; all on one machine, one
after the other."""


def main(arguments: list[str]) -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks series")
    parser.add_argument("--peers", default=sys.executable, help="interpreter of the peers' environment")
    parser.add_argument("--only", default=",".join(CONTENDERS), help="contenders, separated by commas")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--work", type=Path, default=Path("runs/benchmarks-series"))
    given = parser.parse_args(arguments)
    for name in given.sets.split(","):
        folder = given.work / name
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "test.npz").exists():
            _call(given.peers, "export", folder)
        for contender in given.only.split(","):
            if (folder / "test.npz").exists() and not (folder / f"{contender}.json").exists():
                _call(sys.executable if contender in OURS else given.peers, contender, folder)
    text = write(given.work)
    path = RESULTS / f"series-{datetime.date.today()}.md"
    path.write_text(text, encoding="utf-8")
    print(text)
    print(path)


def _call(python: str, what: str, folder: Path) -> None:
    print(f"{folder.name} {what}", flush=True)
    done = subprocess.run(
        [python, "-m", "benchmarks.series_contenders", what, str(folder.resolve())], cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "PYTHONWARNINGS": "ignore"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        print("  failed: " + (done.stderr.strip().splitlines() or ["no message"])[-1], flush=True)


def write(work: Path) -> str:
    """The Markdown table of everything found under `work`."""
    scores: dict[str, dict[str, float]] = {}
    lines = []
    for name in (one for one in SETS if (work / one / "test.npz").exists()):
        folder = work / name
        series, truth = load(folder / "test.npz")
        train = load(folder / "train.npz")[1]
        lengths = sorted({len(one) for one in series})
        shape = f"{len(train)} / {len(truth)}", f"{lengths[0]} to {lengths[-1]}" if len(lengths) > 1 else lengths[0]
        cells: list[object] = [name, *shape, series[0].shape[1], "-" if _is_number(truth) else len(set(train))]
        for contender in CONTENDERS:
            if not (folder / f"{contender}.json").exists():
                cells.append("")
                continue
            figures = json.loads((folder / f"{contender}.json").read_text())
            score = _score(truth, np.load(folder / f"{contender}.npy"))
            scores.setdefault(contender, {})[name] = score
            cells.append(f"{score:.3f}, {figures['fit']:.0f} s ({figures['processor']:.0f})")
        lines.append(cells)
    header = ["set", "rows, train / test", "steps", "channels", "classes", *CONTENDERS]
    parts = [f"# series, {datetime.date.today()}", "`python -m benchmarks series`", _ABOUT, f"Machine: {machine()}."]
    return "\n\n".join([*parts, table(header, lines), _means(scores, work)]) + "\n"


def _means(scores: dict[str, dict[str, float]], work: Path) -> str:
    """Mean accuracy over the sets of classes that all contenders have."""
    shared = set.intersection(*(set(one) for one in scores.values())) if scores else set()
    shared = {name for name in shared if not _is_number(load(work / name / "test.npz")[1])}
    if not shared:
        return ""
    means = {name: float(np.mean([one[each] for each in shared])) for name, one in scores.items()}
    said = ", ".join(f"{name} {mean:.3f}" for name, mean in means.items())
    return f"Mean accuracy over the {len(shared)} sets of classes that all have: {said}."


def _is_number(truth: np.ndarray) -> bool:
    return truth.dtype.kind == "f"


def _score(truth: np.ndarray, prediction: np.ndarray) -> float:
    if not _is_number(truth):
        return float((truth == prediction).mean())
    return float(1 - np.square(truth - prediction.astype(float)).mean() / truth.var())
