"""What a training did, and what a whole fit has to show of its trainings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mapsto.table.notes import Note

Row: TypeAlias = dict[str, Any]


@dataclass
class History:
    """What a training did, for recipe, report and page."""

    name: str
    rows: list[Row] = field(default_factory=list)
    """One a validation: epoch, step, losses, figure (None without one), rate, seconds, best; also seen and unseen,
    the losses as predictions are made, where the objective tells them."""
    steps: int = 0
    planned: int = 0
    ended: str = "planned"
    """"planned", "patience", "time", "interrupted" or "diverged"."""
    rollbacks: int = 0
    """How often the loss was not a number and training went back to the best weights."""
    seconds: float = 0.0
    notes: list[Note] = field(default_factory=list)

    @property
    def best(self) -> Row | None:
        """The row whose weights were kept; None without a validation figure."""
        return next((row for row in reversed(self.rows) if row["best"]), None)

    @property
    def figure(self) -> float | None:
        """The best validation figure."""
        return None if self.best is None else float(self.best["figure"])

    @property
    def epochs(self) -> int:
        """Whole passes over the rows."""
        return int(self.rows[-1]["epoch"]) if self.rows else 0

    def end(self) -> Row:
        """Where one that goes on from here begins to count."""
        seconds = self.rows[-1]["seconds"] if self.rows else 0.0
        return {"epoch": self.epochs, "step": self.steps, "planned": self.planned, "seconds": seconds}

    def followed_by(self, other: History) -> History:
        """Both, as one training."""
        rows = self.rows + [_counted_on(row, self.end()) for row in other.rows]
        return History(
            self.name, rows, self.steps + other.steps, self.planned + other.planned, other.ended,
            self.rollbacks + other.rollbacks, self.seconds + other.seconds, self.notes + other.notes,
        )  # fmt: skip

    def to_dict(self) -> Row:
        """JSON."""
        return {**vars(self), "notes": [note.to_dict() for note in self.notes]}


def validations(events: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The validations of all trainings of a run, from its events.

    A restart is part of the training that it goes on with, and left out where it was undone. What a resumed run did
    again is there once.
    """
    found: dict[str, dict[int, Row]] = {}
    for event in events:
        if event["kind"] == "validated":
            row = {key: value for key, value in event.items() if key != "kind"}
            found.setdefault(event["name"], {})[event["step"]] = row
        elif event["kind"] == "restarted":
            rows, whole = found.pop(event["leg"], {}).values(), found.setdefault(event["name"], {})
            for row in rows if event["kept"] else ():
                moved = _counted_on(row, event["after"]) | {"name": event["name"]}
                whole[moved["step"]] = moved
    return [row for rows in found.values() for row in rows.values()]


def _counted_on(row: Row, after: Mapping[str, Any]) -> Row:
    return row | {name: row[name] + before for name, before in after.items() if name in row}
