"""Identifiers: values that name a row and say nothing about it. They are recognised, left out, and said so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import polars as pl

from mapsto.columns.common.aside import SetAside
from mapsto.columns.common.cells import distinct_share, is_text, present, sample
from mapsto.columns.common.evidence import named_like_id, named_like_row, too_long
from mapsto.errors import ColumnRefused
from mapsto.table import units

_UNIQUE = 0.95
_ROWS = 50
"""Rows from which a count upwards is taken for row numbers."""
_UUID = r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$"
_KEY = re.compile(r"^[A-Za-z]{1,8}[-_:#/.]?\d+$").pattern
_MIXED = r"^[A-Za-z0-9_:#./-]*\d[A-Za-z0-9_:#./-]*$"
_FEW = 10


@dataclass
class Identifier(SetAside):
    """A value that names a row: a key, a row number, a UUID. It is not an input and not a target."""

    type: ClassVar[str] = "identifier"

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Text or whole numbers that hardly repeat and have the shape, the name or the steps of a key."""
        if target:
            message = "an identifier names a row; it cannot be learned"
            raise ColumnRefused(message)
        if not (series.dtype.is_integer() or series.dtype == pl.String):
            message = f"cells are {series.dtype}; identifiers are text or whole numbers"
            raise ColumnRefused(message)
        share = distinct_share(series)
        if share < _UNIQUE or len(series) < 2:
            message = f"values repeat ({share:.0%} distinct)"
            raise ColumnRefused(message)
        reason = cls._reason_for_text(series, name) if is_text(series.dtype) else cls._reason_for_numbers(series, name)
        return cls(name=name, reason=f"{reason}; it names rows and says nothing about them")

    @classmethod
    def _reason_for_numbers(cls, series: pl.Series, name: str) -> str:
        if named_like_id(name):
            return "named like an identifier, and values hardly repeat"
        if too_long(series):
            return "whole numbers of more digits than a quantity keeps, and values hardly repeat"
        cells = present(series)
        step = _step(cells)
        # Doses and years count as well: without a name that says so, only rows numbered in their order are told apart.
        if step and (named_like_row(name) or (step == 1 and cells[0] in (0, 1) and cells.is_sorted())):
            return f"counts in steps of {step} and never repeats, like a row number"
        message = "whole numbers without the name or the steps of an identifier"
        raise ColumnRefused(message)

    @classmethod
    def _reason_for_text(cls, series: pl.Series, name: str) -> str:
        cells = sample(series)
        digits = cells.str.contains(r"^\d+$").all()
        if digits:
            return cls._reason_for_numbers(series.cast(pl.Int64, strict=False), name)
        measured = units.find(cells)
        if measured.unit or measured.several or measured.money:
            message = "numbers with a unit"
            raise ColumnRefused(message)
        shapes = {"a UUID": _UUID, "a letter key with a number": _KEY}
        for what, pattern in shapes.items():
            if len(cells) >= _FEW and cells.str.contains(pattern).mean() >= _UNIQUE:  # type: ignore[operator]
                return f"values hardly repeat and look like {what}"
        mixed = cells.str.contains(_MIXED).all() and cells.str.len_chars().n_unique() <= 3
        if mixed and len(cells) >= _FEW and not _reads_as_number(cells):
            return "values hardly repeat and are letters and digits of one length"
        if named_like_id(name) and not cells.str.contains(r"\s").any():
            return "named like an identifier, and values hardly repeat"
        message = "text without the shape or the name of an identifier"
        raise ColumnRefused(message)


def _reads_as_number(cells: pl.Series) -> bool:
    return bool(cells.cast(pl.Float64, strict=False).is_not_null().any())


def _step(cells: pl.Series) -> int:
    """The step in which distinct values count up without a gap, or 0."""
    if len(cells) < _ROWS or cells.n_unique() < len(cells):
        return 0
    x = cells.to_numpy()
    x = x - x.min()
    step = int(np.gcd.reduce(x))
    return step if int(x.max()) // step == len(x) - 1 else 0
