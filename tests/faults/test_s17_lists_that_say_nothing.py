"""Lists that are alike in every row are left out for that reason; lists and arrays of booleans are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mapsto

DRAW = np.random.default_rng(0)
REST: dict[str, Any] = {"z": DRAW.normal(size=60), "y": ["a", "b"] * 30}


def told(cells: Any) -> str:
    model = mapsto.fit({"x": cells} | REST, target="y", network="boosting", progress=False)
    return " ".join(note.text for note in model.notes)


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([[1.0, 2.0, 3.0]] * 60, "all values are equal ([1.0, 2.0, 3.0])"),
        (np.full((60, 12, 12), 7, np.uint8), "all values are equal ([[7, 7"),
    ],
)
def test_why_they_are_left_out_is_said(cells: Any, why: str) -> None:
    found = told(cells)
    assert why in found
    assert "Series:" not in found


def test_lists_of_booleans_are_sequences() -> None:
    cells = [[True, n % 2 == 0, n % 3 == 0, False] for n in range(60)]
    model = mapsto.fit({"x": cells} | REST, target="y", network="boosting", progress=False)
    assert "sequence" in {column.type for column in model._fitted.schema.inputs}


def test_arrays_of_booleans_are_pictures() -> None:
    model = mapsto.fit({"x": DRAW.random((60, 12, 12)) > 0.5} | REST, target="y", network="boosting", progress=False)
    assert "image" in {column.type for column in model._fitted.schema.inputs}
