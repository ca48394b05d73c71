"""Which rows judge when no test rows were set apart: rows that no contender learned from.

* Where members are learned over folds (`Prepared.out_of_fold`), what they say of the rows they did not see judges.
* Otherwise the rows that only calibrate: they chose nothing, so nothing has to be learned again. What calibrates one
  half of them comes from the other half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mapsto.fitting.prepare import Prepared


def told(prepared: Prepared, rows: int) -> str:
    """What the rows that judged are, to follow "measured on"."""
    if prepared.out_of_fold:
        return f"{rows:,} out-of-fold rows (approximate: they also chose and calibrated)"
    halves = ", and each half was calibrated on the other" if any(t.classes for t in prepared.schema.targets) else ""
    return f"{rows:,} out-of-fold rows, from which no contender learned and which chose nothing{halves}"
