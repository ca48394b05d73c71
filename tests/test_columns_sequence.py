"""Sequences: lists of numbers and of vectors, what is a label rather, statistics."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import shared_data
from mapsto.columns import TYPES, Sequence, Set
from mapsto.columns.common.parts import Ragged
from mapsto.columns.common.steps import STATISTICS, statistics
from mapsto.errors import ColumnRefused, OptionError
from mapsto.schema import Schema

DRAW = np.random.default_rng(0)


def learned(cells: pl.Series, **options: object) -> Sequence:
    column = Sequence(name="x", **options)
    column.learn(cells)
    return column


def steps_of(column: Sequence, cells: pl.Series) -> Ragged:
    (steps,) = column.encode(cells)
    assert isinstance(steps, Ragged)
    return steps


def test_each_channel_is_standardised() -> None:
    rows = [DRAW.normal([0, 100], [1, 50], (DRAW.integers(1, 30), 2)).tolist() for _ in range(200)]
    column = learned(pl.Series(rows))
    steps = steps_of(column, pl.Series(rows))
    assert steps.values.mean(axis=0) == pytest.approx([0, 0], abs=1e-5)
    assert steps.values.std(axis=0) == pytest.approx([1, 1], abs=1e-5)
    assert np.diff(steps.offsets).tolist() == [len(row) for row in rows]
    assert column.parts[0].shape("sequence", {}) == (int(np.median([len(row) for row in rows])), 2)


def test_a_missing_number_is_the_mean_and_an_absurd_one_is_cut() -> None:
    column = learned(pl.Series([[1.0, 2.0, 3.0, 2.0]] * 9))
    steps = steps_of(column, pl.Series([[None, float("nan"), float("inf"), 2.0], [1e300, -1e300, 2.0]]))
    assert steps.values[:, 0].tolist() == [0, 0, 0, 0, 100, -100, 0]


def test_text_lists_and_arrays_read_alike() -> None:
    numbers = DRAW.normal(size=(40, 6)).round(3)
    forms = [
        pl.Series("x", numbers.tolist()),
        pl.Series("x", numbers),
        pl.Series("x", numbers.astype(np.float32)),
        pl.Series("x", [str(row) for row in numbers.tolist()]),
        pl.Series("x", [str(row).replace(",", "") for row in numbers.tolist()]),
    ]
    column = learned(forms[0])
    expected = steps_of(column, forms[0])
    for form in forms:
        assert Sequence.claim(form, name="x").type == "sequence"
        assert np.allclose(steps_of(column, form).values, expected.values, atol=1e-5)


@pytest.mark.parametrize(
    "cells",
    [
        pl.Series([[1, 2], [3], [2, 1, 5]] * 10),
        pl.Series([DRAW.choice(400, 5, replace=False).tolist() for _ in range(400)]),
        pl.Series([["a", "b"], ["c"]]),
        pl.Series([1.0, 2.0]),
        pl.Series(["1, 2", "3"]),
        pl.Series(["[a, b]", "[c]"]),
    ],
)
def test_labels_and_other_cells_are_refused(cells: pl.Series) -> None:
    with pytest.raises(ColumnRefused):
        Sequence.claim(cells, name="x")


def test_a_schema_tells_labels_from_measurements() -> None:
    frame = pl.DataFrame(
        {
            "tags": [DRAW.choice(9, 3, replace=False).tolist() for _ in range(60)],
            "pulse": [(DRAW.normal(70, 9, 40)).astype(int).tolist() for _ in range(60)],
            "level": [DRAW.integers(-3000, 3000, 20).tolist() for _ in range(60)],
            "y": DRAW.normal(size=60),
        }
    )
    schema = Schema.claim(frame, targets=["y"])
    assert {c.name: c.type for c in schema.inputs} == {"tags": "set", "pulse": "sequence", "level": "sequence"}
    assert TYPES.index(Sequence) < TYPES.index(Set)


def test_vectors_of_another_width_are_malformed() -> None:
    column = learned(pl.Series([[[1.0, 2.0], [3.0, 4.0]]] * 5))
    cells = pl.Series([[[1.0, 2.0]], [[1.0]], [[1.0, 2.0], [1.0, 2.0, 3.0]], None, []])
    assert column.malformed(cells).tolist() == [False, True, True, False, False]
    assert np.diff(steps_of(column, cells).offsets).tolist() == [1, 0, 0, 0, 0]
    assert column.malformed(pl.Series([[1.0], []])).tolist() == [True, False]


def test_length_is_chosen_from_the_data() -> None:
    rows = [[0.0] * 10] * 300 + [[0.0] * 100_000]
    column = learned(pl.Series(rows))
    assert np.diff(steps_of(column, pl.Series(rows[-2:])).offsets).tolist() == [10, 10]
    assert np.diff(steps_of(learned(pl.Series(rows), longest=7), pl.Series(rows[-2:])).offsets).tolist() == [7, 7]
    with pytest.raises(OptionError, match="longest"):
        Sequence(longest=0)


ROWS = st.lists(st.lists(st.floats(-1e3, 1e3, width=32), max_size=12), min_size=1, max_size=6)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_statistics_are_those_of_numpy(rows: list[list[float]]) -> None:
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    values = np.array([x for row in rows for x in row], dtype=np.float32)[:, None]
    found = statistics(Ragged(values, offsets))[:, 0]
    for row, figures in zip(rows, found, strict=True):
        x = np.array(row, dtype=np.float32).astype(np.float64)
        if not len(x):
            assert np.isnan(figures).all()
            continue
        slope = np.polyfit(np.linspace(0, 1, len(x)), x, 1)[0] if len(x) > 1 else 0.0
        quantiles = [np.sort(x)[int(np.rint(q * (len(x) - 1)))] for q in (0.1, 0.5, 0.9)]
        expected = [x.mean(), x.std(), x.min(), x.max(), x[0], x[-1], slope, *quantiles]
        assert figures == pytest.approx(expected, rel=1e-4, abs=1e-2)
    assert len(STATISTICS) == found.shape[1]


def test_many_channels_have_few_features() -> None:
    column = learned(pl.Series([DRAW.normal(size=(5, 13)).tolist() for _ in range(20)]))
    found = column.features(column.encode(pl.Series([DRAW.normal(size=(5, 13)).tolist(), None])))
    assert found.values.shape == (2, 1 + 12 * (4 + 12 + 2 + 5))
    assert np.isnan(found.values[1, 1:]).all()


def test_real_speech_frames() -> None:
    """Spoken letters and digits as 13 cepstral numbers a frame: utterances of more words are longer."""
    file = np.load(shared_data("speech_an4_mfcc", "an4_test_mfcc.npz"))
    edges = np.cumsum(file["lengths"])[:-1]
    cells = pl.Series("frames", [each.astype(np.float32).tolist() for each in np.split(file["feats"], edges)[:60]])
    column = Sequence.claim(cells, name="frames")
    column.learn(cells)
    assert column.parts[0].channels == 13
    assert column.malformed(cells).sum() == 0
    length = column.features(column.encode(cells)).values[:, 0]
    assert (length <= file["lengths"][:60]).all()
    assert (length == file["lengths"][:60]).mean() > 0.9


def test_vectors_may_be_given_as_a_sequence() -> None:
    frame = pl.DataFrame({"steps": [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]] * 6, "y": [0.5, 1.5] * 6})
    made = Schema.claim(frame, targets=["y"], types={"steps": "sequence"})
    assert made.inputs[0].type == "sequence"
    assert not made.inputs[0].malformed(frame["steps"]).any()


def test_a_row_has_the_same_figures_in_any_company() -> None:
    draw = np.random.default_rng(0)
    cells = [draw.normal(size=(n, 2)).tolist() for n in (5, 1, 17, 8, 100, 3)] + [[[3.0, 3.0]] * 30, None]
    column = learned(pl.Series("x", cells))
    whole = column.features(column.encode(pl.Series("x", cells)))
    assert len(set(whole.names)) == len(whole.names) == whole.values.shape[1]
    for place, cell in enumerate(cells):
        alone = column.features(column.encode(pl.Series("x", [cell], dtype=pl.List(pl.List(pl.Float64)))))
        np.testing.assert_array_equal(alone.values[0], whole.values[place])


def test_figures_of_files_written_before_stay_as_they_were() -> None:
    column = learned(pl.Series("x", [[1.0, 2.0, 4.0], [3.0, 1.0]]))
    json, arrays = column.to_state()
    before = Sequence.from_state({key: value for key, value in json.items() if key != "figures"}, arrays)
    assert len(before.features(before.encode(pl.Series("x", [[1.0, 2.0]]))).names) == 11
    assert len(Sequence.from_state(json, arrays).features(column.encode(pl.Series("x", [[1.0, 2.0]]))).names) > 50
