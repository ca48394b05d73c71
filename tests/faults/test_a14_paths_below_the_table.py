"""A14: cells of a stranger's table name no files outside its folder, unless that is allowed."""

from __future__ import annotations

import os

import polars as pl
import pytest
from PIL import Image

from mapsto.errors import DataError
from mapsto.table import read


@pytest.fixture
def place(tmp_path):
    for name in ("inside/photos/1.png", "inside/photos/2.png", "outside/3.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(path)
    return tmp_path


def table(place, *cells, form="csv"):
    path = place / "inside" / f"t.{form}"
    frame = pl.DataFrame({"photo": [str(cell) for cell in cells], "y": list(range(len(cells)))})
    getattr(frame, "write_csv" if form == "csv" else f"write_{form}")(path)
    return path


@pytest.mark.parametrize("form", ["csv", "parquet", "ndjson"])
def test_absolute_and_climbing_paths_are_refused(place, form):
    form_ = {"ndjson": "ndjson"}.get(form, form)
    for cell in (place / "outside/3.png", "../outside/3.png", "photos/../../outside/3.png"):
        path = table(place, "photos/1.png", cell, form=form_)
        with pytest.raises(DataError, match=r"'photo' of t\..*allow_paths=True.*--allow-paths"):
            read(path)
        assert read(path, allow_paths=True).frame.height == 2


def test_paths_below_are_read(place, monkeypatch):
    frame = read(table(place, "photos/1.png", place / "inside/photos/2.png")).frame
    assert all(map(os.path.exists, frame["photo"]))
    monkeypatch.chdir(place)  # from the folder of the project, with the folder of the table in front
    assert all(map(os.path.exists, read(table(place, "inside/photos/1.png", "inside/photos/2.png")).frame["photo"]))


def test_paths_from_here_that_lie_elsewhere(place, monkeypatch):
    monkeypatch.chdir(place / "outside")
    with pytest.raises(DataError, match="allow_paths"):
        read(table(place, "3.png", "3.png"))


def test_links_do_not_lead_out(place):
    os.symlink(place / "outside", place / "inside/link")
    os.symlink(place / "outside/3.png", place / "inside/photos/4.png")
    for cell in ("link/3.png", "photos/4.png"):
        with pytest.raises(DataError, match="allow_paths"):
            read(table(place, "photos/1.png", cell))


def test_lists_of_paths(place):
    path = place / "inside/t.parquet"
    pl.DataFrame({"photos": [["photos/1.png"], [str(place / "outside/3.png")]], "y": [1, 2]}).write_parquet(path)
    with pytest.raises(DataError, match="'photos'"):
        read(path)


def test_the_frame_of_a_caller_may_name_any_file(place):
    assert read(pl.DataFrame({"photo": [str(place / "outside/3.png")]})).frame.height == 1


def test_texts_and_addresses_stay(place):
    assert read(table(place, "https://example.org/1.png", "https://example.org/2.png")).frame.height == 2
    assert read(table(place, "see /etc/hosts", "/etc/passwd")).frame.height == 2
