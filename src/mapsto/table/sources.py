"""Where bytes come from: a file, or a member of a gz or zip file unpacked in memory under limits.

Nothing is ever written to disk, names inside a zip are never used as paths, and unpacked sizes are counted while
unpacking, whatever the file declares: a bomb is refused after a few megabytes.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from mapsto.errors import DataError
from mapsto.table.notes import Note

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_UNPACKED = 8 << 30
"""Bytes a packed table may unpack to."""
MOST_RATIO = 250
"""Times a packed table may grow, once it is larger than `FREE`; text tables seldom pass 40."""
FREE = 32 << 20
MOST_MEMBERS = 10_000
_CHUNK = 1 << 20
DAMAGE = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError)
"""Errors of unpacking bytes that are damaged or cut off."""


@dataclass(frozen=True)
class Source:
    """Bytes with a name: on disk (`path`), or in memory (`data`)."""

    name: str
    """As told to the user."""
    suffix: str
    """Lower case, with its dot; that of the inner file for packed ones."""
    path: Path | None = None
    data: bytes | None = None

    def read(self) -> bytes:
        """All bytes."""
        return self.data if self.data is not None else self._path.read_bytes()

    def head(self, size: int) -> bytes:
        """The first bytes."""
        with self.opened() as file:
            return file.read(size)

    def chunks(self, size: int, start: int = 0) -> Iterator[bytes]:
        """All bytes from `start`, in pieces."""
        with self.opened() as file:
            file.seek(start)
            while piece := file.read(size):
                yield piece

    @property
    def body(self) -> Path | bytes:
        """What a parser takes: the path where there is one (it may map it), else the bytes."""
        return self.data if self.data is not None else self._path

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """A file to read and seek in."""
        with io.BytesIO(self.data) if self.data is not None else self._path.open("rb") as file:
            yield file

    @property
    def _path(self) -> Path:
        if self.path is None:
            message = f"{self.name}: a source needs a path or bytes"
            raise ValueError(message)
        return self.path


def stem(path: Path) -> str:
    """The file name without its suffixes of packing and form.

    >>> stem(Path("data/adult_train.csv.gz"))
    'adult_train'
    """
    inner = path.with_suffix("") if path.suffix.lower() in (".gz", ".zip") else path
    return inner.stem or path.name


def sources(path: Path) -> tuple[dict[str, Source], list[Note]]:
    """The tables in a file by their stem: one, unless it is a zip with several."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        inner = path.with_suffix("")
        return {stem(path): Source(path.name, inner.suffix.lower(), data=_gunzip(path))}, []
    if suffix == ".zip":
        return _unzip(path)
    return {stem(path): Source(path.name, suffix, path)}, []


@contextmanager
def unpacking(name: str) -> Iterator[None]:
    """Damage found while unpacking, told as a `DataError`."""
    try:
        yield
    except (*DAMAGE, NotImplementedError, RuntimeError) as error:
        message = f"{name} cannot be unpacked: {error}. It is damaged or cut off; expected a whole gz or zip file."
        raise DataError(message) from error


def _gunzip(path: Path) -> bytes:
    with unpacking(path.name), gzip.open(path, "rb") as file:
        return limited(file, path.name, path.stat().st_size, MOST_UNPACKED)


def _unzip(path: Path) -> tuple[dict[str, Source], list[Note]]:
    found: dict[str, Source] = {}
    left = MOST_UNPACKED
    with unpacking(path.name), zipfile.ZipFile(path) as archive:
        infos, notes = members(archive, path.name, MOST_MEMBERS)
        for info in infos:
            inner = PurePosixPath(info.filename)
            name = f"{inner} in {path.name}"
            with archive.open(info) as file:
                data = limited(file, name, info.compress_size, left)
            left -= len(data)
            found[str(inner.with_suffix(""))] = Source(name, inner.suffix.lower(), data=data)
    return found, notes


def members(archive: zipfile.ZipFile, name: str, most: int) -> tuple[list[zipfile.ZipInfo], list[Note]]:
    """Members that may be read; a note names those whose names or kind are not those of a plain file inside."""
    infos = archive.infolist()
    if len(infos) > most:
        message = f"{name} holds {len(infos):,} files; expected at most {most:,}. Pack only what is to be read."
        raise DataError(message)
    plain, unsafe = [], []
    for info in infos:
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
    return bool(parts) and not (name.startswith("/") or "\\" in name or ":" in name or ".." in parts or is_link)


def limited(file: IO[bytes] | gzip.GzipFile, name: str, packed: int, most: int) -> bytes:
    """All bytes of a packed file, unless it grows past the limits."""
    pieces, size = [], 0
    while piece := file.read(_CHUNK):
        size += len(piece)
        pieces.append(piece)
        grown_too_far(name, packed, size, most)
    return b"".join(pieces)


def grown_too_far(name: str, packed: int, unpacked: int, most: int) -> None:
    """Refuse what has unpacked to more than the limits allow."""
    if unpacked > most or (unpacked > FREE and unpacked > MOST_RATIO * packed):
        message = (
            f"{name} was refused: {packed:,} packed bytes unpack to more than {unpacked:,}; expected at most "
            f"{MOST_RATIO} times as much and {MOST_UNPACKED >> 30} GiB. If you trust it, unpack it yourself first."
        )
        raise DataError(message)
