"""Opening a stranger's model file: no unpickler is ever reached, and hostile contents are refused, not run."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mapsto
from mapsto import modelfile
from mapsto.errors import ModelFileError
from mapsto.fitted import Fitted
from mapsto.model import Model
from test_golden import GOLDEN, make

TRAPPED = """
import _pickle, pickle, sys
import joblib, joblib.numpy_pickle, numpy, pandas, polars, sklearn.ensemble, torch

def trap(*arguments, **options):
    raise SystemExit("an unpickler was reached")

class Trap(pickle._Unpickler):
    load = trap

pickle._Unpickler.load = trap
for module in (pickle, _pickle):
    module.load = module.loads = trap
pickle.Unpickler = _pickle.Unpickler = Trap
load = numpy.load
numpy.load = lambda *a, **o: trap() if o.get("allow_pickle") else load(*a, **o)
numpy.lib.format.read_array = trap
torch.load = torch.jit.load = torch.hub.load = trap
joblib.load = joblib.numpy_pickle.load = trap
pandas.read_pickle = trap

import mapsto
model = mapsto.load(sys.argv[1])
rows = polars.read_parquet(sys.argv[2])
model.predict(rows, interval=0.9)
model.predict_proba(rows)
model.evaluate(rows)
model.explain(rows.head(1), max_seconds=0.2)
model.novelty(rows)
model.report(sys.argv[3])
model.save(sys.argv[1] + ".again")
print("whole")
"""


def test_no_unpickler_is_reached(tmp_path):
    path = tmp_path / "m.mapsto"
    path.write_bytes((GOLDEN / "model.mapsto").read_bytes())
    make().rows().head(20).write_parquet(tmp_path / "rows.parquet")
    done = subprocess.run(
        [sys.executable, "-c", TRAPPED, path, tmp_path / "rows.parquet", tmp_path / "r.html"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "whole"), done.stderr


def test_no_source_file_names_an_unpickler_or_eval():
    forbidden = re.compile(r"^\s*(import|from) (pickle|marshal|shelve|joblib|dill|cloudpickle)\b|torch\.load\(|"
                           r"(?<![.\w])(eval|exec)\(|allow_pickle=True", re.MULTILINE)  # fmt: skip
    for path in Path(mapsto.__file__).parent.rglob("*.py"):
        assert not forbidden.search(path.read_text(encoding="utf-8")), path


MANIFEST, PARTS = modelfile.load(GOLDEN / "model.mapsto")
ROWS = make().rows().head(6)
INPUTS = ROWS.drop("credit_risk", "credit_amount")
VALUES = [None, -1, 0, 7, 2**31, 2**63, -2.5, 1e308, float("nan"), float("inf"), "", "x", True, [], {}, [1], [None]]


def places(json, place=()):
    """Every place in nested JSON."""
    if place:
        yield place
    entries = json.items() if isinstance(json, dict) else enumerate(json[:3]) if isinstance(json, list) else ()
    for key, entry in entries:
        yield from places(entry, (*place, key))


JSON_PLACES = [(part, place) for part, (json, _) in PARTS.items() if part != "about" for place in places(json)]
ARRAYS = [(part, key) for part, (_, arrays) in PARTS.items() for key in arrays]


def changed(json, place, value):
    if not place:
        return value
    json = copy.copy(json)
    json[place[0]] = changed(json[place[0]], place[1:], value)
    return json


def works_or_is_refused(manifest, parts):
    """With right hashes, so that only the contents are odd."""
    data = modelfile.to_bytes(manifest, parts)
    try:
        model = Model(Fitted.from_bytes(data))
    except ModelFileError:
        return
    found = model.predict(INPUTS, interval=0.8)
    assert found.height == INPUTS.height
    probabilities = model.predict_proba(INPUTS)
    assert probabilities.height == INPUTS.height
    model.evaluate(ROWS)
    model.novelty(INPUTS)
    model.describe()
    assert Fitted.from_bytes(model.to_bytes()).schema.targets[0].name == "credit_risk"


settled = settings(
    max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)


@settled
@given(st.sampled_from(JSON_PLACES), st.sampled_from(VALUES))
def test_odd_entries_are_refused_or_harmless(place, value):
    part, where = place
    json, arrays = PARTS[part]
    works_or_is_refused(MANIFEST, {**PARTS, part: (changed(json, where, value), arrays)})


@settled
@given(st.sampled_from(ARRAYS), st.sampled_from(["drop", "empty", "short", "twice", "flat", "float64", "uint8"]))
def test_odd_shapes_and_types_are_refused_or_harmless(place, how):
    part, key = place
    json, arrays = PARTS[part]
    array = arrays[key]
    rest = {name: one for name, one in arrays.items() if name != key}
    with np.errstate(invalid="ignore"):
        made = {
            "drop": {},
            "empty": {key: array[:0]},
            "short": {key: array[:-1]},
            "twice": {key: np.concatenate([array, array])},
            "flat": {key: array.reshape(-1)},
            "float64": {key: array.astype(np.float64)},
            "uint8": {key: array.astype(np.uint8)},
        }
    works_or_is_refused(MANIFEST, {**PARTS, part: (json, rest | made[how])})


@settled
@given(st.sampled_from(ARRAYS), st.sampled_from(["most", "least", "zero"]), st.floats(0, 0.999))
def test_odd_numbers_are_refused_or_harmless(place, what, where):
    part, key = place
    json, arrays = PARTS[part]
    array = arrays[key].copy()
    if array.size == 0:
        return
    whole = array.dtype.kind in "iu"
    most, least = (np.iinfo(array.dtype).max, np.iinfo(array.dtype).min) if whole else (np.inf, np.nan)
    array.reshape(-1)[int(where * array.size)] = {"most": most, "least": least, "zero": 0}[what]
    works_or_is_refused(MANIFEST, {**PARTS, part: (json, {**arrays, key: array})})


@pytest.mark.parametrize("entry", ["recipe", "metrics", "keep"])
@pytest.mark.parametrize("value", [None, 3, "x", [3], {"x": "x"}])
def test_odd_manifests_are_refused_or_harmless(entry, value):
    works_or_is_refused({**MANIFEST, entry: value}, PARTS)


@pytest.mark.parametrize("side", ["left", "right"])
def test_children_that_lead_nowhere_or_back_are_refused(side):
    json, arrays = PARTS["members"]
    keys = [key for key, array in arrays.items() if key.endswith(f".{side}") and array.size]
    assert keys
    for key in keys:
        for child in (arrays[key].size + 5, 0):
            odd = arrays[key].astype(np.int32)
            odd[odd > 0] = child
            with pytest.raises(ModelFileError):
                Fitted.from_bytes(modelfile.to_bytes(MANIFEST, {**PARTS, "members": (json, {**arrays, key: odd})}))


@pytest.mark.parametrize("part", ["schema", "members", "judged", "about"])
def test_an_absent_part_is_refused(part):
    with pytest.raises(ModelFileError):
        Fitted.from_bytes(modelfile.to_bytes(MANIFEST, {name: one for name, one in PARTS.items() if name != part}))


def test_an_untouched_copy_works():
    works_or_is_refused(MANIFEST, PARTS)
    assert isinstance(Model(Fitted.from_bytes(modelfile.to_bytes(MANIFEST, PARTS))).predict(INPUTS), pl.DataFrame)
