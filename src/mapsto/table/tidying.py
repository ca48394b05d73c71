"""The one door for cells: whatever a frame holds becomes one of the types that columns know, and losses are told.

Behind it there are no decimals, half floats, 128-bit integers, Python objects, instants beyond the calendar, or
structs that stand for one file.
"""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from mapsto.errors import DataError, translated
from mapsto.table.fields import file_of, unnested
from mapsto.table.names import require_columns
from mapsto.table.notes import Note, examples, plural

_DAY = 86_400
_FIRST, _LAST = -719_162, 2_932_896
"""Days from 1970-01-01 to the first and the last day that have a date: of the years 1 and 9999."""
_MOST_DAYS = 999_999_999
_A_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9}
_HALF = re.compile("[\ud800-\udfff]")
_MOST_BITS = 13_000
"""Of an integer; Python writes none of more than 4,300 digits."""


def tidy(frame: pl.DataFrame, *, own: bool = False) -> tuple[pl.DataFrame, list[Note]]:
    """The same values in the types that columns know, and notes on cells that have no place in them.

    Records are read field by field, as columns of their own, unless they stand for one file (see `fields`).

    Args:
        frame: any frame.
        own: whether the user made it, so that files may be opened that it names.
    """
    require_columns(frame.width, "the table")
    frame, notes = unnested(frame)
    require_columns(frame.width, "the table, with the fields of its records,")
    changed = []
    for series in frame.get_columns():
        with translated(f"column {series.name!r} ({series.dtype}) cannot be read"):
            found = _tidied(series, own=own)
        if found is series:
            continue
        changed.append(found)
        if lost := (series.is_not_null() & found.is_null()).arg_true().to_list():
            what = "lie beyond the calendar (years 1 to 9999)" if series.dtype.is_temporal() else "cannot be read"
            text = f"Column {series.name!r}: {plural(len(lost), 'cell')} {what} and count as missing."
            notes.append(Note("repair", text, column=series.name, rows=examples(lost), count=len(lost)))
    return frame.with_columns(changed) if changed else frame, notes


def _tidied(series: pl.Series, *, own: bool) -> pl.Series:
    if isinstance(series.dtype, pl.Struct):
        series = file_of(series, own=own)
    dtype = series.dtype
    if dtype.is_temporal() and dtype != pl.Time:
        return _within_calendar(series)
    if isinstance(dtype, pl.Extension):
        texts = [None if value is None else str(value) for value in series.to_list()]
        return pl.Series(series.name, texts, dtype=pl.String)
    plain = _plain(dtype)
    return series if plain == dtype else series.cast(plain)


def _plain(dtype: Any) -> Any:
    """The type that columns know, inside lists too."""
    if isinstance(dtype, pl.List):
        return pl.List(_plain(_number(dtype.inner)))
    if isinstance(dtype, pl.Array):
        return pl.Array(_plain(_number(dtype.inner)), dtype.size)
    if isinstance(dtype, pl.Decimal):
        return pl.Float64
    if dtype in (pl.Int128, pl.UInt128):
        return pl.String
    return pl.Float32 if dtype == pl.Float16 else dtype


def _number(dtype: Any) -> Any:
    """Truth values in lists are 0 and 1, as in masks and binary signals."""
    return pl.Float32 if dtype == pl.Boolean else dtype


def _within_calendar(series: pl.Series) -> pl.Series:
    """Instants and durations that Python and people can write; others are missing."""
    dtype = series.dtype
    unit = 1 if dtype == pl.Date else _A_SECOND[dtype.time_unit] * _DAY  # type: ignore[attr-defined]
    low, high = (-_MOST_DAYS, _MOST_DAYS) if dtype == pl.Duration else (_FIRST, _LAST)
    numbers = series.to_physical()
    least, most = numbers.min(), numbers.max()
    if least is None or (low * unit <= least and most < (high + 1) * unit):  # type: ignore[operator]
        return series
    far = (numbers < low * unit) | (numbers >= (high + 1) * unit)
    return pl.select(pl.when(~far).then(pl.lit(series)).alias(series.name)).to_series()


def whole(value: Any) -> Any:
    """Text without halves of letters (lone surrogates), which no file can hold; inside lists and dictionaries too."""
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, list | tuple):
        return [whole(each) for each in value]
    if isinstance(value, dict):
        return {whole(name): whole(each) for name, each in value.items()}
    return value


def has_large(values: list[Any]) -> bool:
    """Whether some value is an integer that no column of numbers holds."""
    return any(isinstance(value, int) and value.bit_length() > 63 for value in values)


def in_digits(values: list[Any], name: str) -> list[Any]:
    """Values as texts, integers digit for digit."""
    for row, value in enumerate(values):
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            message = f"column {name!r}, row {row}: an integer of {value.bit_length():,} bits; write it as text"
            raise DataError(message)
    return [None if value is None else str(value) for value in values]
