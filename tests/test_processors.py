"""Processors of this process, and what Linux says of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mapsto import processors


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound to processors here")
def test_only_processors_that_the_process_may_use_count() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from mapsto import processors; "
    done = subprocess.run(
        [sys.executable, "-c", code + "print(processors.available())"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx2 amx_bf16\n\nprocessor : 1\nflags : fpu\n", {"fpu", "avx2", "amx_bf16"}),
        ("Features : asimd bf16\n", set()),
        (None, set()),
    ],
)
def test_flags_are_those_of_the_first_processor(text, expected, tmp_path, monkeypatch) -> None:
    path = tmp_path / "cpuinfo"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(processors, "Path", lambda _: path)
    assert processors.flags.__wrapped__() == expected
