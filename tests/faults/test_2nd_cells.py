"""What strangers' cells broke: arrays for a column, pictures of black and white, the index of a frame."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import PIL.Image
import polars as pl
import pytest
import torch

from mapsto.columns import Image
from mapsto.table import read

DRAW = np.random.default_rng(0)


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


# -- the index of a frame


def test_an_index_with_a_name_is_told() -> None:
    frame = pd.DataFrame({"sex": ["a", "b", "a"], "age": [1, 2, 3], "y": [4, 5, 6]})
    (note,) = read(frame.set_index("sex")).notes
    assert "'sex'" in note.text
    assert "reset_index()" in note.text
    (note,) = read(frame.groupby(["sex", "age"]).agg("sum")).notes
    assert "'sex', 'age'" in note.text
    assert read(frame).notes == read(frame[frame["age"] > 1]).notes == read(frame.rename_axis(index="n")).notes == []
