"""The depth of picture files is found over the column, not picture by picture."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import PIL.Image
import polars as pl
import pytest

from mapsto.columns import Image

SHAPES = np.linspace(0, 1, 20 * 24).reshape(20, 24)


def file_of(values: np.ndarray, form: str = "TIFF") -> bytes:
    file = BytesIO()
    PIL.Image.fromarray(values).save(file, form)
    return file.getvalue()


def encoded(files: list[bytes]) -> np.ndarray:
    column = Image(name="x")
    cells = pl.Series(files)
    column.learn(cells)
    found = column.encode(cells)[0][..., 0]
    assert not column.malformed(cells).any()
    return found


@pytest.mark.parametrize("brightest", [0.3, 1.0, 1.02])
def test_fractions(brightest: float) -> None:
    """A picture that overshoots by 2 % is not black, and a dark one stays darker than a bright one."""
    found = encoded([file_of((SHAPES * each).astype(np.float32)) for each in (brightest, 1.0, 1.02)])
    assert len(np.unique(found[0])) > 60
    np.testing.assert_allclose(found[0] / 255 * 1.02, SHAPES * brightest, atol=0.01)


@pytest.mark.parametrize("form", ["TIFF", "PNG"])
def test_twelve_bits_in_sixteen(form: str) -> None:
    found = encoded([file_of((SHAPES * each).astype(np.uint16), form) for each in (1000, 4095, 3000)])
    assert len(np.unique(found[1])) > 240
    np.testing.assert_allclose(found[0], SHAPES * 1000 / 4095 * 255, atol=1)


def test_floats_on_the_scale_of_bytes() -> None:
    found = encoded([file_of((SHAPES * each).astype(np.float32)) for each in (255, 200.5, 120)])
    assert len(np.unique(found[0])) > 240
    np.testing.assert_allclose(found[2], SHAPES * 120, atol=1)


def test_one_pixel_that_is_no_number() -> None:
    broken = SHAPES.astype(np.float32)
    broken[3, 3] = np.nan
    column, cells = Image(name="x"), pl.Series([file_of(broken), file_of(SHAPES.astype(np.float32))])
    column.learn(cells)
    found = column.encode(cells)[0][..., 0].astype(int)
    assert (np.abs(found[0] - found[1]) <= 1).mean() > 0.99
    (remark,) = column.remarks(cells)
    assert remark.rows.tolist() == [0]
    assert "no numbers" in remark.what


def test_a_broken_pixel_in_one_picture_does_not_darken_all() -> None:
    files = [file_of((SHAPES * 3000).astype(np.uint16)) for _ in range(150)]
    spike = (SHAPES * 3000).astype(np.float32)
    spike[0, 0] = 1e7
    found = encoded([*files, file_of(spike)])
    assert found[0].max() > 180


def test_another_depth_at_prediction_is_told() -> None:
    column = Image(name="x")
    column.learn(pl.Series([file_of((SHAPES * 255).astype(np.uint8), "PNG")] * 4))
    deep = pl.Series([file_of((SHAPES * 65535).astype(np.uint16), "PNG"), file_of(SHAPES.astype(np.float32))])
    found = column.encode(deep)[0][..., 0].astype(int)
    assert np.abs(found - np.rint(SHAPES * 255)).max() <= 1
    (remark,) = column.remarks(deep)
    assert remark.rows.tolist() == [0, 1]
    assert "another scale" in remark.what


def test_standardised_files_are_no_bytes() -> None:
    column = Image(name="x")
    column.learn(pl.Series([file_of((SHAPES * 5 - 2.5).astype(np.float32))] * 4))
    assert len(np.unique(column.encode(pl.Series([file_of((SHAPES * 5 - 2.5).astype(np.float32))]))[0])) > 240
    plain = pl.Series([file_of((SHAPES * 255).astype(np.uint8), "PNG")])
    column.encode(plain)
    assert [each.rows.tolist() for each in column.remarks(plain)] == [[0]]
