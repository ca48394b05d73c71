"""Where the choice of a type changes the question that is asked, the fit says so in a note."""

from __future__ import annotations

import numpy as np
import polars as pl

import mapsto
from mapsto.fitting.prepare import claim_notes
from mapsto.schema import Schema


def note_of(target: list[object]) -> str:
    frame = pl.DataFrame({"x": np.random.default_rng(0).normal(size=len(target)), "y": target})
    return " ".join(note.text for note in claim_notes(Schema.claim(frame, targets=["y"]), []))


def test_counts_taken_for_classes_are_told() -> None:
    counts = np.random.default_rng(1).integers(0, 13, 200).tolist()
    assert "'y' is read as category: 13 distinct whole numbers" in note_of(counts)
    assert "types={'y': 'number'}" in note_of(counts)


def test_many_whole_numbers_taken_for_a_quantity_are_told() -> None:
    assert "30 distinct values are classes, types={'y': 'category'}" in note_of([i % 30 for i in range(300)])


def test_two_classes_and_plain_quantities_need_no_word() -> None:
    assert note_of([i % 2 for i in range(100)]) == ""
    assert note_of(np.random.default_rng(2).normal(size=100).tolist()) == ""


def test_a_fitted_model_keeps_the_note() -> None:
    frame = pl.DataFrame({"x": np.random.default_rng(0).normal(size=90), "y": [0, 1, 2] * 30})
    model = mapsto.fit(frame, target="y", network="linear", time="2s", progress=False)
    assert any("types={'y': 'number'}" in note.text for note in model.notes)
