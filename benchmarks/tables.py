"""mapsto and its peers on tables, the same rows for all, each fit in a process of its own.

`python -m benchmarks tables [--peers PYTHON] [--groups NAME,...] [--sets NAME,...] [--only NAME,...] [--seeds N]`

The tables fall into groups (`datasets.py`), reported apart: those that defaults are chosen on, those that choose
nothing, and those that earlier versions were tuned on. Finished fits are kept as predictions under `--work` and not
repeated, so a long comparison can be run in parts; the table is written anew from all that is there. Peers run under
`--peers`, an interpreter with `benchmarks/peers.txt`.
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
import polars as pl

from benchmarks.contenders import CONTENDERS, OURS
from benchmarks.datasets import DATASETS, GROUPS, Dataset, score, truth_of

RESULTS = Path(__file__).with_name("results")
NETWORK = "mapsto-tabm-60s"
FEW = "mapsto,boosting,catboost,autogluon-medium"
"""Contenders of the groups `choosing` and `apart`, unless others are asked for."""
SECONDS = {"tuned": 600.0, "choosing": 90.0, "apart": 90.0}
"""Time limit given to peers that take one."""
THEIR_NETWORKS = ("autogluon-tabm", "autogluon-realmlp", "autogluon-nn-torch")


def main(arguments: list[str]) -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks tables")
    parser.add_argument("--peers", default=sys.executable, help="interpreter of the peers' environment")
    parser.add_argument("--groups", default=",".join(GROUPS))
    parser.add_argument("--sets", default=",".join(d.name for d in DATASETS))
    parser.add_argument("--only", default="", help="contenders, separated by commas; by default all of the group's")
    parser.add_argument("--seeds", type=int, default=0, help="by default 3 for the tuned tables, 1 for the others")
    parser.add_argument("--work", type=Path, default=Path("runs/benchmarks-tables"))
    parser.add_argument("--unwritten", action="store_true", help="run what is missing, write no table")
    given = parser.parse_args(arguments)
    for dataset in DATASETS:
        if dataset.name in given.sets.split(",") and dataset.group in given.groups.split(","):
            tuned = dataset.group == "tuned"
            names = given.only or (",".join(CONTENDERS) if tuned else FEW)
            for seed in range(given.seeds or (3 if tuned else 1)):
                for fold, (train, test) in enumerate(dataset.splits(seed)):
                    folder = given.work / dataset.name / f"{seed}-{fold}"
                    _prepare(folder, dataset, train, test, seed)
                    for name in names.split(","):
                        _run(name, folder, sys.executable if name in OURS else given.peers)
    if given.unwritten:
        return
    table = write(given.work)
    path = RESULTS / f"tables-{datetime.date.today()}.md"
    path.write_text(table, encoding="utf-8")
    print(table)
    print(path)


def _prepare(folder: Path, dataset: Dataset, train: pl.DataFrame, test: pl.DataFrame, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "task.json").exists():
        train.write_parquet(folder / "train.parquet")
        test.write_parquet(folder / "test.parquet")
        task = {
            "target": dataset.target, "metric": dataset.metric, "positive": dataset.positive,
            "classes": dataset.classes, "seed": seed, "seconds": SECONDS[dataset.group],
        }  # fmt: skip
        (folder / "task.json").write_text(json.dumps(task))


def _run(name: str, folder: Path, python: str) -> None:
    if (folder / f"{name}.json").exists():
        return
    print(f"{folder.parent.name} {folder.name} {name}", flush=True)
    root = Path(__file__).resolve().parents[1]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(root / "src")]), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [python, "-m", "benchmarks.contenders", name, str(folder.resolve())],
        cwd=root, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        print("  failed: " + (done.stderr.strip().splitlines() or ["no message"])[-1], flush=True)


def write(work: Path) -> str:
    """The Markdown table of everything found under `work`."""
    found = {dataset.name: _collect(work, dataset) for dataset in DATASETS}
    names = [name for name in CONTENDERS if any(name in one for one in found.values())]
    lines = [
        f"# Tables, {datetime.date.today()}",
        "",
        "`python -m benchmarks tables`. Mean over splits; in brackets the paired 95 % bootstrap interval of the "
        "difference to `mapsto` on the splits that both have (positive: mapsto is better), by which contenders are "
        "ordered and ranked. AUC: higher is better; RMSE and log loss: lower is better.",
        "",
    ]
    for group, about in GROUPS.items():
        members = [dataset for dataset in DATASETS if dataset.group == group and found[dataset.name]]
        if members:
            lines += [f"# {group.capitalize()}: {about}", ""]
            for dataset in members:
                lines += _section(dataset, found[dataset.name], [n for n in names if n in found[dataset.name]])
            lines += _ranks(members, found, names)
    new = [dataset for dataset in DATASETS if dataset.group != "tuned" and found[dataset.name]]
    return "\n".join([*lines, "# Choosing and apart together", "", *_ranks(new, found, names), *_networks(found), ""])


def _collect(work: Path, dataset: Dataset) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    folders = sorted((work / dataset.name).glob("*-*"))
    ours = [folder for folder in folders if (folder / "mapsto.npy").exists()]
    for folder in ours or folders:  # where ours has run, all are compared on those splits only
        truth = truth_of(dataset, pl.read_parquet(folder / "test.parquet", columns=[dataset.target]))
        for path in folder.glob("*.npy"):
            figures = json.loads(path.with_suffix(".json").read_text())
            prediction = np.load(path)
            entry = figures | {"folder": folder.name, "truth": truth, "prediction": prediction}
            entry["score"] = score(dataset, truth, prediction)
            found.setdefault(path.stem, []).append(entry)
    return found


def _section(dataset: Dataset, found: dict[str, list[dict[str, object]]], names: list[str]) -> list[str]:
    better = dataset.sign
    lines = [f"## {dataset.name} ({dataset.metric.replace('_', ' ').upper()})", ""]
    lines += [
        "| contender | splits | score | mapsto ahead by | fit s | predict s | peak MB |",
        "|---|---|---|---|---|---|---|",
    ]
    order = sorted(names, key=lambda name: -_lead(found, name, better))
    for name in order:
        entries = found[name]
        mean = float(np.mean([e["score"] for e in entries]))  # type: ignore[misc]
        shown = dataset.show(mean)
        ahead = "" if name == "mapsto" or "mapsto" not in found else _ahead(dataset, found["mapsto"], entries, better)
        costs = [float(np.median([e[key] for e in entries])) for key in ("fit", "predict", "peak_mb")]  # type: ignore[misc]
        lines.append(
            f"| {name} | {len(entries)} | {shown} | {ahead} | {costs[0]:.1f} | {costs[1]:.2f} | {costs[2]:,.0f} |"
        )
    return [*lines, ""]


def _lead(found: dict[str, list[dict[str, object]]], name: str, better: int) -> float:
    """By how much it is better than mapsto, on average over the splits that both have; its mean score without mapsto.

    Contenders that were given fewer splits would otherwise be ranked by how easy those were.
    """
    ours = {e["folder"]: e["score"] for e in found.get("mapsto", [])}
    scores = [
        better * (e["score"] - (ours[e["folder"]] if ours else 0.0))  # type: ignore[operator]
        for e in found[name]
        if not ours or e["folder"] in ours
    ]
    return float(np.mean(scores)) if scores else float("-inf")


def _ahead(dataset: Dataset, ours: list[dict[str, object]], theirs: list[dict[str, object]], better: int) -> str:
    """Mean paired difference over the splits both have, with its bootstrap interval over rows."""
    mine = {e["folder"]: e for e in ours}
    pairs = [(mine[e["folder"]], e) for e in theirs if e["folder"] in mine]
    if not pairs:
        return ""
    generator = np.random.default_rng(0)
    value = float(np.mean([better * (a["score"] - b["score"]) for a, b in pairs]))  # type: ignore[operator]
    drawn = []
    for _ in range(200):
        differences = []
        for a, b in pairs:
            truth = a["truth"]
            rows = generator.integers(0, len(truth), len(truth))  # type: ignore[arg-type]
            if dataset.metric == "auc" and len(np.unique(truth[rows])) < 2:  # type: ignore[index]
                continue
            scores = [score(dataset, truth[rows], e["prediction"][rows]) for e in (a, b)]  # type: ignore[index]
            differences.append(better * (scores[0] - scores[1]))
        drawn.append(np.mean(differences))
    low, high = np.quantile(drawn, [0.025, 0.975])
    shown = [dataset.show(figure, signed=True) for figure in (value, low, high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _ranks(
    datasets: list[Dataset], found: dict[str, dict[str, list[dict[str, object]]]], names: list[str]
) -> list[str]:
    """Mean rank over these sets, of the contenders that all of them have."""
    everywhere = [name for name in names if all(name in found[dataset.name] for dataset in datasets)]
    if not everywhere or not datasets:
        return []
    ranks: dict[str, list[int]] = {name: [] for name in everywhere}
    for dataset in datasets:
        better = dataset.sign
        leads = {name: _lead(found[dataset.name], name, better) for name in everywhere}
        for place, name in enumerate(sorted(everywhere, key=lambda n: -leads[n]), start=1):
            ranks[name].append(place)
    lines = ["## Mean rank", "", "| contender | mean rank | ranks | mean fit s |", "|---|---|---|---|"]
    seconds = {
        name: np.mean([np.mean([one["fit"] for one in found[dataset.name][name]]) for dataset in datasets])  # type: ignore[misc]
        for name in everywhere
    }
    order = sorted(everywhere, key=lambda n: float(np.mean(ranks[n])))
    rows = (f"| {n} | {np.mean(ranks[n]):.2f} | {' '.join(map(str, ranks[n]))} | {seconds[n]:.1f} |" for n in order)
    return [*lines, *rows, ""]


def _networks(found: dict[str, dict[str, list[dict[str, object]]]]) -> list[str]:
    """Our network alone against those of AutoGluon, on the splits that all of them have."""
    rows = []
    for dataset in DATASETS:
        every = [{e["folder"]: e for e in found[dataset.name].get(name, [])} for name in (NETWORK, *THEIR_NETWORKS)]
        shared = sorted(set.intersection(*map(set, every)))  # type: ignore[arg-type]
        if not shared:
            continue
        better, form = (1, "{:.4f}") if dataset.metric == "auc" else (-1, "{:,.0f}")
        scores = [form.format(np.mean([one[at]["score"] for at in shared])) for one in every]
        seconds = [float(np.median([one[at]["fit"] for at in shared])) for one in every]
        figures = [f"{score} ({taken:.0f} s)" for score, taken in zip(scores, seconds, strict=True)]
        ours = [every[0][at] for at in shared]
        aheads = [_ahead(dataset, ours, [one[at] for at in shared], better) for one in every[1:]]
        cells = [figures[0], *(f"{figure}: {ahead}" for figure, ahead in zip(figures[1:], aheads, strict=True))]
        rows.append(f"| {dataset.name} | {len(shared)} | " + " | ".join(cells) + " |")
    if not rows:
        return []
    header = "| set | splits | " + " | ".join((NETWORK, *THEIR_NETWORKS)) + " |"
    about = f"Score, median fit seconds, and by how much `{NETWORK}` is ahead, on the splits that all of these have."
    return ["", "## Networks alone", "", about, "", header, "|---|---|---|---|---|---|", *rows]
