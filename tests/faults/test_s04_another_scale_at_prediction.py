"""Trained on bytes and asked with fractions, or the reverse: read on their own scale, and told."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.columns import Image

DRAW = np.random.default_rng(0)
PIXELS = DRAW.integers(0, 256, (40, 12, 14), dtype=np.uint8)
PIXELS[:, 0, 0] = 255
FORMS = {
    "bytes": lambda pixels: pl.Series("x", pixels),
    "whole": lambda pixels: pl.Series("x", pixels.astype(np.int64)),
    "floats": lambda pixels: pl.Series("x", pixels.astype(np.float64)),
    "fractions": lambda pixels: pl.Series("x", pixels / 255),
    "small fractions": lambda pixels: pl.Series("x", (pixels / 255).astype(np.float32)),
    "sixteen": lambda pixels: pl.Series("x", pixels.astype(np.uint16) * 257),
    "lists": lambda pixels: pl.Series("x", [each.tolist() for each in pixels]),
    "two sizes": lambda pixels: mapsto.table.read(
        {"x": [each if i % 2 else each[:10] for i, each in enumerate(pixels)], "y": range(len(pixels))}
    ).frame["x"],
}
SCALE = {"fractions": 1, "small fractions": 1, "sixteen": 65_535}


@pytest.mark.parametrize("learned", [form for form in FORMS if form != "two sizes"])
@pytest.mark.parametrize("asked", FORMS)
def test_every_form_after_every_other(learned: str, asked: str) -> None:
    column = Image(name="x")
    column.learn(FORMS[learned](PIXELS))
    cells = FORMS[asked](PIXELS)
    found = column.encode(cells)[0][..., 0].astype(int)
    whole = slice(1, None, 2) if asked == "two sizes" else slice(None)
    assert np.abs(found[whole] - PIXELS[whole]).max() <= 1
    assert not column.malformed(cells).any()
    other = SCALE.get(learned, 255) != SCALE.get(asked, 255)
    assert [each.rows.tolist() for each in column.remarks(cells)] == ([list(range(40))] if other else [])


def test_a_dark_picture_of_bytes_is_no_picture_of_fractions() -> None:
    column = Image(name="x")
    column.learn(FORMS["bytes"](PIXELS))
    dark = np.zeros((1, 12, 14), np.int64)
    dark[0, 3] = 1
    assert column.encode(pl.Series("x", dark))[0].max() == 1


def test_the_model_tells_it() -> None:
    bright = DRAW.random(120) < 0.5
    pixels = np.clip(DRAW.normal(80 + 90 * bright[:, None, None], 40, (120, 12, 12)), 0, 255).astype(np.uint8)
    rows = {"photo": pixels, "y": np.where(bright, "bright", "dark")}
    model = mapsto.fit(rows, target="y", network="boosting", progress=False)
    for asked in (pixels / 255, [each[: 11 + i % 2] / 255 for i, each in enumerate(pixels)]):
        said = model.predict({"photo": asked})
        assert (said["y"].to_numpy() == rows["y"]).mean() > 0.95
        (note,) = model.last_problems
        assert note.column == "photo"
        assert "another scale" in note.text
        assert note.count == 120
