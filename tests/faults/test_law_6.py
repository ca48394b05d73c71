"""The meaning of numbers is a property of the column: what comes in another range is told, whatever holds them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO

import numpy as np
import polars as pl
import pytest
import soundfile

import mapsto
from mapsto.columns import TYPES, Audio, Column, Date, Image, Number, Sequence, Video, from_state

DRAW = np.random.default_rng(0)
QUICK = {"network": "linear", "progress": False}


def numbers(factor: float) -> pl.Series:
    return pl.Series("x", DRAW.normal(170, 10, 40) * factor)


def texts(factor: float) -> pl.Series:
    return pl.Series("x", [f"{value:.4f}" for value in DRAW.normal(170, 10, 40) * factor])


def lists(factor: float) -> pl.Series:
    return pl.Series("x", [(DRAW.normal(20, 3, 9) * factor).tolist() for _ in range(40)])


def vectors(factor: float) -> pl.Series:
    return pl.Series("x", DRAW.normal(0, 3, (40, 9, 4)) * factor)


def pictures(factor: float) -> pl.Series:
    return pl.Series("x", DRAW.normal(0, 1, (40, 12, 12)) * factor)


def stacks(factor: float) -> pl.Series:
    return pl.Series("x", DRAW.normal(0, 1, (40, 5, 12, 12)) * factor)


def waves(factor: float) -> pl.Series:
    return pl.Series("x", [(np.sin(np.arange(900) * 0.3) * 0.8 * factor).tolist() for _ in range(40)])


def files(factor: float) -> pl.Series:
    found = []
    for _ in range(40):
        file = BytesIO()
        soundfile.write(file, np.sin(np.arange(900) * 0.3) * 0.8 * factor, 8000, subtype="FLOAT", format="WAV")
        found.append(file.getvalue())
    return pl.Series("x", found)


def instants(factor: float) -> pl.Series:
    start = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    since = [timedelta(days=float(day)) * (1 if factor == 1 else 0.001) for day in range(40)]
    return pl.Series("x", [start + each if factor == 1 else datetime(1970, 1, 20) + each for each in since])


KINDS: list[tuple[Column, Callable[[float], pl.Series], float]] = [
    (Number(), numbers, 0.01), (Number(), numbers, 1000.0), (Number(), texts, 1000.0), (Number(), texts, 0.01),
    (Sequence(), lists, 0.01), (Sequence(), lists, 1000.0), (Sequence(), vectors, 1000.0), (Sequence(), vectors, 0.001),
    (Image(), pictures, 100.0), (Image(), pictures, 0.001), (Video(), stacks, 100.0), (Video(), stacks, 0.001),
    (Audio(rate=8000), waves, 32767.0), (Audio(), files, 32767.0), (Audio(rate=8000), waves, 0.001),
    (Date(), instants, 0.001),
]  # fmt: skip
IDS = [f"{column.type}-{make.__name__}-{factor:g}" for column, make, factor in KINDS]


@pytest.mark.parametrize(("column", "make", "factor"), KINDS, ids=IDS)
def test_another_unit_is_told_and_the_same_is_not(
    column: Column, make: Callable[[float], pl.Series], factor: float
) -> None:
    cells, other = make(1.0), make(factor)
    column.learn(cells)
    assert column.remarks(cells) == []
    assert column.remarks(cells.head(3)) == []
    (remark,) = column.remarks(other)
    assert remark.rows.tolist() == list(range(40))
    few = pl.concat([cells.head(30), other.head(2)])
    if factor > 1 or column.type in ("audio", "date"):
        assert [each.rows.tolist() for each in column.remarks(few)] == [[30, 31]], "a few among many are found"
    assert column.remarks(pl.Series("x", [None] * 3, dtype=cells.dtype)) == []


@pytest.mark.parametrize(("column", "make", "factor"), KINDS, ids=IDS)
def test_the_range_is_kept_and_does_not_depend_on_the_rows_asked(
    column: Column, make: Callable[[float], pl.Series], factor: float
) -> None:
    cells, other = make(1.0), make(factor)
    column.learn(cells)
    state, arrays = column.to_state()
    again = from_state({"type": column.type, **json.loads(json.dumps(state))}, arrays)
    assert again.span == column.span is not None
    assert [each.what for each in again.remarks(other)] == [each.what for each in column.remarks(other)]
    mixed = again.encode(pl.concat([cells, other]))
    for row, cell in ((0, cells), (40, other)):
        for whole, one in zip(mixed, again.encode(cell.head(1)), strict=True):
            alone = one.values if hasattr(one, "offsets") else one[0]
            among = whole.values[whole.offsets[row] : whole.offsets[row + 1]] if hasattr(one, "offsets") else whole[row]
            np.testing.assert_array_equal(alone, among)


def test_types_without_numbers_have_no_range() -> None:
    cells = pl.Series("x", ["a b", "c d", "a d", "b c"] * 10)
    with_numbers = {column.type for column, _, _ in KINDS}
    for kind in TYPES:
        if kind.type not in with_numbers:
            column = kind(name="x")
            assert column.extents(cells) is None
            assert column.remarks(cells) == []


def test_it_reaches_who_asks_for_predictions() -> None:
    rows = {"cm": DRAW.normal(170, 10, 80), "kg": DRAW.normal(70, 9, 80), "y": DRAW.choice(["a", "b"], 80)}
    model = mapsto.fit(rows, target="y", **QUICK)
    assert not [note for note in model.notes if "another unit" in note.text]
    model.predict({"cm": rows["cm"][:30], "kg": rows["kg"][:30]})
    assert model.last_problems == []
    for count in (1, 30):
        model.predict({"cm": rows["cm"][:count] / 100, "kg": rows["kg"][:count]})
        (note,) = model.last_problems
        assert note.column == "cm"
        assert note.count == count
        assert "another unit" in note.text
