"""Figures by group: whether a model serves some rows worse than others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from mapsto.metrics import present

if TYPE_CHECKING:
    import numpy as np

    from mapsto.metrics import Metric


def evaluate_groups(
    truth: np.ndarray,
    prediction: np.ndarray,
    groups: pl.Series,
    metrics: Sequence[Metric],
    weight: np.ndarray | None = None,
) -> dict[Any, dict[str, float]]:
    """Every metric within every group, with "rows" whose truth is known, in the order of the groups' values.

    Args:
        truth: in the form of the metrics' task.
        prediction: of the same rows.
        groups: one value a row; missing values are a group of their own, None.
        metrics: at least one, all of one task.
        weight: `(rows,)`, or None.

    >>> import numpy as np
    >>> from mapsto.metrics import get
    >>> truth, prediction = np.array([1.0, 2.0, 3.0]), np.array([[1.0], [2.5], [3.0]])
    >>> evaluate_groups(truth, prediction, pl.Series(["a", "b", None]), [get("mae", "regression")])
    {'a': {'rows': 1, 'mae': 0.0}, 'b': {'rows': 1, 'mae': 0.5}, None: {'rows': 1, 'mae': 0.0}}
    """
    frame = groups.alias("group").to_frame().with_row_index("row")
    members = frame.group_by("group").agg("row").sort("group", nulls_last=True)
    found: dict[Any, dict[str, float]] = {}
    for value, listed in zip(members["group"], members["row"], strict=True):
        rows = listed.to_numpy()
        own = None if weight is None else weight[rows]
        known = int(present(metrics[0].task, truth[rows]).sum())
        found[value] = {"rows": known} | {m.name: m(truth[rows], prediction[rows], own) for m in metrics}
    return found
