"""What each registered column type, network, member and objective stands on: measured rows, shipped along."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGED = Path(__file__).with_name("evidence.json")
_REPOSITORY = Path(__file__).resolve().parents[2] / "benchmarks" / "evidence.json"


@cache
def rows() -> list[dict[str, Any]]:
    """One row a registered name.

    Keys: name, kind (column, network, member, objective), dataset, metric, higher_is_better, value, low, high (95 %
    interval), naive (the naive baseline's figure on the same rows), seconds, date, command.
    """
    path = _PACKAGED if _PACKAGED.exists() else _REPOSITORY
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found
