"""A slice of the long run in tests/long: changed model files with valid hashes are refused, or answer safely."""

from __future__ import annotations

import numpy as np
import pytest

import fuzzing
import model_kinds
from mapsto import modelfile
from mapsto.columns.base import Features
from mapsto.errors import ModelFileError
from mapsto.fitted import Fitted
from mapsto.members.common.preparation import Preparation

SLICE = ("class", "several", "text", "sequence", "verification", "hybrid")


@pytest.fixture(scope="module")
def files():
    return {name: model_kinds.model_file(name) for name in SLICE}


@pytest.mark.parametrize("first", range(0, 180, 60))
def test_changed_files_are_refused_or_harmless(files, first, tmp_path):
    seeds = range(first, first + 60)
    found = fuzzing.many(files, lambda name: model_kinds.rows(name).head(6), seeds, tmp_path, slow=0)
    assert found["unsafe"] == []
    assert len(found["refused"]) > 10
    assert len(found["answered"]) > 5


def test_every_verb_answers_safely(files, tmp_path):
    found = fuzzing.many(files, lambda name: model_kinds.rows(name).head(6), range(1000, 1020), tmp_path, slow=9)
    assert found["unsafe"] == []


def test_untouched_files_answer(files, tmp_path):
    for name, data in files.items():
        assert fuzzing.answers(data, model_kinds.rows(name).head(6), tmp_path) == "answered"


def changed(data, part, change):
    """The file with one part's JSON changed by `change`, its hashes right."""
    manifest, parts = modelfile.from_bytes(data)
    change(parts[part][0])
    return modelfile.to_bytes(manifest, parts)


FOUND = {
    "half a character": ("class", "about", lambda about: about["facts"]["versions"].update(mapsto="\ud800")),
    "figures of no rows": ("class", "about", lambda about: about["facts"].pop("judged_on")),
    "an endless fit": (
        "class",
        "judged",
        lambda judged: next(iter(judged["verdicts"].values()))["contenders"][0].update(fit_seconds=float("inf")),
    ),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_the_long_run_found(files, what):
    name, part, change = FOUND[what]
    with pytest.raises(ModelFileError):
        Fitted.from_bytes(changed(files[name], part, change))


def test_columns_of_another_width_than_the_members_read():
    prepared = Preparation.fit(Features(np.zeros((3, 2), np.float32), ["a", "b"], [False, False]))
    with pytest.raises(ModelFileError, match="make 3 numbers, its members read 2"):
        prepared.apply(np.zeros((1, 3), np.float32))
