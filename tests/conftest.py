"""Where the tests find real data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import mapsto  # noqa: F401 - first, so that it can set how OpenMP threads wait

DATA = Path(os.environ.get("MAPSTO_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def shared_data(*parts: str) -> Path:
    """A file or folder of the development data; the test is skipped, with the reason, where it is not at hand."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"development data not at hand: {path} (set MAPSTO_DATA to their folder)")
    return path
