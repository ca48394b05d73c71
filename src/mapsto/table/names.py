"""Column names as found in a file's header: stripped, filled, and never silently doubled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapsto.errors import DataError
from mapsto.table.notes import Note, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

MOST_COLUMNS = 100_000
"""Columns of a table. Where rows and columns changed places, there are more."""


def require_columns(count: int, where: str) -> None:
    """Refuse a table with more columns than can be handled one by one."""
    if count > MOST_COLUMNS:
        message = (
            f"{where} has {count:,} columns; expected at most {MOST_COLUMNS:,}, and a row for each thing that is "
            "described. Did rows and columns change places? Else keep the columns that matter."
        )
        raise DataError(message)


def named(frame: pl.DataFrame, header: Sequence[str | None], where: str) -> tuple[pl.DataFrame, list[Note]]:
    """Give the columns of `frame` the names of `header`, in order.

    Blanks around names go, empty names become `column_N`, a column that repeats another under the same name with the
    same values is dropped; each with a note.

    Raises:
        DataError: a name occurs twice with different values.
    """
    names = [(name or "").strip() for name in header]
    notes = []
    if stripped := [name for name, given in zip(names, header, strict=True) if name and name != given]:
        notes.append(Note("repair", f"Blanks around the column names {stripped} were removed.", count=len(stripped)))
    if empty := [position for position, name in enumerate(names) if not name]:
        text = f"Columns without a name, at position {listed((p + 1 for p in empty), len(empty))}, are called column_N."
        notes.append(Note("repair", text, count=len(empty)))
        taken = set(names)
        for position in empty:
            names[position] = _fresh(f"column_{position + 1}", taken)
            taken.add(names[position])
    keep, dropped = _without_repeats(frame, names, where)
    columns = frame.get_columns()
    return frame.select(columns[p].alias(names[p]) for p in keep), notes + dropped


def _fresh(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _without_repeats(frame: pl.DataFrame, names: list[str], where: str) -> tuple[list[int], list[Note]]:
    """Positions to keep: a repeat of the same name is dropped if its values are the same, refused otherwise."""
    columns, first, keep, notes = frame.get_columns(), dict[str, int](), list[int](), list[Note]()
    for position, name in enumerate(names):
        if name not in first:
            first[name] = position
            keep.append(position)
        elif columns[position].equals(columns[first[name]], check_names=False, null_equal=True):
            text = (
                f"Column {name!r} stands twice with the same values; the copy at position {position + 1} was dropped."
            )
            notes.append(Note("repair", text, column=name))
        else:
            message = (
                f"{where} has two columns named {name!r}, at positions {first[name] + 1} and {position + 1}, with "
                "different values. Expected each name once; rename one of them in the header, or remove it."
            )
            raise DataError(message)
    return keep, notes
