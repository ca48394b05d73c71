"""Pictures: `python -m benchmarks images [--only NAME,...]`."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import inputs
from benchmarks.inputs import Task

TASKS = [
    Task("fashion", inputs.fashion, "label", ">= .935 in 360 s", {"time": 360}),
    Task("fashion-60s", inputs.fashion, "label", ">= .90 in 60 s", {"time": 60}),
    Task("cifar10-10k", inputs.cifar, "label", ">= .72 in 600 s", {"time": 600}),
    Task("faces", inputs.faces, "person", ">= .97", {"time": 120}),
    Task("moving-clips", inputs.moving, "direction", ">= .97", {"time": 180}),
]


def main(arguments: Sequence[str]) -> None:
    """Run and publish."""
    inputs.main("images", arguments, TASKS)
