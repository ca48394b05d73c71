"""Tables in binary files: Parquet, Arrow (Feather) and Excel."""

from __future__ import annotations

import io
import mmap
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl
from polars.exceptions import PanicException, PolarsError

from mapsto.errors import DataError, MissingExtra
from mapsto.table.arrowcheck import check_arrow
from mapsto.table.names import named
from mapsto.table.notes import Note
from mapsto.table.sources import FREE, MOST_RATIO, MOST_UNPACKED, Source, unpacking

if TYPE_CHECKING:
    from collections.abc import Iterator


MOST_CELLS = 1 << 30
MOST_CELLS_A_BYTE = 1000
"""A Parquet file that declares more cells than both is refused: its pages may repeat one value without end."""


@contextmanager
def parsing(name: str, form: str, hint: str = "") -> Iterator[None]:
    """What a parser stumbles over, told as a `DataError`."""
    try:
        yield
    except (PolarsError, PanicException, OSError, ValueError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        reason = str(error).strip().split("\n")[0][:200]
        message = f"{name} cannot be read as {form}: {reason}. {hint}It may be damaged or cut off; write it again."
        raise DataError(message) from error


def read_parquet(source: Source) -> tuple[pl.DataFrame, list[Note]]:
    """Read a Parquet file; its row groups stay apart in memory, nothing is copied together."""
    data = source.body
    hint = ""
    size, tail = _size_and_tail(source)
    if tail != b"PAR1":
        hint = "Its last bytes are not the 'PAR1' that ends a Parquet file. "
    with parsing(source.name, "Parquet", hint):
        lazy = pl.scan_parquet(data, glob=False, hive_partitioning=False)
        cells = lazy.select(pl.len()).collect().item() * len(lazy.collect_schema())
        if cells > MOST_CELLS and cells > MOST_CELLS_A_BYTE * size:
            message = f"{source.name} was refused: {size:,} bytes declare {cells:,} cells, more than any real table"
            raise DataError(message)
        return lazy.collect(), []


def _size_and_tail(source: Source) -> tuple[int, bytes]:
    with source.opened() as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(size - 4, 0))
        return size, file.read(4)


def read_arrow(source: Source) -> tuple[pl.DataFrame, list[Note]]:
    """Read an Arrow file (Feather version 2) or Arrow stream."""
    with parsing(source.name, "Arrow", "Expected an Arrow file, also called Feather version 2. "):
        with _mapped(source) as data:
            check_arrow(data)
        if source.head(4) == b"\xff\xff\xff\xff":
            return pl.read_ipc_stream(source.body), []
        return pl.read_ipc(source.body), []


@contextmanager
def _mapped(source: Source) -> Iterator[bytes | mmap.mmap]:
    """All bytes without reading them all."""
    if source.data is not None:
        yield source.data
        return
    with source.opened() as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped


def read_excel(source: Source, sheet: str | int | None) -> tuple[pl.DataFrame, list[Note]]:
    """Read one sheet of a workbook: `sheet` by name or number (from 1); None: the first that is not empty."""
    try:
        import fastexcel
    except ImportError as error:
        raise MissingExtra("Reading Excel files", "excel") from error
    _check_workbook(source)
    with parsing(source.name, "Excel"):
        try:
            names = fastexcel.read_excel(source.body).sheet_names
        except fastexcel.FastExcelError as error:
            raise ValueError(str(error)) from error
        chosen = _sheet(names, sheet, source.name)
        options: dict[str, Any] = {"sheet_name": chosen, "raise_if_empty": False}
        header = pl.read_excel(source.body, has_header=False, read_options={"n_rows": 1}, **options)
        if not header.width:
            message = f"sheet {chosen!r} of {source.name} is empty; it has the sheets {names}"
            raise DataError(message)
        frame = pl.read_excel(source.body, infer_schema_length=None, **options)
    frame, notes = named(frame, [None if n is None else str(n) for n in header.row(0)], source.name)
    if sheet is None and len(names) > 1:
        text = f"{source.name} has {len(names)} sheets; {chosen!r} was read. Choose another with sheet=."
        notes.append(Note("info", text))
    return frame, notes


def _sheet(names: list[str], sheet: str | int | None, where: str) -> str:
    if sheet is None:
        return names[0]
    if isinstance(sheet, int) and 1 <= sheet <= len(names):
        return names[sheet - 1]
    if sheet in names:
        return str(sheet)
    message = f"{where} has no sheet {sheet!r}; it has {names} (by name, or by number from 1)"
    raise DataError(message)


def _check_workbook(source: Source) -> None:
    """A workbook that is a zip is unpacked once into nothing: sizes must be true and within the limits."""
    if source.head(2) != b"PK":
        return
    with source.opened() as file, unpacking(source.name), zipfile.ZipFile(file) as archive:
        size = sum(info.file_size for info in archive.infolist())
        small = sum(info.compress_size for info in archive.infolist())
        if size > MOST_UNPACKED or (size > FREE and size > MOST_RATIO * small):
            message = f"{source.name} was refused: {small:,} packed bytes unpack to {size:,}"
            raise DataError(message)
        if (bad := archive.testzip()) is not None:
            message = f"{source.name} is damaged: its part {bad!r} does not unpack to what it declares"
            raise DataError(message)
