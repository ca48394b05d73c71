"""Records in cells (structs): those that stand for one file become it, of others each field becomes a column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mapsto.table.notes import Note
from mapsto.table.objects import plain_cells
from mapsto.table.suffixes import KINDS

_DEEPEST = 5
"""Records within records that are read."""
_MOST_FIELDS = 100
"""Of a record: more are keys rather than names of columns."""
_FILE = {"bytes", "path", "array", "sampling_rate"}
"""Fields of a file as data sets on Hugging Face hold it: its bytes, its path, or its samples and their rate."""
_MOST_BYTES = 2**30
"""Of a file that is opened."""
_ENDINGS = rf"(?i)\.({'|'.join(KINDS)})\s*$"
_SAMPLE = 200


def unnested(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Note]]:
    """Records as columns named "column.field", and notes on them; those that stand for a file stay.

    >>> unnested(pl.DataFrame({"user": [{"age": 3, "place": {"city": "Rome"}}]}))[0].columns
    ['user.age', 'user.place.city']
    """
    notes = []
    for _ in range(_DEEPEST):
        columns, taken, found = list[pl.Series](), set(frame.columns), False
        for series in frame.get_columns():
            fields = _columns(series)
            if not fields or len(fields) > _MOST_FIELDS or taken & {each.name for each in fields}:
                columns.append(series)
                continue
            found = True
            columns += fields
            taken |= {each.name for each in fields}
            text = f"Column {series.name!r} holds records, whose fields are read as {_listed(fields)}."
            notes.append(Note("info", text, column=series.name))
        if not found:
            break
        frame = pl.DataFrame(columns)
    return frame, notes + [note for series in frame.get_columns() if (note := _left(series))]


def _columns(series: pl.Series) -> list[pl.Series]:
    """A column for each field of records; none of anything else, and of records that stand for a file."""
    if not isinstance(series.dtype, pl.Struct) or _kind(series):
        return []
    return [series.struct.field(each.name).alias(f"{series.name}.{each.name}") for each in series.dtype.fields]


def _listed(fields: list[pl.Series]) -> str:
    names = [repr(each.name) for each in fields[:5]]
    return "columns " + ", ".join(names) + (f" and {len(fields) - 5} more" if len(fields) > 5 else "")


def _left(series: pl.Series) -> Note | None:
    """What is told of records that stay: fields of a file that are not read, and why others are not unnested."""
    if not isinstance(series.dtype, pl.Struct) or not series.dtype.fields:
        return None
    names = [each.name for each in series.dtype.fields]
    if _kind(series):
        more = [name for name in names if name not in _FILE]
        text = f"Column {series.name!r} holds files; further fields beside them are not read: {more[:5]}."
        return Note("info", text, column=series.name) if more else None
    text = (
        f"Column {series.name!r} holds records of {len(names):,} fields that are not read: there are more than "
        f"{_MOST_FIELDS} of them, columns of the same names as {series.name + '.' + names[0]!r}, or more than "
        f"{_DEEPEST} records within each other. Make columns of those that matter (unnest in polars, "
        "pandas.json_normalize)."
    )
    return Note("warning", text, column=series.name)


# -- files


def _kind(series: pl.Series) -> str | None:
    """Which field of records says what file they stand for; None: they stand for none."""
    fields = {each.name: each.dtype for each in series.dtype.fields}  # type: ignore[attr-defined]
    rate = fields.get("sampling_rate", pl.Null)
    if isinstance(fields.get("array"), pl.List | pl.Array) and (rate.is_numeric() or fields.keys() <= _FILE):
        return "array"
    if fields.get("bytes") == pl.Binary or fields.keys() == {"bytes", "path"}:
        return "bytes"
    if fields.get("path") == pl.String:
        paths = series.struct.field("path").drop_nulls().head(_SAMPLE)
        if len(fields) == 1 or 2 * int(paths.str.contains(_ENDINGS).sum()) > len(paths):
            return "path"
    return None


def file_of(series: pl.Series, *, own: bool) -> pl.Series:
    """Records that stand for one file as its bytes, its samples or its path; any others as they are.

    Args:
        series: records.
        own: whether files may be opened: those that some records name while others hold their bytes.
    """
    kind = _kind(series)
    if kind is None:
        return series
    parts = {name: series.struct.field(name) for name in _FILE & {each.name for each in series.dtype.fields}}  # type: ignore[attr-defined]
    if kind == "path":
        return parts["path"].alias(series.name)
    if kind == "array":
        if "sampling_rate" not in parts or not parts["sampling_rate"].count():
            return parts["array"].alias(series.name)
        data = _sounds(parts["array"], parts["sampling_rate"], series.name)
    else:
        data = parts["bytes"]
    if kind == "bytes" and not data.count() and "path" in parts:
        return parts["path"].cast(pl.String).alias(series.name)
    if own and data.dtype == pl.Binary and "path" in parts:
        data = _opened(data, parts["path"])
    return data.alias(series.name)


def _sounds(arrays: pl.Series, rates: pl.Series, name: str) -> pl.Series:
    """Samples with their rates as the bytes of files."""
    cells = [
        None if samples is None or rate is None else {"array": np.array(samples.to_list()), "sampling_rate": rate}
        for samples, rate in zip(arrays, rates, strict=True)
    ]
    found = [cell if isinstance(cell, bytes) else None for cell in plain_cells(cells, name)]
    return pl.Series(found, dtype=pl.Binary)


def _opened(data: pl.Series, paths: pl.Series) -> pl.Series:
    """Bytes, read where only the path of a file is there."""
    named = data.is_null() & paths.is_not_null()
    if not named.any():
        return data
    pairs: Any = zip(data, paths, strict=True)
    return pl.Series([_read(path) if held is None and path else held for held, path in pairs], dtype=pl.Binary)


def _read(path: str) -> bytes | None:
    try:
        file = Path(path)
        return file.read_bytes() if file.is_file() and file.stat().st_size <= _MOST_BYTES else None
    except (OSError, ValueError):
        return None
