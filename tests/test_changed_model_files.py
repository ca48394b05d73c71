"""A slice of the long run in tests/long: changed model files with valid hashes are refused, or answer safely."""

from __future__ import annotations

import pytest

import fuzzing
import model_kinds

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
