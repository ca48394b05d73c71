"""Peak memory of one pass over a large table: `python -m benchmarks memory [--rows N]`.

A Parquet table of 20 mixed columns is written in chunks; then a child process reads it, recognises and learns the
columns, encodes the rows and trains a small perceptron on them, without baselines, through the same pipeline as
`mapsto.fit`. Its anonymous memory is sampled from outside every 50 ms (memory-mapped file pages do not count: the
system takes them back when it needs them). Peaks are given by stage, so that the room that needs most is seen.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.common import WORK, Watch, publish, table

CHUNK = 250_000
_LIMIT = 3.0
_SIZES = (5, 12, 50, 400, 5000)
"""Values of each category column."""


def main(arguments: list[str]) -> None:
    """Write the table if it is not there, watch a child learn from it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks memory")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child is not None:
        learn(given.child)
        return
    path = WORK / f"large-{given.rows}.parquet"
    if not path.exists():
        write(path, given.rows)
    peaks, seconds, peak = watch(path)
    lines = [[stage, f"{value / 1024:.2f}", f"{seconds.get(stage, 0.0):.1f}"] for stage, value in peaks.items()]
    size = path.stat().st_size / 2**30
    about = (
        f"{given.rows:,} rows, 20 columns (13 numbers, {len(_SIZES)} categories, a yes/no, the target), a Parquet file "
        f"of {size:.2f} GiB; one pass with a perceptron of width 64, no baselines. Goal at 5,000,000 rows: {_LIMIT} GB."
    )
    whole = f"Peak anonymous memory: **{peak / 1024:.2f} GiB** ({peak * 2**20 / 1e9:.2f} GB)."
    publish("memory", arguments, about, [whole, table(["stage", "peak GiB in it", "seconds"], lines)])


def write(path: Path, rows: int) -> None:
    """The table, in chunks."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    writer = None
    for start in range(0, rows, CHUNK):
        part = chunk(np.random.default_rng([0, start]), min(CHUNK, rows - start)).to_arrow()
        writer = writer or pq.ParquetWriter(beside, part.schema)
        writer.write_table(part)
    assert writer is not None
    writer.close()
    beside.rename(path)


def chunk(generator: np.random.Generator, rows: int) -> pl.DataFrame:
    """Some rows: numbers of several shapes, categories of several sizes, missing cells, a target that follows some."""
    signal = generator.normal(size=rows)
    columns: dict[str, object] = {}
    for j in range(11):
        values = 0.3 * signal + generator.normal(size=rows) if j % 2 else generator.lognormal(3, 1, rows)
        values[generator.random(rows) < 0.02] = np.nan
        columns[f"number{j}"] = pl.Series(values).fill_nan(None)
    columns["count"] = generator.poisson(4, rows)
    columns["amount"] = generator.integers(0, 1_000_000, rows)
    for j, size in enumerate(_SIZES):
        codes = np.minimum((size * generator.random(rows) ** 2).astype(int), size - 1)
        columns[f"category{j}"] = pl.Series([f"value {code}" for code in range(size)]).gather(codes)
    columns["flag"] = signal + generator.normal(size=rows) > 0
    columns["target"] = pl.Series(["no", "yes"]).gather((signal + generator.normal(size=rows) > 1).astype(int))
    return pl.DataFrame(columns)


def watch(path: Path) -> tuple[dict[str, float], dict[str, float], float]:
    """Peak MiB and seconds by stage, and the peak of all, of a child that learns from `path`."""
    command = [sys.executable, "-m", "benchmarks", "memory", "--child", str(path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    sampler = Watch(child.pid)
    sampler.start()
    seconds: dict[str, float] = {}
    began = None
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith('{"stage"'):
            mark = json.loads(line)
            if began is not None:
                seconds[sampler.stage] = seconds.get(sampler.stage, 0.0) + mark["at"] - began
            sampler.stage, began = mark["stage"], mark["at"]
    status = child.wait()
    peak = sampler.end()
    if status:
        raise SystemExit(f"the child ended with status {status} while it was in stage {sampler.stage!r}")
    return sampler.peaks, seconds, peak


# -- inside the child

WHERE = {
    "mapsto.fitting.pipeline.read_rows": "table: read",
    "mapsto.fitting.pipeline.data_fingerprint": "table: fingerprint",
    "mapsto.fitting.prepare.check_form": "table: check the form",
    "mapsto.fitting.prepare.split": "table: split",
    "mapsto.fitting.prepare.duplicates_across": "table: duplicates across the split",
    "mapsto.fitting.prepare.claim": "columns: claim",
    "mapsto.schema.Schema.learn": "columns: learn",
    "mapsto.schema.Schema.encode": "columns: encode",
    "mapsto.fitting.pipeline.checks": "judging: checks",
    "mapsto.schema.Encoded.take": "schema: rows copied (Encoded.take)",
    "mapsto.members.common.teaching.to_batch": "training: to tensors",
    "mapsto.members.common.teaching.train": "training: one pass",
    "mapsto.fitting.candidates.learn": "members: learn",
    "mapsto.fitting.learned.microseconds_a_row": "members: time a prediction",
    "mapsto.fitting.pipeline.combine": "judging: weigh",
    "mapsto.fitting.pipeline._samples": "samples kept",
    "mapsto.fitting.pipeline._facts": "facts for the report",
}
"""Functions whose beginning and end are marked, by where they are looked up, and what a stage is called."""


def learn(path: Path) -> None:
    """Fit through the pipeline, telling the parent which stage it is in."""
    import mapsto.members.common.teaching  # noqa: F401 - so that it can be marked
    from mapsto.fitting.options import make_options
    from mapsto.fitting.pipeline import fit
    from mapsto.training.run import Run

    stages = ["elsewhere"]
    for place, stage in WHERE.items():
        mark(place, stage, stages)
    options = make_options(
        target="target", network="perceptron", judge=False,
        recipe={"learning": {"epochs": 1}, "networks": {"perceptron": {"width": 64, "depth": 2}}},
    )  # fmt: skip
    tell("elsewhere")
    fit(str(path), options, Run())
    tell("done")


def mark(place: str, stage: str, stages: list[str]) -> None:
    """Replace a function by one that tells when it begins and when it ends."""
    path, _, name = place.rpartition(".")
    module, _, last = path.rpartition(".")
    owner = getattr(import_module(module), last) if last[0].isupper() else import_module(path)
    function = getattr(owner, name)

    @functools.wraps(function)
    def marked(*args: object, **kwargs: object) -> object:
        stages.append(stage)
        tell(stage)
        try:
            return function(*args, **kwargs)
        finally:
            stages.pop()
            tell(stages[-1])

    setattr(owner, name, marked)


def tell(stage: str) -> None:
    """Say that a stage begins: by a clock that never jumps, by the one that processes share, and by time computed."""
    clocks = {"at": time.perf_counter(), "clock": time.time(), "cpu": time.process_time()}
    print(json.dumps({"stage": stage, **clocks}), flush=True)
