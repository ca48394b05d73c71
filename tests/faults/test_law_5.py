"""Missing is information: whether a cell is there is told apart, for columns of all types, by all classical members."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile

from mapsto.columns import TYPES
from mapsto.schema import Schema
from one_member import auc_of

ROWS = 240
DRAW = np.random.default_rng(0)
THERE = DRAW.random(ROWS) < 0.6
ANSWER = np.where(THERE ^ (DRAW.random(ROWS) < 0.03), "high", "low")
WORDS = [
    "the",
    "ship",
    "came",
    "late",
    "and",
    "left",
    "the",
    "harbour",
    "again",
    "with",
    "a",
    "new",
    "crew",
    "in",
    "the",
    "morning",
    "rain",
]


def _sound() -> bytes:
    file = BytesIO()
    soundfile.write(file, DRAW.normal(0, 0.1, 2000), 8000, format="WAV")
    return file.getvalue()


CELLS: dict[str, dict[str, Callable[[], Any]]] = {
    "number": {"numbers": lambda: float(DRAW.normal()), "one number": lambda: 5.0},
    "category": {"words": lambda: str(DRAW.choice(WORDS[:5])), "one word": lambda: "bread"},
    "boolean": {"both": lambda: bool(DRAW.integers(2)), "one": lambda: True},
    "date": {
        "days": lambda: date(2020, 1, 1) + timedelta(days=int(DRAW.integers(900))),
        "one day": lambda: date(2020, 2, 29),
    },
    "set": {"labels": lambda: DRAW.choice(["red", "blue", "green", "grey"], 2, replace=False).tolist()},
    "text": {"sentences": lambda: " ".join(DRAW.choice(WORDS, 12))},
    "sequence": {"lists": lambda: DRAW.normal(size=int(DRAW.integers(5, 12))).tolist()},
    "image": {"pixels": lambda: DRAW.integers(0, 256, (12, 12), dtype=np.uint8).tolist()},
    "audio": {"files": _sound},
    "video": {"frames": lambda: DRAW.integers(0, 256, (4, 12, 12), dtype=np.uint8).tolist()},
    "tree": {"parses": lambda: f"(S ({DRAW.choice(WORDS)} {DRAW.choice(WORDS)}) (VP {DRAW.choice(WORDS)}))"},
    "identifier": {"keys": lambda: f"C{DRAW.integers(10**9):09}"},
}


FORMS_OF_OTHERS = ("image", "audio", "video")
"""Types that must be named where cells are small: they might be something else."""


def test_every_type_is_among_them() -> None:
    assert CELLS.keys() == {kind.type for kind in TYPES if kind.is_input} | {"identifier"}


MEMBERS = ["boosting", "forest", "linear-model", "nearest"]
NO_FIGURES = {("text", "nearest"), ("identifier", "nearest")}
"""Words are no figures that a distance could be taken of: neighbours do not read them."""
EVERY = [(kind, what, member) for kind, found in CELLS.items() for what in found for member in MEMBERS]


@pytest.mark.parametrize(("kind", "what", "member"), [one for one in EVERY if (one[0], one[2]) not in NO_FIGURES])
def test_which_cells_are_there_is_told_apart(kind: str, what: str, member: str) -> None:
    make = CELLS[kind][what]
    cells = pl.Series("x", [make() if there else None for there in THERE], strict=False)
    frame = pl.DataFrame({"x": cells, "noise": DRAW.normal(size=ROWS), "y": ANSWER})
    named: dict[str, Any] = {"x": kind}
    if kind == "identifier":
        schemas = [Schema.claim(frame, targets=["y"]).with_identifiers(frame)]
    else:
        schemas = [
            Schema.claim(frame, targets=["y"], types=types)
            for types in ([named] if kind in FORMS_OF_OTHERS else [named, {}])
        ]
    for schema in schemas:
        assert auc_of(member, schema, frame) > 0.9, schema.inputs
