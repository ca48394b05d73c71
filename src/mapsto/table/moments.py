"""Cells read as points in time with known patterns: in chrono's syntax, or numbers that count from a moment."""

from __future__ import annotations

import datetime
import re

import numpy as np
import polars as pl

from mapsto.table.datepatterns import COMPACT, LONGEST

ISO = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
)
"""Patterns that are read in any column of dates: they leave nothing open."""
TIMES = ("%H:%M:%S%.f", "%H:%M")
"""Patterns that are read where the training rows held times of day rather than text."""
COUNTED = {
    "excel": (86_400_000_000, np.datetime64("1899-12-30", "us")),
    "unix": (1_000_000, np.datetime64(0, "us")),
    "unix ms": (1_000, np.datetime64(0, "us")),
    "unix us": (1, np.datetime64(0, "us")),
    "unix ns": (0.001, np.datetime64(0, "us")),
}
"""Numbers that count from a moment: microseconds of one, and that moment."""

_DATE = "%[YymdbBej]"
EDGES = " \t\r\n\v\f\u00a0\ufeff"
"""What is stripped from both ends of text."""

_FIRST_YEAR, _LAST_YEAR = 1000, 2999
_MOMENT = datetime.datetime(2001, 12, 31, 10, 45)
_FORMAT = re.compile(r"(%[YymdbBaAeHMSIpj]|%\.f|%#?z|[ /.,:TZGMUC-])*%[YymdbBeHMSIpj](%\.f|%#?z|[ /.,:TZGMUC-])*")
_TIDIED = (
    (r"(\d)(?:st|nd|rd|th)\b", "${1}"),
    (r"\s*\([A-Za-z ]+\)$", ""),
    (r"(?i)([ap])\.\s?m\.?", "${1}m"),
    (r"(:\d{2}),(\d)", "${1}.${2}"),
    (r"(?i)\s*(?:UTC|GMT)\s*([+-]\d)", "${1}"),
    (r"(?i)(\d)\s*(?:Z|UTC|GMT)$", "${1}+00:00"),
    (r"(:\d{2}(?:\.\d+)?)\s+([+-]\d{2}:?\d{2})\b", "${1}${2}"),
    (r"\s+", " "),
)
"""What is written in many ways, brought into one: ordinals, halves of the day, fractions, zones, blanks."""


def parse(text: pl.Series, format_: str, zone: str | None = None) -> np.ndarray:
    """datetime64[us] `(rows,)`, wall-clock time; NaT where a cell cannot be read.

    Cells with an offset from UTC are shown in `zone` (None: UTC).

    >>> parse(pl.Series(["1949-01", "x"]), "%Y-%m")
    array(['1949-01-01T00:00:00.000000', 'NaT'], dtype='datetime64[us]')
    """
    if format_ in COUNTED:
        return _counted(text.str.strip_chars(EDGES).cast(pl.Float64, strict=False), format_)
    cells = text.str.strip_chars(EDGES)
    found = _strptime(cells, format_, zone)
    unread = np.flatnonzero(np.isnat(found) & cells.is_not_null().to_numpy())
    if len(unread):
        found[unread] = _strptime(tidied(cells.gather(unread)), format_, zone)
    return found


def _strptime(cells: pl.Series, format_: str, zone: str | None) -> np.ndarray:
    if format_ == "%Y%m%d":
        cells = cells.to_frame("x").select(pl.when(pl.col("x").str.contains(COMPACT)).then("x")).to_series()
    if not re.search(_DATE, format_):
        cells, format_ = "1970-01-01 " + cells, f"%Y-%m-%d {format_}"
    elif not re.search(r"%[dej]", format_):
        cells, format_ = cells + " 01", f"{format_} %d"
    found = cells.str.strptime(pl.Datetime("us"), format_, strict=False)
    return _plausible(_wall_clock(found, zone).to_numpy())


def tidied(cells: pl.Series) -> pl.Series:
    """Text in which what may be written in many ways is written in one."""
    for pattern, written in _TIDIED:
        cells = cells.str.replace_all(pattern, written)
    return cells


def _counted(numbers: pl.Series, unit: str) -> np.ndarray:
    """Numbers that count from a moment, to the millisecond where they are fractions of days."""
    x = numbers.cast(pl.Float64).fill_null(np.nan).to_numpy()
    microseconds, start = COUNTED[unit]
    steps = np.where(np.abs(x * microseconds) < 2.0**62, x * microseconds, np.nan)
    known = np.isfinite(steps)
    found = np.full(len(x), np.datetime64("NaT"), dtype="datetime64[us]")
    exact = np.rint(steps[known] / 1000) * 1000 if unit == "excel" else np.rint(steps[known])
    found[known] = start + exact.astype(np.int64).astype("timedelta64[us]")
    return _plausible(found)


def moments(series: pl.Series, formats: tuple[str, ...] = (), *, zone: str | None = None) -> np.ndarray:
    """datetime64[us] `(rows,)`, wall-clock time; NaT where missing or unreadable.

    Args:
        series: dates, datetimes, times of day, text, or numbers that a pattern reads.
        formats: how text and numbers are read, one after the other; none: as `ISO` and `TIMES`. Text that they leave
            is read as `ISO` as well, unless they are of times, or exchange its month and day.
        zone: datetimes with a zone are shown in this one (None: UTC); those without are taken as they are.
    """
    dtype = series.dtype
    if dtype == pl.Datetime:
        return _wall_clock(series, zone).to_numpy().astype("datetime64[us]")
    if dtype == pl.Date:
        return series.to_numpy().astype("datetime64[us]")
    if dtype == pl.Time:
        return series.to_physical().cast(pl.Datetime("ns")).to_numpy().astype("datetime64[us]")
    if dtype.is_numeric() and any(format_ in COUNTED for format_ in formats):
        return _counted(series, next(format_ for format_ in formats if format_ in COUNTED))
    if not (is_text(dtype) or dtype.is_integer()):
        return np.full(len(series), np.datetime64("NaT"), dtype="datetime64[us]")
    text = series.cast(pl.String)
    own = any(f.startswith("%Y-%d") or not re.search(_DATE, f) for f in formats)
    every = formats if own else (*formats, *ISO, *(() if formats else TIMES))
    found = np.full(len(text), np.datetime64("NaT"), dtype="datetime64[us]")
    there = text.is_not_null().to_numpy()
    for format_ in dict.fromkeys(every):
        unread = np.flatnonzero(np.isnat(found) & there)
        if not len(unread):
            break
        found[unread] = parse(text if len(unread) == len(text) else text.gather(unread), format_, zone)
    return found


def is_format(format_: str) -> bool:
    """Whether text, or numbers, can be read with this pattern.

    >>> is_format("%d/%m/%Y"), is_format("%d of %Q"), is_format("excel")
    (True, False, True)
    """
    if format_ in COUNTED:
        return True
    if len(format_) > LONGEST or not _FORMAT.fullmatch(format_):
        return False
    written = _MOMENT.strftime(format_.replace("%.f", "").replace("%#z", "+00:00").replace("%z", "+00:00"))
    try:
        return not np.isnat(parse(pl.Series([written]), format_)[0])
    except pl.exceptions.PolarsError:
        return False


def is_zone(zone: str) -> bool:
    """Whether a name is a time zone."""
    try:
        pl.Series([], dtype=pl.Datetime("us", zone))
    except pl.exceptions.ComputeError:
        return False
    return True


def is_text(dtype: pl.DataType) -> bool:
    """Whether cells of this dtype are strings, plain or as categories."""
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def _wall_clock(series: pl.Series, zone: str | None) -> pl.Series:
    if getattr(series.dtype, "time_zone", None) is None:
        return series
    return series.dt.convert_time_zone(zone or "UTC").dt.replace_time_zone(None)


def _plausible(found: np.ndarray) -> np.ndarray:
    """Years of four digits only: "%Y" would also read "20" as the year 20."""
    low, high = np.datetime64(f"{_FIRST_YEAR}-01-01"), np.datetime64(f"{_LAST_YEAR + 1}-01-01")
    return np.where((found >= low) & (found < high), found, np.datetime64("NaT", "us"))
