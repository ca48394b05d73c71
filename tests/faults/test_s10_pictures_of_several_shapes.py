"""A list of arrays is one column: grey and coloured pictures of several sizes are pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from mapsto.columns import Image
from mapsto.schema import Schema
from mapsto.table.kinds import from_object

DRAW = np.random.default_rng(0)


def bytes_of(*shape: int) -> np.ndarray:
    return DRAW.integers(0, 256, shape, dtype=np.uint8)


LISTS: dict[str, list[Any]] = {
    "grey among coloured": [bytes_of(20, 24, 3) if n % 3 else bytes_of(20, 24) for n in range(60)],
    "grey first": [bytes_of(20, 24, 3) if n else bytes_of(20, 24) for n in range(60)],
    "channels first": [bytes_of(3, 20, 24) if n % 3 else bytes_of(20, 24) for n in range(60)],
    "of several sizes": [bytes_of(20 + n % 3, 24) for n in range(60)],
    "with gaps": [None if n % 7 == 0 else bytes_of(20, 24, 3) for n in range(60)],
    "in 16 bits, with gaps": [None if n % 7 == 0 else bytes_of(20, 24).astype(np.uint16) * 16 for n in range(60)],
    "on and off": [bytes_of(20 + n % 3, 24) > 99 for n in range(60)],
}


@pytest.mark.parametrize("kind", LISTS)
def test_they_are_pictures(kind: str) -> None:
    cells = LISTS[kind]
    frame, _ = from_object({"x": cells, "y": ["a", "b"] * 30})
    schema = Schema.claim(frame, targets=["y"])
    assert [(column.name, column.type) for column in schema.inputs] == [("x", "image")]
    (column,) = schema.inputs
    there = np.array([cell is not None for cell in cells])
    assert not column.malformed(frame["x"]).any()
    column.learn(frame["x"])
    (pixels,) = column.encode(frame["x"])
    assert (np.asarray(pixels).any(axis=(1, 2, 3)) == there).all()


def test_a_grey_picture_among_coloured_ones_is_read_as_it_stands() -> None:
    grey, coloured = bytes_of(20, 24), bytes_of(20, 24, 3)
    frame, _ = from_object({"x": [coloured, grey]})
    column = Image(name="x")
    column.learn(frame["x"])
    (pixels,) = column.encode(frame["x"])
    assert (np.asarray(pixels)[0] == coloured).all()
    assert (np.asarray(pixels)[1] == grey[..., None]).all()
    assert frame["x"].dtype == pl.List(pl.List(pl.List(pl.UInt8)))


def test_pictures_of_more_channels_are_no_clips() -> None:
    frame, _ = from_object({"x": bytes_of(60, 20, 24, 5), "z": DRAW.normal(size=60), "y": ["a", "b"] * 30})
    schema = Schema.claim(frame, targets=["y"])
    (column,) = schema.left_out
    assert "look like pictures of 5 channels, of which 1, 3 or 4 are read" in column.reason
    clips, _ = from_object({"x": bytes_of(60, 6, 20, 24), "y": ["a", "b"] * 30})
    assert [column.type for column in Schema.claim(clips, targets=["y"]).inputs] == ["video"]
