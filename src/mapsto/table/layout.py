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
    whole = _whole(head)
    order = b"\t,;|" if suffix in (".tsv", ".tab") else b"|,;\t" if suffix == ".psv" else SEPARATORS
    best, layout = (0.0, 1), Layout(NO_SEPARATOR)
    for quote in b"\"'":
        if quote == ord("'") and best[1] == 1 and _in_quotes(whole):
            return layout  # separators stand inside cells alone
        for separator in order:
            score = _score(whole, separator, quote)
            if score[1] > 1 and score > best:
                best, layout = score, Layout(separator, quote)
    return layout


def _in_quotes(head: bytes) -> bool:
    """Whether lines begin with a double quote, and all of these pair."""
    return head.startswith(b'"') and check([head], separator=NO_SEPARATOR, quote=ord('"')).unpaired is None


def _whole(head: bytes) -> bytes:
    """Whole lines, without what cannot be read."""
    whole = head[: head.rfind(b"\n") + 1] if len(head) >= _LOOK // 2 and b"\n" in head else head
    return whole.replace(b"\0", b"").decode("utf-8", errors="replace").encode()


def _score(head: bytes, separator: int, quote: int) -> tuple[float, int]:
    """Share of records with the header's number of fields, rounded so that a few bad ones do not decide; and fields."""
    found = check([head], separator=separator, quote=quote)
    if found.unpaired is not None:
        found = check([head], separator=separator, quote=None)
    if found.fields < 2:
        return 0.0, 0
    odd = int((found.odd.fields > 0).sum())
    return round(1 - odd / max(found.records, 1), 1), found.fields


def blank_start(head: bytes) -> tuple[int, int]:
    r"""Bytes before the header (byte order mark, blank lines), and how many lines they are.

    >>> blank_start(b"\r\n\na,b")
    (3, 2)
    """
    mark = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    blank = _BLANK.match(head, mark)
    end = blank.end() if blank else mark
    return end, head.count(b"\n", 0, end)


_BLANK = re.compile(rb"(?:[ ]*\r?\n)*")
_DECLARED = re.compile(rb'"?sep=(.)"?[ ]*\r?\n', re.IGNORECASE)
"""The line in which Excel is told the separator."""
_MOST_TITLES = 30
"""Lines above a header at most."""
_LOOK = 1 << 13
"""Bytes in which titles are looked for."""
_SCORE = 0.9
_NUMBER = re.compile(rb"[ ]*[-+(]?[$\xe2\x82\xac]*[0-9.,]+[0-9eE%+-]*[)]?[ ]*")


@dataclass(frozen=True)
class Opening:
    """Where a text table begins, and how it is written."""

    start: int
    """Bytes before the header."""
    lines: int
    """Lines before it."""
    layout: Layout
    above: tuple[str, ...] = ()
    """What stands in the lines above the header that are none of the table: titles, comments, Excel's `sep=`."""


def opening(head: bytes, suffix: str) -> Opening:
    r"""Where the table begins: after blank lines, `sep=;`, comments and titles.

    >>> opening(b"sep=;\na;b\n1;2\n", ".csv").above, opening(b"Sales of 2024\n\na,b\n1,2\n3,4\n", ".csv").lines
    (('sep=;',), 2)
    """
    start, lines = blank_start(head)
    above = list[str]()
    declared = _DECLARED.match(head, start)
    if declared:
        above.append(_told(declared[0]))
        start, lines = declared.end(), lines + 1
    titles = _titles(head[: start + _LOOK], start, suffix)
    above += [_told(line) for line in head[start:titles].split(b"\n") if line.strip()]
    lines, start = lines + head.count(b"\n", start, titles), titles
    layout = sniff(head[start:], suffix)
    if declared and layout.separator == NO_SEPARATOR:
        layout = Layout(declared[1][0], layout.quote)
    return Opening(start, lines, layout, tuple(above))


def _told(line: bytes) -> str:
    return line.strip().decode("utf-8", errors="replace")


def _titles(head: bytes, start: int, suffix: str) -> int:
    """Where comments and titles above the header end; `start` where there are none."""
    at = _after_comments(head, start, suffix)
    if _fits(head, at, suffix)[0] > 0.5:
        return at
    lines = head[at:].split(b"\n")
    ends = np.cumsum([len(line) + 1 for line in lines])
    for row in sorted({_first_like_most([line.count(separator) for line in lines]) for separator in SEPARATORS} - {0}):
        place = at + int(ends[row - 1])
        fewest = max(line.count(separator) + 1 for line in lines[:row] for separator in SEPARATORS)
        score, fields, numbers = _fits(head, place, suffix)
        sure = not lines[row - 1].strip() or numbers
        records = head[place:].strip().count(b"\n")
        if records and score >= _SCORE and fewest < fields and (sure or (fields > 2 and fewest * 2 <= fields)):
            return place
    return at


def _first_like_most(counts: list[int]) -> int:
    """The first line with as many separators as most lines have, if it is among the first; else 0."""
    usual = int(np.bincount(counts[len(counts) // 2 : -1] or [0]).argmax())
    return counts.index(usual) if usual and usual in counts[:_MOST_TITLES] else 0


def _after_comments(head: bytes, start: int, suffix: str) -> int:
    """Behind lines that begin with `#`, unless the last of them is the header (`#id,name` above records)."""
    places, at = list[int](), start
    while head.startswith(b"#", at) and (end := head.find(b"\n", at) + 1):
        places.append(at)
        blank = _BLANK.match(head, end)
        at = blank.end() if blank else end
    if not places or at >= len(head):
        return start
    score, fields, _ = _fits(head, places[-1], suffix)
    named = _fits(head, at, suffix)[2] or not _has_number(head, at, suffix)
    tight = not head.startswith((b"# ", b"##"), places[-1])
    if score >= _SCORE and fields >= 2 and (tight or not named):
        return places[-1]
    return at


def _fits(head: bytes, start: int, suffix: str) -> tuple[float, int, bool]:
    """How well a table begins here: the share of records with as many fields as the first, how many these are, and
    whether a name stands above numbers. Nothing, where the first record holds a number, a gap or one name twice.
    """
    layout = sniff(head[start:], suffix)
    if layout.separator == NO_SEPARATOR:
        return 0.0, 1, False
    score, fields = _score(_whole(head[start:]), layout.separator, layout.quote or 0)
    rows = [line.rstrip(b"\r").split(bytes([layout.separator])) for line in head[start:].split(b"\n", 21)[:21]]
    first, rest = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    names = [name.strip(b" \"'") for name in first]
    if start and (len(set(names)) < len(names) or not all(names) or any(map(_NUMBER.fullmatch, first))):
        return 0.0, fields, False
    below = any(sum(bool(_NUMBER.fullmatch(row[n])) for row in rest) * 2 > len(rest) for n in range(len(first)))
    spaced = any(name.startswith(b" ") for name in first[1:])
    return score, fields if below or not spaced else min(fields, 2), below


def _has_number(head: bytes, start: int, suffix: str) -> bool:
    layout = sniff(head[start:], suffix)
    end = head.find(b"\n", start)
    line = head[start : end if end >= 0 else len(head)].rstrip(b"\r")
    return any(map(_NUMBER.fullmatch, line.split(bytes([layout.separator]))))
