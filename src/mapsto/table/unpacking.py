"""What is packed with gzip or in a zip, unpacked in memory through streams that stop at a limit.

Nothing is ever written to disk, names inside a zip are never used as paths, and unpacked sizes are counted while
unpacking, whatever the file declares and however it is packed: a bomb is refused after a few megabytes.
"""

from __future__ import annotations

import bz2
import copy
import gzip
import lzma
import struct
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from mapsto.errors import DataError
from mapsto.table.notes import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MOST_UNPACKED = 8 << 30
"""Bytes a packed table may unpack to."""
MOST_RATIO = 250
"""Times a packed table may grow, once it is larger than `FREE`; text tables seldom pass 40."""
FREE = 32 << 20
MOST_MEMBERS = 10_000
_PIECE = 1 << 20
_LARGEST_WINDOW = 128 << 20
"""Bytes that LZMA may look back."""
DAMAGE = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError)
"""Errors of unpacking bytes that are damaged or cut off."""


@contextmanager
def unpacking(name: str) -> Iterator[None]:
    """Damage found while unpacking, told as a `DataError`."""
    try:
        yield
    except DataError:
        raise
    except (*DAMAGE, NotImplementedError, RuntimeError, OSError, struct.error, ValueError, IndexError) as error:
        message = f"{name} cannot be unpacked: {error}. It is damaged or cut off; expected a whole gz or zip file."
        raise DataError(message) from error


def gunzip(file: IO[bytes], name: str, packed: int) -> bytes:
    """All bytes of a gzip stream."""
    with unpacking(name), gzip.open(file, "rb") as stream:
        return limited(iter(lambda: stream.read(_PIECE), b""), name, packed, MOST_UNPACKED)


def member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, most: int) -> bytes:
    """All bytes of a member of a zip, at most `most`."""
    return limited(pieces(archive, info), name, info.compress_size, most)


def limited(parts: Iterable[bytes], name: str, packed: int, most: int) -> bytes:
    """All bytes of a packed file, unless it grows past the limits."""
    found, size = [], 0
    for piece in parts:
        size += len(piece)
        found.append(piece)
        grown_too_far(name, packed, size, most)
    return b"".join(found)


def grown_too_far(name: str, packed: int, unpacked: int, most: int) -> None:
    """Refuse what has unpacked to more than the limits allow."""
    if unpacked > most or (unpacked > FREE and unpacked > MOST_RATIO * packed):
        message = (
            f"{name} was refused: {packed:,} packed bytes unpack to more than {unpacked:,}; expected at most "
            f"{MOST_RATIO} times as much and {MOST_UNPACKED >> 30} GiB. If you trust it, unpack it yourself first."
        )
        raise DataError(message)


def pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of a member in pieces of bounded size, whatever packed it.

    `zipfile` itself unpacks bzip2 and LZMA without a bound, so it only finds the packed bytes here.

    Raises:
        BadZipFile: the bytes are not those whose checksum is declared, or are cut off.
    """
    raw = copy.copy(info)
    raw.compress_type, raw.file_size = zipfile.ZIP_STORED, info.compress_size
    del raw.CRC  # of what is unpacked; checked below
    checksum = 0
    with archive.open(raw) as file:
        for piece in _UNPACKERS.get(info.compress_type, _unknown)(file, info):
            checksum = zlib.crc32(piece, checksum)
            yield piece
    if checksum != info.CRC:
        message = f"the checksum of {info.filename!r} is wrong"
        raise zipfile.BadZipFile(message)


def _stored(file: IO[bytes], info: zipfile.ZipInfo) -> Iterator[bytes]:
    yield from iter(lambda: file.read(_PIECE), b"")


def _deflated(file: IO[bytes], info: zipfile.ZipInfo) -> Iterator[bytes]:
    engine = zlib.decompressobj(-15)
    while not engine.eof:
        data = engine.unconsumed_tail or file.read(_PIECE)
        if not data:
            raise _cut_off(info)
        if piece := engine.decompress(data, _PIECE):
            yield piece


def _by_engine(engine: Any, file: IO[bytes], info: zipfile.ZipInfo) -> Iterator[bytes]:
    """With an engine of `bz2` or `lzma`, which keep to themselves what they have not unpacked yet."""
    left = info.file_size
    while not engine.eof:
        data = file.read(_PIECE) if engine.needs_input else b""
        if not data and engine.needs_input:
            if left <= 0:  # LZMA need not say where it ends
                return
            raise _cut_off(info)
        if piece := engine.decompress(data, _PIECE):
            left -= len(piece)
            yield piece


def _bzipped(file: IO[bytes], info: zipfile.ZipInfo) -> Iterator[bytes]:
    return _by_engine(bz2.BZ2Decompressor(), file, info)


def _lzma(file: IO[bytes], info: zipfile.ZipInfo) -> Iterator[bytes]:
    """After two bytes of version and two of length come the properties: three settings in a byte, and the window."""
    head = file.read(9)
    if len(head) < 9 or struct.unpack_from("<H", head, 2)[0] != 5 or head[4] >= 9 * 5 * 5:
        message = f"{info.filename!r} has no settings of LZMA"
        raise zipfile.BadZipFile(message)
    settings, window = struct.unpack_from("<BI", head, 4)
    window = min(window, max(info.file_size, 1 << 12))  # no need to look farther back than the first byte
    if window > _LARGEST_WINDOW:
        message = f"{info.filename!r} needs {window >> 20} MiB to unpack; expected at most {_LARGEST_WINDOW >> 20}"
        raise zipfile.BadZipFile(message)
    rest, lc = divmod(settings, 9)
    pb, lp = divmod(rest, 5)
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": window, "lc": lc, "lp": lp, "pb": pb}]
    return _by_engine(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters), file, info)


def _unknown(file: IO[bytes], info: zipfile.ZipInfo) -> Iterator[bytes]:
    message = f"{info.filename!r} is packed by method {info.compress_type}, which is not known here"
    raise NotImplementedError(message)


_UNPACKERS: dict[int, Callable[[IO[bytes], zipfile.ZipInfo], Iterator[bytes]]] = {
    zipfile.ZIP_STORED: _stored,
    zipfile.ZIP_DEFLATED: _deflated,
    zipfile.ZIP_BZIP2: _bzipped,
    zipfile.ZIP_LZMA: _lzma,
}


def _cut_off(info: zipfile.ZipInfo) -> EOFError:
    return EOFError(f"{info.filename!r} is cut off")


def members(archive: zipfile.ZipFile, name: str, most: int) -> tuple[list[zipfile.ZipInfo], list[Note]]:
    """Members that may be read; a note names those whose names or kind are not those of a plain file inside.

    Some packers on Windows write backslashes between folders, which names of plain files do not hold.
    """
    infos = archive.infolist()
    if len(infos) > most:
        message = f"{name} holds {len(infos):,} files; expected at most {most:,}. Pack only what is to be read."
        raise DataError(message)
    plain, unsafe = [], []
    for info in infos:
        info.filename = info.filename.replace("\\", "/")
        parts = PurePosixPath(info.filename).parts
        if not _safe(info):
            unsafe.append(info)
        elif not (info.is_dir() or parts[0] == "__MACOSX" or parts[-1].startswith(".")):
            plain.append(info)
    notes = []
    if unsafe:
        names = ", ".join(repr(info.filename) for info in unsafe[:3])
        text = f"{name}: {len(unsafe)} entries point outside the archive or are links ({names}, ...) and were ignored."
        notes.append(Note("warning", text, count=len(unsafe)))
    return plain, notes


def _safe(info: zipfile.ZipInfo) -> bool:
    name = info.filename
    parts = PurePosixPath(name).parts
    is_link = (info.external_attr >> 28) == 0xA
    return bool(parts) and not (name.startswith("/") or ":" in name or ".." in parts or is_link)
