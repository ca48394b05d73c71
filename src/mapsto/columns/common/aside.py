"""Columns that are set aside: no network reads them and none predicts them; they keep their reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl

from mapsto.columns.base import Column, Features, Guide
from mapsto.columns.common.cells import as_text, is_number, is_text, present
from mapsto.columns.common.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.columns.common.parts import Part, Ragged


@dataclass
class SetAside(Column):
    """Base of types that learn and encode nothing."""

    is_input: ClassVar[bool] = False

    def learn(self, series: pl.Series, guide: Guide | None = None) -> None:
        """Nothing to learn."""

    @property
    def parts(self) -> Sequence[Part]:
        """None."""
        return []

    def encode(self, series: pl.Series) -> list[np.ndarray | Ragged]:
        """No arrays."""
        return []

    def features(self, arrays: Sequence[np.ndarray | Ragged]) -> Features:
        """No features."""
        return Features(np.zeros((0, 0), dtype=np.float32), [], [])

    def numbers(self, series: pl.Series) -> np.ndarray:
        """The last digits of keys and the values of numbers, float64 `(rows,)`, NaN where there are none."""
        if is_text(series.dtype):
            series = as_text(series).str.extract(r"(\d{1,15})\D*$")
        elif not is_number(series.dtype):
            return np.full(len(series), np.nan)
        return series.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()

    def summary(self, series: pl.Series) -> dict[str, Any]:
        """Rows, missing cells and, where cells can be compared, distinct values."""
        there = present(series)
        distinct = {} if there.dtype.is_nested() or str(there.dtype) == "Object" else {"distinct": there.n_unique()}
        return {"rows": len(series), "missing": len(series) - len(there), **distinct}

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Name and reason only."""
        return {"name": self.name, "reason": self.reason}, {}

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_state`."""
        state = State(json, arrays)
        return state.make(
            cls,
        )
