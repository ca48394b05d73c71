"""A picture, a text, a number and a category in one table: `python -m benchmarks mixed [--only NAME,...]`.

The price is made of all four (`benchmarks.inputs.mixed`), so a model that reads all must beat one that lacks any. The
last rows join the columns by gates and by attention instead of a perceptron.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import inputs
from benchmarks.inputs import Task

COLUMNS = ("talk", "garment", "size", "city")
_TIME = {"time": 90}


def _without(out: str) -> list[str]:
    return [column for column in COLUMNS if column != out]


TASKS = [
    Task("all", inputs.mixed, "price", "above the rest", _TIME, "r2"),
    *(
        Task(f"without {out}", inputs.mixed, "price", "below all", {**_TIME, "inputs": _without(out)}, "r2")
        for out in COLUMNS
    ),
    *(
        Task(f"all, {name} alone", inputs.mixed, "price", "reported", {**_TIME, "network": name}, "r2")
        for name in ("perceptron", "gated", "ft-transformer")
    ),
]  # fmt: skip


def main(arguments: Sequence[str]) -> None:
    """Run and publish."""
    inputs.main("mixed", arguments, TASKS)
