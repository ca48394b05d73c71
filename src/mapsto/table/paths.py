"""Cells that are paths of pictures, sounds or clips: found beside their table, and watched for change."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mapsto.table.notes import Note
from mapsto.table.suffixes import KINDS

if TYPE_CHECKING:
    from mapsto.table.frame import Table

_ENDINGS = "|".join(ending for ending, kind in KINDS.items() if kind != "text")
_PATH = rf"(?i)\.({_ENDINGS})\s*$"
_ROOTED = r"^\s*(/|\\|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]*://)"
"""Paths from the root, of another disk, and addresses."""
_CLIMBING = r"(^|[/\\])\s*\.\.([/\\]|$)"
_SAMPLE = 200
_SHARE = 0.9
"""Share of sampled cells that must end like paths."""


def path_columns(frame: pl.DataFrame) -> list[str]:
    """Columns of paths: texts, or lists of texts, that end like the names of pictures, sounds or clips.

    >>> path_columns(pl.DataFrame({"photo": ["a/1.PNG", None], "said": ["see b.png there", "no"]}))
    ['photo']
    """
    return [series.name for series in frame.get_columns() if _holds_paths(_sampled(series))]


def beside(table: Table, folder: Path) -> Table:
    """The table with its relative paths looked up in the folder of its file, where they do not exist from here.

    A sample of each column decides for the whole. Paths that climb out by `..` are left as they are.
    """
    changed, notes = [], []
    for name in path_columns(table.frame):
        cells = _sampled(table.frame[name])
        relative = cells.filter(~(cells.str.contains(_ROOTED) | cells.str.contains(_CLIMBING))).to_list()
        base = folder.resolve()
        if any(map(os.path.exists, relative)) or not any(os.path.exists(base / path) for path in relative):
            continue
        changed.append(_resolved(table.frame[name], base))
        text = f"Column {name!r}: relative paths are taken from the folder of the table, {str(base)!r}."
        notes.append(Note("info", text, column=name))
    return replace(table, frame=table.frame.with_columns(changed), notes=[*table.notes, *notes]) if changed else table


def files_fingerprint(frame: pl.DataFrame) -> str:
    """A hash of the sizes and times of change of all files that cells name; empty where none do.

    Contents are not read, so it is quick; a file that was rewritten has another time even at the same size.
    """
    state = hashlib.sha256()
    columns = path_columns(frame)
    for name in columns:
        files = _flat(frame[name]).unique(maintain_order=True).to_list()
        state.update(np.array([_stamp(path) for path in files], dtype=np.int64).reshape(-1, 2).data)
    return state.hexdigest() if columns else ""


def _flat(series: pl.Series) -> pl.Series:
    """The texts of a column, those of lists one by one; none of another type."""
    if series.dtype == pl.List(pl.String):
        series = series.drop_nulls().explode(empty_as_null=False)
    return series.drop_nulls() if series.dtype == pl.String else pl.Series(dtype=pl.String)


def _sampled(series: pl.Series) -> pl.Series:
    cells = _flat(series)
    return cells.gather_every(max(1, len(cells) // _SAMPLE)).head(_SAMPLE)


def _holds_paths(cells: pl.Series) -> bool:
    return float(cells.str.contains(_PATH).mean() or 0) >= _SHARE  # type: ignore[arg-type]


def _resolved(series: pl.Series, base: Path) -> pl.Series:
    """Relative paths below the folder, in one expression."""
    lists = isinstance(series.dtype, pl.List)
    cell = pl.element() if lists else pl.col(series.name)
    outside = cell.str.contains(_ROOTED) | cell.str.contains(_CLIMBING)
    found = pl.when(outside).then(cell).otherwise(pl.lit(f"{base.as_posix().rstrip('/')}/") + cell.str.strip_chars())
    return series.to_frame().select(pl.col(series.name).list.eval(found) if lists else found.alias(series.name))[
        series.name
    ]


def _stamp(path: str) -> tuple[int, int]:
    """Size and time of change in nanoseconds; -1 for a file that is not there."""
    try:
        found = os.stat(path.strip())
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return -1, -1
    return found.st_size, found.st_mtime_ns
