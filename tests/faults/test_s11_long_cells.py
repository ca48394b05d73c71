"""How far sounds and lists are read follows from the data, and what is cut is told."""

from __future__ import annotations

import numpy as np
import polars as pl

from mapsto.columns import Audio, Sequence

DRAW = np.random.default_rng(0)


def test_sounds_that_differ_late() -> None:
    quiet = DRAW.normal(0, 0.01, 40 * 1000)
    late = quiet.copy()
    late[38_000:] = np.sin(np.arange(2000) * 0.5)
    column = Audio(rate=1000, name="x")
    cells = pl.Series([quiet.tolist(), late.tolist()])
    column.learn(cells)
    first, second = (column.encode(cells[row : row + 1])[0].values for row in (0, 1))
    assert not np.array_equal(first, second)
    assert len(first) <= 500, "the picture that networks see holds all of it"
    assert column.remarks(cells) == []
    seconds = column.features(column.encode(cells)).values[:, 0]
    np.testing.assert_allclose(seconds, 40, atol=0.2)


def test_short_sounds_are_read_as_finely_as_before() -> None:
    column = Audio(rate=1000, name="x")
    cells = pl.Series([DRAW.normal(0, 0.1, 2000).tolist()] * 4)
    column.learn(cells)
    assert column._every == 1
    assert np.diff(column.encode(cells)[0].offsets).tolist() == [198] * 4


def test_a_sound_that_is_much_longer_is_told() -> None:
    column = Audio(rate=1000, name="x")
    column.learn(pl.Series([DRAW.normal(0, 0.1, 2000).tolist()] * 4))
    asked = pl.Series([DRAW.normal(0, 0.1, n).tolist() for n in (1500, 35_000)])
    column.encode(asked)
    (remark,) = column.remarks(asked)
    assert remark.rows.tolist() == [1]
    assert "cut" in remark.what


def test_lists_that_differ_late() -> None:
    steps = DRAW.normal(size=9000)
    late = steps.copy()
    late[8000:] += 3
    column = Sequence(name="x")
    cells = pl.Series([steps.tolist(), late.tolist()])
    column.learn(cells)
    first, second = (column.encode(cells[row : row + 1])[0].values for row in (0, 1))
    assert len(first) == len(second) <= 4000
    assert not np.array_equal(first, second)
    assert column.remarks(cells) == []


def test_a_list_that_is_cut_is_told() -> None:
    column = Sequence(name="x")
    column.learn(pl.Series([DRAW.normal(size=50).tolist() for _ in range(300)]))
    asked = pl.Series([DRAW.normal(size=n).tolist() for n in (50, 900, 51)])
    (remark,) = column.remarks(asked)
    assert remark.rows.tolist() == [1, 2]
    assert "longer than 50 steps" in remark.what
    assert Sequence(name="x", longest=5_000).longest == 5_000


def test_samples_have_the_rate_that_was_given() -> None:
    column = Audio(rate=8000, name="x")
    cells = pl.Series([DRAW.normal(0, 0.1, 8000).tolist()] * 3)
    column.learn(cells)
    assert np.diff(column.encode(cells)[0].offsets).tolist() == [98] * 3
