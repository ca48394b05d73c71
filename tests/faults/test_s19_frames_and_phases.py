"""Frames and pages beyond the first are told of, and which type reads them; opposite phases do not cancel out."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import PIL.Image
import polars as pl
import pytest
import soundfile

from mapsto.columns import Audio, Image

DRAW = np.random.default_rng(0)


def file_of(form: str, frames: int) -> bytes:
    file = BytesIO()
    some = [PIL.Image.fromarray(DRAW.integers(0, 256, (16, 16), dtype=np.uint8)) for _ in range(frames)]
    some[0].save(file, form, save_all=True, append_images=some[1:]) if frames > 1 else some[0].save(file, form)
    return file.getvalue()


@pytest.mark.parametrize("form", ["GIF", "TIFF", "WEBP", "PNG"])
def test_several_frames_or_pages(form: str) -> None:
    column = Image(name="x")
    cells = pl.Series([file_of(form, frames) for frames in (1, 4, 1, 2)])
    column.learn(cells)
    (remark,) = column.remarks(cells)
    assert remark.rows.tolist() == [1, 3]
    assert "the first is read" in remark.what
    assert "'video'" in remark.what


def stereo(left: np.ndarray, right: np.ndarray) -> bytes:
    file = BytesIO()
    soundfile.write(file, np.stack([left, right], axis=1), 8000, subtype="FLOAT", format="WAV")
    return file.getvalue()


def test_opposite_phase_is_heard_and_told() -> None:
    tone = np.sin(np.arange(4000) * 0.3) * 0.5
    column = Audio(name="x")
    cells = pl.Series([stereo(tone, tone), stereo(tone, -tone), stereo(tone, -0.5 * tone), stereo(tone, 0 * tone)])
    column.learn(cells)
    same, opposite, *_ = (column.encode(cells[row : row + 1])[0].values.astype(int) for row in range(4))
    assert np.abs(same - opposite).max() <= 1
    (remark,) = column.remarks(cells)
    assert remark.rows.tolist() == [1, 2]
    assert "opposite phase" in remark.what
