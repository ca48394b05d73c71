"""The only input is not suspected of giving the target away: to tell it is what it is there for."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import mapsto

DRAW = np.random.default_rng(0)
LABELS = ["cat", "dog"] * 60
CELLS: dict[str, list[Any]] = {
    "text": [f"the {label} sat on mat number {n} and looked at me" for n, label in enumerate(LABELS)],
    "list": [(DRAW.normal(size=12) + 5 * (label == "cat")).tolist() for label in LABELS],
    "number": [float(label == "cat") + DRAW.uniform(0, 0.1) for label in LABELS],
}


@pytest.mark.parametrize("kind", CELLS)
def test_it_is_not_told_to_be_left_out(kind: str) -> None:
    data = {"x": CELLS[kind], "y": LABELS}
    model = mapsto.fit(data, target="y", network="boosting", time="8s", progress=False)
    assert "away" not in "\n".join(note.text for note in model.notes)
    beside = mapsto.fit(data | {"z": DRAW.normal(size=120)}, target="y", network="boosting", time="8s", progress=False)
    assert "Column 'x' gives the target 'y' away" in "\n".join(note.text for note in beside.notes)


def test_one_picture_of_each_class_brings_no_warnings_of_libraries() -> None:
    pictures = DRAW.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = mapsto.fit(
            {"x": pictures, "y": [f"kind {n}" for n in range(12)]}, target="y", time="8s", progress=False
        )
    assert "No held-out row has a value of 'y' that training knows" in "\n".join(note.text for note in model.notes)
