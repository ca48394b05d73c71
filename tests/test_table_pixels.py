"""Pictures as objects in a list or a frame become cells that a table holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import PIL.Image
import polars as pl
import pytest

from mapsto.columns import Image
from mapsto.table import fingerprint, read

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 20, 24, 3), dtype=np.uint8)


def column_of(values: object) -> pl.Series:
    return read({"image": values, "y": range(6)}).frame["image"]


@pytest.mark.parametrize("shape", [(6, 20, 24), (6, 20, 24, 3)])
def test_an_array_of_pictures_shares_its_memory(shape: tuple[int, ...]) -> None:
    pixels = PIXELS[..., 0] if len(shape) == 3 else PIXELS
    pixels = np.ascontiguousarray(pixels)
    series = column_of(pixels)
    assert series.dtype == pl.Array(pl.UInt8, shape[1:])
    assert np.shares_memory(series.to_numpy(), pixels)


@pytest.mark.parametrize("form", [list, lambda pixels: [PIL.Image.fromarray(each) for each in pixels]])
def test_like_pictures_become_one_array(form: object) -> None:
    series = column_of(form(PIXELS))
    np.testing.assert_array_equal(series.to_numpy(), PIXELS)
    frame = pd.DataFrame({"image": pd.Series(form(PIXELS)), "y": range(6)})
    assert fingerprint(read(frame).frame) == fingerprint(read({"image": PIXELS, "y": np.arange(6)}).frame)


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "1", "P", "I;16"])
def test_pictures_of_several_sizes_or_modes_become_files(mode: str) -> None:
    images = [PIL.Image.fromarray(each[: 14 + i]) for i, each in enumerate(PIXELS[:5])]
    images = [
        PIL.Image.fromarray(np.asarray(i.convert("L")).astype(np.uint16) * 257) if mode == "I;16" else i.convert(mode)
        for i in images
    ]
    series = column_of([*images, None])
    assert series.dtype == pl.Binary
    column = Image(name="image", size=(16, 24))
    column.learn(series)
    (found,) = column.encode(series)
    assert column.malformed(series).sum() == 0
    assert not found[5].any()
    expected = np.asarray((images[2] if mode != "I;16" else PIL.Image.fromarray(PIXELS[2][:16])).convert("RGB"))
    shown = np.asarray(PIL.Image.fromarray(expected).convert("L")) if found.shape[-1] == 1 else expected
    assert np.abs(found[2].astype(int) - shown.reshape(found[2].shape)).max() <= 2


def test_orientation_is_kept() -> None:
    image = PIL.Image.fromarray(PIXELS[0])
    image.getexif()[0x0112] = 6
    column = Image.claim(column_of([image] * 6), name="image")
    assert "20 x 24 pixels" in column.reason


def test_arrays_of_several_sizes_become_lists() -> None:
    series = column_of([each[: 14 + i] for i, each in enumerate(PIXELS)])
    assert Image.claim(series, name="image").reason == "arrays of 24 x 16 pixels"
