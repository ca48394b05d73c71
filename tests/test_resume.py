"""A run killed at random moments ends with the same weights; changed data are refused."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto import modelfile
from mapsto.demo import DATA
from mapsto.errors import RunError

RECIPE = {"learning": {"epochs": 6, "batch_size": 16}, "networks": {"perceptron": {"width": 64}}}
CODE = f"""
import sys, mapsto
from mapsto.demo import DATA
folder = sys.argv[1]
if sys.argv[2] == "fit":
    mapsto.fit(DATA, "credit_risk", network=["boosting", "perceptron"], folds=3, threads=1, progress=False,
               recipe={RECIPE!r}, output=folder)
else:
    mapsto.resume(folder, progress=False)
"""


def weights(folder):
    """Every array of the model's members and columns."""
    _, parts = modelfile.load(folder / "model.mapsto")
    return {f"{part}/{name}": array for part, (_, arrays) in parts.items() for name, array in arrays.items()}


def start(folder, what):
    return subprocess.Popen([sys.executable, "-c", CODE, str(folder), what], stderr=subprocess.DEVNULL)


def has_begun(folder):
    path = folder / "events.jsonl"
    return path.exists() and path.read_text().startswith('{"kind": "start"')


def events(folder):
    path = folder / "events.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_after(process, folder, count, delay):
    """Send SIGKILL some time after the run has written `count` events; whether it was still running."""
    while process.poll() is None and events(folder) < count:
        time.sleep(0.005)
    time.sleep(delay)
    running = process.poll() is None
    if running:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return running


def test_killed_at_random_moments_it_ends_with_the_same_weights(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert start(whole, "fit").wait(timeout=300) == 0
    draw = random.Random(5)
    # Moments are counted in events, not seconds: a slow machine is not killed too early, nor a fast one too late.
    for share in sorted(draw.uniform(0.05, 0.85) for _ in range(3)):
        process = start(broken, "resume" if has_begun(broken) else "fit")
        assert kill_after(process, broken, share * events(whole), draw.uniform(0, 0.05))
    assert start(broken, "resume").wait(timeout=300) == 0
    expected, found = weights(whole), weights(broken)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_changed_data_are_refused(tmp_path):
    path, folder = tmp_path / "rows.csv", tmp_path / "run"
    frame = pl.read_csv(DATA)
    frame.write_csv(path)
    mapsto.fit(path, "credit_risk", network="linear", recipe={"learning": {"epochs": 1}}, output=folder, progress=False)
    frame.head(900).write_csv(path)
    with pytest.raises(RunError, match="changed"):
        mapsto.resume(folder, progress=False)
    path.unlink()
    with pytest.raises(RunError, match="gone"):
        mapsto.resume(folder, progress=False)


def test_a_frame_is_kept_beside_the_run(tmp_path):
    frame = pl.read_csv(DATA).head(300)
    options = {"network": "linear", "recipe": {"learning": {"epochs": 1}}, "progress": False, "threads": 1}
    model = mapsto.fit(frame, "credit_risk", output=tmp_path / "run", **options)
    (tmp_path / "run" / "model.mapsto").unlink()
    again = mapsto.resume(tmp_path / "run", progress=False)
    assert again.predict_proba(frame).equals(model.predict_proba(frame))
    with pytest.raises(RunError, match="already"):
        mapsto.fit(frame, "credit_risk", output=tmp_path / "run", **options)


def test_a_folder_without_a_run_says_so(tmp_path):
    with pytest.raises(RunError, match="no run"):
        mapsto.resume(tmp_path)


def test_files_of_a_run(tmp_path):
    folder = tmp_path / "run"
    mapsto.fit(DATA, "credit_risk", network="linear", recipe={"learning": {"epochs": 1}}, output=folder, progress=False)
    assert {"events.jsonl", "recipe.yaml", "report.html", "model.mapsto"} <= {p.name for p in folder.iterdir()}
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert events[0]["kind"] == "start"
    assert any(event["kind"] == "validated" for event in events)
