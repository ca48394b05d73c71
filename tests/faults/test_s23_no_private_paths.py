"""A model file tells nobody where the files it learned from lay, and keeps little of their pictures."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import polars as pl
import pytest

import mapsto
from mapsto.columns import Audio, Column, Image, Video


@pytest.mark.parametrize("column", [Image(), Audio(), Video()])
@pytest.mark.parametrize("path", ["/home/anna/secret/one.x", "secret/one.x", r"C:\Users\anna\secret\one.x"])
def test_a_path_is_shown_as_its_name(column: Column, path: str) -> None:
    assert column.show(path) == "one.x"


def test_a_model_file_holds_names_only(tmp_path: Path) -> None:
    folder = tmp_path / "private_folder"
    folder.mkdir()
    draw = np.random.default_rng(0)
    rows = []
    for i in range(48):
        pixels = draw.integers(0, 120, (10, 10, 3)).astype(np.uint8) + np.uint8(100 * (i % 2))
        PIL.Image.fromarray(pixels).save(folder / f"p{i}.png")
        rows.append({"photo": str(folder / f"p{i}.png"), "y": "ab"[i % 2]})
    model = mapsto.fit(pl.DataFrame(rows), target="y", network="linear-model", time="4s", progress=False)
    model.save(tmp_path / "m.mapsto")
    with zipfile.ZipFile(tmp_path / "m.mapsto") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    assert not [name for name, part in parts.items() if b"private_folder" in part]
    assert sum(len(part) for name, part in parts.items() if name.startswith(("background", "held"))) < 200_000
