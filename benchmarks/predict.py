"""A million rows from a file, and one row at a time: `python -m benchmarks predict [--model FILE] [--rows N] ...`.

Without `--model`, the default model is fitted on Adult first and kept under `runs/benchmarks`. The million rows are
Adult's training rows repeated with a little noise on the numbers, so that no two are alike.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.common import WORK, Watch, busy, cores, publish, table
from benchmarks.datasets import DATASETS

ADULT = next(one for one in DATASETS if one.name == "adult")
_NOISY = ("age", "fnlwgt", "hours-per-week")


def main(arguments: list[str]) -> None:
    """Make rows and model where they are not there, then time."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks predict")
    parser.add_argument("--model", type=Path, default=WORK / "adult.mapsto", help="fitted and kept if it is not there")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args(arguments)
    WORK.mkdir(parents=True, exist_ok=True)
    rows = WORK / f"adult-{given.rows}.parquet"
    if not rows.exists():
        many(given.rows).write_parquet(rows)
    if not given.model.exists():
        fit(given.model)
    sections = [
        "## From a file",
        whole(given.model, rows, given.repetitions),
        "## One row",
        single(given.model, given.calls),
    ]
    about = (
        f"`{describe(given.model)}` fitted on Adult. Goals: {given.rows:,} rows in at most 20 s; one row in at most "
        "5 ms median, 15 ms beside a busy process."
    )
    publish("predict", arguments, about, sections)


def many(rows: int) -> pl.DataFrame:
    """Adult's training rows repeated, with noise on some numbers."""
    generator = np.random.default_rng(0)
    frame = ADULT.frame().drop(ADULT.target)
    frame = frame[np.arange(rows) % frame.height]
    noise = [pl.col(name) + pl.Series(generator.normal(0, 0.5, rows)) for name in _NOISY]
    return frame.with_columns(noise)


def fit(path: Path) -> None:
    """The default model of Adult, in a process of its own."""
    code = (
        "import sys, mapsto\nfrom benchmarks.predict import ADULT\n"
        "mapsto.fit(ADULT.frame(), target=ADULT.target, progress=False).save(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def describe(path: Path) -> str:
    """The model in one line."""
    import mapsto

    return repr(mapsto.load(path))


def whole(model: Path, rows: Path, repetitions: int) -> str:
    """`mapsto predict MODEL rows.parquet --output out.parquet`, as a process of its own."""
    command = [str(Path(sys.executable).with_name("mapsto")), "predict", str(model), str(rows), "--output"]
    lines = []
    for repetition in range(repetitions):
        start = time.perf_counter()
        process = subprocess.Popen([*command, str(WORK / "predicted.parquet")])
        watch = Watch(process.pid)
        watch.start()
        status = process.wait()
        seconds = time.perf_counter() - start
        peak = watch.end()
        if status:
            raise SystemExit("mapsto predict failed")
        count = pl.scan_parquet(WORK / "predicted.parquet").select(pl.len()).collect().item()
        lines.append([repetition + 1, f"{count:,}", f"{seconds:.1f}", f"{count / seconds:,.0f}", f"{peak:,.0f}"])
    header = ["run", "rows", "seconds", "rows a second", "peak anonymous memory, MiB"]
    return "`mapsto predict`, from start to exit, reading and writing Parquet:\n\n" + table(header, lines)


def single(path: Path, calls: int) -> str:
    """One row from a loaded model, through three kinds of rows, idle and beside a busy process."""
    import mapsto

    model = mapsto.load(path)
    forms = one_row()
    lines = []
    for threads in (0, 1, cores()):
        with busy(threads):
            for form, row in forms.items():
                taken = 1e3 * np.array(calls_of(model.predict, row, calls))
                beside = f"a process of {threads} busy thread{'s' * (threads > 1)}" if threads else "idle"
                figures = [f"{value:.2f}" for value in np.quantile(taken, [0.5, 0.95, 1.0])]
                lines.append([form, beside, *figures])
    header = ["row given as", "beside", "median ms", "95 % within", "slowest"]
    return f"`model.predict(row)`, {calls} calls each:\n\n" + table(header, lines)


def one_row() -> dict[str, Any]:
    """The same row in three kinds."""
    row = ADULT.frame(ADULT.test_file).drop(ADULT.target).head(1)
    return {"polars frame": row, "pandas frame": row.to_pandas(), "dict": row.to_dict(as_series=False)}


def calls_of(predict: Callable[[Any], Any], row: Any, calls: int) -> list[float]:
    """Seconds of each call, after some that do not count."""
    for _ in range(20):
        predict(row)
    taken = []
    for _ in range(calls):
        start = time.perf_counter()
        predict(row)
        taken.append(time.perf_counter() - start)
    return taken
