"""Many files as one thing: those below a folder, those inside a zip, those that a pattern names.

Links are never followed and names inside a zip are never used as paths, so nothing outside is read; hidden files and
what systems leave behind are passed over. Contents of a zip are unpacked in memory under the limits of `sources`.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

import polars as pl

from mapsto.errors import DataError
from mapsto.table.notes import Note, plural
from mapsto.table.unpacking import DAMAGE, MOST_UNPACKED, grown_too_far, member, members, unpacking

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

MOST_FILES = 1_000_000
"""Files in a zip."""
_LEFT_BEHIND = {"thumbs.db", "desktop.ini", "__macosx", "__pycache__", "@eadir", "#recycle", "@recycle", "#snapshot",
                "@tmp", "$recycle.bin", "recycler", "system volume information", "lost+found", "found.000",
                "icon\r"}  # fmt: skip
"""What systems and network drives leave in folders."""
_ODD = re.compile("[\ud800-\udfff]")
"""What stands for bytes that are no UTF-8 in the name of a file."""
_MAGIC = re.compile(r"[*?\[]")


class Listing(Protocol):
    """Files by their names relative to what holds them, `/` between the parts, sorted."""

    where: str
    """As told to the user."""
    stem: str
    """The name of the folder or zip."""
    names: list[str]
    notes: list[Note]

    def cells(self, names: Sequence[str]) -> pl.Series:
        """What stands for these files in a table: their paths, or their bytes (null where damaged)."""

    def contents(self, names: Sequence[str], most: int) -> Iterator[bytes | None]:
        """The first `most` bytes of each file, and one more where it is longer; None where it is damaged."""


class Folder:
    """All files below a folder."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        base = path.resolve()
        self.stem = base.name
        self._base = f"{base.as_posix().rstrip('/')}/"
        found, links = _walked(self._base, ["**", "*"])
        self.names, self.notes = _readable(self.where, found, links)

    def cells(self, names: Sequence[str]) -> pl.Series:
        """Absolute paths."""
        return self._base + pl.Series(names, dtype=pl.String)

    def contents(self, names: Sequence[str], most: int) -> Iterator[bytes | None]:
        """Their first bytes."""
        for name in names:
            with open(self._base + name, "rb") as file:
                yield file.read(most + 1)


class Matches(Folder):
    """The files that a pattern such as `digits/*.wav` names; `**` stands for any folders."""

    def __init__(self, pattern: str) -> None:
        fixed, rest = _parted(pattern)
        base = Path(fixed).resolve()
        self.where, self.stem = pattern, base.name
        self._base = f"{base.as_posix().rstrip('/')}/"
        self.names, self.notes = _readable(pattern, *_walked(self._base, Path(rest).parts))
        if not self.names:
            message = (
                f"no file matches {pattern!r}, looked up from {str(Path.cwd())!r}; expected a pattern of files such as "
                "'digits/*.wav' (or name their folder)"
            )
            raise DataError(message)


class Packed:
    """All files in a zip."""

    def __init__(self, path: Path) -> None:
        self.where, self.stem = path.name, path.stem
        self._path = path
        with unpacking(self.where), zipfile.ZipFile(path) as archive:
            infos, self.notes = members(archive, path.name, MOST_FILES)
        paths = ((PurePosixPath(info.filename), info) for info in infos)
        self._infos = {str(path): info for path, info in paths if not any(map(_passed_over, path.parts))}
        self.names = sorted(self._infos)
        size = path.stat().st_size
        if sum(info.compress_size for info in infos) > size:
            message = f"{self.where} was refused: its {len(infos):,} files overlap in its {size:,} bytes; it is a bomb"
            raise DataError(message)

    def cells(self, names: Sequence[str]) -> pl.Series:
        """Their bytes."""
        return pl.Series(list(self.contents(names, MOST_UNPACKED)), dtype=pl.Binary)

    def contents(self, names: Sequence[str], most: int) -> Iterator[bytes | None]:
        """Their first bytes, unless all of them together unpack to too much."""
        packed = unpacked = 0
        with unpacking(self.where), zipfile.ZipFile(self._path) as archive:
            for name in names:
                info = self._infos[name]
                told = f"{name} in {self.where}"
                try:
                    data = member(archive, info, told, MOST_UNPACKED - unpacked)
                except DAMAGE:
                    yield None
                    continue
                packed, unpacked = packed + info.compress_size, unpacked + len(data)
                grown_too_far(self.where, packed, unpacked, MOST_UNPACKED)
                yield data[: most + 1]


def is_pattern(path: str | os.PathLike[str]) -> bool:
    """Whether a path that does not exist names files by a pattern.

    >>> is_pattern("digits/*.wav"), is_pattern("digits.csv")
    (True, False)
    """
    return bool(_MAGIC.search(os.fspath(path))) and not os.path.exists(path)


def fixed_folder(path: str | os.PathLike[str]) -> Path:
    """The folder that a pattern starts from."""
    return Path(_parted(os.fspath(path))[0])


def matching(pattern: str | os.PathLike[str]) -> list[Path]:
    """The files that a pattern names."""
    found = Matches(os.fspath(pattern))
    return [Path(path) for path in found.cells(found.names)]


def absolute(path: str | os.PathLike[str]) -> str:
    """The path or pattern from the root, so that it means the same from another folder."""
    if not is_pattern(path):
        return str(Path(path).resolve())
    fixed, rest = _parted(os.fspath(path))
    return f"{glob.escape(str(Path(fixed).resolve()))}/{rest}"


def _parted(pattern: str) -> tuple[str, str]:
    """A pattern as the folder it starts from, and what follows.

    >>> _parted("digits/*.wav"), _parted("*.wav"), _parted("/data/[[]a]/x?.png")
    (('digits', '*.wav'), ('.', '*.wav'), ('/data/[a]', 'x?.png'))
    """
    parts = Path(pattern).parts
    plain = next((n for n, part in enumerate(parts) if _MAGIC.search(_unescaped(part))), len(parts) - 1)
    fixed = [re.sub(r"\[([*?\[])\]", r"\1", part) for part in parts[:plain]]
    return str(Path(*fixed)), str(Path(*parts[plain:]))


def _unescaped(part: str) -> str:
    """A part without the characters that `glob.escape` has made plain."""
    return re.sub(r"\[[*?\[]\]", "", part)


def _walked(base: str, parts: Sequence[str]) -> tuple[list[str], int]:
    """Names of the files below a folder that match, part by part, and how many links would have.

    `**` stands for any number of folders. A folder is listed once, with all places in the pattern it may stand at.
    """
    if parts[-1] == "**":
        parts = [*parts, "*"]
    fits = [re.compile(fnmatch.translate(part)).match for part in parts]
    last = len(parts) - 1
    names, links, folders = list[str](), 0, [("", _onward({0}, parts))]
    while folders:
        inner, places = folders.pop()
        with os.scandir(base + inner) as entries:
            for entry in entries:
                if _passed_over(entry.name):
                    continue
                fitting = {place for place in places if parts[place] != "**" and fits[place](entry.name)}
                below = {place for place in places if parts[place] == "**"} | {p + 1 for p in fitting if p < last}
                if entry.is_symlink():
                    links += bool(last in fitting or below)
                elif entry.is_dir():
                    if below:
                        folders.append((f"{inner}{entry.name}/", _onward(below, parts)))
                elif last in fitting and entry.is_file():
                    names.append(inner + entry.name)
    return names, links


def _onward(places: set[int], parts: Sequence[str]) -> set[int]:
    """Places in a pattern, and those after a `**`, which may stand for no folder at all."""
    found = set(places)
    for place in range(len(parts)):
        if place in found and parts[place] == "**":
            found.add(place + 1)
    return found


def _passed_over(name: str) -> bool:
    """Whether a name is that of a hidden file, or of what systems leave behind."""
    return name.startswith((".", "~$")) or name.lower() in _LEFT_BEHIND


def _readable(where: str, names: Collection[str], links: int) -> tuple[list[str], list[Note]]:
    """Names that can stand in a table, sorted, and notes on links and on names that cannot."""
    found = sorted(name for name in names if not _ODD.search(name))
    notes = []
    if links:
        text = (
            f"{where}: {plural(links, 'link')} {'was' if links == 1 else 'were'} not followed. Give a table with a "
            "column of paths to read files that lie elsewhere."
        )
        notes.append(Note("warning", text, count=links))
    if odd := len(names) - len(found):
        text = f"{where}: {plural(odd, 'file')} with a name that is not UTF-8 left out; rename to have it read."
        notes.append(Note("warning", text, count=odd))
    return found, notes
