"""Reporting: what a model is and how good it is, as text, as live progress, and as one HTML page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mapsto.fitted import Fitted

__all__ = ["write_report"]


def write_report(fitted: Fitted, path: str | os.PathLike[str], seconds: float = 5.0) -> Path:
    """Write the self-contained HTML report; see `mapsto.reporting.page`. Returns its path."""
    from mapsto.reporting.page import write_report as write

    return write(fitted, path, seconds)
