"""How long to learn: `python -m benchmarks patience [--only NAME,...]`.

Cut, clarity and colour of diamonds follow from the other columns nearly without noise, so a network gains by learning
longer than their number of rows suggests; who earns much and who will deposit does not. Without a time, `tabm` alone is
to find out which is which: once left to itself, once without restarts, beside the baselines of the same call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import polars as pl

from benchmarks import datasets, inputs
from benchmarks.inputs import Task


def rows(name: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first split of one of the six tables."""
    dataset = next(one for one in datasets.DATASETS if one.name == name)
    return next(dataset.splits(0))


def _tasks(target: str, of: Callable[[], tuple[pl.DataFrame, pl.DataFrame]], metric: str) -> list[Task]:
    ways: dict[str, dict[str, Any]] = {"": {}, ", no restarts": {"recipe": {"learning": {"restarts": 0}}}}
    return [
        Task(f"{target}{way}", of, target, "reported", {"network": "tabm", **options}, metric)
        for way, options in ways.items()
    ]


TASKS = [
    *(task for target in ("cut", "clarity", "color") for task in _tasks(target, partial(rows, "diamonds"), "log_loss")),
    *_tasks("income", partial(rows, "adult"), "auc"),
    *_tasks("deposit", partial(rows, "bank"), "auc"),
]


def main(arguments: Sequence[str]) -> None:
    """Run and publish."""
    inputs.main("patience", arguments, TASKS)
