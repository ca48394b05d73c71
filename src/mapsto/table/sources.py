"""Where bytes come from: a file, or what was packed in one, unpacked in memory under the limits of `unpacking`."""

from __future__ import annotations

import io
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from mapsto.errors import DataError
from mapsto.table.contents import content, is_workbook
from mapsto.table.notes import Note
from mapsto.table.suffixes import EXCEL
from mapsto.table.unpacking import MOST_MEMBERS, MOST_UNPACKED, gunzip, member, members, unpacking

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_LAYERS = 3
"""How often a file may be packed; servers pack what is packed already."""


@dataclass(frozen=True)
class Source:
    """Bytes with a name: on disk (`path`), or in memory (`data`)."""

    name: str
    """As told to the user."""
    suffix: str
    """Lower case, with its dot; that of the inner file for packed ones."""
    path: Path | None = None
    data: bytes | None = None
    inner: str = ""
    """The name of the file that was packed, with its folders; that of the file itself if it was not packed."""

    @property
    def stem(self) -> str:
        """The name without suffixes of packing and form; folders inside a zip stay in front."""
        inner = PurePosixPath(self.inner or self.name)
        return str(inner.parent / stem(inner)) if inner.name else self.name

    @property
    def content(self) -> str:
        """What the first bytes say it is, see `contents`."""
        return content(self.head(_HEAD))

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data) if self.data is not None else self._path.stat().st_size

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


_HEAD = 4096
"""Bytes that tell what a file is."""


def stem(path: Path | PurePosixPath) -> str:
    """The file name without its suffixes of packing and form.

    >>> stem(Path("data/adult_train.csv.gz"))
    'adult_train'
    """
    inner = path.with_suffix("") if path.suffix.lower() in (".gz", ".zip") else path
    return inner.stem or path.name


def is_zip(path: Path) -> bool:
    """Whether a file is a zip by its first bytes, and no workbook, which is a zip too."""
    if path.suffix.lower() in EXCEL or not path.is_file():
        return False
    with path.open("rb") as file:
        return content(file.read(_HEAD)) == "zip" and not is_workbook(file)


def sources(path: Path) -> tuple[list[Source], list[Note]]:
    """The tables in a file: one, unless it is a zip with several."""
    source = Source(path.name, path.suffix.lower(), path, inner=path.name)
    return _unpacked(source, _MOST_LAYERS)


def _unpacked(source: Source, layers: int) -> tuple[list[Source], list[Note]]:
    """What is inside, by the first bytes; a suffix that says otherwise is told."""
    packing = source.content
    if packing not in ("gzip", "zip") or (packing == "zip" and (source.suffix in EXCEL or _is_workbook(source))):
        if source.suffix not in (".gz", ".zip") or packing == "zip":
            return [source], []
        note = Note("info", f"{source.name} is not packed, whatever its name says; it was read as it is.")
        return [_renamed(source)], [note]
    if layers == 0:
        message = f"{source.name} is packed more than {_MOST_LAYERS} times over; unpack it first"
        raise DataError(message)
    found, notes = ([_gunzipped(source)], []) if packing == "gzip" else _unzipped(source)
    if source.suffix != {"gzip": ".gz", "zip": ".zip"}[packing]:
        notes.append(
            Note("info", f"{source.name} is packed ({packing}), which its name does not say; it was unpacked.")
        )
    inside = list[Source]()
    for one in found:
        # of a zip, only what is packed itself is looked into; a table in it is what it is named
        more, told = _unpacked(one, layers - 1) if one.content in ("gzip", "zip") else ([one], list[Note]())
        inside += more
        notes += told
    return inside, notes


def _is_workbook(source: Source) -> bool:
    with source.opened() as file:
        return is_workbook(file)


def _renamed(source: Source) -> Source:
    """Under the name without its suffix of packing."""
    inner = PurePosixPath(source.inner).with_suffix("")
    return replace(source, inner=str(inner), suffix=inner.suffix.lower())


def _gunzipped(source: Source) -> Source:
    with source.opened() as file:
        data = gunzip(file, source.name, source.size)
    unpacked = replace(source, path=None, data=data)
    return _renamed(unpacked) if source.suffix == ".gz" else unpacked


def _unzipped(source: Source) -> tuple[list[Source], list[Note]]:
    found = list[Source]()
    left = MOST_UNPACKED
    with source.opened() as file, unpacking(source.name), zipfile.ZipFile(file) as archive:
        infos, notes = members(archive, source.name, MOST_MEMBERS)
        for info in infos:
            inner = PurePosixPath(info.filename)
            name = f"{inner} in {source.name}"
            data = member(archive, info, name, left)
            left -= len(data)
            found.append(Source(name, inner.suffix.lower(), data=data, inner=str(inner)))
    return found, notes
