"""Points in time from any series: dates, times, zones, and text in the common formats."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from mapsto.columns.common.cells import BLANKS, as_text, is_text

FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f %#z",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%Y%m%d",
    "%Y-%m",
    "%H:%M:%S%.f",
    "%H:%M",
)
"""Tried in this order (chrono's syntax); of two that read equally many cells the first wins."""

ISO = (*FORMATS[1:5], FORMATS[0], *FORMATS[5:8], "%H:%M:%S%.f")
"""Formats read where the training rows held dates rather than text."""
_FIRST_YEAR, _LAST_YEAR = 1000, 2999
_LONGEST = 50
_MOMENT = datetime.datetime(2001, 12, 31, 10, 45)
_FORMAT = re.compile(r"(%[YymdbBeHMSIpj]|%\.f|%#?z|[ /.,:TZ-])*%[YymdbBeHMSIpj](%\.f|%#?z|[ /.,:TZ-])*")
_COMPACT = r"^(1[89]|20)\d{6}$"


@dataclass(frozen=True)
class Reading:
    """How text is read as time."""

    format: str
    share: float
    """Cells that can be read so, among those that are there."""
    rival: str | None
    """A format with day and month exchanged that reads as many."""


def find_format(text: pl.Series) -> Reading:
    """The format that reads most of the present cells of a sample; share 0 if none reads any.

    >>> find_format(pl.Series(["31/12/2020", "01/02/2021"])).format
    '%d/%m/%Y'
    """
    shares: dict[str, float] = {}
    first = text.head(20)
    digits = len(text) > 0 and first.str.contains(r"\d").all()
    for format_ in FORMATS if digits else ():
        if np.isnat(parse(first, format_)).mean() < 0.5:
            shares[format_] = float((~np.isnat(parse(text, format_))).mean())
    if not shares:
        return Reading(FORMATS[0], 0.0, None)
    best = max(shares, key=lambda format_: shares[format_])
    exchanged = best.replace("%m", "%?").replace("%d", "%m").replace("%?", "%d")
    rival = exchanged if exchanged != best and shares.get(exchanged) == shares[best] else None
    return Reading(best, shares[best], rival)


def parse(text: pl.Series, format_: str, zone: str | None = None) -> np.ndarray:
    """datetime64[us] `(rows,)`, wall-clock time; NaT where a cell cannot be read.

    Cells with an offset from UTC are shown in `zone` (None: UTC).

    >>> parse(pl.Series(["1949-01", "x"]), "%Y-%m")
    array(['1949-01-01T00:00:00.000000', 'NaT'], dtype='datetime64[us]')
    """
    cells = text.str.strip_chars(BLANKS)
    if format_ == "%Y%m%d":
        cells = cells.to_frame("x").select(pl.when(pl.col("x").str.contains(_COMPACT)).then("x")).to_series()
    if format_ == "%Y-%m":
        cells, format_ = cells + "-01", "%Y-%m-%d"
    if format_.startswith("%H"):
        cells, format_ = "1970-01-01 " + cells, f"%Y-%m-%d {format_}"
    found = cells.str.strptime(pl.Datetime("us"), format_, strict=False)
    return _plausible(_wall_clock(found, zone).to_numpy())


def instants(series: pl.Series, *, zone: str | None = None, format_: str | None = None) -> np.ndarray:
    """datetime64[us] `(rows,)`, wall-clock time; NaT where missing or unreadable.

    Args:
        series: dates, datetimes, times of day, or text.
        zone: datetimes with a zone are shown in this one (None: UTC); those without are taken as they are.
        format_: how text is read; None: each cell in any of `ISO`.
    """
    dtype = series.dtype
    if dtype == pl.Datetime:
        return _wall_clock(series, zone).to_numpy().astype("datetime64[us]")
    if dtype == pl.Date:
        return series.to_numpy().astype("datetime64[us]")
    if dtype == pl.Time:
        nanoseconds = series.to_physical()
        return nanoseconds.cast(pl.Datetime("ns")).to_numpy().astype("datetime64[us]")
    if is_text(dtype) or dtype.is_integer():
        return parse(as_text(series), format_, zone) if format_ else _parse_iso(as_text(series), zone)
    return np.full(len(series), np.datetime64("NaT"), dtype="datetime64[us]")


def _parse_iso(text: pl.Series, zone: str | None) -> np.ndarray:
    found = np.full(len(text), np.datetime64("NaT"), dtype="datetime64[us]")
    for format_ in ISO:
        unread = np.flatnonzero(np.isnat(found))
        if not len(unread):
            break
        found[unread] = parse(text.gather(unread), format_, zone)
    return found


def _wall_clock(series: pl.Series, zone: str | None) -> pl.Series:
    if getattr(series.dtype, "time_zone", None) is None:
        return series
    return series.dt.convert_time_zone(zone or "UTC").dt.replace_time_zone(None)


def _plausible(found: np.ndarray) -> np.ndarray:
    """Years of four digits only: "%Y" would also read "20" as the year 20."""
    low, high = np.datetime64(f"{_FIRST_YEAR}-01-01"), np.datetime64(f"{_LAST_YEAR + 1}-01-01")
    return np.where((found >= low) & (found < high), found, np.datetime64("NaT", "us"))


def is_format(format_: str) -> bool:
    """Whether text can be read with this pattern.

    >>> is_format("%d/%m/%Y"), is_format("%d of %Q")
    (True, False)
    """
    if len(format_) > _LONGEST or not _FORMAT.fullmatch(format_):
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
