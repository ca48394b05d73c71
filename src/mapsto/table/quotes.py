"""Quotes that do not pair: which are literal characters, and which records are broken by them.

A field is properly quoted when a quote stands at its start, a quote at its end, and those between are doubled. Any
other quote is a stray: within a field (`5" pipe`) it is a character like others; at the start of a field it opens what
nothing closes, and the record cannot be trusted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from mapsto.table.precheck import Odd, QuotesError

MOST_STRAY = 500_000
"""Fields to mend one by one."""


@dataclass
class Paired:
    """Bytes in which all quotes pair, line for line the same as before."""

    data: bytes
    proper: int
    """Properly quoted fields met."""
    inner: list[int]
    """Lines with a quote inside an unquoted field; it was kept as a character."""
    open: list[int]
    """Lines with a quote at the start of a field that nothing closes."""


def paired(data: bytes, separator: int, quote: int, line: int = 1) -> Paired:
    """Quote and double every stray quote, so that any parser reads it as a character.

    Args:
        data: the bytes of a text table.
        separator: the byte between fields.
        quote: the byte around fields.
        line: the line number of the first byte.
    """
    mark, double = bytes([quote]), bytes([quote, quote])
    places: dict[bool, list[int]] = {True: [], False: []}
    proper = 0

    def mend(match: re.Match[bytes]) -> bytes:
        nonlocal proper
        if match["proper"] is not None:
            proper += 1
            return match["proper"]
        stray = match["stray"]
        if len(places[True]) + len(places[False]) >= MOST_STRAY:
            message = (
                f"more than {MOST_STRAY:,} fields have quotes that do not pair, beside others that do; write the file "
                "again with every text in quotes and the quotes inside doubled, or as Parquet"
            )
            raise QuotesError(message)
        places[stray.lstrip(b" ").startswith(mark)].append(match.start())
        return mark + stray.replace(mark, double) + mark

    mended = _pattern(separator, quote).sub(mend, data)
    feeds = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n"))
    opened, inner = ((np.searchsorted(feeds, places[which]) + line).tolist() for which in (True, False))
    return Paired(mended, proper, inner, opened)


def records_of(data: bytes, quote: int, lines: list[int], line: int = 1) -> Odd:
    """The records in which these lines lie; all quotes of `data` pair, its first byte is on line `line`."""
    values = np.frombuffer(data, dtype=np.uint8)
    feeds = np.flatnonzero(values == ord("\n"))
    outside = (np.cumsum(values == quote, dtype=np.uint8) & 1) == 0
    ends = feeds[outside[feeds]] + 1
    if not len(ends) or ends[-1] < len(data):
        ends = np.append(ends, len(data))
    starts = np.concatenate([[0], ends[:-1]])
    first_lines = np.searchsorted(feeds, starts) + line
    records = np.unique(np.searchsorted(first_lines, lines, side="right") - 1)
    return Odd.records(first_lines[records], starts[records], ends[records], np.ones(len(records), dtype=np.int64))


def _pattern(separator: int, quote: int) -> re.Pattern[bytes]:
    """Fields that hold quotes; blanks around a properly quoted field are not part of it."""
    s, q = re.escape(bytes([separator])), re.escape(bytes([quote]))
    start = rb"(?<![^" + s + rb"\n])"
    proper = (
        rb"[ ]*+(?P<proper>" + q + rb"(?:[^" + q + rb"]|" + q + q + rb")*+" + q + rb")[ ]*+(?=[" + s + rb"\r\n]|\Z)"
    )
    plain = rb"[^" + s + q + rb"\r\n]*+"
    stray = rb"(?P<stray>" + plain + q + rb"[^" + s + rb"\r\n]*+)"
    return re.compile(start + rb"(?:" + proper + rb"|" + stray + rb")")
