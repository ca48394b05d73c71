"""The scale of samples is found over the column: a float file that holds 16-bit numbers is not clipped."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import polars as pl
import pytest
import soundfile

from mapsto.columns import Audio

SPEECH = np.sin(np.arange(4000) * 0.3) * np.linspace(0.1, 0.8, 4000)


def wav(samples: np.ndarray, kind: str = "FLOAT") -> bytes:
    file = BytesIO()
    soundfile.write(file, samples, 8000, subtype=kind, format="WAV")
    return file.getvalue()


def learned(cells: list[object], **options: object) -> Audio:
    column = Audio(name="x", **options)
    column.learn(pl.Series(cells))
    return column


def test_sixteen_bits_in_a_float_file() -> None:
    plain, loud = learned([wav(SPEECH)] * 4), learned([wav(SPEECH * 32767)] * 4)
    np.testing.assert_allclose(loud._mean, plain._mean, atol=0.01)
    assert loud.remarks(pl.Series([wav(SPEECH * 32767)] * 4)) == []


@pytest.mark.parametrize(("learned_at", "asked_at"), [(1, 32767), (32767, 1), (1, 2**23), (2**23, 1)])
def test_another_scale_at_prediction(learned_at: float, asked_at: float) -> None:
    column = learned([wav(SPEECH * learned_at)] * 4)
    asked, known = pl.Series([wav(SPEECH * asked_at)] * 3), pl.Series([wav(SPEECH * learned_at)] * 3)
    other, own = column.encode(asked)[0].values.astype(int), column.encode(known)[0].values.astype(int)
    assert np.abs(other - own).max() <= 2
    (remark,) = column.remarks(asked)
    assert remark.rows.tolist() == [0, 1, 2]
    assert "another scale" in remark.what
    assert column.remarks(known) == []


def test_whole_numbers_in_files_and_lists_mean_the_same() -> None:
    column = learned([np.rint(SPEECH * 32767).astype(np.int16).tolist()] * 4, rate=8000)
    files = pl.Series([wav(SPEECH, "PCM_16")] * 3)
    lists = pl.Series([np.rint(SPEECH * 32767).astype(np.int16).tolist()] * 3)
    as_files, as_lists = (column.encode(cells)[0].values.astype(int) for cells in (files, lists))
    assert (np.abs(as_files - as_lists) <= 2).mean() > 0.95


def test_a_little_too_loud_is_not_clipped() -> None:
    column = learned([wav(SPEECH * 1.5)] * 4)
    assert column._depth.range == pytest.approx((-1.2, 1.2), abs=0.01)
