"""Texts: `python -m benchmarks text [--only NAME,...]`."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import inputs
from benchmarks.inputs import Peer, Task

TASKS = [
    Task("ag-news", inputs.ag_news, "class", ">= .903 in 180 s", {"time": 180}),
    Task("sst2", inputs.sst2, "label", ">= .823", {"time": 120}),
    Task("clinc150", inputs.clinc, "intent", ">= .91", {"time": 180}),
]
PEERS = [Peer(f"{task.name}: TF-IDF (words, pairs) + logistic regression", task.rows, inputs.tfidf) for task in TASKS]


def main(arguments: Sequence[str]) -> None:
    """Run and publish."""
    inputs.main("text", arguments, TASKS, PEERS)
