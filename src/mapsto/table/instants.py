"""A column as points in time, to put rows in order."""

from __future__ import annotations

import numpy as np
import polars as pl

from mapsto.errors import DataError

FORMATS = (
    "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%Y/%m/%d",
    "%d.%m.%Y", "%d.%m.%Y %H:%M", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%Y %H:%M", "%Y-%m", "%Y%m%d",
)  # fmt: skip
LIKE_TIME = r"^\s*(\d{4}[-/]\d{1,2}([-/]\d{1,2})?|\d{1,2}[./]\d{1,2}[./]\d{2,4})([ T]\d{1,2}:\d{2}|\s*$)"
"""Texts that look like a date."""
_ENOUGH = 0.99


def instants(series: pl.Series) -> np.ndarray:
    """Each row's place in time as float64, NaN where missing; the unit does not matter, only the order.

    Numbers (years, epochs) count as they are, dates as dates, texts by the first common format that reads them.

    Raises:
        DataError: the column is neither, or its texts are no dates.
    """
    dtype = series.dtype
    if dtype.is_temporal():
        return _as_floats(series.to_physical())
    if dtype.is_numeric():
        values = _as_floats(series)
        values[~np.isfinite(values)] = np.nan
        return values
    if dtype not in (pl.String, pl.Categorical, pl.Enum):
        message = f"column {series.name!r} has type {dtype} and no order in time; expected dates, numbers or texts"
        raise DataError(message)
    texts = series.cast(pl.String).str.strip_chars()
    sample = texts.drop_nulls().head(1000)
    for form in (*FORMATS, "%+"):
        if _share(_parsed(sample, form), len(sample)) < _ENOUGH:
            continue
        parsed = _parsed(texts, form)
        if _share(parsed, len(texts) - texts.null_count()) >= _ENOUGH:
            return _as_floats(parsed.to_physical())
    shown = sample.head(3).to_list()
    message = (
        f"column {series.name!r} cannot be read as time (it holds {shown}); expected dates like 2024-01-31 or "
        "numbers that rise with time. Write it in that form, or split another way."
    )
    raise DataError(message)


def _parsed(texts: pl.Series, form: str) -> pl.Series:
    """Texts as UTC date-times, null where they do not fit the format."""
    if form == "%+":
        return texts.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    if "%H" in form:
        return texts.str.to_datetime(form, time_unit="us", strict=False)
    if "%d" not in form:
        texts, form = texts + "-01", form + "-%d"
    return texts.str.to_date(form, strict=False).cast(pl.Datetime("us"))


def _share(parsed: pl.Series, cells: int) -> float:
    return (len(parsed) - parsed.null_count()) / cells if cells else 0.0


def _as_floats(series: pl.Series) -> np.ndarray:
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
