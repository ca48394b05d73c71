"""Files that cannot be read are counted while fitting, with their share, examples and rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image

import mapsto

DRAW = np.random.default_rng(0)


def test_forty_in_a_hundred(tmp_path: Path) -> None:
    bright = np.arange(60) % 2 == 0
    paths = [str(tmp_path / f"{i}.png") for i in range(60)]
    for row, path in enumerate(paths):
        pixels = DRAW.integers(0, 120, (12, 12), dtype=np.uint8) + np.uint8(120 * bright[row])
        PIL.Image.fromarray(pixels).save(path)
    for row in range(30):
        if row % 5 < 4:
            Path(paths[row]).write_bytes(b"broken")
    Path(paths[59]).unlink()
    rows = {"photo": paths, "y": np.where(bright, "bright", "dark")}
    model = mapsto.fit(rows, target="y", network="linear", progress=False)
    (note,) = [note for note in model.notes if "cannot be read" in note.text]
    assert note.column == "photo"
    assert note.count == 25
    assert "25 of 60 cells (41.7%)" in note.text
    model.predict({"photo": paths[55:]})
    note, empty = model.last_problems
    assert "there is no such file" in note.text
    assert note.rows == empty.rows == (4,)
