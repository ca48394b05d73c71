"""Arrays of fractions that overshoot a little, or lie around 0, are pictures with all their levels."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.columns import Image, Video

DRAW = np.random.default_rng(0)
PIXELS = DRAW.random((30, 12, 14))


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.02), (-0.01, 1.0), (-0.01, 1.02), (-2.1, 2.64), (0.0, 3.7), (0, 255)]
)
@pytest.mark.parametrize("shared", [True, False])
def test_levels_are_kept(low: float, high: float, *, shared: bool) -> None:
    values = low + PIXELS * (high - low)
    cells = (
        pl.Series("x", values)
        if shared
        else pl.Series("x", [each[: 9 + i % 3].tolist() for i, each in enumerate(values)])
    )
    column = Image(name="x", size=(12, 14))
    column.learn(cells)
    assert not column.malformed(cells).any()
    assert column.remarks(cells) == []
    found = column.encode(cells)[0][0, :9, :, 0].astype(float)
    if shared:
        assert np.corrcoef(found.ravel(), values[0, :9].ravel())[0, 1] > 0.9999
    assert len(np.unique(found)) > 60


def test_stacks_of_frames() -> None:
    cells = pl.Series("x", DRAW.random((9, 4, 12, 12)) * 1.03 - 0.01)
    column = Video(name="x")
    column.learn(cells)
    assert not column.malformed(cells).any()
    assert len(np.unique(column.encode(cells)[0].values)) > 200


def test_no_row_is_lost() -> None:
    bright = DRAW.random(120) < 0.5
    pixels = np.clip(DRAW.normal(0.3 + 0.4 * bright[:, None, None], 0.2, (120, 12, 12)), -0.02, 1.02)
    rows = {"photo": pixels, "y": np.where(bright, "bright", "dark")}
    model = mapsto.fit(rows, target="y", network="boosting", types={"photo": "image"}, progress=False)
    assert not [note for note in model.notes if "cannot be read" in note.text]
    assert (model.predict({"photo": pixels})["y"].to_numpy() == rows["y"]).mean() > 0.95
    assert model.last_problems == []
