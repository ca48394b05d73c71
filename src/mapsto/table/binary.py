"""Tables in binary files: Parquet and Arrow (Feather)."""

from __future__ import annotations

import io
import mmap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl

from mapsto.errors import DataError, translated
from mapsto.table.arrowcheck import check_arrow
from mapsto.table.kinds import from_arrow, is_foreign
from mapsto.table.notes import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mapsto.table.sources import Source

_ADVICE = "It may be damaged or cut off; write it again."
MOST_CELLS = 1 << 30
MOST_CELLS_A_BYTE = 1000
"""A Parquet file that declares more cells than both is refused: its pages may repeat one value without end."""


def read_parquet(source: Source) -> tuple[pl.DataFrame, list[Note]]:
    """Read a Parquet file; its row groups stay apart in memory, nothing is copied together."""
    data = source.body
    hint = ""
    size, tail = _size_and_tail(source)
    if tail != b"PAR1":
        hint = "Its last bytes are not the 'PAR1' that ends a Parquet file. "
    with translated(f"{source.name} cannot be read as Parquet", advice=f"{hint}{_ADVICE}"):
        lazy = pl.scan_parquet(data, glob=False, hive_partitioning=False)
        cells = lazy.select(pl.len()).collect().item() * len(lazy.collect_schema())
        if cells > MOST_CELLS and cells > MOST_CELLS_A_BYTE * size:
            message = f"{source.name} was refused: {size:,} bytes declare {cells:,} cells, more than any real table"
            raise DataError(message)
        try:
            return lazy.collect(), []
        except pl.exceptions.PolarsError:
            if (found := _by_arrow(source)) is None:
                raise
            return found, []


def _size_and_tail(source: Source) -> tuple[int, bytes]:
    with source.opened() as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(size - 4, 0))
        return size, file.read(4)


def read_arrow(source: Source) -> tuple[pl.DataFrame, list[Note]]:
    """Read an Arrow file (Feather version 2) or Arrow stream."""
    advice = f"Expected an Arrow file, also called Feather version 2. {_ADVICE}"
    with translated(f"{source.name} cannot be read as Arrow", advice=advice):
        with _mapped(source) as data:
            check_arrow(data)
        if (found := _by_arrow(source)) is not None:
            return found, []
        if source.head(4) == b"\xff\xff\xff\xff":
            return pl.read_ipc_stream(source.body), []
        return pl.read_ipc(source.body), []


def _by_arrow(source: Source) -> pl.DataFrame | None:
    """A file with types that polars does not know (intervals, unions, long decimals), if pyarrow is there to read it;
    None: there is no such type, or no pyarrow.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        return None
    with source.opened() as file:
        load: Callable[[], Any]
        if source.content == "parquet":
            schema, load = parquet.read_schema(file), lambda: parquet.read_table(file)
        else:
            stream = source.head(4) == b"\xff\xff\xff\xff"
            reader = pa.ipc.open_stream(file) if stream else pa.ipc.open_file(file)
            schema, load = reader.schema, reader.read_all
        file.seek(0)
        return from_arrow(load()) if any(is_foreign(field.type) for field in schema) else None


@contextmanager
def _mapped(source: Source) -> Iterator[bytes | mmap.mmap]:
    """All bytes without reading them all."""
    if source.data is not None:
        yield source.data
        return
    with source.opened() as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped
