"""Whether the first record of a text table is a row like those below it, and no line of names.

Only what hardly any header has shows it: a fraction above numbers, one number twice, a text that its column repeats.
Numbers that rise from column to column, such as years, wavelengths or places, are names. A text above numbers is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mapsto.table import numerals
from mapsto.table.notes import Note

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOOK = 1000
"""Rows looked at."""
_WIDE = 100
"""Columns looked at, spread evenly."""
_FEWEST = 2
_NEARLY = 0.9
_SURE_TO_RISE = 5
"""Numbers that rise by chance hardly ever; fewer are names where their steps are even."""


@dataclass(frozen=True)
class _First:
    """The first record, compared with the rows below."""

    numbers: list[float]
    """Its numbers above numbers."""
    fractions: bool
    words: int
    """Its texts that their columns repeat."""
    open: int
    """Its texts that say nothing."""
    named: bool
    """Whether it has a text above numbers, or a number above texts."""


def with_first_row(
    frame: pl.DataFrame, header: Sequence[str], where: str
) -> tuple[pl.DataFrame, list[str], list[Note]]:
    """The table with its header, or with the header as its first row and columns called `column_N`, which is told.

    Args:
        frame: the rows below, as texts.
        header: the first record.
        where: the name of the file.
    """
    kept = list(header)
    first = _compared(frame.head(_LOOK), header)
    if first.named or frame.height < _FEWEST or first.open > first.words + len(first.numbers):
        return frame, kept, []
    shown = ", ".join(map(repr, kept[:5])) + (", ..." if len(kept) > 5 else "")
    rising = _rise(first.numbers, whole=not first.fractions)
    twice = len(set(first.numbers)) < len(first.numbers)
    if first.words > first.open or (not rising and (first.fractions or twice)):
        text = (
            f"{where} has no line of names: its first line holds values like those below it ({shown}). It was read as "
            f"a row, and the columns are called column_1 to column_{len(kept)}. If it is a header, give its columns "
            "names that are no values."
        )
        row = [[cell or None for cell in kept]]
        above = pl.DataFrame(row, schema=dict.fromkeys(frame.columns, pl.String), orient="row")
        called = [f"column_{number}" for number in range(1, len(kept) + 1)]
        return pl.concat([above, frame]), called, [Note("warning", text)]
    if len(first.numbers) > 1 and not rising:
        text = (
            f"The names in {where} are numbers like those below them ({shown}). If the file has no header, its first "
            "row is lost: write a line of names above it."
        )
        return frame, kept, [Note("warning", text)]
    return frame, kept, []


def _compared(frame: pl.DataFrame, header: Sequence[str]) -> _First:
    places = np.unique(np.linspace(0, len(header) - 1, _WIDE).astype(int)).tolist()
    cells = [header[place].strip() for place in places]
    frame = frame.select(frame.columns[place] for place in places)
    again = _repeats(frame, cells)
    numbers, fractions, words, unsaid, named = list[float](), False, 0, 0, False
    for cell, series in zip(cells, frame.get_columns(), strict=True):
        below = series.drop_nulls().str.strip_chars()
        if cell.lower() in numerals.MARKS or not len(below):
            continue
        quantities, number = _are_numbers(below), _number(cell)
        if quantities and number is None:
            return _First(numbers, fractions, words, unsaid, named=True)
        elif quantities and number is not None:
            numbers.append(number)
            fractions |= not number.is_integer() or "." in cell or "," in cell
        elif int((below == cell).sum()) > again:
            words += 1
        elif number is not None:
            named = True
        else:
            unsaid += 1
    return _First(numbers, fractions, words, unsaid, named)


def _repeats(frame: pl.DataFrame, cells: Sequence[str]) -> int:
    """How often the whole record stands below again, as where files with headers were joined."""
    same = [pl.nth(place).str.strip_chars() == cell for place, cell in enumerate(cells) if cell]
    return int(frame.select(pl.all_horizontal(same).fill_null(value=False).sum()).item()) if same else 0


def _number(cell: str) -> float | None:
    one = pl.Series([cell])
    found = np.concatenate([numerals.parse(one, "."), numerals.parse(one, ",")])
    found = found[np.isfinite(found)]
    return float(found[0]) if len(found) else None


def _are_numbers(cells: pl.Series) -> bool:
    marked = cells.str.to_lowercase().is_in(numerals.MARKS[1:])
    rest = cells.filter(~marked)
    read = ~np.isnan(numerals.parse(rest, ".")) | ~np.isnan(numerals.parse(rest, ","))
    return bool(len(rest)) and float(read.mean()) >= _NEARLY


def _rise(numbers: Sequence[float], *, whole: bool) -> bool:
    """Whether numbers go one way, as names do that are numbers: whole ones, many, or in even steps."""
    steps = np.diff(numbers)
    if not len(steps) or not ((steps > 0).all() or (steps < 0).all()):
        return False
    return whole or len(numbers) >= _SURE_TO_RISE or (len(steps) > 1 and bool(np.allclose(steps, steps[0])))
