from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapsto.errors import RunError
from mapsto.training.run import Run, _file_name


def test_import_leaves_torch_alone():
    code = "import sys, mapsto.training.run as r; r.Run().decide('a', lambda: 1); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_decision_is_on_disk_before_it_takes_effect(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append((tmp_path / "events.jsonl").read_text()))
    assert Run(tmp_path).decide("batch", lambda: {"size": 256}) == {"size": 256}
    assert json.loads(synced[0])["value"] == {"size": 256}


def test_decisions_are_replayed_and_never_measured_again(tmp_path):
    Run(tmp_path).decide("steps", lambda: (1, 2))
    again = Run(tmp_path, resume=True)
    assert again.decided("steps") == [1, 2]
    assert again.decide("steps", lambda: pytest.fail("measured again")) == [1, 2]
    assert again.decided("other") is None


def test_decisions_of_a_recipe_are_replayed_and_recorded(tmp_path):
    run = Run(tmp_path, decisions={"steps": 7, "unused": 1})
    assert run.decided("steps") == 7
    assert run.decide("steps", lambda: pytest.fail("measured")) == 7
    assert Run(tmp_path, resume=True).decisions == {"steps": 7}


def test_events_are_written_one_a_line_and_handed_on(tmp_path):
    seen = []
    run = Run(tmp_path, progress=seen.append)
    run.event("read", rows=3)
    run.event("progress", step=1)
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [{key: value for key, value in line.items() if key != "check"} for line in lines] == seen
    assert [event["kind"] for event in run.events] == ["read"]
    assert seen[0]["rows"] == 3
    assert seen[0]["elapsed"] >= 0


@pytest.mark.parametrize("cut", [b'{"kind": "dec', b'{"kind"\n'[:-1], b"\x00\x00\x00"])
def test_a_last_line_cut_by_a_kill_is_dropped(tmp_path, cut):
    Run(tmp_path).decide("a", lambda: 1)
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(cut)
    run = Run(tmp_path, resume=True)
    run.decide("b", lambda: 2)
    assert Run(tmp_path, resume=True).decisions == {"a": 1, "b": 2}


def test_damage_in_the_middle_is_refused_with_its_line(tmp_path):
    run = Run(tmp_path)
    run.event("one")
    run.event("two")
    path = tmp_path / "events.jsonl"
    path.write_text(path.read_text().replace('"one"', "one"))
    with pytest.raises(RunError, match="line 1 is not an event"):
        Run(tmp_path, resume=True)


def test_a_folder_in_use_is_refused_without_resume(tmp_path):
    Run(tmp_path).event("start")
    with pytest.raises(RunError, match="holds a run already"):
        Run(tmp_path)


def test_time_used_before_a_kill_counts(tmp_path):
    first = Run(tmp_path, time=10)
    first._before = 6.0
    first.event("progress")
    again = Run(tmp_path, time=10, resume=True)
    assert 6.0 <= again.elapsed < 8
    assert 2 < again.left <= 4
    assert not again.stopping
    assert Run(tmp_path, time=5, resume=True).stopping


def test_without_a_time_nothing_is_left_or_stops():
    run = Run()
    assert run.left is None
    assert not run.stopping


def test_first_interrupt_asks_second_insists():
    run, before = Run(), signal.getsignal(signal.SIGINT)
    with run.interrupt():
        signal.raise_signal(signal.SIGINT)
        assert run.stopping
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("in_folder", [True, False])
def test_pieces_are_kept(tmp_path, in_folder):
    run = Run(tmp_path if in_folder else None)
    arrays = {"values": np.arange(6, dtype=np.int64).reshape(2, 3), "none": np.zeros((0, 2), np.float32)}
    assert run.kept("fold-1/forest") is None
    run.keep("fold-1/forest", {"depth": 3}, arrays)
    run.keep("empty", {}, {})
    again = Run(tmp_path, resume=True) if in_folder else run
    json_part, found = again.kept("fold-1/forest")
    assert json_part == {"depth": 3}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
    assert again.kept("empty") == ({}, {})


def test_tidying_removes_checkpoints_only(tmp_path):
    run = Run(tmp_path)
    run.checkpoints("net").save(1, {"a": 1})
    run.keep("net", {"b": 2}, {})
    run.tidy()
    assert run.checkpoints("net").load() is None
    assert run.kept("net") == ({"b": 2}, {})


@given(st.text(), st.text())
def test_any_name_stays_in_the_folder_and_apart_from_others(one, other):
    place = Path("/run/kept")
    found = Path(os.path.normpath(place / _file_name(one)))
    assert found.is_relative_to(place)
    assert found != place
    assert (_file_name(one) == _file_name(other)) == (one == other)
