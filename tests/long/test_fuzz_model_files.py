"""Ten thousand changed model files of all kinds, each refused or answered safely, in children with bounded memory.

    pytest -m long tests/long

A child that dies (a crash, too much memory) names the seed that it was at; the next one goes on behind it. What was
done is kept in `$MAPSTO_FUZZ` if that is set, and a later run goes on there. `$MAPSTO_FUZZ_FILES` is how many files.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import model_kinds

FILES = int(os.environ.get("MAPSTO_FUZZ_FILES", "10000"))
STEP = 250
MEMORY = 6 * 2**30
"""Address space of a child; what it computes with takes about half, most of it never touched."""
SECONDS = 3600

CHILD = """
import json, sys
from pathlib import Path
import fuzzing, model_kinds

folder, first, last, to = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
data = {path.stem: path.read_bytes() for path in folder.glob("*.mapsto")}
rows = {name: model_kinds.rows(name).head(6) for name in data}
with to.open("a") as log:
    for seed in range(first, last):
        log.write(json.dumps({"begun": seed}) + "\\n"); log.flush()
        found = fuzzing.many(data, rows.__getitem__, [seed], folder)
        log.write(json.dumps({"seed": seed, **{end: told for end, told in found.items() if told}}) + "\\n"); log.flush()
"""


def bounded():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.mark.long
def test_ten_thousand_changed_files_are_refused_or_harmless(tmp_path):
    folder = Path(os.environ.get("MAPSTO_FUZZ", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    for name in model_kinds.KINDS:
        path = folder / f"{name}.mapsto"
        if not path.exists():
            path.write_bytes(model_kinds.model_file(name))
    log = folder / "log.jsonl"
    log.touch()
    deaths = []
    while (first := reached(log)) < FILES:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, folder, str(first), str(min(first + STEP, FILES)), log],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])},
            preexec_fn=bounded, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            deaths.append(f"status {done.returncode} at {last(log)}: {done.stderr[-500:]}")
    unsafe = [told for line in lines(log) for told in line.get("unsafe", [])]
    ends = {end: sum(end in line for line in lines(log)) for end in ("refused", "answered", "unsafe")}
    print(ends)
    assert deaths == []
    assert unsafe == []


def lines(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def last(log):
    return lines(log)[-1]


def reached(log):
    """The first seed that nobody began."""
    return max((line["begun"] for line in lines(log) if "begun" in line), default=-1) + 1
