"""Files are compared by what they hold: under another name they are the same."""

from __future__ import annotations

import re
import shutil
import wave
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import mapsto

DRAW = np.random.default_rng(0)
OPTIONS: dict[str, Any] = {"target": "y", "network": "boosting", "progress": False}


def picture(path: Path) -> None:
    Image.fromarray(DRAW.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(path)


def sound(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(DRAW.integers(-9000, 9000, 2000).astype("<i2").tobytes())


def texts(notes: list[Any]) -> str:
    return "\n".join(note.text for note in notes)


@pytest.mark.parametrize(("ending", "write"), [("png", picture), ("wav", sound)])
def test_test_rows_that_repeat_files_of_the_training_rows_are_told(tmp_path: Path, ending: str, write: Any) -> None:
    paths = [tmp_path / f"{n}.{ending}" for n in range(60)]
    for path in paths:
        write(path)
    copies = [tmp_path / f"copy of {path.name}" for path in paths[:20]]
    for path, copy in zip(paths, copies, strict=False):
        shutil.copy(path, copy)
    labels = ["a", "b"] * 30
    train = pl.DataFrame({"file": list(map(str, paths)), "id": range(60), "y": labels})
    test = pl.DataFrame({"file": list(map(str, copies)), "id": range(60, 80), "y": labels[:20]})
    found = texts(mapsto.fit(train, test=test, **OPTIONS).notes)
    assert re.search(r"1\d of 20 test rows repeat a training row in every input, 1\d of them with the same", found)
    assert "20 rows repeat an earlier row in what every input holds" in found


def test_files_that_differ_and_missing_ones_are_not_told(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.png" for n in range(40)]
    for path in paths:
        picture(path)
    cells = [None if n in (3, 5, 7) else str(path) for n, path in enumerate(paths)]
    model = mapsto.fit(pl.DataFrame({"file": cells, "y": ["a", "b"] * 20}), **OPTIONS)
    assert "in what every input holds" not in texts(model.notes)
