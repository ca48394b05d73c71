"""Packed pictures of many files, kept on disk from run to run.

Decoding a hundred thousand files takes minutes, opening one array that lies decoded on disk takes none of it. What is
kept is known by the names, sizes and times of change of the files and by the size they were brought to; so a file that
changed is read anew. An array is written aside and then renamed, so that two processes may write the same; whatever
does not look as it was written is made again.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from mapsto.columns.common.depths import READ, UNREAD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mapsto.columns.common.depths import Depth

FEWEST = 1_000
"""Files from which it pays."""
MOST_BYTES = 10 * 2**30
"""Of all that is kept; what was not used for longest goes first."""
_FORM = 2
"""Raised when pictures come to be decoded in another way."""
_ABANDONED = 86_400.0
"""Seconds after which a file that was never finished is removed."""


@dataclass(frozen=True)
class Kept:
    """Where the packed pictures of some files lie, or will.

    The file is a plain array of bytes `(rows + more, height, width, channels)`: the pictures, then a mark for each.
    """

    path: Path
    shape: tuple[int, int, int, int]

    @classmethod
    def of(cls, files: Sequence[str | None], size: tuple[int, int, int], depth: Depth) -> Self | None:
        """For these files at this size; None where they are few, too large, or nothing is to be kept.

        Args:
            files: paths; None: there is no picture.
            size: height, width and channels.
            depth: the scale on which numbers of more than 8 bits stand.
        """
        folder = cache_folder()
        shape = (len(files), *size)
        if folder is None or len(files) < FEWEST or _length(shape) * int(np.prod(size)) > MOST_BYTES:
            return None
        return cls(folder / "pictures" / f"{_key(files, size, depth)}.npy", shape)

    def load(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Pictures, lying in the file, and what is told of each (`depths.py`). None: not there, or damaged."""
        try:
            # Writable for whoever gets it, but what is written stays in memory and never reaches the file.
            whole = np.lib.format.open_memmap(self.path, mode="c")
            sound = whole.offset + whole.nbytes == self.path.stat().st_size
            os.utime(self.path)
        except (OSError, ValueError):
            return None
        if not sound or whole.dtype != np.uint8 or whole.shape != (_length(self.shape), *self.shape[1:]):
            return None
        pictures, marks = self._parted(np.asarray(whole))
        if not ((marks & READ > 0) ^ (marks == UNREAD)).all():
            return None
        return pictures, np.where(marks == UNREAD, 0, marks).astype(np.uint8)

    def make(self, fill: Callable[[np.ndarray, np.ndarray], None]) -> tuple[np.ndarray, np.ndarray] | None:
        """Decode into a new file, by `fill(pictures, told)`, and `load` it; None where the disk does not let us."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(".part", f"{self.path.stem[:16]}-", self.path.parent)
        except OSError:
            return None
        try:
            with os.fdopen(handle, "wb"):
                self._write(name, handle, fill)
            os.replace(name, self.path)
        except OSError:
            return None
        finally:
            Path(name).unlink(missing_ok=True)
        _tidy(self.path)
        return self.load()

    def _write(self, name: str, handle: int, fill: Callable[[np.ndarray, np.ndarray], None]) -> None:
        whole = np.lib.format.open_memmap(name, "w+", np.uint8, (_length(self.shape), *self.shape[1:]))
        if hasattr(os, "posix_fallocate"):  # where room is not reserved, a full disk would end the process
            os.posix_fallocate(handle, 0, whole.offset + whole.nbytes)
        pictures, marks = self._parted(np.asarray(whole))
        told = np.zeros(self.shape[0], dtype=np.uint8)
        fill(pictures, told)
        marks[:] = np.where(told, told, UNREAD)  # a mark that was never written is 0
        whole.flush()

    def _parted(self, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = self.shape[0]
        return whole[:rows], whole[rows:].reshape(-1)[:rows]


def cache_folder() -> Path | None:
    """Where things may be kept: what MAPSTO_CACHE names, or the user's folder for such; None where it is empty."""
    named = os.environ.get("MAPSTO_CACHE")
    if named is not None:
        return Path(named) if named else None
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or os.path.expanduser("~/.cache")
    return Path(base) / "mapsto" if os.path.isabs(base) else None


def _length(shape: tuple[int, int, int, int]) -> int:
    """Rows of the array: pictures, and as many more as hold a mark for each."""
    rows, *size = shape
    return rows + -(-rows // int(np.prod(size)))


def _key(files: Sequence[str | None], size: tuple[int, int, int], depth: Depth) -> str:
    """A hash of the files in their order, what they are now, and what they are made into."""
    from PIL import __version__

    names = [file or "" for file in files]
    stamps = np.array([_stamp(name) for name in names], dtype=np.int64)
    start = "" if all(map(os.path.isabs, names)) else os.getcwd()
    state = hashlib.sha256(repr((_FORM, __version__, size, depth, start, len(names))).encode())
    state.update("\0".join(names).encode(errors="surrogatepass"))
    state.update(stamps.data)
    return state.hexdigest()


def _stamp(name: str) -> tuple[int, int]:
    """Size and time of change in nanoseconds; -1 for a file that is not there."""
    try:
        found = os.stat(name)
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _tidy(newest: Path) -> None:
    """Remove what was used longest ago, until what is kept fits; and what was begun and never finished."""
    found = []
    for path in newest.parent.iterdir():
        try:
            about = path.stat()
            if path.suffix == ".part" and about.st_mtime < time.time() - _ABANDONED:
                path.unlink()
        except OSError:  # another process was faster, or has it open
            continue
        if path.suffix == ".npy" and path != newest:
            found.append((about.st_mtime_ns, about.st_size, path))
    room = MOST_BYTES - newest.stat().st_size
    for _, size, path in sorted(found, reverse=True):
        room -= size
        if room < 0:
            try:
                path.unlink()
            except OSError:
                continue
