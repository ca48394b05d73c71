"""How a text table is written, found from its first bytes: encoding, line ends, separator, quote."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mapsto.table.notes import Note, listed, plural
from mapsto.table.precheck import check

if TYPE_CHECKING:
    from mapsto.table.sources import Source

HEAD = 1 << 16
"""Bytes looked at."""
SEPARATORS = b",;\t|"
NAMES = {ord(","): "comma", ord(";"): "semicolon", ord("\t"): "tab", ord("|"): "bar", 0x1F: "none"}
NO_SEPARATOR = 0x1F
"""Stands in where a table has one column: the control character "unit separator", which texts do not contain."""
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Layout:
    """The bytes that give a text table its form."""

    separator: int
    quote: int | None = ord('"')


def wide_encoding(head: bytes) -> str | None:
    """An encoding with more than one byte a letter, by its mark or by where its zero bytes lie; None: one byte."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return None if name == "utf-8" else name
    zeros = np.frombuffer(head[: len(head) // 2 * 2], dtype=np.uint8).reshape(-1, 2) == 0
    if len(zeros) < 4:
        return None
    first, second = zeros.mean(axis=0)
    if second > 0.4 and first < 0.1:
        return "utf-16-le"
    return "utf-16-be" if first > 0.4 and second < 0.1 else None


def decoded(source: Source) -> tuple[str, Note]:
    """The text of bytes that are not valid UTF-8, and which encoding was taken.

    A file whose letters beyond ASCII are mostly valid UTF-8 is UTF-8 with damage: each broken byte becomes U+FFFD. All
    else is taken for Windows-1252 (which holds Latin-1's letters), or Latin-1 where a byte has no meaning in it.
    """
    data = source.read()
    if wide := wide_encoding(data[:HEAD]):
        text = data.decode(wide, errors="replace")
        return text, Note("info", f"{source.name} is written in {wide.upper()} and was read as such.")
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    beyond_ascii = int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) >= 0xC2))
    if beyond_ascii - broken > broken:
        rows = [number for number, line in enumerate(text.split("\n"), start=1) if "\ufffd" in line]
        note = (
            f"{source.name} is UTF-8 with {plural(broken, 'invalid byte')} in {plural(len(rows), 'line')} "
            f"({listed(rows, len(rows))}); each was replaced by U+FFFD."
        )
        return text, Note("repair", note, count=broken, lines=tuple(rows[:5]))
    try:
        return data.decode("cp1252"), _one_byte(source.name, "Windows-1252 (Latin-1)")
    except UnicodeDecodeError:
        return data.decode("latin-1"), _one_byte(source.name, "Latin-1")


def _one_byte(name: str, encoding: str) -> Note:
    text = (
        f"{name} is not valid UTF-8 and was read as {encoding}. If letters look wrong, save the file as UTF-8 and "
        "read it again."
    )
    return Note("repair", text)


def sniff(head: bytes, suffix: str) -> Layout:
    r"""Separator and quote under which most records have as many fields as the header, and the header most of them.

    >>> chr(sniff(b"price;count\n0,05;3\n1,15;4\n", ".csv").separator)
    ';'
    """
    whole = head[: head.rfind(b"\n") + 1] if len(head) >= HEAD and b"\n" in head else head
    whole = whole.replace(b"\0", b"").decode("utf-8", errors="replace").encode()
    order = b"\t,;|" if suffix in (".tsv", ".tab") else b"|,;\t" if suffix == ".psv" else SEPARATORS
    best, layout = (0.0, 1), Layout(NO_SEPARATOR)
    for quote in b"\"'":
        for separator in order:
            score = _score(whole, separator, quote)
            if score[1] > 1 and score > best:
                best, layout = score, Layout(separator, quote)
    return layout


def _score(head: bytes, separator: int, quote: int) -> tuple[float, int]:
    """Share of records with the header's number of fields, rounded so that a few bad ones do not decide; and fields."""
    found = check([head], separator=separator, quote=quote)
    if found.unpaired is not None:
        found = check([head], separator=separator, quote=None)
    if found.fields < 2:
        return 0.0, 0
    blank = int((found.odd.fields == 0).sum())
    return round(1 - (len(found.odd) - blank) / max(found.records, 1), 1), found.fields


def blank_start(head: bytes) -> tuple[int, int]:
    r"""Bytes before the header (byte order mark, blank lines), and how many lines they are.

    >>> blank_start(b"\r\n\na,b")
    (3, 2)
    """
    mark = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    blank = re.compile(rb"(?:[ ]*\r?\n)*").match(head, mark)
    end = blank.end() if blank else mark
    return end, head.count(b"\n", 0, end)
