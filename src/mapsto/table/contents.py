"""What a file is by its first bytes, whatever it is called."""

from __future__ import annotations

import re
import zipfile
from typing import IO

from mapsto.table.unpacking import DAMAGE

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "excel"),
)
"""What is read."""
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"\x28\xb5\x2f\xfd", "packed with Zstandard: unpack it first"),
    (b"BZh", "packed with bzip2: unpack it first"),
    (b"\xfd7zXZ\x00", "packed with xz: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it first"),
    (b"%PDF-", "a PDF document: export its table as CSV"),
    (b"SQLite format 3\x00", "an SQLite database: export one table of it as CSV or Parquet"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file: read it with the library that wrote it and give the frame"),
    (b"\x93NUMPY", "a numpy array: load it and give {'name': array}"),
    (b"FEA1", "a Feather file of version 1: write it again as version 2"),
    (b"Obj\x01", "an Avro file: write it as Parquet"),
    (b"ORC", "an ORC file: write it as Parquet"),
    (b"$FL2", "an SPSS file: export it as CSV"),
    (b"<stata_dta>", "a Stata file: export it as CSV"),
    (b"RDX", "an R data file: write its table with write.csv"),
    (b"\x89PNG\r\n\x1a\n", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"version https://git-lfs.github.com", "a pointer of Git LFS, not the file itself: run 'git lfs pull'"),
)
_LETTERS = (b"<stata_dta>", b"version https://git-lfs.github.com")
"""Those of the above that are texts all through; others are none, so that a column may be named ORC."""
_CONTROLS = bytes([*range(1, 9), *range(14, 27), *range(28, 32), 127])
"""Control characters that texts seldom hold; zero, tab and line ends are not among them."""
_MARKUP = re.compile(rb"\s*<(!doctype\s+html|html|head|body|table)\b", re.IGNORECASE)
_XML = re.compile(rb"\s*<\?xml\b", re.IGNORECASE)
_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*["}]')


def content(head: bytes) -> str:
    r"""A form that is read ("parquet", "arrow", "gzip", "zip", "excel", "json", "text"), or "bytes" for all else.

    >>> content(b"PAR1"), content(b'{"a": 1}\n'), content(b"a,b\n1,2\n"), content(b"\x00\x01")
    ('parquet', 'json', 'text', 'bytes')
    """
    known = next((form for magic, form in _MAGIC if head.startswith(magic)), None)
    if known is not None:
        return known
    if foreign(head) is not None:
        return "bytes"
    if _JSON.match(head):
        return "json"
    return "text" if _is_text(head) else "bytes"


def _is_text(head: bytes) -> bool:
    controls = len(head) - len(head.translate(None, _CONTROLS))
    wide = head.count(0) * 2 >= len(head) - 4 > 0  # UTF-16 has a zero byte in every second place
    return controls <= len(head) // 100 and (b"\0" not in head or wide)


def foreign(head: bytes) -> str | None:
    """What a file of a kind that is not read is, with what to do about it."""
    for magic, told in _FOREIGN:
        if head.startswith(magic) and (magic in _LETTERS or not _is_text(head)):
            return told
    if _MARKUP.match(head):
        return "a web page: save its table as CSV or .xlsx"
    return "an XML document: save its table as CSV or .xlsx" if _XML.match(head) else None


def is_workbook(file: IO[bytes]) -> bool:
    """Whether a zip is an Excel or OpenDocument workbook."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.NameToInfo
    except DAMAGE:
        return False  # whoever unpacks it says so
    return "[Content_Types].xml" in names or ("mimetype" in names and "content.xml" in names)
