"""Reporting: what a model is and how good it is, as text, as live progress, and as one HTML page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mapsto.explaining import Map
    from mapsto.fitted import Fitted

__all__ = ["write_maps", "write_report"]


def write_report(fitted: Fitted, path: str | os.PathLike[str], seconds: float = 5.0) -> Path:
    """Write the self-contained HTML report; see `mapsto.reporting.page`. Returns its path."""
    from mapsto.reporting.page import write_report as write

    return write(fitted, path, seconds)


def write_maps(fitted: Fitted, maps: list[Map], path: str | os.PathLike[str]) -> Path:
    """Write a page of what moved single predictions inside their cells; returns its path."""
    from mapsto.reporting.page import write_maps as write

    return write(fitted, maps, path)
