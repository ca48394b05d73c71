"""Ways to cut rows that the data suggest: said with their reason, never acted on."""

from __future__ import annotations

import re

import polars as pl

from mapsto.table.instants import looks_like_time
from mapsto.table.notes import Note

_SAMPLE = 10_000
_OWNER = re.compile(
    r"(?i:(?:^|[_\s])(?:user|customer|client|patient|subject|person|household|session|group)(?:[_\s]?(?:id|no|number))?$)"
    r"|(?i:[_\s]id$)|(?<=[a-z])I[dD]$"
)
"""Names of columns that say whose row it is."""


def suggestions(frame: pl.DataFrame) -> list[Note]:
    """Notes on a column of dates (time split) and on a repeated identifier (group split)."""
    sample = frame.head(_SAMPLE)
    notes = []
    dated = [series.name for series in sample.get_columns() if looks_like_time(series)]
    if dated:
        name = dated[0]
        text = (
            f"Column {name!r} looks like time: if the model will predict the future, a time split may be wanted, "
            f'split="time:{name}". Rows were cut at random.'
        )
        notes.append(Note("info", text, column=name))
    owners = [series.name for series in sample.get_columns() if _OWNER.search(series.name) and _is_repeated(series)]
    if owners:
        name = owners[0]
        text = (
            f"Column {name!r} names the same things in many rows: if the model will meet new ones, a group split may "
            f'be wanted, split="group:{name}". Rows were cut at random.'
        )
        notes.append(Note("info", text, column=name))
    return notes


def _is_repeated(series: pl.Series) -> bool:
    """Several rows a value, and several values."""
    if not (series.dtype.is_integer() or series.dtype in (pl.String, pl.Categorical)):
        return False
    values = series.drop_nulls()
    return len(values) > 20 and 10 <= values.n_unique() <= len(values) / 2
