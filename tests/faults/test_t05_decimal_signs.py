"""T5 and T6: the decimal sign is decided over the whole table, and once a model was learned, by the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.schema import Schema
from mapsto.table import read

FILES = Path(__file__).parent / "files"


def test_the_decimal_sign_of_the_file_decides_the_mark_of_thousands() -> None:
    table = read(FILES / "umsatz.csv")
    assert table.frame.rows()[0] == (340.84, 17042.0, 0.0)
    (note,) = [note for note in table.notes if note.column == "umsatz"]
    assert "the point was read as the mark of thousands" in note.text


def test_a_zero_before_the_comma_is_a_decimal_comma() -> None:
    table = read(FILES / "rate.csv")
    assert table.frame["rate"].head(2).to_list() == [0.849, 0.636]
    assert table.frame["x"].head(2).to_list() == [0.849, 0.636]


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_files_of_any_separator(tmp_path: Path, separator: str) -> None:
    cells = ["0,123", "0,500", "1,250", "12"]
    path = write(tmp_path / "a.csv", separator, {"rate": cells, "y": ["1", "2", "3", "4"]})
    assert read(path).frame["rate"].to_list() == [0.123, 0.5, 1.25, 12.0]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["0,849", "0,636", "1,234", "2,000"], [0.849, 0.636, 1.234, 2.0]),
        (["1.234,5", "2.000", "0,5", "7"], [1234.5, 2000.0, 0.5, 7.0]),
        (["1,234.5", "2,000", "0.5", "7"], [1234.5, 2000.0, 0.5, 7.0]),
        (["1 234,5", "2\u00a0000", "0,5", "7"], [1234.5, 2000.0, 0.5, 7.0]),
        (["12,34,567", "1,00,000", "5", "7"], [1234567.0, 100000.0, 5.0, 7.0]),
    ],
)
def test_text_in_frames(cells: list[str], found: list[float]) -> None:
    assert values({"x": cells})["x"] == found


def test_what_a_column_leaves_open_follows_from_the_others() -> None:
    assert values({"x": ["1,234", "2,345", "3"], "z": ["0,5", "1,25", "7"]})["x"] == [1.234, 2.345, 3.0]
    assert values({"x": ["1.234", "2.345", "3"], "z": ["0,5", "1,25", "7"]})["x"] == [1234.0, 2345.0, 3.0]
    assert values({"x": ["1,234", "2,345", "3"], "z": ["0.5", "1.25", "7"]})["x"] == [1234.0, 2345.0, 3.0]


def test_what_nothing_decides_is_told() -> None:
    frame = pl.DataFrame({"x": ["1,234", "2,345", "3"] * 20, "y": range(60)})
    (column,) = Schema.claim(frame, targets=["y"], inputs=["x"]).inputs
    assert "a comma is taken for a mark of thousands" in column.doubt
    (given,) = Schema.claim(frame, targets=["y"], inputs=["x"], types={"x": "number"}).inputs
    assert "a comma is taken for a mark of thousands" in given.doubt


def test_the_model_keeps_the_sign_whatever_comes_to_be_predicted(tmp_path: Path) -> None:
    model = mapsto.fit(FILES / "umsatz.csv", "kunden", network="linear-model", time="8s", progress=False)
    expected = model.predict({"umsatz": [17042.0, 1011.0], "rabatt": [0.1, 0.2]})["kunden"].to_numpy()
    alone = write(tmp_path / "alone.csv", ";", {"umsatz": ["17.042", "1.011"], "rabatt": ["0,1", "0,2"]})
    commas = write(tmp_path / "commas.csv", ",", {"umsatz": ["17.042", "1.011"], "rabatt": ["0,10", "0,20"]})
    model.save(tmp_path / "m.mapsto")
    again = mapsto.load(tmp_path / "m.mapsto")
    for rows in (alone, commas, {"umsatz": ["17.042", "1.011"], "rabatt": ["0,1", "0,2"]}):
        assert np.allclose(again.predict(rows)["kunden"].to_numpy(), expected, rtol=1e-5)
        assert again.last_problems == [] or all("cannot" not in p.text for p in again.last_problems)


def test_what_a_file_shows_goes_before_what_was_learned(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=60).round(3)
    train = pl.DataFrame({"x": x, "z": x[::-1] / 2, "y": 2 * x})
    train.write_csv(tmp_path / "train.csv")
    model = mapsto.fit(tmp_path / "train.csv", "y", network="linear-model", time="8s", progress=False)
    points = write(tmp_path / "points.csv", ",", {"x": ["1.234", "0.5"], "z": ["0.25", "1.125"]})
    commas = write(tmp_path / "commas.csv", ";", {"x": ["1,234", "2,345"], "z": ["0,25", "1,12"]})
    assert np.isclose(model.predict(points)["y"][0], model.predict(commas)["y"][0])
    assert any("the comma was read as the decimal sign" in note.text for note in model.last_problems)


def values(cells: dict[str, list[str]]) -> dict[str, list[float]]:
    """What the columns of a frame of text read."""
    frame = pl.DataFrame(cells).with_columns(y=pl.int_range(pl.len()))
    schema = Schema.claim(frame, targets=["y"], types=dict.fromkeys(cells, "number"))
    schema.learn(frame)
    return {column.name: column.encode_target(frame[column.name]).tolist() for column in schema.inputs}


def write(path: Path, separator: str, columns: dict[str, list[Any]]) -> Path:
    pl.DataFrame(columns).write_csv(path, separator=separator)
    return path
