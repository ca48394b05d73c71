"""A run goes on only with what it wrote; what was changed is named by file and line."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import mapsto
import model_kinds
from mapsto import modelfile
from mapsto.errors import ModelFileError, RunError
from mapsto.fitted import Fitted
from mapsto.training.run import Run, _check, read_events

ROWS = {"x": [float(i % 17) for i in range(60)], "y": ["a" if i % 17 > 8 else "b" for i in range(60)]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("a10") / "run"
    mapsto.fit(ROWS, "y", network=["boosting", "perceptron"], recipe={"learning": {"epochs": 2}}, progress=False,
               threads=1, output=place)  # fmt: skip
    return place


@pytest.fixture
def changed(folder, tmp_path):
    import shutil

    return shutil.copytree(folder, tmp_path / "run")


def test_untouched_it_goes_on(changed):
    (changed / "model.mapsto").unlink()
    mapsto.resume(changed, progress=False)
    assert (changed / "model.mapsto").is_file()


CHANGES = {
    "a value": lambda lines: [re.sub(r'"value": [^,}]+', '"value": "x"', line) for line in lines],
    "a name": lambda lines: [line.replace('"name"', '"nam"') for line in lines],
    "no elapsed": lambda lines: [line.replace('"elapsed"', '"elapse"') for line in lines],
    "no kind": lambda lines: [line.replace('"kind"', '"kinds"') for line in lines],
    "deep": lambda lines: [lines[0], "[" * 100_000, *lines[1:]],
    "digits": lambda lines: ['{"kind": "x", "elapsed": ' + "9" * 5000 + "}", *lines],
    "no check": lambda lines: [re.sub(r', "check": "[0-9a-f]+"', "", line) for line in lines],
    "one dropped": lambda lines: lines[:1] + lines[2:],
    "two swapped": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    "a list": lambda lines: ["[]", *lines],
    "null": lambda lines: ["null", *lines],
}


@pytest.mark.parametrize("what", CHANGES)
def test_changed_events_are_told_by_line(changed, what):
    path = changed / "events.jsonl"
    path.write_text("\n".join(CHANGES[what](path.read_text().splitlines())) + "\n")
    with pytest.raises(RunError, match=r"events\.jsonl, line \d+"):
        mapsto.resume(changed, progress=False)


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "decision", "elapsed": 1.0}, {"kind": "decision", "elapsed": 1.0, "name": 3, "value": 1},
        {"kind": "x", "elapsed": "soon"}, {"kind": "x", "elapsed": 10**400}, {"kind": "x", "elapsed": float("nan")},
        {"kind": 3, "elapsed": 1}, {"kind": "written", "elapsed": 1, "file": 3, "sha256": ""},
        {"kind": "start", "elapsed": 1},
        {"kind": "x", "elapsed": -1},
    ],
)  # fmt: skip
def test_events_with_right_sums_are_looked_at(tmp_path, event):
    text = json.dumps(event)
    path = tmp_path / "events.jsonl"
    path.write_text(f'{text[:-1]}, "check": "{_check("", text.encode())}"}}\n')
    with pytest.raises(RunError, match="line 1 is not an event"):
        read_events(path)
    with pytest.raises(RunError, match="line 1"):
        mapsto.resume(tmp_path, progress=False)


def test_changed_pieces_are_told_by_file(changed):
    path = next((changed / "kept").rglob("*.mapsto"))
    manifest, parts = modelfile.load(path)
    json_part, arrays = parts["piece"]
    modelfile.save(path, manifest, {"piece": ({"json": {"x": 1}}, arrays)})
    with pytest.raises(RunError, match=re.escape(str(path))):
        mapsto.resume(changed, progress=False)
    assert json_part["json"]


def test_a_piece_whose_writing_was_not_recorded_does_not_count(tmp_path):
    run = Run(tmp_path)
    run.keep("net", {"a": 1}, {"w": np.zeros(2)})
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    (tmp_path / "events.jsonl").write_text("".join(line + "\n" for line in lines if '"written"' not in line))
    assert Run(tmp_path, resume=True).kept("net") is None


def test_a_changed_checkpoint_is_refused(tmp_path):
    run = Run(tmp_path)
    checkpoints = run.checkpoints("net")
    checkpoints.save(1, {"a": 1})
    (path,) = (tmp_path / "checkpoints").rglob("*.mapsto")
    modelfile.save(path, {"step": 1}, {"state": ({"tree": {"dict": 3}}, {})})
    with pytest.raises(RunError, match="no checkpoint"):
        Run(tmp_path, resume=True).checkpoints("net").load()


FACTS = [
    ("seconds", "x"), ("seconds", float("nan")), ("rows", 3), ("rows", {"train": -1}), ("rows", {"train": 10**400}),
    ("metrics", {"kind": {"accuracy": "x"}}), ("members", [3]), ("members", [{}]), ("summaries", {"size": 3}),
    ("summaries", {"size": {"counts": [1, "x"]}}), ("suspects", {"kind": [{}]}), ("curve", {"kind": {"rows": [0]}}),
    ("costs", {"kind": [[1.0]]}), ("versions", []), ("calibration", {"kind": {"error_before": "x"}}),
    ("judged_rows", -1),
    ("patterns", {"x": 3}), ("intervals", {"kind": {"accuracy": [1.0]}}), ("kinds", {"x": None}), ("split", 3),
]  # fmt: skip


@pytest.mark.parametrize("entry", FACTS, ids=str)
def test_facts_of_a_model_file_have_their_form(entry):
    manifest, parts = modelfile.from_bytes(model_kinds.model_file("class"))
    about, arrays = parts["about"]
    odd = {**about, "facts": {**about["facts"], entry[0]: entry[1]}}
    with pytest.raises(ModelFileError, match=entry[0]):
        Fitted.from_bytes(modelfile.to_bytes(manifest, {**parts, "about": (odd, arrays)}))
