"""Numbers written as text, read in one way everywhere: by the readers of files, by columns, for weights.

How a column is written is decided over all its cells (`written`) and then holds for each of them (`parse`): a cell
alone does not say whether 1,234 is a thousand or a little more than one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from mapsto.table.frame import DecimalSign
from mapsto.table.moments import EDGES

MARKS = ("", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "?", "-", "--", ".")
"""Cells that mean "missing" among numbers, in lower case."""

_MINUS = "\\-\u2212\u2010\u2011\u2013\ufe63\uff0d"
"""The hyphen, the minus sign, and what stands for it."""
UNIT = (
    r"(?:[A-Z]{0,2}\p{Sc}|(?i:usd|eur|gbp|chf|jpy|cny|inr|cad|aud|nzd|hkd|sgd|sek|nok|dkk|pln|czk|huf|ron|brl|mxn|ars"
    r"|zar|krw|try|rub|uah|thb|idr|myr|php|vnd|ils|aed|sar|egp|ngn|kes)|Rs\.?|Rp\.?|RM|Kč|zł|kr\.?|Ft|%)"
)
"""Signs of money, and percent."""
_APART = r"\s'’"
"""What may part thousands whatever the decimal sign is."""


def _number(decimal: str, thousands: str) -> str:
    groups = rf"[1-9]\d{{0,2}}(?:[{thousands}{_APART}]\d{{3}})+|[1-9]\d?(?:{thousands}\d{{2}})+{thousands}\d{{3}}"
    return rf"(?:(?:{groups}|\d+)(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?|(?i:infinity|inf)"


def _pattern(decimal: str, thousands: str) -> str:
    """One group, the number; amounts in brackets are negative, as accountants write them."""
    number, sign = _number(decimal, thousands), rf"[+{_MINUS}]"
    signed = rf"(?:{sign}\s*{UNIT}?|{UNIT}\s*{sign}?)?\s*(?:{number})\s*{UNIT}?\s*[{_MINUS}]?"
    return rf"^(?:{signed}|\(\s*{UNIT}?\s*(?:{number})\s*{UNIT}?\s*\)\s*{UNIT}?)$"


_PATTERNS: dict[str, str] = {".": _pattern(r"\.", ","), ",": _pattern(",", r"\.")}
NUMBERS: dict[str, str] = {".": _number(r"\.", ","), ",": _number(",", r"\.")}
"""Patterns of numbers without a sign, by decimal sign."""
_NEGATIVE = rf"^[^0-9]*[{_MINUS}(]|[{_MINUS}]\s*$"
_GROUPS: dict[str, str] = {sign: rf"^[+{_MINUS}]?[1-9]\d{{0,2}}(?:{re.escape(sign)}\d{{3}})+$" for sign in ".,"}
"""Whole numbers whose thousands this sign parts, or numbers with three decimals: it cannot be told."""

_LEADING_ZERO = r"^[+-]?0\d+(?:[eE]\d+)?$"
_WITH_E, _WITH_SMALL_E = r"^\d+E\d+$", r"^\d+e\d+$"
_MEASURED = rf"[.,{_MINUS}]|[eE][+]"
"""What quantities have and codes have not: a decimal sign, a minus, a signed exponent."""
_TOO_LONG = "more digits than a number keeps"
_DIGITS = 16
_LONG = rf"^[+-]?\d{{{_DIGITS},}}$"
_TELEPHONE = r"^\+\d{7,}$"


@dataclass(frozen=True)
class Written:
    """How the numbers of a text column are written."""

    decimal: DecimalSign
    share: float
    """Cells that can be read so, among those that are there."""
    sure: bool
    """Whether a cell shows that this, and not the other, is the decimal sign."""
    ambiguous: bool
    """Whether point and comma read all cells, differently."""


def parse(text: pl.Series, decimal: DecimalSign) -> np.ndarray:
    """float64 `(rows,)`; NaN where a cell is missing or is no number written this way, infinite where it says so.

    >>> parse(pl.Series(["1,234.5", " $5", "12%", "($1,500)", "\u22122", "1,5", "0,123", "x", None]), ".").tolist()
    [1234.5, 5.0, 12.0, -1500.0, -2.0, nan, nan, nan, nan]
    >>> parse(pl.Series(["1.234,5", "0,5"]), ",").tolist()
    [1234.5, 0.5]
    """
    cells = text.str.strip_chars(EDGES)
    plain = cells if decimal == "." else _with_point(cells)
    found = plain.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy().copy()
    rest = np.flatnonzero(np.isnan(found) & cells.is_not_null().to_numpy())
    if len(rest):
        found[rest] = _parsed(cells.gather(rest), decimal)
    return found


def _with_point(cells: pl.Series) -> pl.Series:
    """Cells without a point, their comma made one: null for others."""
    points = cells.str.contains(".", literal=True)
    return cells.set(points.fill_null(value=False), None).str.replace(",", ".", literal=True)


def _parsed(cells: pl.Series, decimal: DecimalSign) -> np.ndarray:
    """Numbers with marks of any kind."""
    cell = pl.col("x")
    digits = cell.str.extract(f"({NUMBERS[decimal]})", 1).str.to_lowercase()
    digits = digits.str.replace_all(rf"[{'.' if decimal == ',' else ','}{_APART}]", "")
    value = digits.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    value = pl.when(cell.str.contains(_NEGATIVE)).then(-value).otherwise(value)
    read = pl.when(cell.str.contains(_PATTERNS[decimal])).then(value)
    return cells.to_frame("x").select(read).to_series().fill_null(np.nan).to_numpy()


def unmarked(text: pl.Series) -> np.ndarray:
    """Boolean `(rows,)`: cells that are there and do not say "missing"."""
    return (~text.str.strip_chars(EDGES).str.to_lowercase().is_in(MARKS)).fill_null(False).to_numpy()


def written(text: pl.Series) -> Written:
    """How these cells are written, those that are there taken together; a decimal point where both readings fit.

    >>> written(pl.Series(["0,849", "1,234"])).decimal, written(pl.Series(["12", "1,234"])).ambiguous
    (',', True)
    """
    text = text.filter(pl.Series(unmarked(text), dtype=pl.Boolean))
    point, comma = parse(text, "."), parse(text, ",")
    shares = [float(1 - np.isnan(x).mean()) if len(x) else 0.0 for x in (point, comma)]
    differ = bool(shares[0] == shares[1] > 0 and not np.array_equal(point, comma, equal_nan=True))
    return Written("." if shares[0] >= shares[1] else ",", max(shares), shares[0] != shares[1], differ)


def open_to_both(text: pl.Series, sign: DecimalSign) -> bool:
    """Whether cells have this sign, and always where it may part thousands.

    >>> open_to_both(pl.Series(["17.042", "527"]), "."), open_to_both(pl.Series(["17.04", "527.123"]), ".")
    (True, False)
    """
    signed = text.filter(text.str.contains(sign, literal=True))
    return len(signed) > 0 and bool(signed.str.strip_chars(EDGES).str.contains(_GROUPS[sign]).all())


def codes(text: pl.Series, *, exact: bool = False) -> str:
    """Why text that reads as numbers names something rather than measures: it does not survive as a number; else "".

    `exact`: whether whole numbers keep all their digits.

    >>> codes(pl.Series(["01234", "99999"])), codes(pl.Series(["1E5", "2E7"])), codes(pl.Series(["1.5E5", "2E7"]))
    ("leading zeros (as in '01234')", "an E between digits, as codes have (as in '1E5')", '')
    """
    cells = text.drop_nulls().str.strip_chars(EDGES)
    # Each is looked for among the few cells that a quick look leaves.
    for some, pattern, what, share in (
        (cells, _LEADING_ZERO, "leading zeros", 0.0),
        (cells.filter(cells.str.len_bytes() >= _DIGITS) if not exact else cells.clear(), _LONG, _TOO_LONG, 0.0),
        (cells.filter(cells.str.contains("E", literal=True)), _WITH_E, "an E between digits, as codes have", 0.0),
        # Programmers write 3e2 among their numbers.
        (cells.filter(cells.str.contains("e", literal=True)), _WITH_SMALL_E, "an e between digits, as codes have", 0.5),
        (cells.filter(cells.str.starts_with("+")), _TELEPHONE, "a plus sign, as telephones", 0.0),
    ):
        found = some.filter(some.str.contains(pattern))
        sure = pattern in (_LEADING_ZERO, _LONG)
        if len(found) and len(found) >= share * len(cells) and (sure or not cells.str.contains(_MEASURED).any()):
            return f"{what} (as in {found[0]!r})"
    return ""
