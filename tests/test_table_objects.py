"""Python objects in cells are read as what they say, or refused; never as the text in which Python shows them."""

from __future__ import annotations

import datetime as dt
import enum
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pytest
import soundfile
import torch

import mapsto
from mapsto.errors import DataError
from mapsto.table import read

DRAW = np.random.default_rng(0)


NAN = float("nan")


WAYS = ["list", "array", "pandas", "polars"]


def as_objects(cells: list) -> np.ndarray:
    found = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        found[row] = cell
    return found


def column(cells: list, way: str = "list") -> pl.Series:
    """The column as `read` gives it, however its cells are given."""
    if way == "polars":
        given = pl.DataFrame([pl.Series("c", cells, dtype=pl.Object), pl.Series("y", range(len(cells)))])
        return read(given).frame["c"]
    values = {"list": list, "array": as_objects, "pandas": lambda x: pd.Series(as_objects(x))}[way](cells)
    rows = {"c": values, "y": range(len(cells))}
    return read(pd.DataFrame(rows) if way == "pandas" else rows).frame["c"]


# -- gaps


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["a", NAN, "b", None], ["a", None, "b", None]),
        (["a", pd.NA, np.float32(NAN)], ["a", None, None]),
        ([True, NAN, False], [True, None, False]),
        ([1, pd.NA, 2], [1, None, 2]),
        ([pd.Timestamp("2020"), NAN, pd.NaT], [dt.datetime(2020, 1, 1), None, None]),
        ([dt.date(2020, 1, 1), NAN, None], [dt.date(2020, 1, 1), None, None]),
        ([["a", NAN], ["b"], NAN], [["a", None], ["b"], None]),
        ([np.datetime64("2020-01-01", "s"), np.datetime64("NaT"), None], [dt.datetime(2020, 1, 1), None, None]),
    ],
)
def test_gaps_are_missing(cells: list, expected: list, way: str) -> None:
    assert column(cells, way).to_list() == expected


def test_gaps_are_no_class() -> None:
    x = DRAW.normal(size=300)
    rows = {"x": x, "c": ["a", "b", NAN] * 100, "y": [NAN if i % 10 == 0 else "hi" if v > 0 else "lo" for i, v in
                                                        enumerate(x)]}  # fmt: skip
    model = mapsto.fit(rows, target="y", network="linear", progress=False)
    assert set(model.predict(rows)["y"]) == {"hi", "lo"}


# -- objects


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [pd.Series, torch.tensor, pl.Series, pd.array])
def test_series_and_tensors_are_lists(make: object, way: str) -> None:
    cells = [make([1.0, 2.0, 3.0 + i]) for i in range(3)]
    assert column(cells, way).to_list() == [[1.0, 2.0, 3.0], [1.0, 2.0, 4.0], [1.0, 2.0, 5.0]]
    uneven = [make([1.0, 2.0]), None, make([1, 2, 3])]
    assert column(uneven, way).to_list() == [[1.0, 2.0], None, [1.0, 2.0, 3.0]]


def test_tensors_with_gradients_and_half_precision() -> None:
    cells = [torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.bfloat16), torch.ones(2)]
    assert column(cells).to_list() == [[1.0, 1.0]] * 3
    assert column([torch.tensor(1.5), torch.tensor(2.5)]).to_list() == [1.5, 2.5]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("unit", ["D", "s", "ns"])
def test_lists_of_instants(unit: str, way: str) -> None:
    cells = [np.array(["2020-01-01", "NaT"], f"M8[{unit}]")] * 3
    assert column(cells, way).to_list() == [[dt.datetime(2020, 1, 1), None]] * 3


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([UUID(int=1), None], [str(UUID(int=1)), None]),
        ([Path("/a/b.png"), Path("c")], ["/a/b.png", "c"]),
        ([Colour.RED, Colour.BLUE], ["red", "2"]),
        ([bytearray(b"a"), memoryview(b"b")], [b"a", b"b"]),
        ([{"b", "a"}, frozenset("c")], [["a", "b"], ["c"]]),
        ([np.int8(1), np.int8(2)], [1, 2]),
        ([1 + 2j, None], ["(1+2j)", None]),
    ],
)
def test_objects_with_a_plain_form(cells: list, expected: list, way: str) -> None:
    assert column(cells, way).to_list() == expected


class Thing:
    """Nothing that a table could hold."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (pd.DataFrame({"a": [1]}), "DataFrame of pandas"),
        (Thing(), "Thing"),
        ([Thing()], "Thing"),
        ({"k": Thing()}, "Thing"),
        (int, "type"),
        ((np.ones(3), 5), "tuple of arrays"),
    ],
)
def test_objects_without_a_plain_form_are_refused(cell: object, said: str, way: str) -> None:
    with pytest.raises(DataError, match=f"column 'c', row 1: .*{said}.*Expected"):
        column([None, cell], way)


def sound_of(cell: bytes) -> tuple[list, int]:
    samples, rate = soundfile.read(BytesIO(cell))
    return samples.tolist(), rate


@pytest.mark.parametrize("way", WAYS)
def test_samples_with_their_rate_are_sounds(way: str) -> None:
    low, high = np.array([0.0, 0.5], np.float32), np.array([0.25, 0.0, -1.0])
    pairs = [(low, 8000), (torch.tensor(high)[None], 16_000.0), (22_050, low), None]
    records = [
        {"array": low, "sampling_rate": 8000, "path": None},
        {"array": high.tolist(), "sampling_rate": 16_000, "path": "a.wav"},
        {"array": low, "sampling_rate": 22_050, "path": None},
        None,
    ]
    for cells in (pairs, records):
        *found, last = column(cells, way)
        assert [sound_of(cell) for cell in found] == [
            ([0.0, 0.5], 8000), ([0.25, 0.0, -1.0], 16_000), ([0.0, 0.5], 22_050),
        ]  # fmt: skip
        assert last is None
    assert column([(np.array([0, 2**14], np.int16), 8000)] * 2, way).to_list() != [None] * 2


def test_sounds_of_several_rates_are_learned() -> None:
    pitch = DRAW.integers(0, 2, 60)
    cells = []
    for high in pitch:
        rate = int(DRAW.choice([8000, 16_000]))
        cells.append((np.sin(np.arange(rate // 4) * (1200 if high else 500) * 2 * np.pi / rate), rate))
    rows = {"sound": cells, "y": np.where(pitch, "high", "low")}
    model = mapsto.fit(rows, target="y", network="boosting", progress=False)
    assert (model.predict({"sound": cells})["y"].to_numpy() == rows["y"]).mean() > 0.9


# -- tensors as pictures


@pytest.mark.parametrize("shape", [(9, 8), (1, 9, 8), (3, 9, 8)])
def test_tensors_are_read_like_arrays(shape: tuple[int, ...]) -> None:
    arrays = [DRAW.random(shape).astype(np.float32) for _ in range(5)]
    for several in (arrays, [*arrays, None], [each[..., : 5 + i] for i, each in enumerate(arrays)]):
        tensors = [None if each is None else torch.tensor(each) for each in several]
        for way in WAYS:
            assert column(tensors, way).equals(column(several))


def test_torch_is_not_imported_for_it() -> None:
    code = "import sys; from mapsto.table import read; read({'c': [[1.0], {2}]}); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
