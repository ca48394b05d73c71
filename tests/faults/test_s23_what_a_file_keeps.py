"""A model file holds names of files and not where they lay, and few of the pictures it learned from."""

from __future__ import annotations

import numpy as np
import PIL.Image
import polars as pl
import pytest

import mapsto

ROWS, SIDE = 60, 48
QUICK = {"network": "dummy", "progress": False, "threads": 1}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a-private-place") / "photos of 2026"
    draw = np.random.default_rng(0)
    for i in range(ROWS):
        place = folder / ("dark" if i % 2 else "light")
        place.mkdir(exist_ok=True, parents=True)
        pixels = draw.integers(0, 100, (SIDE, SIDE, 3)) + (0 if i % 2 else 150)
        PIL.Image.fromarray(pixels.astype(np.uint8)).save(place / f"number {i:03}.png")
    return folder


def no_place_in(model, folder, tmp_path):
    data = model.to_bytes()
    assert b"a-private-place" not in data
    assert str(folder.parent).encode() not in data
    page = model.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "a-private-place" not in page
    return data


def test_a_folder_of_pictures(pictures, tmp_path):
    model = mapsto.fit(pictures, "class", **QUICK)
    no_place_in(model, pictures, tmp_path)
    assert "photos of 2026" in model.notes[0].text


@pytest.mark.parametrize("form", ["csv", "frame"])
def test_a_table_of_paths(pictures, tmp_path, form):
    paths = sorted(pictures.rglob("*.png"))
    table = pl.DataFrame({"photo": [str(path) for path in paths], "shade": [path.parent.name for path in paths]})
    table.write_csv(pictures / "table.csv")
    assert "a-private-place" in table["photo"][0]
    model = mapsto.fit(pictures / "table.csv" if form == "csv" else table, "shade", types={"photo": "image"}, **QUICK)
    no_place_in(model, pictures, tmp_path)


def test_what_is_kept_of_large_pictures_is_small():
    draw = np.random.default_rng(1)
    pixels = draw.integers(0, 255, (240, 96, 96, 3)).astype(np.uint8)
    model = mapsto.fit({"photo": pixels, "y": draw.choice(["a", "b"], 240)}, "y", **QUICK)
    assert len(model.to_bytes()) < 10 * 2**20
    assert 20 <= len(model._fitted.background) <= 240
