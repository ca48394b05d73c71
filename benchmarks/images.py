"""Pictures: `python -m benchmarks images [--only NAME,...]`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from benchmarks import inputs
from benchmarks.inputs import Task

FACES = {"encoding": {"picture_flip": "yes"}}
"""A mirrored face is a face. Settings are tried among people 11 to 40 alone; by those of turn 0 nothing is chosen."""

TASKS = [
    Task("fashion", inputs.fashion, "label", ">= .935 in 360 s", {"time": 360}),
    Task("fashion-60s", inputs.fashion, "label", ">= .90 in 60 s", {"time": 60}),
    Task("fashion-gpu", inputs.fashion, "label", ">= .945 in 60 s on a GPU", {"time": 60}, gpu=True),
    Task("cifar10-10k", inputs.cifar, "label", ">= .72 in 600 s", {"time": 600}),
    Task("faces", inputs.faces, "person", ">= .97", {"time": 120}),
    *(
        Task(
            f"faces-verification-{turn}",
            partial(inputs.strangers, turn),
            "person",
            "mean of four <= .05",
            {"objective": "verification", "recipe": FACES},
            "equal_error_rate",
        )
        for turn in range(4)
    ),
    Task("moving-clips", inputs.moving, "direction", ">= .97", {"time": 180}),
]


def main(arguments: Sequence[str]) -> None:
    """Run and publish."""
    inputs.main("images", arguments, TASKS)
