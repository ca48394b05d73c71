"""Cells of a workbook whose formula failed (#REF!, #DIV/0!): readers of workbooks give them as empty cells."""

from __future__ import annotations

import io
import re
import zipfile
from html import unescape
from typing import TYPE_CHECKING

from mapsto.table.notes import Note, examples, listed, plural
from mapsto.table.unpacking import pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_OVERLAP = 1024
"""Bytes of a piece looked at again with the next, since cells may lie across."""
# Tags are bounded: what is never closed must not be looked through once for each that begins.
_FILLED = re.compile(rb'<c\s[^>]{0,400}?\br="([A-Z]+)[0-9]+"[^>/]{0,400}>')
_FAILED = re.compile(
    rb'<c\s(?=[^>]{0,400}\bt="e")[^>]{0,400}?\br="([A-Z]+)([0-9]{1,9})"[^>]{0,400}>'
    rb"(?:<f[^>]{0,400}/>|<f[^<]{0,400}</f>|<f\s[^>]{0,400}>[^<]{0,400}</f>)?<v>(#[^<]{1,20})</v>"
)
_SHEET, _RELATION = re.compile(r"<(?:\w+:)?sheet\s[^>]{0,2000}>"), re.compile(r"<(?:\w+:)?Relationship\s[^>]{0,2000}>")


def failed_cells(body: Path | bytes, sheet: str, names: Sequence[str | None]) -> list[Note]:
    """A warning for each column that has such cells, in a workbook of XML parts.

    Args:
        body: the workbook, which was found to be sound.
        sheet: the name of the sheet that was read.
        names: of its columns, from the first that holds anything.
    """
    found, first = _found(body, sheet)
    notes = []
    for place in sorted({place for place, _ in found}):
        cells = {row: what for (one, row), what in sorted(found.items()) if one == place}
        name = names[place - first] if 0 <= place - first < len(names) else None
        called = f"Column {name!r}" if name else f"Column number {place}"
        kinds = ", ".join(sorted(set(cells.values())))
        text = (
            f"{called}: {plural(len(cells), 'cell')} of sheet {sheet!r} without a value but an error ({kinds}): "
            f"missing here (rows {listed(cells, len(cells))} of the sheet). Mend the formulas, or leave the column out."
        )
        notes.append(Note("warning", text, column=name, count=len(cells), lines=examples(cells)))
    return notes


def _found(body: Path | bytes, sheet: str) -> tuple[dict[tuple[int, int], str], int]:
    """What stands in failed cells, by column from 1 and row; and the first column that has cells."""
    file = io.BytesIO(body) if isinstance(body, bytes) else body
    found, first = dict[tuple[int, int], str](), set[bytes]()
    if not zipfile.is_zipfile(file):
        return found, 1
    with zipfile.ZipFile(file) as archive:
        part = _part_of(archive, sheet)
        if part is None:
            return found, 1
        for data in _overlapping(archive, part):
            for letters, row, what in _FAILED.findall(data) if b't="e"' in data else ():
                found[place_of(letters), int(row)] = what.decode(errors="replace")
        for data in _overlapping(archive, part) if found else ():
            first |= set(_FILLED.findall(data))
    return found, min(map(place_of, first), default=1)


def _overlapping(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """A part in pieces, each with the end of the one before."""
    rest = b""
    for piece in pieces(archive, archive.getinfo(part)):
        data = rest + piece
        yield data
        rest = data[-_OVERLAP:]


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The part of a workbook that holds a sheet."""
    names = set(archive.namelist())
    if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
        return None
    texts = [
        b"".join(pieces(archive, archive.getinfo(name))).decode("utf-8", errors="replace")
        for name in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels")
    ]
    tags = (tag for tag in _SHEET.findall(texts[0]) if unescape(_attribute(tag, "name")) == sheet)
    number = next((_attribute(tag, r"\w+:id") for tag in tags), "")
    targets = (_attribute(tag, "Target") for tag in _RELATION.findall(texts[1]) if _attribute(tag, "Id") == number)
    part = next(targets, "")
    part = part.lstrip("/") if part.startswith("/") else f"xl/{part}"
    return part if part in names else None


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\s{name}="([^"]*)"', tag)
    return found[1] if found else ""


def place_of(letters: bytes) -> int:
    """The number of a column: A is 1, Z 26, AA 27."""
    number = 0
    for letter in letters.upper()[:8]:
        number = 26 * number + letter - 64
    return number
