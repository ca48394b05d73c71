"""Objectives: one file per way of learning. Adding one touches its file, its test and the list below.

>>> sorted(OBJECTIVES)
['masked', 'supervised', 'verification']
"""

from __future__ import annotations

from mapsto.objectives.base import Objective
from mapsto.objectives.masked import MaskedCells
from mapsto.objectives.supervised import Supervised
from mapsto.objectives.verification import Verification

__all__ = ["OBJECTIVES", "MaskedCells", "Objective", "Supervised", "Verification"]

OBJECTIVES: dict[str, type[Objective]] = {
    objective.name: objective for objective in (Supervised, MaskedCells, Verification)
}
"""Every objective by name."""
