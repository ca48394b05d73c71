"""Numbers written as text: decimal point or comma, thousands marks, currency, per cent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from mapsto.columns.common.cells import BLANKS

Decimal = Literal[".", ","]

MARKS = ("", "na", "n/a", "nan", "null", "none", "nil", "?", "-", "--", ".", "#n/a")
"""Cells that mean "missing" among numbers, in lower case."""


def _pattern(decimal: str, thousands: str) -> str:
    whole = rf"(?:\d{{1,3}}(?:[{thousands}\s'’]\d{{3}})+|\d+)"
    number = rf"(?:{whole}(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?"
    return rf"^\s*[+-]?\s*[$€£¥₹]?\s*[+-]?(?:(?i:inf|infinity)|{number})\s*[$€£¥₹%]?\s*$"


_PATTERNS: dict[str, str] = {".": _pattern(r"\.", ","), ",": _pattern(",", r"\.")}
_LEADING_ZERO = r"^\s*0\d"


@dataclass(frozen=True)
class Written:
    """How the numbers of a text column are written."""

    decimal: Decimal
    share: float
    """Cells that can be read so, among those that are there."""
    ambiguous: bool
    """Whether point and comma read all cells, differently."""
    leading_zeros: bool
    """Whether cells such as "007" are among them: codes rather than quantities."""


def parse(text: pl.Series, decimal: Decimal) -> np.ndarray:
    """float64 `(rows,)`; NaN where a cell is missing or is no number written this way, infinite where it says so.

    >>> parse(pl.Series(["1,234.5", " $5", "12%", "1,5", "x", None]), ".").tolist()
    [1234.5, 5.0, 12.0, nan, nan, nan]
    >>> parse(pl.Series(["1.234,5", "0,5"]), ",").tolist()
    [1234.5, 0.5]
    """
    cell = pl.col("x")
    digits = (
        cell.str.to_lowercase().str.replace_all(rf"[^0-9{decimal}einfty+-]", "").str.replace(",", ".", literal=True)
    )
    read = pl.when(cell.str.contains(_PATTERNS[decimal])).then(digits)
    return text.to_frame("x").select(read.cast(pl.Float64, strict=False)).to_series().fill_null(np.nan).to_numpy()


def unmarked(text: pl.Series) -> np.ndarray:
    """Boolean `(rows,)`: cells that are there and do not say "missing"."""
    return (~text.str.strip_chars(BLANKS).str.to_lowercase().is_in(MARKS)).fill_null(False).to_numpy()


def written(text: pl.Series) -> Written:
    """How the present cells of a sample are written; a decimal point where both readings fit."""
    text = text.filter(pl.Series(unmarked(text), dtype=pl.Boolean))
    point, comma = parse(text, "."), parse(text, ",")
    shares = [float(1 - np.isnan(x).mean()) if len(x) else 0.0 for x in (point, comma)]
    differ = bool(shares[0] == shares[1] > 0 and not np.array_equal(point, comma, equal_nan=True))
    zeros = bool(text.str.contains(_LEADING_ZERO).any())
    return Written("." if shares[0] >= shares[1] else ",", max(shares), differ, zeros)
