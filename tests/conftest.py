"""Where the tests find real data."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers share the processors; threads of their own would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import mapsto  # noqa: F401 - first, so that it can set how OpenMP threads wait

_NUMBERS = count()
DATA = Path(os.environ.get("MAPSTO_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the user's cache, or reads from it."""
    monkeypatch.setenv("MAPSTO_CACHE", str(tmp_path_factory.getbasetemp() / "cache" / str(next(_NUMBERS))))


def shared_data(*parts: str) -> Path:
    """A file or folder of the development data; the test is skipped, with the reason, where it is not at hand."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"development data not at hand: {path} (set MAPSTO_DATA to their folder)")
    return path
