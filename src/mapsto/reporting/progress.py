"""Live progress on standard error: the stage, how far it is, the figure so far, and the time left.

On a terminal one bar is redrawn in place; elsewhere (a log file, a pipe) each stage is one line.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

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


def _steps(event: dict[str, Any]) -> str:
    planned = event.get("planned")
    steps = f"step {event['step']:,}" + (f" of {planned:,}" if planned else "")
    figure = event.get("figure")
    return steps if figure is None else f"{steps}, {figure:.4g}"


def _left(event: dict[str, Any]) -> str:
    left = event.get("left")
    return f"{event['elapsed']:.0f} s used" + ("" if left is None else f", about {left:.0f} s left")
