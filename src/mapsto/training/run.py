"""A run: its clock, its recorded decisions, what it says, and what it keeps so that it can go on after a kill.

Everything lies in one folder, and no link in it is followed. `events.jsonl` holds one JSON object a line, in order:
what happened, when, and every
decision that looked at a clock, at memory or at a timing. A decision is on the disk before it takes effect, and one
that is already there is replayed, never taken again; so a resumed run does what the first would have done. Without a
folder the same object keeps everything in memory. This module knows no torch.

A run goes on only with what it wrote itself: each line of `events.jsonl` ends with a check sum over it and all lines
before, and the sums of files that are kept are among the events. So decisions, members and checkpoints that were
damaged or changed are told by line and file, and need not be doubted afterwards.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import threading
import time as clock
import weakref
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapsto import modelfile
from mapsto.errors import RunError
from mapsto.files import within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np

    from mapsto.training.checkpoints import Checkpoints

Json = Any
"""Anything `json.dumps` takes."""
Event = dict[str, Any]

EVENTS = "events.jsonl"
_CHECKED = re.compile(rb', "check": "([0-9a-f]{16})"}$')
_LONGEST = 1e12
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*")


class Run:
    """One fit from call to return, over as many processes as it takes.

    Args:
        folder: where to write; None keeps everything in memory.
        time: seconds from start to end, time used before a kill included; None: no clock decides anything.
        progress: called with every event, on the thread that emits it.
        resume: go on with what the folder holds. Without it, a folder that holds a run is refused.
        decisions: recorded decisions to repeat (a recipe's), by name.

    Example:
        >>> run = Run(decisions={"batch": 256})
        >>> run.decide("batch", lambda: 1024), run.decide("steps", lambda: 90)
        (256, 90)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        time: float | None = None,
        progress: Callable[[Event], None] | None = None,
        resume: bool = False,
        decisions: Mapping[str, Json] | None = None,
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.time = time
        self.progress = progress
        self.events: list[Event] = []
        """All events but progress, oldest first, those before a kill included."""
        self.decisions: dict[str, Json] = {}
        """Decisions taken or replayed so far; a recipe's count once they have been asked for."""
        self.interrupted = False
        self.most: float | None = None
        """Seconds after which work ends although no time was given: a safety net that nothing is planned by."""
        self._given = dict(decisions or {})
        self._kept: dict[str, modelfile.State] = {}
        self._sums: dict[str, str] = {}
        self._check = ""
        self._lock = threading.RLock()
        self._before = 0.0
        self._start = clock.monotonic()
        if self.folder is not None:
            self._open(self.folder, resume=resume)

    # -- the clock

    @property
    def elapsed(self) -> float:
        """Seconds since the run began; those of killed processes count up to their last event."""
        return self._before + clock.monotonic() - self._start

    @property
    def left(self) -> float | None:
        """Seconds left, not below 0; None without a time."""
        return None if self.time is None else max(0.0, self.time - self.elapsed)

    @property
    def stopping(self) -> bool:
        """Whether work should end with what it has: the user said so, or the time is used up."""
        return self.interrupted or self.left == 0.0 or self.overdue

    @property
    def overdue(self) -> bool:
        """Whether a run without a time has taken as long as it may (`most`)."""
        return self.time is None and self.most is not None and self.elapsed > self.most

    @contextmanager
    def interrupt(self) -> Iterator[None]:
        """While active, the first Ctrl-C asks for an end with the best so far; the second raises KeyboardInterrupt.

        Only the main thread receives signals: elsewhere this changes nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handler(_signal: int, _frame: object) -> None:
            if self.interrupted:
                raise KeyboardInterrupt
            self.interrupted = True  # nothing else: a handler may fire in the middle of a write

        previous = signal.signal(signal.SIGINT, handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    # -- events and decisions

    def event(self, kind: str, **data: Json) -> None:
        """Say what happened: handed to the system as a line of `events.jsonl`, and to `progress`."""
        self._emit({"kind": kind, "elapsed": round(self.elapsed, 3), **data}, sync=False)

    def decide(self, name: str, measure: Callable[[], Json]) -> Json:
        """The decision of this name: replayed if it was taken before, otherwise measured, recorded, then returned.

        `measure` returns JSON. The record is on the disk before this returns.
        """
        if name not in self.decisions:
            given = name in self._given
            value = json.loads(json.dumps(self._given[name] if given else measure()))
            event = {"kind": "decision", "elapsed": round(self.elapsed, 3), "name": name, "value": value}
            self._emit(event | ({"replayed": True} if given else {}), sync=True)
            self.decisions[name] = value
        return self.decisions[name]

    def decided(self, name: str) -> Json | None:
        """The decision of this name if it was taken before or is in the recipe; None otherwise."""
        return self.decisions.get(name, self._given.get(name))

    def _emit(self, event: Event, *, sync: bool) -> None:
        with self._lock:
            if event["kind"] != "progress":
                self.events.append(event)
            if self.folder is not None:
                text = json.dumps(event)
                self._check = _check(self._check, text.encode())
                os.write(self._file, f'{text[:-1]}, "check": "{self._check}"}}\n'.encode())
                if sync:
                    os.fsync(self._file)
        if self.progress is not None:
            self.progress(event)

    # -- what is kept over a kill

    def keep(self, name: str, json: dict[str, Json], arrays: dict[str, np.ndarray]) -> None:
        """Keep a finished piece of work."""
        if self.folder is None:
            self._kept[name] = (json, arrays)
            return
        path = self._path("kept", name, ".mapsto")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._written(path, modelfile.save(path, {"piece": name}, {"piece": ({"json": json}, arrays)}))

    def _written(self, path: Path, found: str) -> None:
        """Remember the sum of a file; until that is done the file does not count."""
        name = path.relative_to(self.folder or path.parent).as_posix()
        self._sums[name] = found
        self.event("written", file=name, sha256=found)

    def _is_own(self, path: Path) -> bool:
        """Whether a file is there and was finished.

        Raises `RunError` if it is no longer what this run wrote.
        """
        name = path.relative_to(self.folder or path.parent).as_posix()
        if not path.is_file() or name not in self._sums:
            return False
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != self._sums[name]:
            message = f"{path} is not what this run wrote: it was changed or damaged. Restore it, or start again."
            raise RunError(message)
        return True

    def kept(self, name: str) -> modelfile.State | None:
        """The JSON and arrays kept under this name; None if that work was not finished."""
        if self.folder is None:
            return self._kept.get(name)
        path = self._path("kept", name, ".mapsto")
        if not self._is_own(path):
            return None
        wrapped, arrays = modelfile.load(path)[1]["piece"]
        return wrapped["json"], arrays

    def checkpoints(self, name: str) -> Checkpoints | None:
        """Checkpoints of a piece of work that is under way; None without a folder."""
        if self.folder is None:
            return None
        from mapsto.training.checkpoints import Checkpoints

        return Checkpoints(self._path("checkpoints", name), self._written, self._is_own)

    def tidy(self) -> None:
        """Remove all checkpoints: every piece of work is finished and kept."""
        if self.folder is not None:
            shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)

    def close(self) -> None:
        """Close `events.jsonl`."""
        if self.folder is not None:
            self._close()

    # -- files

    def _path(self, kind: str, name: str, suffix: str = "") -> Path:
        if self.folder is None:
            message = "this run has no folder"
            raise RunError(message)
        return within(self.folder, kind, f"{_file_name(name)}{suffix}")

    def _open(self, folder: Path, *, resume: bool) -> None:
        path = within(folder, EVENTS)
        if path.exists() and path.stat().st_size:
            if not resume:
                message = f"{folder} holds a run already. Resume it, or name another folder."
                raise RunError(message)
            self._replay(path)
        folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        self._file = os.open(path, flags, 0o644)
        self._close = weakref.finalize(self, os.close, self._file)

    def _replay(self, path: Path) -> None:
        """Read the events of the processes before; a last line that a kill cut short is dropped."""
        events, self._check, size = read_events(path)
        if size < path.stat().st_size:
            os.truncate(path, size)
        for event in events:
            self._before = max(self._before, float(event["elapsed"]))
            if event["kind"] != "progress":
                self.events.append(event)
            if event["kind"] == "decision":
                self.decisions[event["name"]] = event["value"]
            elif event["kind"] == "written":
                self._sums[event["file"]] = event["sha256"]


_ENTRIES: dict[str, dict[str, type]] = {
    "decision": {"name": str, "value": object},
    "written": {"file": str, "sha256": str},
    "start": {"options": dict},
}


def read_events(path: Path) -> tuple[list[Event], str, int]:
    """The events of complete lines, the last check sum, and how many bytes these lines have.

    Raises:
        RunError: a line is no event, or was changed; the message names file and line.
    """
    raw = path.read_bytes()
    complete = raw[: raw.rfind(b"\n") + 1]
    events: list[Event] = []
    check = ""
    for number, line in enumerate(complete.split(b"\n")[:-1], start=1):
        mark = _CHECKED.search(line)
        text = b"" if mark is None else line[: mark.start()] + b"}"
        wrong = "is not an event" if mark is None else ""
        if mark is not None and mark[1].decode() != (check := _check(check, text)):
            wrong = "was changed, or one before it"
        try:
            event = json.loads(text or line)
        except (ValueError, RecursionError):
            event, wrong = None, "is not an event"
        if wrong or not _is_event(event):
            message = (
                f"{path}, line {number} {wrong or 'is not an event'} ({line[:60]!r}). The file was changed or damaged, "
                "or written by another version: restore it from a copy, or start again in another folder."
            )
            raise RunError(message)
        events.append(event)
    return events, check, len(complete)


def _is_event(event: Any) -> bool:
    """Whether it has what every event has, and what its kind needs."""
    if not isinstance(event, dict) or type(event.get("kind")) is not str:
        return False
    elapsed = event.get("elapsed")
    if isinstance(elapsed, bool) or not isinstance(elapsed, int | float) or not 0 <= elapsed <= _LONGEST:
        return False
    needed = _ENTRIES.get(event["kind"], {})
    return all(name in event and isinstance(event[name], kind) for name, kind in needed.items())


def _check(before: str, text: bytes) -> str:
    return hashlib.sha256(before.encode() + text).hexdigest()[:16]


def _file_name(name: str) -> str:
    """A path below a folder for any name: as it is if it is plain, otherwise made plain and marked by a checksum.

    >>> _file_name("members/tabm"), _file_name("tabm: fold 1")
    ('members/tabm', 'tabm-fold-1-51f6f28f')
    """
    if _NAME.fullmatch(name):
        return name
    return f"{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}-{zlib.crc32(name.encode()):08x}"
