"""Live progress on standard error: the stage, how far it is, the figure so far, and the time left.

On a terminal one bar is redrawn in place; elsewhere (a log file, a pipe) stages are lines.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TextIO

from mapsto.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable


def listener(progress: Any) -> Listener | Callable[[dict[str, Any]], None] | None:
    """What `progress=` asks for: "auto" (a terminal only), True, False, or a function called with each event."""
    if callable(progress):
        return progress  # type: ignore[no-any-return]
    if progress not in ("auto", True, False):
        message = f"progress={progress!r}: expected 'auto', True, False or a function that takes an event"
        raise OptionError(message)
    if progress is False or (progress == "auto" and not sys.stderr.isatty()):
        return None
    return Listener()


class Listener:
    """Shows the events of a run; `close` leaves the last line standing."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._stage = ""
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[detail]}"))
            self._bar = Progress(*columns, console=Console(stderr=True), refresh_per_second=8)
            self._task = self._bar.add_task("reading", total=1.0, detail="")
            self._bar.start()

    def __call__(self, event: dict[str, Any]) -> None:
        """Show one event."""
        if event["kind"] == "stage":
            self._stage = event["text"]
            if self._bar is None:
                print(f"[{event['elapsed']:6.1f} s] {self._stage}", file=sys.stderr)
            else:
                self._bar.update(self._task, description=self._stage, completed=event["share"], detail=_left(event))
        elif event["kind"] == "progress" and self._bar is not None:
            self._bar.update(self._task, description=f"{self._stage}: {_steps(event)}", detail=_left(event))
        elif event["kind"] == "note" and self._bar is None:
            print(f"           {event['text']}", file=sys.stderr)

    def close(self) -> None:
        """End the display."""
        if self._bar is not None:
            self._bar.update(self._task, completed=1.0, detail="")
            self._bar.stop()


class Lines:
    """A plain line now and then, for a log file or a pipe: changes of stage, or how far a long one is.

    >>> import io
    >>> said = io.StringIO()
    >>> lines = Lines(file=said)
    >>> for second in range(0, 30, 3):
    ...     lines({"kind": "stage", "text": f"stage {second}", "elapsed": second})
    >>> said.getvalue().splitlines()
    ['[   0 s] stage 0', '[  12 s] stage 12', '[  24 s] stage 24']
    """

    def __init__(self, every: float = 10.0, file: TextIO | None = None) -> None:
        self._every = every
        self._file = file
        self._next = 0.0
        self._stage = "reading"

    def __call__(self, event: dict[str, Any]) -> None:
        """Print a line if the last is long enough ago."""
        if event["kind"] == "stage":
            self._stage = event["text"]
        if event["kind"] not in ("stage", "progress") or event["elapsed"] < self._next:
            return
        self._next = event["elapsed"] + self._every
        line = f"[{event['elapsed']:4.0f} s] {self._stage}"
        if event["kind"] == "progress":
            line += f": {_steps(event)}"
        if event.get("left") is not None:
            line += f", about {event['left']:.0f} s left"
        print(line, file=self._file or sys.stderr, flush=True)


def _steps(event: dict[str, Any]) -> str:
    planned = event.get("planned")
    steps = f"step {event['step']:,}" + (f" of {planned:,}" if planned else "")
    figure = event.get("figure")
    return steps if figure is None else f"{steps}, {figure:.4g}"


def _left(event: dict[str, Any]) -> str:
    left = event.get("left")
    return f"{event['elapsed']:.0f} s used" + ("" if left is None else f", about {left:.0f} s left")
