"""Fits at once in threads give what they give alone; a forked child that cannot compute says so."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import model_kinds
from mapsto import modelfile
from mapsto.networks.blocks.chance import chance
from mapsto.training.randomness import draws_by_itself, get_state, isolated


def weights(name, seed):
    _, parts = modelfile.from_bytes(model_kinds.fit(name, seed=seed).to_bytes())
    return {key: array.tobytes() for key, array in parts["members"][1].items()}


@pytest.mark.parametrize("name", ["tabm", "text"])
def test_fits_at_once_are_as_alone(name):
    seeds = [3, 3, 4]
    alone = {seed: weights(name, seed) for seed in set(seeds)}
    state = torch.get_rng_state()
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda seed: weights(name, seed), seeds))
    for seed, one in zip(seeds, found, strict=True):
        assert one == alone[seed]
    assert alone[3] != alone[4]
    assert torch.equal(state, torch.get_rng_state())


def test_a_training_draws_from_its_own():
    device, state = torch.device("cpu"), torch.get_rng_state()
    with isolated(1, device):
        first = torch.rand(3, generator=chance())
        kept = get_state(device)["cpu"]
    with isolated(1, device):
        torch.rand(9)  # someone else draws
        assert torch.equal(first, torch.rand(3, generator=chance()))
        assert torch.equal(kept, get_state(device)["cpu"])
    torch.set_rng_state(state)
    with isolated(1, device, own=False):
        assert chance() is None
        torch.rand(3)
    assert torch.equal(state, torch.get_rng_state())


def test_modules_of_others_are_known():
    assert draws_by_itself(torch.nn.Dropout(0.5))
    assert not draws_by_itself(torch.nn.Linear(2, 2))
    assert draws_by_itself(torch.nn.GRU(2, 2, num_layers=2, dropout=0.1))


FORKED = """
import os, sys
import numpy as np, polars as pl
import mapsto
rows = pl.DataFrame({"x": np.arange(80.0), "y": ["a", "b"] * 40})
model = mapsto.fit(rows, "y", network=["forest", "perceptron"], recipe={"learning": {"epochs": 1}}, progress=False)
model.predict(rows)
child = os.fork()
if child == 0:
    try:
        model.predict(rows)
    except mapsto.errors.ProcessError as error:
        assert "spawn" in str(error)
        os._exit(7)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system does not fork")
def test_a_forked_child_says_why_not():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, check=False,
                          timeout=300)  # fmt: skip
    assert done.stdout.strip() == "7", done.stderr


def test_a_child_of_one_that_never_computed_may():
    script = FORKED.replace("model = mapsto.fit", "def learn(): return mapsto.fit")
    script = script.replace("model.predict(rows)\nchild", "child").replace("model.predict", "learn().predict")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False,
                          timeout=300)  # fmt: skip
    assert done.stdout.strip() == "0", done.stderr


def test_predictions_of_threads_are_equal():
    model, rows = model_kinds.fit("class"), model_kinds.rows("class")
    alone = model.predict_proba(rows).to_numpy()
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: model.predict_proba(rows).to_numpy(), range(8)):
            np.testing.assert_array_equal(found, alone)
