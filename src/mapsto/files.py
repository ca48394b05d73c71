"""Files of mapsto's own: written whole or not at all, and never through a link that someone else has laid."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mapsto.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterable


def write_aside(path: Path, pieces: Iterable[bytes]) -> str:
    """Write a file aside, flush it to the disk and rename it into place; a link of its name is replaced, not followed.

    Returns:
        The SHA-256 of what was written, as text.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    aside.unlink(missing_ok=True)
    found = hashlib.sha256()
    try:
        with aside.open("xb") as file:  # a name that is there already, a link too, is refused
            for piece in pieces:
                file.write(piece)
                found.update(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return found.hexdigest()


def within(folder: Path, *names: str) -> Path:
    """A path below a folder, none of whose steps below it is a link.

    Raises:
        RunError: one is: what is written there would land elsewhere.
    """
    path = folder
    for name in names:
        for step in Path(name).parts:
            path /= step
            if path.is_symlink():
                message = (
                    f"{path} is a link to {os.readlink(path)}; files of a run are not written or read through links. "
                    "Remove it, or name another folder."
                )
                raise RunError(message)
    return path
