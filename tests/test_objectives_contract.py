"""The contract of objectives, on two unlike supervised learning; killed as hard as a process can be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from contract_objectives import GROWING_LEARNING, RING_LEARNING, Growing, Ring
from mapsto.training.contract import check_objective
from mapsto.training.loop import train
from mapsto.training.run import Run

SCRIPT = Path(__file__).with_name("contract_objectives.py")


@pytest.mark.parametrize("make, learning", [(Ring, RING_LEARNING), (Growing, GROWING_LEARNING)])
def test_contract(make, learning):
    check_objective(make, learning)


def test_the_adversarial_pair_learns_the_ring():
    objective = Ring()
    history = train(objective, RING_LEARNING, Run(), "ring")
    assert history.best is None
    points = objective.generate(2000, seed=1)
    radius, angle = points.norm(dim=1), torch.atan2(points[:, 1], points[:, 0])
    assert abs(radius.mean().item() - 1.0) < 0.1
    assert radius.std().item() < 0.2
    assert torch.histc(angle, 8, -np.pi, np.pi).min().item() > 100  # of 250 expected


def test_the_growing_source_grows_and_is_learned_from():
    objective = Growing()
    history = train(objective, GROWING_LEARNING, Run(), "growing")
    assert len(objective.source.x) > 200
    assert history.best["figure"] < 0.01
    assert objective.validate() == pytest.approx(history.best["figure"], rel=1e-4)


def run_script(folder: Path, kill_at: int) -> int:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), str(folder), "6", str(kill_at)]
    return subprocess.run(command, env=environment, check=False, capture_output=True).returncode


def test_killed_at_random_steps_and_resumed_bit_for_bit(tmp_path):
    assert run_script(tmp_path / "whole", -1) == 0
    for kill_at in np.random.default_rng().integers(20, 140, 2):
        assert run_script(tmp_path / "killed", int(kill_at)) in (-signal.SIGKILL, 0)
    assert run_script(tmp_path / "killed", -1) == 0
    whole, killed = (Run(tmp_path / name, resume=True).kept("end")[1] for name in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(array, killed[name], err_msg=name)
    resumed = [event for event in Run(tmp_path / "killed", resume=True).events if event["kind"] == "resumed"]
    assert resumed, "no process went on from a checkpoint"
