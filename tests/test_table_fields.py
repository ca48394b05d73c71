"""Records in cells: files, and fields that become columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import polars as pl
import pytest

import mapsto
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
