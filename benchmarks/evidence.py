"""What every registered name stands on: `python -m benchmarks evidence [NAME...]` measures and writes `evidence.json`.

Each column type, network, member and objective is learned with on a real data set and judged on held-out rows, against
what it has to beat there: mostly the naive guess (mean, class frequencies), sometimes the same model without the thing
in question. With names, only those are measured anew; the other rows stay. What is learned on what: `cases.py`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import CASES, Case, Outcome
from benchmarks.common import publish, table
from mapsto.fitting.learned import work_of
from mapsto.fitting.options import make_options
from mapsto.fitting.prepare import Prepared, prepare
from mapsto.fitting.reading import read_rows
from mapsto.judging import bootstrap
from mapsto.training.run import Run

FILE = Path(__file__).with_name("evidence.json")
Row = dict[str, Any]


def main(arguments: list[str]) -> None:
    """Measure, write the file and a dated table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks evidence")
    parser.add_argument("names", nargs="*", help="default: all")
    parser.add_argument("--rows", type=int, help="learn from at most so many rows: a trial that writes no file")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - {case.name for case in CASES}:
        parser.error(f"no case is named {', '.join(sorted(unknown))}; there are {', '.join(c.name for c in CASES)}")
    for case in CASES:
        if case.name in given.names or not given.names:
            row = measure(case, given.rows)
            print(json.dumps(row), flush=True)
            if given.rows is None:
                keep(row)
    if given.rows is None:
        publish("evidence", arguments, (__doc__ or "").partition("\n\n")[2].strip(), [shown(rows())])


def rows() -> list[Row]:
    """The rows of the file."""
    found: list[Row] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else []
    return found


def keep(row: Row) -> None:
    """Put a row in its place, in the order of the cases; rows without a case are dropped."""
    found = {one["name"]: one for one in [*rows(), row]}
    lines = ",\n".join(json.dumps(found[case.name], ensure_ascii=False) for case in CASES if case.name in found)
    FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def measure(case: Case, most_rows: int | None = None) -> Row:
    """Learn, predict the held-out rows, compare."""
    start = time.perf_counter()
    ours = learn(case, most_rows)
    seconds = time.perf_counter() - start
    rival = naive(ours) if case.rival is None else learn(case.rival, most_rows).prediction
    metric, truth = ours.metric, ours.truth
    value = bootstrap.interval(metric, truth, ours.prediction)
    gain = bootstrap.difference(metric, truth, ours.prediction, rival)
    low, high = sorted([metric.sign * gain.low, metric.sign * gain.high])
    figures = {
        "value": value.value, "low": value.low, "high": value.high, "naive": metric(truth, rival),
        "gain": metric.sign * gain.value, "gain_low": low, "gain_high": high,
    }  # fmt: skip
    rounded = {key: float(f"{figure:.6g}") + 0.0 for key, figure in figures.items()}  # + 0.0: no -0.0
    return {
        "name": case.name, "kind": case.kind, "dataset": case.dataset, "metric": metric.name,
        "higher_is_better": metric.higher_is_better, **rounded,
        "beat": case.beat, "seconds": round(seconds, 1), "date": str(datetime.date.today()),
        "command": f"python -m benchmarks evidence {case.name}",
    }  # fmt: skip


def learn(case: Case, most_rows: int | None) -> Outcome:
    """Predictions of the held-out rows by what the case learns."""
    rows = case.rows()
    frame = rows.train
    if most_rows is not None:
        frame = frame[np.linspace(0, frame.height - 1, min(most_rows, frame.height), dtype=int)]
    options = make_options(
        target=rows.target, inputs=rows.inputs, types=case.types, valid=rows.valid, test=rows.test, metric=rows.metric,
        recipe=case.recipe, judge=False,
    )  # fmt: skip
    prepared = prepare(*read_rows(frame, options))
    if case.kind == "column":
        _require_type(case, prepared)
    member = case.fit(prepared, work_of(prepared, Run(), options.recipe, None, ""))
    assert prepared.test is not None
    target = prepared.schema.targets[0]
    prediction = member.predict(prepared.test)[target.name]
    known = prepared.dev.truth[target.name]
    return Outcome(prepared.metrics[target.name], prepared.test.truth[target.name], prediction, target, known)


def naive(outcome: Outcome) -> np.ndarray:
    """The simplest guess from the truth that was learned from."""
    return outcome.target.naive(outcome.known, len(outcome.truth))


def _require_type(case: Case, prepared: Prepared) -> None:
    """A case about a column type must hold a column that was recognised as that type, or given it."""
    names = [column.type for column in prepared.schema.columns]
    if case.name not in names and not case.types:
        raise SystemExit(f"the case of column type {case.name!r} has no such column; it has {sorted(set(names))}")


def shown(found: list[Row]) -> str:
    """The rows as a Markdown table."""
    header = ["kind", "name", "data", "metric", "figure (95 % interval)", "to beat", "what", "gain (95 %, paired)", "s"]
    lines = [
        [
            row["kind"], row["name"], row["dataset"], row["metric"],
            f"{row['value']:.4g} ({row['low']:.4g} to {row['high']:.4g})", f"{row['naive']:.4g}", row["beat"],
            f"{row['gain']:.3g} ({row['gain_low']:.3g} to {row['gain_high']:.3g})", f"{row['seconds']:.0f}",
        ]
        for row in found
    ]  # fmt: skip
    return table(header, lines)
