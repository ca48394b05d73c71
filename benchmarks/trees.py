"""Parse trees: `python -m benchmarks trees [--only NAME,...]`."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import inputs
from benchmarks.inputs import Task

TASKS = [
    Task("sst-fine", inputs.sst_trees, "label", ">= .44", {"network": "treelstm", "time": 240}),
    Task(
        "sst-fine-speed",
        inputs.sst_trees,
        "label",
        ">= 500 trees/s",
        {"network": "treelstm", "time": 60},
        figure=inputs.rows_a_second,
    ),
    Task("sst-binary", inputs.sst_trees_binary, "label", ">= .81", {"network": "treelstm", "time": 240}),
]


def main(arguments: Sequence[str]) -> None:
    """Run and publish."""
    inputs.main("trees", arguments, TASKS)
