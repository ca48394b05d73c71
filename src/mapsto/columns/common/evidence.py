"""What names and values say about a column; the rules several types share when they claim one."""

from __future__ import annotations

import re

import polars as pl

from mapsto.columns.common.cells import SAMPLE, is_number, present, sample, there_or_not
from mapsto.errors import ColumnRefused

_ID = re.compile(
    r"(^|.*[^a-z])(id|ids|uuid|guid|rowid|pk)$|^(user|item|movie|client|customer|order|product|record|row"
    r"|case|person|patient|passenger|account|transaction|session)id$"
)
_ROW = re.compile(
    r"^((row|record|line|sample|obs|observation|entry)[^a-z]*)?(index|idx|no|nr|num|number|row)$|^unnamed"
)
_CODE = re.compile(r"(^|.*[^a-z])(zip|zipcode|zip_code|postcode|postal_code|postal|plz)$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_DATE = re.compile(r"(^|.*[^a-z])(date|dates|day|when|dob|birthday|born|serial)([^a-z].*|$)|.*date$")
_TIME = re.compile(
    r"(^|.*[^a-z])(datetime|time|timestamp|ts|epoch|created|updated|modified|start|end|due)([^a-z].*|$)"
    r"|.*[^a-z](at|on)$|.*(time|timestamp)$"
)

MOST_CLASSES = 20
_SPAN = 100
_MAYBE_CLASSES = 100
_ROWS_A_CLASS = 5
_EXACT = 2**53
"""The largest whole number below which floats of 64 bits have them all."""


def named_like_id(name: str) -> bool:
    """Whether a name says "identifier".

    >>> [named_like_id(name) for name in ("userId", "customer_id", "ID", "paid", "grid")]
    [True, True, True, False, False]
    """
    return bool(_ID.match(_CAMEL.sub("_", name.strip()).lower()))


def named_like_row(name: str) -> bool:
    """Whether a name says "row number"; an index of prices or of air quality is none.

    >>> [named_like_row(name) for name in ("index", "Unnamed: 0", "row_number", "price_index", "")]
    [True, True, True, False, True]
    """
    return not name.strip() or bool(_ROW.match(_CAMEL.sub("_", name.strip()).lower()))


def named_like_code(name: str) -> bool:
    """Whether a name says that its numbers are codes: an identifier or a postal code."""
    return named_like_id(name) or bool(_CODE.match(_CAMEL.sub("_", name.strip()).lower()))


def too_long(series: pl.Series) -> bool:
    """Whether whole numbers have so many digits that different ones are the same as a quantity, which has 53 bits.

    >>> too_long(pl.Series([2**60, 2**60 + 1])), too_long(pl.Series([2**60, 2**61]))
    (True, False)
    """
    if not series.dtype.is_integer() or series.null_count() == len(series):
        return False
    if max(abs(int(series.min())), abs(int(series.max()))) <= _EXACT:  # type: ignore[arg-type]
        return False
    return series.cast(pl.Float64).n_unique() < series.n_unique()


def refuse_one_value(series: pl.Series, *, target: bool) -> None:
    """A column of one value and missing cells is left to the category: what no row showed is unseen to it, where a
    quantity, a date or a flag would be read as if another value had been learned from.
    """
    if not target and there_or_not(series):
        message = "one value, or none: only whether it is there can be learned"
        raise ColumnRefused(message)


def named_like_date(name: str) -> bool:
    """Whether a name says "day".

    >>> [named_like_date(name) for name in ("order_date", "saledate", "Day", "start", "update")]
    [True, True, True, False, True]
    """
    return bool(_DATE.match(_CAMEL.sub("_", name.strip()).lower()))


def named_like_time(name: str) -> bool:
    """Whether a name says "day" or "point in time".

    >>> [named_like_time(name) for name in ("createdAt", "ts", "date", "price", "station")]
    [True, True, True, False, False]
    """
    return named_like_date(name) or bool(_TIME.match(_CAMEL.sub("_", name.strip()).lower()))


def few_whole_numbers(series: pl.Series) -> int:
    """Number of distinct values if a numeric series looks like class codes, else 0.

    Two distinct whole numbers are classes; up to 20 are where they lie within 100 of each other and each occurs five
    times on average. Floats count as whole where all are, since missing cells turn integers into floats.
    """
    if not is_number(series.dtype):
        return 0
    few = _few_whole(sample(series))
    return _few_whole(present(series)) if few and len(series) > SAMPLE else few


def maybe_classes(series: pl.Series) -> int:
    """Number of distinct values where whole numbers are taken for a quantity and could be many classes, else 0."""
    if not series.dtype.is_integer():
        return 0
    distinct = present(series).n_unique()
    return distinct if MOST_CLASSES < distinct <= _MAYBE_CLASSES and len(series) >= _ROWS_A_CLASS * distinct else 0


def _few_whole(cells: pl.Series) -> int:
    if cells.dtype.is_float() and not (cells.is_finite().all() and (cells == cells.round()).all()):
        return 0
    distinct = cells.n_unique()
    if distinct == 2:
        return 2
    low, high = cells.min(), cells.max()
    small = 2 < distinct <= MOST_CLASSES and float(high) - float(low) <= _SPAN  # type: ignore[arg-type]
    return distinct if small and len(cells) >= _ROWS_A_CLASS * distinct else 0
