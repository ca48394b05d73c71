"""A table as read, and the fingerprint by which changed data are noticed."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mapsto.table.notes import Note

Kind = Literal["path", "polars", "pandas", "pyarrow", "dict"]
"""What the user gave; results are given back in the same kind (polars for paths and dicts)."""

_SLICE = 1_000_000
"""Rows hashed at once: bounds the memory of joining strings."""
_SLICE_BYTES = 256 << 20
"""The same for cells that are whole files or pictures, in bytes."""


DecimalSign = Literal[".", ","]
Spelled = Literal["text", ".", ","]
"""How cells of a column of text are read: left as they stand, or as numbers with this decimal sign."""


@dataclass(frozen=True)
class Untyped:
    """What a text file says about how its cells are written."""

    decimal_comma: bool
    """Whether its fields are parted by semicolons, as where the comma is the decimal sign."""
    first_line: int | None
    """The line of the first row where rows and lines run alike."""


@dataclass(frozen=True)
class Levels:
    """All values that a column may take, as a table declares them, and whether their order means something."""

    values: tuple[Any, ...]
    ordered: bool


@dataclass
class Table:
    """The user's data: rows and named columns, in memory as a polars frame.

    Args:
        frame: the rows, in the user's order.
        kind: what the user gave.
        name: a short name for run folders and reports, e.g. the file name without suffixes.
        origin: absolute path, where the data came from one.
        notes: what was found and mended while reading.
        parts: for a folder, the frames of its "valid" and "test" tables (`frame` holds "train").
        like: the user's own object, of which index and kept columns are given back (see `give_back`).
        raw: its rows before anything was changed, where they were in memory.
        names: columns that say where a row comes from, such as the name of its file: a fit leaves them aside, unless
            told otherwise, and predictions carry them over.
        levels: columns of numbers that the user's own table declares to be categories.
        decimals: columns that the file has as text and that were read with a decimal comma.
        decimal: the decimal sign of the file as a whole, where its columns show one.
        untyped: how cells of a text file are written that are not yet numbers (`numbers.typed`).
        within: the folders below which cells of the frame ("train") and of its parts may name files; where there are
            none they may name any.
    """

    frame: pl.DataFrame
    kind: Kind = "polars"
    name: str = "table"
    origin: str | None = None
    notes: list[Note] = field(default_factory=list)
    parts: dict[str, pl.DataFrame] = field(default_factory=dict)
    like: Any = field(default=None, repr=False)
    raw: pl.DataFrame | None = field(default=None, repr=False)
    names: tuple[str, ...] = ()
    levels: dict[str, Levels] = field(default_factory=dict)
    decimals: dict[str, DecimalSign] = field(default_factory=dict)
    decimal: DecimalSign | None = None
    untyped: Untyped | None = None
    within: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def named_like(self, names: Iterable[str]) -> Table:
        """The table with columns called as in `names` where only blanks around the name differ."""
        changed: dict[str, str] = {}
        for name in names:
            near = [own for own in self.frame.columns if own.strip() == name.strip()]
            if name not in self.frame.columns and len(near) == 1:
                changed[near[0]] = name
        raw = None if self.raw is None else self.raw.rename(changed, strict=False)
        return replace(self, frame=self.frame.rename(changed), raw=raw) if changed else self

    def kept(self, name: str) -> pl.Series:
        """A column as it stood; one made of a field of records as it is read."""
        return self.frame[name] if self.raw is None or name not in self.raw.columns else self.raw[name]

    def spelled(self) -> dict[str, Spelled]:
        """How further rows of this table are read: its texts as text, its numbers with the same decimal sign."""
        return {
            name: "text" if dtype == pl.String else self.decimals.get(name, ".")
            for name, dtype in self.frame.schema.items()
        }


def fingerprint(frame: pl.DataFrame) -> str:
    """A hash of column names, types, values and row order, equal on every machine and for every memory layout.

    >>> a = pl.DataFrame({"x": [1, 2], "s": ["p", None]})
    >>> fingerprint(a) == fingerprint(pl.concat([a[:1], a[1:]], rechunk=False))
    True
    >>> fingerprint(a) == fingerprint(a.reverse())
    False
    """
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        digests = list(pool.map(column_digest, frame.get_columns()))
    about = [[s.name, str(s.dtype), digest] for s, digest in zip(frame.get_columns(), digests, strict=True)]
    return hashlib.sha256(json.dumps([frame.height, about]).encode()).hexdigest()


def column_digest(series: pl.Series) -> str:
    """A hash of the values of one column in their order; names do not matter."""
    state = hashlib.sha256()
    step = _rows_at_once(series)
    for start in range(0, len(series), step):
        _feed(state, series.slice(start, step))
    return state.hexdigest()


def _rows_at_once(series: pl.Series) -> int:
    """Rows to hash at once; it follows from the values alone, as the hash must."""
    size = 0
    if series.dtype == pl.Binary:
        size = int(series.bin.size().sum())
    elif isinstance(series.dtype, pl.Array):
        size = 8 * len(series) * int(np.prod(series.dtype.shape))
    return max(1, min(_SLICE, len(series) * _SLICE_BYTES // size)) if size else _SLICE


def _feed(state: hashlib._Hash, series: pl.Series) -> None:
    """Hash which cells are missing, then the values: fixed width as they lie, strings as lengths and joined bytes."""
    state.update(np.packbits(series.is_null().to_numpy()).data)
    dtype = series.dtype
    if isinstance(dtype, pl.Struct):
        for inner in series.struct.unnest().get_columns():
            _feed(state, inner)
    elif isinstance(dtype, pl.List | pl.Array):
        lists = series.cast(pl.List(dtype.inner)) if isinstance(dtype, pl.Array) else series
        state.update(np.ascontiguousarray(lists.list.len().fill_null(0).to_numpy()).data)
        _feed(state, lists.drop_nulls().explode(empty_as_null=False))
    elif dtype.is_numeric() or dtype.is_temporal() or dtype == pl.Boolean:
        values = series.to_physical() if dtype.is_temporal() else series
        state.update(np.ascontiguousarray(values.fill_null(False if dtype == pl.Boolean else 0).to_numpy()).data)
    elif dtype != pl.Null:
        texts = series.bin.encode("hex") if dtype == pl.Binary else series.cast(pl.String)
        texts = texts.fill_null("")
        state.update(np.ascontiguousarray(texts.str.len_bytes().to_numpy()).data)
        state.update((texts.str.join("").item() or "").encode())
