"""Sizes that an Arrow file declares, checked before a parser allocates by them.

Arrow's framing is trusted by its readers: a record batch whose buffer claims 2^60 bytes makes them abort the process.
Here every message's header is read (they are flatbuffers: tables whose fields are found through a table of offsets),
and each length and place is compared with the bytes that are there. The columns' values are not looked at.
https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mapsto.table.unpacking import MOST_UNPACKED

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    Bytes = bytes | mmap.mmap  # a slice of either is a copy

_CONTINUATION = b"\xff\xff\xff\xff"
_MAGIC = b"ARROW1"
_DICTIONARY, _RECORDS = 2, 3
_FREE_ROWS = 10_000_000
"""Rows that need no bytes (columns of type null) allowed in a batch."""


class MalformedError(ValueError):
    """A length or place in the file cannot be true."""


def check_arrow(data: Bytes) -> None:
    """Check an Arrow file or stream.

    Raises:
        MalformedError: a declared length or place lies outside the file or its limits.
    """
    left = MOST_UNPACKED
    messages = _stream(data) if data[:4] == _CONTINUATION else _file(data)
    for at, most in messages:
        left -= _check_message(data, at, most)
        if left < 0:
            message = f"its columns unpack to more than {MOST_UNPACKED >> 30} GiB"
            raise MalformedError(message)


@dataclass(frozen=True)
class _Flat:
    """A flatbuffer table."""

    data: Bytes
    at: int

    @classmethod
    def root(cls, data: Bytes, at: int) -> _Flat:
        return cls(data, at + _number(data, "<I", at))

    def place(self, index: int) -> int | None:
        """Where field `index` lies; None: it is not set."""
        offsets = self.at - _number(self.data, "<i", self.at)
        if 4 + 2 * index >= _number(self.data, "<H", offsets):
            return None
        offset = _number(self.data, "<H", offsets + 4 + 2 * index)
        return self.at + offset if offset else None

    def number(self, index: int, form: str) -> int:
        place = self.place(index)
        return 0 if place is None else _number(self.data, form, place)

    def table(self, index: int) -> _Flat | None:
        place = self.place(index)
        return None if place is None else _Flat(self.data, place + _number(self.data, "<I", place))

    def structs(self, index: int, form: str) -> Iterator[tuple[int, ...]]:
        """The structs of a vector; all of them lie inside the data."""
        place = self.place(index)
        if place is None:
            return
        start = place + _number(self.data, "<I", place)
        end = start + 4 + _number(self.data, "<I", start) * struct.calcsize(form)
        if end > len(self.data):
            message = "a list in a header is longer than the file"
            raise MalformedError(message)
        yield from struct.iter_unpack(form, self.data[start + 4 : end])


def _number(data: Bytes, form: str, at: int) -> int:
    if at < 0 or at + struct.calcsize(form) > len(data):
        message = "a header points outside the file"
        raise MalformedError(message)
    return int(struct.unpack_from(form, data, at)[0])


def _file(data: Bytes) -> Iterator[tuple[int, int]]:
    """Messages of a file by its footer: where each begins, and where its body must end at the latest."""
    if data[:6] != _MAGIC or data[-6:] != _MAGIC:
        message = "it does not begin and end with 'ARROW1'"
        raise MalformedError(message)
    length = _number(data, "<i", len(data) - 10)
    start = len(data) - 10 - length
    if length <= 0 or start < 8:
        message = "its footer is longer than the file"
        raise MalformedError(message)
    footer = _Flat.root(data[start:], 0)
    for index in (2, 3):
        for offset, header, _, body in footer.structs(index, "<qiiq"):
            if offset < 8 or header < 8 or body < 0 or offset + header + body > start:
                message = "its footer points outside the file"
                raise MalformedError(message)
            yield offset, start


def _stream(data: Bytes) -> Iterator[tuple[int, int]]:
    """Messages of a stream, one after the other."""
    at = 0
    while at + 8 <= len(data) and (length := _number(data, "<i", at + 4)):
        yield at, len(data)
        body = _Flat.root(data[at + 8 : at + 8 + length], 0).number(3, "<q")
        if length < 0 or body < 0:
            message = "a message has a negative length"
            raise MalformedError(message)
        at += 8 + length + body


def _check_message(data: Bytes, at: int, most: int) -> int:
    """Check one message; returns the bytes its buffers unpack to."""
    length = _number(data, "<i", at + 4)
    if data[at : at + 4] != _CONTINUATION or length <= 0 or at + 8 + length > most:
        message = "a message header is longer than the file"
        raise MalformedError(message)
    message_table = _Flat.root(data[at + 8 : at + 8 + length], 0)
    body, body_length = at + 8 + length, message_table.number(3, "<q")
    if body_length < 0 or body + body_length > most:
        message = "a message body is longer than the file"
        raise MalformedError(message)
    kind, batch = message_table.number(1, "<B"), message_table.table(2)
    if kind == _DICTIONARY and batch is not None:
        batch = batch.table(1)
    if kind not in (_DICTIONARY, _RECORDS) or batch is None:
        return 0
    return _check_batch(data, batch, body, body_length)


def _check_batch(data: Bytes, batch: _Flat, body: int, body_length: int) -> int:
    packed = batch.place(3) is not None
    total = 0
    for offset, length in batch.structs(2, "<qq"):
        if offset < 0 or length < 0 or offset + length > body_length:
            message = "a column's values lie outside the file"
            raise MalformedError(message)
        size = _number(data, "<q", body + offset) if packed and length >= 8 else length
        if size < -1:
            message = "a column unpacks to a negative length"
            raise MalformedError(message)
        total += length if size == -1 else size
    rows = max(8 * total, _FREE_ROWS)
    if not 0 <= batch.number(0, "<q") <= rows:
        message = "a batch declares more rows than its bytes can hold"
        raise MalformedError(message)
    for length, missing in batch.structs(1, "<qq"):
        if not 0 <= missing <= length <= rows:
            message = "a column declares more values than its bytes can hold"
            raise MalformedError(message)
    if any(count < 0 or count > body_length // 8 for (count,) in batch.structs(4, "<q")):
        message = "a column declares more buffers than its bytes can hold"
        raise MalformedError(message)
    return total
