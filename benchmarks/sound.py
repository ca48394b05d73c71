"""Sounds: `python -m benchmarks sound [--only NAME,...]`."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import inputs
from benchmarks.inputs import Task

TASKS = [
    Task("digits", inputs.digits, "digit", ">= .985 in 120 s", {"time": 120}),
    Task("digits-new-speaker", inputs.new_speaker, "digit", "reported", {"time": 120}),
]


def main(arguments: Sequence[str]) -> None:
    """Run and publish."""
    inputs.main("sound", arguments, TASKS)
