"""The processors this process may use, and what they can do."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


def available() -> int:
    """How many there are for this process.

    >>> available() >= 1
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def flags() -> frozenset[str]:
    """Instruction sets of the first processor as Linux lists them; empty where there is no such list."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return frozenset()
    lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    return frozenset(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))
