"""Cells that are paths of pictures, sounds or clips: found beside their table, and watched for change."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mapsto.errors import DataError
from mapsto.table.moments import EDGES
from mapsto.table.notes import Note
from mapsto.table.suffixes import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mapsto.table.frame import Table

_ENDINGS = "|".join(ending for ending, kind in KINDS.items() if kind != "text")
_PATH = rf"(?i)\.({_ENDINGS})\s*$"
_ROOTED = r"(?i)^\s*(/|\\|[a-z]:|[a-z][a-z0-9+.-]*://|data:|iVBORw0KGgo|R0lGOD|UklGR|ZkxhQ|T2dnU)"
"""Paths from the root, of another disk, addresses, and text that is a file itself (a data URL, or base64)."""
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


def beside(table: Table, folder: Path, files: Iterable[str] = ()) -> Table:
    """The table with its relative paths looked up in the folder of its file, where they exist in it.

    A sample of each column decides for the whole. Paths that climb out by `..` are left as they are.

    Args:
        table: as it was read.
        folder: where it lies.
        files: columns whose cells are known to name files, whatever they end with.
    """
    changed, notes = [], []
    known = {name.strip() for name in files}
    named = path_columns(table.frame)
    for name in [*named, *(n for n in table.frame.columns if n.strip() in known and n not in named)]:
        base = folder.resolve()
        if base == Path.cwd() or not _lies_in(table.frame[name], base):
            continue
        changed.append(_resolved(table.frame[name], base))
        text = f"Column {name!r}: relative paths are taken from the folder of the table, {str(base)!r}."
        notes.append(Note("info", text, column=name))
    return replace(table, frame=table.frame.with_columns(changed), notes=[*table.notes, *notes]) if changed else table


def require_below(frame: pl.DataFrame, folder: Path, name: str) -> None:
    """Refuse cells that name files outside a folder: a stranger's table could name any file of the reader's.

    Args:
        frame: the table.
        folder: where it lies.
        name: of the table, for the message.

    Raises:
        DataError: a column of paths leads elsewhere; the message says how to allow that.
    """
    base = os.path.realpath(folder)
    for series in frame.get_columns():
        cells = _flat(series)
        if not _holds_paths(_sampled(series), _FEWER):
            continue
        paths = cells.str.strip_chars().unique(maintain_order=True)
        paths = paths.filter(~paths.str.contains(_ADDRESS))
        outside = next(
            (place for place in _places(paths, base, _lies_in(series, base)) if not _lies_below(place, base)), None
        )
        if outside is not None:
            raise DataError(_outside(series.name, f" of {name}", outside, base))


def require_opened_below(table: Table, files: Iterable[str]) -> None:
    """Refuse cells that lead outside the folders of the tables that they come from, of columns that will be opened.

    What is read from a file is looked at by `require_below` before it is known which columns name files, and only where
    they look like it. Here it is known: every cell counts, as it stands when it is opened, whatever it ends with.

    Raises:
        DataError: a cell leads elsewhere; the message says how to allow that.
    """
    for role, frame in {"train": table.frame, **table.parts}.items():
        folders = table.within.get(role)
        for name in files if folders is not None else ():
            outside = _elsewhere(frame[name], folders or ()) if name in frame.columns else None
            if outside is not None:
                raise DataError(_outside(name, "", outside, (folders or ("",))[0]))


def _outside(column: str, of: str, path: str, base: str) -> str:
    return (
        f"column {column!r}{of} names files outside the folder of the table, such as {path!r}. "
        f"By default only files below {base!r} are read, since a table from somebody else could name any "
        "file of yours. If you trust it, allow them: allow_paths=True, or --allow-paths on the command line."
    )


def _elsewhere(series: pl.Series, folders: tuple[str, ...]) -> str | None:
    """The first cell that opens a file which lies in none of the folders, links followed; None: there is none.

    Of paths that plainly go down from a folder, their folders are looked at once, and which of them are links.
    """
    paths = _flat(series).str.strip_chars(EDGES).unique(maintain_order=True)
    paths = paths.filter(~paths.str.contains("\0", literal=True))  # which cannot be opened
    here = paths.str.contains(_ROOTED)
    paths = pl.select(pl.when(here).then(paths).otherwise(pl.lit(f"{os.getcwd()}/") + paths)).to_series()
    plain = pl.Series(np.zeros(len(paths), bool))
    for folder in folders:
        plain |= paths.str.starts_with(f"{folder.rstrip('/')}/")
    plain &= ~paths.str.contains(_CLIMBING)
    down = paths.filter(plain)
    inner = down.str.extract(r"(?s)^(.*)/").drop_nulls().unique(maintain_order=True)
    places = (*paths.filter(~plain), *inner, *(path for path in down if os.path.islink(path)))
    return next((place for place in places if not any(_lies_below(place, folder) for folder in folders)), None)


_FEWER = 0.5
"""Share of cells that end like paths from which on a column may be taken for one of paths."""
_ADDRESS = r"^[A-Za-z][A-Za-z0-9+.-]+://"


def _places(paths: pl.Series, base: str, beside: bool) -> Iterator[str]:  # noqa: FBT001 - where relative paths lie
    """Where paths lead, as far as it must be looked at: those from the root or by `..`; of the others, beside the table
    their folders and those that are links, and all where they are looked up from here.
    """
    odd = paths.str.contains(_ROOTED) | paths.str.contains(_CLIMBING)
    for path in paths.filter(odd):
        yield from (path, os.path.join(base, path))
    inside = paths.filter(~odd)
    if not beside:
        yield from inside
        return
    for folder in inside.str.extract(r"^(.*)[/\\]").fill_null("").unique():
        yield os.path.join(base, folder)
    yield from (place for path in inside if os.path.islink(place := os.path.join(base, path)))


def _lies_in(series: pl.Series, folder: str | Path) -> bool:
    """Whether relative paths are to be looked up from a folder: some of a sample are there."""
    cells = _sampled(series)
    relative = cells.filter(~(cells.str.contains(_ROOTED) | cells.str.contains(_CLIMBING)))
    return any(os.path.exists(os.path.join(folder, path.strip())) for path in relative.to_list())


def _lies_below(place: str, base: str) -> bool:
    """Whether a place, links followed, lies in a folder; what is nowhere cannot be read."""
    try:
        real = os.path.realpath(place)
        return not os.path.exists(place) or os.path.commonpath([real, base]) == base
    except ValueError:  # a zero byte, or another disk
        return "\0" in place


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
    while isinstance(series.dtype, pl.List | pl.Array):
        lists = series.arr.to_list() if isinstance(series.dtype, pl.Array) else series
        if not _is_text(_innermost(series.dtype)):
            break
        series = lists.drop_nulls().explode(empty_as_null=False)
    return series.cast(pl.String).drop_nulls() if _is_text(series.dtype) else pl.Series(dtype=pl.String)


def _is_text(dtype: pl.DataType) -> bool:
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def _innermost(dtype: pl.DataType) -> pl.DataType:
    while isinstance(dtype, pl.List | pl.Array):
        dtype = dtype.inner  # type: ignore[assignment]
    return dtype


def _sampled(series: pl.Series) -> pl.Series:
    cells = _flat(series)
    return cells.gather_every(max(1, len(cells) // _SAMPLE)).head(_SAMPLE)


def _holds_paths(cells: pl.Series, share: float = _SHARE) -> bool:
    return float(cells.str.contains(_PATH).mean() or 0) >= share  # type: ignore[arg-type]


def _resolved(series: pl.Series, base: Path) -> pl.Series:
    """Relative paths below the folder, in one expression."""
    if isinstance(series.dtype, pl.Array):
        series = series.arr.to_list()
    lists = isinstance(series.dtype, pl.List)
    series = series.cast(pl.List(pl.String) if lists else pl.String)
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
