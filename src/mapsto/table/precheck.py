"""The streaming check of a text table before it is parsed: where its bytes are no table.

Parsers fill short rows, cut long ones and rename columns without a word. This pass reads the raw bytes once, in
chunks and with array operations only, and finds every record whose number of fields differs from the header's, blank
lines, NUL bytes, invalid UTF-8 and quotes that do not pair, each with its line number. A record ends at a line feed
outside quotes; a quote counts only where a field begins or ends, as RFC 4180 has it.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

CHUNK = 1 << 20
MOST_QUOTES = 1 << 20
"""Quotes side by side."""
NEWLINE, RETURN = 10, 13


class QuotesError(ValueError):
    """There are more quotes than can be sorted out."""


@dataclass
class Odd:
    """Records that are not as the header: first line (from 1), byte range, number of fields (0: blank lines), and how
    many there are side by side (blank lines only, which are taken together).
    """

    lines: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    fields: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, which: np.ndarray) -> Odd:
        """Those that a mask or an index picks."""
        return Odd(*(column[which] for column in self._columns()))

    def numbers(self, most: int) -> list[int]:
        """The first line numbers, those of blank lines taken together among them."""
        some = zip(self.lines[:most].tolist(), self.counts[:most].tolist(), strict=True)
        return [line + n for line, count in some for n in range(min(count, most))][:most]

    def _columns(self) -> tuple[np.ndarray, ...]:
        return self.lines, self.starts, self.ends, self.fields, self.counts

    @classmethod
    def joined(cls, pieces: list[Odd]) -> Odd:
        """All pieces, in order."""
        none = np.zeros(0, dtype=np.int64)
        columns = zip(*(piece._columns() for piece in pieces), strict=True)
        return cls(*map(np.concatenate, columns)) if pieces else cls(none, none, none, none, none)

    @classmethod
    def records(cls, lines: np.ndarray, starts: np.ndarray, ends: np.ndarray, fields: np.ndarray) -> Odd:
        """Records one by one; blank lines that follow each other become one entry."""
        counts = np.ones(len(lines), dtype=np.int64)
        again = (fields[1:] == 0) & (fields[:-1] == 0) & (starts[1:] == ends[:-1])
        if again.any():
            first, last = np.flatnonzero(np.append(True, ~again)), np.flatnonzero(np.append(~again, True))
            lines, starts, ends, fields, counts = (
                lines[first],
                starts[first],
                ends[last],
                fields[first],
                last - first + 1,
            )
        return cls(lines, starts, ends, fields, counts)


@dataclass
class Findings:
    """What the check found. Where `ok` is false it stopped early: only the reason is filled in."""

    fields: int = 0
    """Fields of the header."""
    header: bytes = b""
    records: int = 0
    """Records, header and odd ones included, blank lines not."""
    odd: Odd = field(default_factory=lambda: Odd.joined([]))
    quoted: bool = False
    """Whether any quote was met."""
    doubled: bool = False
    """Whether two quotes were met side by side: an empty quoted field, perhaps."""
    spans: bool = False
    """Whether a record spans several lines."""
    nul: tuple[int, int, int] | None = None
    """The first NUL byte: line, field (from 0), and how many NUL bytes its chunk holds."""
    utf8: bool = True
    unpaired: int | None = None
    """The line of the first record whose quotes do not pair."""

    @property
    def ok(self) -> bool:
        """Whether the whole file was read and can be trusted to a parser once odd records are removed."""
        return self.nul is None and self.utf8 and self.unpaired is None


def check(chunks: Iterable[bytes], *, separator: int, quote: int | None, start: int = 0, line: int = 1) -> Findings:
    """Check the bytes of a table in UTF-8 whose lines end in LF or CR LF.

    Args:
        chunks: the bytes, in pieces of any size, from the header on.
        separator: the byte between fields.
        quote: the byte around fields; None: quotes are ordinary characters.
        start: offset of the first byte in the file, so that `Odd` gives places in the file.
        line: line number of the first byte.
    """
    scan = _Scan(separator, quote, start, line)
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk in _whole_quotes(chunks, quote):
        if b"\0" in chunk:
            scan.found.nul = scan.locate(chunk, chunk.index(b"\0"))
            return scan.found
        try:
            if decoder.getstate()[0] or not chunk.isascii():
                decoder.decode(chunk)
        except UnicodeDecodeError:
            scan.found.utf8 = False
            return scan.found
        scan.feed(chunk)
        if scan.found.unpaired is not None:
            return scan.found
    scan.found.utf8 = not decoder.getstate()[0]
    scan.finish()
    return scan.found


def _whole_quotes(chunks: Iterable[bytes], quote: int | None) -> Iterable[bytes]:
    """The chunks, cut so that none but the last ends with a quote: what follows a quote is then always in sight."""
    kept = b""
    mark = b"" if quote is None else bytes([quote])
    for chunk in chunks:
        whole = kept + chunk if kept else chunk
        body = whole.rstrip(mark) if mark else whole
        kept = whole[len(body) :]
        if len(kept) > MOST_QUOTES:
            message = f"more than {MOST_QUOTES:,} quotes follow each other; this is no table"
            raise QuotesError(message)
        if body:
            yield body
    if kept:
        yield kept


@dataclass
class _Ends:
    """Ends of records inside a chunk."""

    separators: np.ndarray
    """Separators of each record that ends here, those in this chunk only."""
    left: int
    """Separators after the last end."""
    lines: np.ndarray | None
    """Line feeds in the chunk up to and including each end; None: every line feed is an end."""
    line_feeds: int


class _Scan:
    """The state between chunks."""

    def __init__(self, separator: int, quote: int | None, start: int, line: int) -> None:
        self.found = Findings()
        self.separator, self.quote = separator, quote
        self.at, self.line = start, line
        """Offset and line of the next byte."""
        self.record_at, self.record_line = start, line
        """Offset and line where the open record began."""
        self.separators = 0
        """Separators of the open record so far."""
        self.inside = False
        self.last = NEWLINE
        """The byte before the chunk."""
        self.header = bytearray()
        self.pieces: list[Odd] = []
        self._others = bytes(set(range(256)) - {separator, NEWLINE})

    def feed(self, chunk: bytes) -> None:
        """Take the next chunk."""
        plain = self.quote is None or (not self.inside and self.quote not in chunk)
        ends, places = self._plain(chunk) if plain else self._quoted(chunk)
        if self.found.unpaired is not None:
            return
        counts = ends.separators
        if len(counts):
            counts[0] += self.separators
            self._records(chunk, ends, places)
            self.separators = ends.left
        else:
            self.separators += ends.left
            if not self.found.fields:
                self.header += chunk
        self.at += len(chunk)
        self.line += ends.line_feeds
        self.last = chunk[-1]

    def _plain(self, chunk: bytes) -> tuple[_Ends, np.ndarray | None]:
        """Without quotes only the order of separators and line feeds counts: delete all else, then difference."""
        marks = np.frombuffer(chunk.translate(None, self._others), dtype=np.uint8)
        ends = np.flatnonzero(marks == NEWLINE)
        left = len(marks) - 1 - int(ends[-1]) if len(ends) else len(marks)
        return _Ends(np.diff(ends, prepend=-1) - 1, left, None, len(ends)), None

    def _quoted(self, chunk: bytes) -> tuple[_Ends, np.ndarray | None]:
        """With quotes, a running parity says which separators and line feeds lie outside."""
        self.found.quoted = True
        self.found.doubled |= bytes([self.quote or 0]) * 2 in chunk
        values = np.frombuffer(chunk, dtype=np.uint8)
        places = np.flatnonzero((values == self.separator) | (values == NEWLINE) | (values == self.quote))
        marks = values[places]
        quotes = marks == self.quote
        inside = (np.cumsum(quotes, dtype=np.uint8) + self.inside) & 1  # parity outlives the overflow
        opening, closing = places[quotes & (inside == 1)], places[quotes & (inside == 0)]
        self._paired(values, opening, closing, places[marks == NEWLINE])
        outside = ~quotes & (inside == 0)
        kept, kept_marks = places[outside], marks[outside]
        ends = np.flatnonzero(kept_marks == NEWLINE)
        left = len(kept) - 1 - int(ends[-1]) if len(ends) else len(kept)
        self.inside = bool(inside[-1]) if len(inside) else self.inside
        feeds, lines = marks == NEWLINE, None
        total = int(np.count_nonzero(feeds))
        if total > len(ends):
            self.found.spans = True
            lines = np.cumsum(feeds)[outside & feeds]
        return _Ends(np.diff(ends, prepend=-1) - 1, left, lines, total), kept[ends]

    def _paired(self, values: np.ndarray, opening: np.ndarray, closing: np.ndarray, feeds: np.ndarray) -> None:
        """A quote opens after a separator, a line feed or a quote, and closes before one of them or CR or the end."""
        before = np.where(opening > 0, values[opening - 1], self.last) if len(opening) else opening
        after = values[np.minimum(closing + 1, len(values) - 1)]
        after = np.where(closing + 1 < len(values), after, NEWLINE)
        good_before = (before == self.separator) | (before == NEWLINE) | (before == self.quote)
        good_after = (after == self.separator) | (after == NEWLINE) | (after == self.quote) | (after == RETURN)
        wrong = np.concatenate([opening[~good_before], closing[~good_after]])
        if len(wrong):
            self.found.unpaired = self.line + int(np.searchsorted(feeds, wrong.min()))

    def _records(self, chunk: bytes, ends: _Ends, places: np.ndarray | None) -> None:
        counts = ends.separators
        if not self.found.fields:
            self.found.fields = int(counts[0]) + 1
            stop = chunk.index(b"\n") if places is None else int(places[0])
            self.found.header = bytes(self.header + chunk[: stop + 1])
        if places is None:
            wrong = counts != self.found.fields - 1
            places = np.flatnonzero(np.frombuffer(chunk, dtype=np.uint8) == NEWLINE) if wrong.any() else None
        self.found.records += len(counts)
        if places is not None:
            self._odd(chunk, ends, places)
            self.record_at = self.at + int(places[-1]) + 1
        else:
            self.record_at = self.at + chunk.rindex(b"\n") + 1
        self.record_line = self.line + (ends.line_feeds if ends.lines is None else int(ends.lines[-1]))

    def _odd(self, chunk: bytes, ends: _Ends, places: np.ndarray) -> None:
        """Keep where the records with another number of fields than the header lie."""
        wrong = np.flatnonzero(ends.separators != self.found.fields - 1)
        if not len(wrong):
            return
        after = np.arange(1, len(places) + 1) if ends.lines is None else ends.lines
        starts = np.concatenate([[self.record_at], self.at + places[:-1] + 1])[wrong]
        lines = np.concatenate([[self.record_line], self.line + after[:-1]])[wrong]
        stops = self.at + places[wrong] + 1
        fields = ends.separators[wrong] + 1
        before = np.where(places[wrong] > 0, np.frombuffer(chunk, dtype=np.uint8)[places[wrong] - 1], self.last)
        blank = (stops - starts == 1) | ((stops - starts == 2) & (before == RETURN))
        fields[blank] = 0
        self.found.records -= int(blank.sum())
        self.pieces.append(Odd.records(lines, starts, stops, fields))

    def finish(self) -> None:
        """The last record may end without a line feed; a quote still open is unpaired."""
        if self.inside:
            self.found.unpaired = self.record_line
        elif self.at > self.record_at:
            if not self.found.fields:
                self.found.fields, self.found.header = self.separators + 1, bytes(self.header)
            elif self.separators + 1 != self.found.fields:
                place = (self.record_line, self.record_at, self.at, self.separators + 1)
                self.pieces.append(Odd.records(*(np.array([value]) for value in place)))
            self.found.records += 1
        self.found.odd = Odd.joined(self.pieces)

    def locate(self, chunk: bytes, place: int) -> tuple[int, int, int]:
        """Line and field of a byte of the next chunk (quotes are not looked at), and how many of its kind there are."""
        before = chunk[:place]
        start = before.rfind(b"\n") + 1
        column = before.count(bytes([self.separator]), start) + (0 if start else self.separators)
        return self.line + before.count(b"\n"), column, chunk.count(chunk[place : place + 1])
