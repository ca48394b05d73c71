"""Workbooks: Excel and OpenDocument. What a sheet declares is looked at before any library allocates by it."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mapsto.errors import DataError, MissingExtra, translated
from mapsto.table.apart import run_apart
from mapsto.table.failedcells import failed_cells, place_of
from mapsto.table.names import named
from mapsto.table.notes import Note, plural
from mapsto.table.unpacking import MOST_UNPACKED, grown_too_far, pieces, unpacking

if TYPE_CHECKING:
    from pathlib import Path

    from mapsto.table.sources import Source

FREE_CELLS = 1 << 23
MOST_CELLS_A_CELL = 50
"""A sheet is held as a rectangle around all its cells: refused where that is larger than both."""
_REFERENCE = re.compile(rb'\sr="([A-Za-z]*)([0-9]+)"')
_OVERLAP = 64
"""Bytes of a piece looked at again with the next, since tags may lie across."""
_LOOK = 20
"""Rows among which a header is looked for."""
_ADVICE = "It may be damaged or cut off; write it again."


def read_excel(source: Source, sheet: str | int | None) -> tuple[pl.DataFrame, list[Note]]:
    """Read one sheet of a workbook: `sheet` by name or number (from 1); None: the first that holds a table.

    Rows above the header (titles, dates of export) are passed over, and told.

    Raises:
        DataError: it is damaged, empty or too large, or has no such sheet.
        MissingExtra: without the extra "excel".
    """
    try:
        import fastexcel  # noqa: F401 - whether it is there
    except ImportError as error:
        raise MissingExtra("Reading Excel files", "excel") from error
    if _is_checked(source):
        return _read(source.body, source.name, sheet)
    # Old, binary and OpenDocument workbooks: what they declare cannot be seen without reading them.
    options = {"where": source.name, "sheet": sheet}
    about, data = run_apart("mapsto.table.workbooks:read_bytes", source.read(), options, source.name)
    return pl.read_ipc(io.BytesIO(data)), [Note.from_dict(note) for note in about["notes"]]


def read_bytes(data: bytes, where: str, sheet: str | int | None) -> tuple[dict[str, Any], bytes]:
    """The same for a process of its own: notes as JSON, and the frame as an Arrow file."""
    frame, notes = _read(data, where, sheet)
    written = io.BytesIO()
    frame.write_ipc(written)
    return {"notes": [note.to_dict() for note in notes]}, written.getvalue()


def _read(body: Path | bytes, where: str, sheet: str | int | None) -> tuple[pl.DataFrame, list[Note]]:
    import fastexcel

    with translated(f"{where} cannot be read as Excel", advice=_ADVICE):
        names = list(fastexcel.read_excel(body).sheet_names)
        chosen, top = _chosen(body, where, names, sheet)
        skipped, width = _header(top), top.width
        frame = _loaded(body, chosen, read_options={"header_row": skipped}, infer_schema_length=None)
    header = [None if name is None else str(name) for name in top.row(skipped)]
    used = [n for n in range(width) if header[n] is not None or frame.to_series(n).null_count() < frame.height]
    frame = frame.select(frame.columns[n] for n in used)
    gaps = any(series.null_count() for series in frame.get_columns())
    frame, notes = named(frame, [header[n] for n in used], where)
    notes += failed_cells(body, chosen, header) if gaps else []
    if skipped:
        text = (
            f"{plural(skipped, 'row')} above the header of sheet {chosen!r} in {where} "
            f"{'was' if skipped == 1 else 'were'} passed over: {_said(top.head(skipped))}."
        )
        notes.append(Note("info", text, count=skipped))
    if sheet is None and len(names) > 1:
        text = f"{where} has {len(names)} sheets ({names[:8]}); {chosen!r} was read. Choose another with sheet=."
        notes.append(Note("info", text))
    return frame, notes


def _loaded(body: Path | bytes, sheet: str, **options: Any) -> pl.DataFrame:
    found: pl.DataFrame = pl.read_excel(body, sheet_name=sheet, raise_if_empty=False, drop_empty_cols=False, **options)
    return found


def _chosen(body: Path | bytes, where: str, names: list[str], sheet: str | int | None) -> tuple[str, pl.DataFrame]:
    """The sheet to read with its first rows."""
    wanted = names if sheet is None else [_sheet(names, sheet, where)]
    tops = ((name, _top(body, name)) for name in wanted)
    filled = dict[str, pl.DataFrame]()
    for name, top in tops:
        if top.height and _is_table(top):
            return name, top
        if top.width:
            filled[name] = top
    if filled:
        return next(iter(filled.items()))
    message = f"sheet {wanted[0]!r} of {where} is empty; it has the sheets {names}"
    raise DataError(message)


def _top(body: Path | bytes, sheet: str) -> pl.DataFrame:
    """The first rows as texts, the header among them."""
    options = {"n_rows": _LOOK, "dtypes": "string"}
    return _loaded(body, sheet, has_header=False, drop_empty_rows=False, read_options=options)


def _sheet(names: list[str], sheet: str | int, where: str) -> str:
    if isinstance(sheet, int) and not isinstance(sheet, bool) and 1 <= sheet <= len(names):
        return names[sheet - 1]
    if str(sheet) in names:
        return str(sheet)
    if isinstance(sheet, str) and sheet.isdecimal() and 1 <= int(sheet) <= len(names):
        return names[int(sheet) - 1]
    message = f"{where} has no sheet {sheet!r}; it has {names} (by name, or by number from 1)"
    raise DataError(message)


def _filled(top: pl.DataFrame) -> np.ndarray:
    """Cells of each row that hold something."""
    there = top.select(pl.sum_horizontal(pl.all().is_not_null().cast(pl.Int32)).alias("cells"))
    return there["cells"].to_numpy()


def _is_table(top: pl.DataFrame) -> bool:
    """Whether there are two columns or more, named in one row, with a row of values below."""
    filled, start = _filled(top), _header(top)
    return bool(top.width > 1 and filled[start] > 1 and len(filled) > start + 1 and filled[start + 1 :].max() > 1)


def _header(top: pl.DataFrame) -> int:
    """The row of the header: the first that fills more than half of the columns, if those above fill less than half of
    what it does; else the first.
    """
    filled = _filled(top)
    start = int(np.argmax(filled * 2 > top.width))
    return start if start and filled[:start].max() * 2 <= filled[start] else 0


def _said(rows: pl.DataFrame) -> str:
    texts = [str(cell) for row in rows.iter_rows() for cell in row if cell is not None]
    return ", ".join(repr(text[:40]) for text in texts[:3]) or "they are empty"


# -- what is declared


def _is_checked(source: Source) -> bool:
    """Whether this is a workbook of XML parts (.xlsx, .xlsm), whose parts are found to be sound and of bounded size.

    Raises:
        DataError: a part is damaged, or declares more than any real workbook.
    """
    if source.head(2) != b"PK":
        return False
    with source.opened() as file, unpacking(source.name), zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if not any(info.filename.startswith("xl/") for info in infos) or any(
            info.filename.endswith(".bin") and info.filename.startswith("xl/work") for info in infos
        ):
            return False
        packed = unpacked = 0
        for info in infos:
            extent = _Extent(f"{source.name}, part {info.filename!r}")
            before, packed = unpacked, packed + info.compress_size
            for piece in pieces(archive, info):
                unpacked += len(piece)
                grown_too_far(source.name, packed, unpacked, MOST_UNPACKED)
                extent.see(piece)
            extent.judge(unpacked - before)
    return True


class _Extent:
    """The rectangle around all cells of a part, found while it is unpacked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rest = b""
        self.cells = 0
        self.rows = set[bytes]()
        self.columns = set[bytes]()

    def see(self, piece: bytes) -> None:
        """Take the next piece."""
        data = self.rest + piece
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            message = f"{self.name}: it declares entities, which no spreadsheet program writes; it was refused."
            raise DataError(message)
        found = _REFERENCE.findall(data)
        self.cells += len(found)
        letters, digits = set[bytes](), set[bytes]()
        for column, row in found:
            letters.add(column)
            digits.add(row)
        self.columns |= letters
        self.rows = {max(self.rows | digits, key=_number)} if self.rows or digits else set()
        self.rest = data[-_OVERLAP:]

    def judge(self, size: int) -> None:
        """Refuse a rectangle far larger than what is in it."""
        if not self.rows:
            return
        height = _number(max(self.rows, key=_number))
        width = max(map(place_of, self.columns), default=1)
        if height > 1 << 20 or width > 1 << 14:
            message = f"{self.name}: a cell lies in row {height:,}, column {width:,}; sheets have 1,048,576 x 16,384"
            raise DataError(message)
        if height * width > max(FREE_CELLS, MOST_CELLS_A_CELL * self.cells):
            message = (
                f"{self.name}: {size:,} bytes with {self.cells:,} cells declare a sheet of {height:,} rows and "
                f"{width:,} columns; it was refused. Delete the cells far outside the table, or save the sheet as CSV."
            )
            raise DataError(message)


def _number(digits: bytes) -> int:
    return int(digits) if len(digits) < 12 else 10**12
