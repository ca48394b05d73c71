"""Cells as people's libraries hold them: gaps, objects, tensors, sounds, pictures and records are read or refused."""

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
import PIL.Image
import polars as pl
import pytest
import soundfile
import torch

import mapsto
from mapsto.columns import Image
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


# -- one array for a column


@pytest.mark.parametrize("make", [np.asarray, torch.tensor])
def test_an_array_of_series_is_a_series_a_row(make: object) -> None:
    x = DRAW.normal(size=(300, 48))
    rows = {"s": make(x), "y": np.where(x[:, 3] > 0, "a", "b")}
    frame = read(rows).frame
    assert frame["s"].to_list() == x.tolist()
    assert frame.equals(read({**rows, "s": list(x)}).frame)
    days = np.array([["2020-01-01", "NaT"]] * 3, "M8[D]")
    assert read({"s": days}).frame["s"].to_list() == [[dt.datetime(2020, 1, 1), None]] * 3
    assert read({"s": np.array([["a", "b"]] * 3)}).frame["s"].to_list() == [["a", "b"]] * 3


@pytest.mark.parametrize("make", [np.asarray, torch.tensor])
def test_an_array_of_one_column_is_a_value_a_row(make: object) -> None:
    assert read({"x": make([[1.5], [2.5]])}).frame["x"].to_list() == [1.5, 2.5]


# -- pictures of black and white


def test_black_and_white_is_the_same_in_every_form() -> None:
    masks = DRAW.random((6, 9, 8)) < 0.4
    images = [PIL.Image.fromarray(mask) for mask in masks]
    assert images[0].mode == "1"
    column_ = Image(name="c", size=(9, 8))
    column_.learn(column(images))
    expected = column_.encode(column(images))[0]
    assert set(np.unique(expected)) == {0, 255}
    uneven = [*masks[:5], masks[5][:, :4]]
    for cells in (masks, torch.tensor(masks), list(masks), [torch.tensor(mask) for mask in masks], uneven):
        found = read({"c": cells}).frame["c"]
        np.testing.assert_array_equal(column_.encode(found)[0][:5], expected[:5])
        again = Image(name="c", size=(9, 8))
        again.learn(found)
        np.testing.assert_array_equal(again.encode(found)[0][:5], expected[:5])


# -- records that stand for files


def test_records_of_pictures(tmp_path: Path) -> None:
    image = PIL.Image.fromarray(DRAW.integers(0, 255, (9, 8, 3), dtype=np.uint8))
    path = tmp_path / "a.png"
    image.save(path)
    data, place = path.read_bytes(), str(path)
    mixed = [{"bytes": None, "path": place}, {"bytes": data, "path": None}, None]
    wider = [{"bytes": data, "path": "x.png", "width": 8, "more": {"k": 1}}, {"path": place}, None]
    named = [{"path": place}, {"path": place, "width": 8}, None]
    for way in WAYS:
        assert column(mixed, way).to_list() == [data, data, None]
        assert column(wider, way).to_list() == [data, data, None]
        assert column(named, way).to_list() == [place, place, None]
        assert column([{"path": place}] * 2, way).to_list() == [place] * 2
    (note,) = read({"c": wider}).notes
    assert "width" in note.text
    (note,) = read({"c": [{"bytes": data, "path": None}, {"bytes": None, "path": "nowhere.png"}]}).notes
    assert "cannot be read" in note.text


def test_a_file_opens_no_other(tmp_path: Path) -> None:
    """A stranger's table must not make us read files of ours."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    table = tmp_path / "t.parquet"
    cells = [{"bytes": b"one", "path": None}, {"bytes": None, "path": str(secret)}]
    pl.DataFrame({"c": cells, "y": [1, 2]}).write_parquet(table)
    assert read(table).frame["c"].to_list() == [b"one", None]


# -- records


USERS = [{"age": 30 + i, "place": {"city": "Rome" if i % 2 else "Oslo"}} for i in range(60)]


@pytest.mark.parametrize("way", ["list", "pandas", "polars", "lines"])
def test_fields_of_records_are_columns(way: str, tmp_path: Path) -> None:
    rows = pl.DataFrame({"user": USERS, "y": ["ab"[i % 2] for i in range(60)]})
    data: object = {"list": rows.to_dict(as_series=False), "pandas": rows.to_pandas(), "polars": rows}.get(way)
    if way == "lines":
        data = tmp_path / "t.jsonl"
        rows.write_ndjson(data)
    table = read(data)
    assert table.frame.columns == ["user.age", "user.place.city", "y"]
    assert any("'user.age'" in note.text and note.column == "user" for note in table.notes)
    model = mapsto.fit(data, target="y", network="boosting", progress=False)
    found = model.predict(data, keep=["user.place.city"])
    assert found["y"].to_list() == rows["y"].to_list() if way != "pandas" else list(found["y"]) == rows["y"].to_list()
    assert set(found["user.place.city"]) == {"Rome", "Oslo"}


def test_names_of_fields_that_are_no_texts() -> None:
    assert read({"c": [{1: 2, "b": NAN}, {1: 3}]}).frame.to_dict(as_series=False) == {"c.1": [2, 3], "c.b": [None] * 2}


def test_names_of_fields_that_are_taken() -> None:
    table = read({"user": [{"age": 3}, {"age": 4}], "user.age": [1, 2]})
    assert table.frame["user.age"].to_list() == [1, 2]
    assert [note.kind for note in table.notes] == ["warning"]
    table = read({"keys": [{f"k{i}": 1 for i in range(200)}] * 2})
    assert "unnest" in table.notes[0].text


# -- the index of a frame


def test_an_index_with_a_name_is_told() -> None:
    frame = pd.DataFrame({"sex": ["a", "b", "a"], "age": [1, 2, 3], "y": [4, 5, 6]})
    (note,) = read(frame.set_index("sex")).notes
    assert "'sex'" in note.text
    assert "reset_index()" in note.text
    (note,) = read(frame.groupby(["sex", "age"]).agg("sum")).notes
    assert "'sex', 'age'" in note.text
    assert read(frame).notes == read(frame[frame["age"] > 1]).notes == read(frame.rename_axis(index="n")).notes == []
