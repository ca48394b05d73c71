"""A few rows of every column type, for laws that hold whatever the type."""

from __future__ import annotations

import datetime
import io
from typing import Any

import numpy as np
import PIL.Image
import polars as pl
import soundfile

from mapsto.columns import TYPES

DAY = datetime.datetime(2021, 3, 1, 8)
WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "wise", "wizards", "watch"]


def png(pixels: np.ndarray) -> bytes:
    """A picture as the bytes of a file."""
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def wav(samples: np.ndarray) -> bytes:
    """A recording as the bytes of a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, 4000, format="WAV")
    return file.getvalue()


def cells(kind: str, rows: int, seed: int = 0) -> list[Any]:
    """So many cells of a type, each drawn from `seed`."""
    draw = np.random.default_rng(seed)
    make = {
        "number": lambda i: float(draw.normal(50, 20)),
        "category": lambda i: str(draw.choice(["Oslo", "Bonn", "Rome"])),
        "boolean": lambda i: bool(draw.random() < 0.5),
        "date": lambda i: DAY + datetime.timedelta(hours=float(draw.uniform(0, 9999))),
        "set": lambda i: draw.choice(["a", "b", "c", "d"], 2, replace=False).tolist(),
        "text": lambda i: " ".join(draw.choice(WORDS, 6)),
        "tree": lambda i: f"(S the (NP {draw.choice(WORDS)}) ({draw.choice(WORDS)} end))",
        "sequence": lambda i: draw.normal(3, 9, 2 + i % 5).tolist(),
        "image": lambda i: png(draw.integers(0, 256, (9, 8, 3), dtype=np.uint8)),
        "audio": lambda i: wav(draw.normal(0, 0.1, 900 + 50 * (i % 4))),
        "video": lambda i: [png(each) for each in draw.integers(0, 256, (2, 9, 8), dtype=np.uint8)],
    }[kind]
    return [make(i) for i in range(rows)]


INPUTS = [kind.type for kind in TYPES if kind.is_input]
"""Names of the types that go in."""


def series(kind: str, values: list[Any], name: str = "x") -> pl.Series:
    """Cells, some of them None, as a column."""
    first = next((value for value in values if value is not None), None)
    dtype = {"image": pl.Binary, "audio": pl.Binary, "video": pl.List(pl.Binary)}.get(kind)
    return pl.Series(name, values, dtype=dtype if first is not None else pl.String)
