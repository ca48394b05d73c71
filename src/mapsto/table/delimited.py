"""Text tables: CSV, TSV and their kin. Checked and mended here by line, parsed by polars; which of
them are numbers is found in `numbers`, for all parts of a table together.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from mapsto.errors import DataError, translated
from mapsto.table.blanks import ROW_NAMES, with_tabs
from mapsto.table.frame import Untyped
from mapsto.table.headless import with_first_row
from mapsto.table.layout import HEAD, NAMES, NO_SEPARATOR, Layout, decoded, opening, wide_encoding
from mapsto.table.names import named, require_columns
from mapsto.table.notes import EXAMPLES, Note, examples, listed, plural
from mapsto.table.precheck import CHUNK, Findings, Odd, QuotesError, check
from mapsto.table.quotes import paired, records_of
from mapsto.table.sources import Source

if TYPE_CHECKING:
    from pathlib import Path

MOST_BROKEN = 0.05
"""Share of records that may be set aside; above it the file is refused, for it is not what it seems."""
_LARGE = 1 << 20
"""Bytes of a file from which on the first of them say whether any quote encloses a field."""


@dataclass
class _File:
    """A text table on its way: its bytes, where its header begins, and what was found so far."""

    source: Source
    layout: Layout
    start: int = 0
    line: int = 1
    notes: list[Note] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)
    """Lines whose quotes do not pair."""

    def check(self, quote: int | None) -> Findings:
        """Run the streaming check."""
        chunks = self.source.chunks(CHUNK, self.start)
        return check(chunks, separator=self.layout.separator, quote=quote, start=self.start, line=self.line)


def read_delimited(source: Source, *, align: bool = False) -> tuple[pl.DataFrame, list[Note], Untyped]:
    """Read a text table: all cells as they stand, and how they are written.

    Args:
        source: the bytes.
        align: keep broken records as rows of nulls, so that row i is still the file's i-th record.

    Raises:
        DataError: there is nothing to read, or more is broken than may be set aside; lines are named.
    """
    try:
        file = _open(source)
        findings = _sound(file)
    except QuotesError as error:
        message = f"{source.name}: {error}."
        raise DataError(message) from error
    require_columns(findings.fields, source.name)
    removed, filled = _set_aside(file, findings, align=align)
    frame = _parse(file, findings, removed, filled)
    rows = frame.height
    frame, header, told = with_first_row(frame, _header(findings.header, file.layout), source.name)
    headless = frame.height > rows
    frame, notes = named(frame, header, source.name)
    file.notes += [*told, *notes]
    first_line = None
    if not (findings.spans or len(removed)):
        first_line = file.line + (0 if headless else 1 + findings.header.count(b"\n", 0, -1))
    return frame, file.notes, Untyped(file.layout.separator == ord(";"), first_line)


def _open(source: Source) -> _File:
    """Encoding, line ends and layout, from the first bytes."""
    head, notes = source.head(HEAD), list[Note]()
    if wide_encoding(head):
        text, note = decoded(source)
        source, notes = Source(source.name, source.suffix, data=text.lstrip("\ufeff").encode()), [note]
        head = source.head(HEAD)
    if not head.strip():
        size = len(source.read())
        message = f"{source.name} is empty ({plural(size, 'byte')}); expected a header line and rows of data"
        raise DataError(message)
    if b"\n" not in head and b"\r" in head:
        source = Source(source.name, source.suffix, data=source.read().replace(b"\r", b"\n"))
        notes.append(Note("info", f"{source.name} ends its lines with carriage returns; they were read as line ends."))
        head = source.head(HEAD)
    begins = opening(head, source.suffix)
    if begins.above:
        what = ", ".join(repr(line[:60]) for line in begins.above[:3])
        lines, were = plural(len(begins.above), "line"), "was" if len(begins.above) == 1 else "were"
        text = f"{lines} above the header of {source.name} {were} passed over: {what}."
        notes.append(Note("info", text, count=len(begins.above)))
    file = _File(source, begins.layout, begins.start, 1 + begins.lines, notes)
    if begins.layout.separator == NO_SEPARATOR:
        _part_by_blanks(file, head)
    return file


def _part_by_blanks(file: _File, head: bytes) -> None:
    """Where nothing else parts the fields, and runs of blanks part all lines alike, tabs take their place."""
    whole = file.source.size <= len(head)
    some = head[file.start :].decode("utf-8", errors="replace")
    if with_tabs(some, whole=whole) is None:
        return
    found = with_tabs(file.source.read()[file.start :].decode("utf-8", errors="replace"))
    if found is None:
        return
    text = f"{file.source.name} was read with runs of blanks between its fields."
    if found.partition("\t")[0] == ROW_NAMES:
        text += f" The names of rows, above which there is no name, are the column {ROW_NAMES!r}."
    file.notes.append(Note("info", text))
    file.source = Source(file.source.name, file.source.suffix, data=found.encode())
    file.start, file.layout = 0, Layout(ord("\t"))


def _sound(file: _File) -> Findings:
    """Check the file, and mend encoding and quotes until the check passes."""
    findings = file.check(file.layout.quote)
    if not findings.utf8:
        text, note = decoded(file.source)
        file.source = Source(file.source.name, file.source.suffix, data=text.encode())
        file.notes.append(note)
        findings = file.check(file.layout.quote)
    if findings.unpaired is not None:
        findings = _mend_quotes(file)
    elif findings.quoted and (findings.odd.fields > 0).any():
        findings = _as_characters(file, findings, at_all=False) or findings
    if findings.nul is not None:
        _refuse_nul(file, findings.nul)
    return findings


def _mend_quotes(file: _File) -> Findings:
    """Stray quotes become characters, unless reading every quote as a character makes a whole table."""
    quote = file.layout.quote or 0
    if file.source.size > _LARGE:
        head = file.source.head(file.start + _LARGE)[file.start :]
        some = paired(head[: head.rfind(b"\n") + 1], file.layout.separator, quote, file.line)
        if not some.proper and (literal := _as_characters(file, None, at_all=True)) is not None:
            return literal
    mended = paired(file.source.read()[file.start :], file.layout.separator, quote, file.line)
    source = Source(file.source.name, file.source.suffix, data=mended.data)
    findings = replace(file, source=source, start=0).check(quote)
    literal = _as_characters(file, findings, at_all=len(mended.open) > mended.proper)
    if literal is not None:
        return literal
    file.source, file.start, file.broken = source, 0, mended.open
    if mended.inner:
        text = (
            f"{plural(len(mended.inner), 'field')} with a quote in the middle (lines "
            f"{listed(mended.inner, len(mended.inner))}): the quote was read as a character."
        )
        file.notes.append(Note("repair", text, count=len(mended.inner), lines=examples(mended.inner)))
    return findings


def _as_characters(file: _File, quoted: Findings | None, *, at_all: bool) -> Findings | None:
    """What the check finds when quotes mean nothing, if that is a whole table where reading them as quotes gives none
    (or `at_all`); else None.
    """
    if not at_all and quoted is not None and not (quoted.odd.fields > 0).any():
        return None
    literal = file.check(None)
    if not literal.ok or (literal.odd.fields > 0).any() or (quoted is not None and literal.fields != quoted.fields):
        return None
    file.layout = Layout(file.layout.separator, None)
    text = f"Quotes in {file.source.name} do not enclose fields and were read as ordinary characters."
    file.notes.append(Note("info", text))
    return literal


def _refuse_nul(file: _File, nul: tuple[int, int, int]) -> None:
    line, position, count = nul
    findings = check([file.source.head(HEAD)[file.start :].replace(b"\0", b"")], separator=file.layout.separator,
                     quote=file.layout.quote)  # fmt: skip
    header = _header(findings.header, file.layout)
    column = repr(header[position]) if position < len(header) else f"number {position + 1}"
    message = (
        f"{file.source.name}, line {line}, column {column}: {plural(count, 'NUL byte')} (value 0), which no text has. "
        "The file is damaged or is no text table; write it again, or remove the NUL bytes."
    )
    raise DataError(message)


def _set_aside(file: _File, findings: Findings, *, align: bool) -> tuple[Odd, np.ndarray]:
    """Byte ranges to remove, and which of them leave a row of nulls; refused when too much is broken."""
    odd = findings.odd
    blank = odd.fields == 0
    bad = odd.where(~blank)
    if file.broken:
        broken = records_of(file.source.read(), file.layout.quote or 0, file.broken, file.line)
        odd = Odd.joined([odd, broken.where(~np.isin(broken.starts, odd.starts))])
        odd = odd.where(np.argsort(odd.starts, kind="stable"))
    count, rows = int((odd.fields > 0).sum()), findings.records - 1
    what = _what(file, findings, bad)
    if count > MOST_BROKEN * rows:
        message = (
            f"{file.source.name}: {count:,} of {rows:,} records are broken: {what}. Expected {findings.fields} fields "
            f"separated by {NAMES[file.layout.separator]}s as in the header, and at most {MOST_BROKEN:.0%} broken "
            "records to set aside. Correct these lines, or write the file again with every text in quotes."
        )
        raise DataError(message)
    if count:
        done = "became rows of missing values" if align else "were set aside"
        text = f"{plural(count, 'broken record')} of {rows:,} in {file.source.name} {done}: {what}."
        file.notes.append(Note("repair", text, count=count, lines=examples(odd.lines[odd.fields > 0])))
    if blank.any():
        lines, count = findings.odd.where(blank).numbers(EXAMPLES), int(findings.odd.counts[blank].sum())
        text = f"{plural(count, 'blank line')} in {file.source.name} ({listed(lines, count)}) were skipped."
        file.notes.append(Note("info", text, count=count, lines=examples(lines)))
    return odd, (odd.fields > 0) & align


def _what(file: _File, findings: Findings, bad: Odd) -> str:
    """What is wrong with broken records, by line."""
    parts = []
    for fields in np.unique(bad.fields):
        lines = bad.lines[bad.fields == fields]
        kind = "line" if len(lines) == 1 else "lines"
        parts.append(
            f"{kind} {listed(lines, len(lines))} with {plural(int(fields), 'field')} instead of {findings.fields}"
        )
    if file.broken:
        kind = "line" if len(file.broken) == 1 else "lines"
        parts.append(f"{kind} {listed(file.broken, len(file.broken))} with a quote that opens and never closes")
    return "; ".join(parts[:5]) + ("; ..." if len(parts) > 5 else "")


def _header(header: bytes, layout: Layout) -> list[str]:
    """The names in the header record."""
    text = header.decode().removesuffix("\n").removesuffix("\r")
    quote = None if layout.quote is None else chr(layout.quote)
    quoting: Literal[0, 3] = csv.QUOTE_NONE if quote is None else csv.QUOTE_MINIMAL
    with translated("the header cannot be read"):
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=chr(layout.separator), quotechar=quote, quoting=quoting
        )
        return next(reader, [""])


def _parse(file: _File, findings: Findings, removed: Odd, filled: np.ndarray) -> pl.DataFrame:
    """All cells as strings, by polars; an empty cell is missing, quoted or not."""
    body = _cleaned(file, findings, removed, filled)
    quote = None if file.layout.quote is None else chr(file.layout.quote)
    separator = chr(file.layout.separator)
    with translated(f"{file.source.name} cannot be read", advice="Write the file again as UTF-8, or as Parquet."):
        frame = pl.read_csv(body, separator=separator, quote_char=quote, infer_schema=False, glob=False)
    rows = findings.records - 1 - int((removed.fields > 0).sum()) + int(filled.sum())
    if frame.height != rows or frame.width != findings.fields:
        message = (
            f"{file.source.name}: {rows:,} records of {findings.fields} fields were counted, but the parser found "
            f"{frame.height:,} of {frame.width}. Write the file again with every text in quotes, or as Parquet."
        )
        raise DataError(message)
    if findings.doubled:
        frame = frame.with_columns(pl.when(pl.all() != "").then(pl.all()))
    return frame


def _cleaned(file: _File, findings: Findings, removed: Odd, filled: np.ndarray) -> Path | bytes:
    """What the parser gets: the file itself where it is sound, else its bytes without the records to remove."""
    if not len(removed) and file.line == 1 and file.start in (0, 3):
        return file.source.body
    data = file.source.read()
    empty = bytes([file.layout.separator]) * (findings.fields - 1) + b"\n"
    pieces, at = [], file.start
    starts, ends, fills = removed.starts.tolist(), removed.ends.tolist(), filled.tolist()
    for start, end, fill in zip(starts, ends, fills, strict=True):
        pieces.append(data[at:start])
        if fill:
            pieces.append(empty)
        at = end
    return b"".join([*pieces, data[at:]])
