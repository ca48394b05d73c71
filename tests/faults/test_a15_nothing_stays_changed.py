"""Importing mapsto, fitting and predicting leave environment, warning filters and random states as they were."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

from mapsto.process import borrowed, silenced

SCRIPT = """
import os, random, sys, warnings
environment, filters, state = dict(os.environ), list(warnings.filters), random.getstate()

def unchanged(when):
    assert dict(os.environ) == environment, (when, set(os.environ.items()) ^ set(environment.items()))
    assert list(warnings.filters) == filters, (when, [one for one in warnings.filters if one not in filters])
    assert random.getstate() == state, when

import mapsto
unchanged("import")
rows = {"x": [float(i % 17) for i in range(80)], "y": ["a" if i % 17 > 8 else "b" for i in range(80)]}
short = {"recipe": {"learning": {"epochs": 1}}, "progress": False}
model = mapsto.fit(rows, "y", network=["linear-model", "perceptron"], **short)
unchanged("fit")
model.predict(rows); model.explain({"x": [1.0]}, max_seconds=0.1)
unchanged("predict")
path = sys.argv[1]
model.save(path)
mapsto.load(path).predict(rows)
model.report(path + ".html")
unchanged("report")

import numpy, torch
torch.manual_seed(5); numpy.random.seed(5)
filters[:] = warnings.filters  # what torch loads when it is first seeded is the caller's doing
before = torch.get_rng_state(), numpy.random.get_state()[1].tolist()
mapsto.fit(rows, "y", network="perceptron", **short)
unchanged("second fit")
assert torch.equal(before[0], torch.get_rng_state())
assert before[1] == numpy.random.get_state()[1].tolist()
print("unchanged")
"""


def test_nothing_stays_changed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", SCRIPT, str(tmp_path / "m.mapsto")], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout.strip().endswith("unchanged"), done.stderr[-2000:]


def test_openmp_is_told_how_to_wait_while_it_is_loaded():
    script = (
        "import os, mapsto.process as p\n"
        "with p.borrowed(): print(os.environ.get('GOMP_SPINCOUNT'))\n"
        "print(os.environ.get('GOMP_SPINCOUNT'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["10000", "None"]


def test_the_callers_own_changes_stay():
    with warnings.catch_warnings(), borrowed():
        warnings.simplefilter("always", ResourceWarning)
        assert ("always", None, ResourceWarning, None, 0) in warnings.filters


def test_silence_that_overlaps_ends_with_the_last():
    before = list(warnings.filters)
    first, second = silenced(UnicodeWarning), silenced(UnicodeWarning)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    warnings.warn("not heard", UnicodeWarning, stacklevel=1)
    second.__exit__(None, None, None)
    assert list(warnings.filters) == before
    with pytest.warns(UnicodeWarning):
        warnings.warn("heard", UnicodeWarning, stacklevel=1)
