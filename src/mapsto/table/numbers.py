"""Which columns of a text table are numbers.

A column becomes numbers only if that loses nothing: every cell is a number or a known mark for "missing". A late word,
a leading zero (a postcode) or more digits than a float holds (an identifier) leaves it as text, and the column types
decide with more knowledge. Which sign is the decimal one is decided for the table as a whole where a column leaves it
open, and once a model was learned, by the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mapsto.table import numerals
from mapsto.table.notes import Note, examples, listed, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mapsto.table.frame import DecimalSign, Spelled, Table

MISSING = numerals.MARKS[1:]
"""Marks for a missing number, in lower case."""
_SAMPLE = 2000
_BATCH = 8
"""Columns converted together: in parallel, without holding all of them twice."""
_DECIMAL_COMMA = r"^[+-]?([1-9]\d{0,2}(\.\d{3})+|\d*),\d+$"
_WHOLE = r"^[+-]?[1-9]\d{0,2}(\.\d{3})+$|^[+-]?\d+$"


@dataclass
class Typed:
    """Columns of text as numbers, where they are."""

    frame: pl.DataFrame
    notes: list[Note] = field(default_factory=list)
    decimals: dict[str, DecimalSign] = field(default_factory=dict)
    """Columns that were read with another decimal sign than the point."""
    decimal: DecimalSign | None = None
    """The decimal sign of the table as a whole; None: nothing shows it, or there are both."""


@dataclass
class _Seen:
    """A column that is not simply whole numbers."""

    text: pl.Series
    marks: pl.Series
    """Which cells say "missing"."""
    words: pl.Series
    """The other cells, stripped."""
    numbers: pl.Series | None
    """The words read with a decimal point; None: only a comma reads them."""

    @property
    def shows(self) -> DecimalSign | None:
        """The decimal sign that some cell shows beyond doubt."""
        sign: DecimalSign = "," if self.numbers is None else "."
        fractions = self.numbers is None or self.numbers.dtype == pl.Float64
        signed = fractions and self.words.str.contains(sign, literal=True).any()
        return sign if signed and not numerals.open_to_both(self.words, sign) else None


def typed(
    frame: pl.DataFrame,
    *,
    decimal_comma: bool = False,
    first_line: int | None = None,
    spelled: Mapping[str, Spelled] | None = None,
) -> Typed:
    """Convert string columns that hold numbers to Int64 or Float64.

    Args:
        frame: columns of strings, nulls where empty.
        decimal_comma: whether `1,234` may be read as 1.234 without further evidence (files separated by semicolons).
        first_line: line number of the first row where rows and lines run alike, to name lines in notes.
        spelled: how columns are read of which that is decided.

    >>> found = typed(pl.DataFrame({"n": ["1", "NA", "3"], "zip": ["01234", "99999", "10000"]}))
    >>> found.frame["n"].to_list(), found.frame["zip"].dtype
    ([1, None, 3], String)
    """
    spelled = spelled or {}
    columns, notes, seen = frame.get_columns(), list[Note](), dict[int, _Seen]()
    asked = [s.name for s in columns if s.dtype == pl.String and spelled.get(s.name) != "text"]
    open_ = frame.head(_SAMPLE).select(_may_be_numbers(pl.col(asked)))
    likely = [p for p, series in enumerate(columns) if series.name in open_.columns and open_[series.name].item()]
    for start in range(0, len(likely), _BATCH):
        batch = likely[start : start + _BATCH]
        whole = frame.select(pl.nth(batch).cast(pl.Int64, strict=False)).get_columns()
        odd = frame.select(_odd(pl.nth(batch)).any()).row(0)
        for position, integers, is_odd in zip(batch, whole, odd, strict=True):
            text = columns[position]
            if integers.null_count() == text.null_count() < len(text) and not is_odd:
                columns[position] = integers
                continue
            found = _look(text)
            if isinstance(found, Note):
                notes.append(found)
            elif found is not None:
                seen[position] = found
    decimal = _of_the_table(list(seen.values()))
    decimals: dict[str, DecimalSign] = {}
    for position, one in seen.items():
        name = one.text.name
        numbers, sign = _read(one, spelled.get(name), decimal, hint=decimal_comma)
        if numbers is None:
            continue
        columns[position] = _among_marks(one, numbers)
        if sign == ",":
            decimals[name] = sign
        note = _note(one, sign, first_line=first_line)
        notes += [note] if note else []
    return Typed(pl.DataFrame(columns), notes, decimals, decimal)


def typed_table(table: Table, spelled: Mapping[str, Spelled] | None = None) -> Table:
    """A table as read from text files with its numbers as numbers: parts as the rows to learn from.

    A column that holds numbers in one part and words in another is text in all.
    """
    if table.untyped is None:
        return table
    comma, first_line = table.untyped.decimal_comma, table.untyped.first_line
    found = typed(table.frame, decimal_comma=comma, first_line=first_line, spelled=spelled)
    read = replace(table, frame=found.frame, untyped=None, decimals=found.decimals, decimal=found.decimal)
    decided = {**read.spelled(), **(spelled or {})}
    parts = {role: typed(frame, decimal_comma=comma, spelled=decided) for role, frame in table.parts.items()}
    notes = [*found.notes, *(replace(n, text=f"In {role!r}: {n.text}") for role, p in parts.items() for n in p.notes)]
    frames = {role: part.frame for role, part in parts.items()}
    words = {name for frame in frames.values() for name in frame.columns if frame[name].dtype == pl.String
             and frame[name].null_count() < frame.height}  # fmt: skip
    if back := [n for n in words if n in read.frame.columns and found.frame[n].dtype != table.frame[n].dtype]:
        frames = {role: _as_before(frame, table.parts[role], back) for role, frame in frames.items()}
        decimals = {name: sign for name, sign in read.decimals.items() if name not in back}
        read = replace(read, frame=_as_before(read.frame, table.frame, back), decimals=decimals)
    notes = [note for note in notes if note.column not in back]
    return replace(read, parts=frames, notes=[*table.notes, *notes])


def _as_before(frame: pl.DataFrame, before: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    return frame.with_columns(before[name] for name in names if name in frame.columns)


def _odd(text: pl.Expr) -> pl.Expr:
    """Whole numbers that may be codes."""
    return (text.str.starts_with("0") & (text.str.len_bytes() > 1)) | text.str.starts_with("+")


def _may_be_numbers(text: pl.Expr) -> pl.Expr:
    """Whether these cells, the first of a column, leave it open that all are numbers."""
    cells = text.str.strip_chars()
    number = cells.cast(pl.Float64, strict=False).is_not_null() | cells.str.contains(f"{_DECIMAL_COMMA}|{_WHOLE}")
    return (text.is_null() | number | cells.str.to_lowercase().is_in(MISSING)).all()


def _look(text: pl.Series) -> _Seen | Note | None:
    """What a column shows; a note where it holds codes; None where it holds words."""
    cells = text.str.strip_chars()
    marks = cells.str.to_lowercase().is_in(MISSING).fill_null(value=False)
    words = cells.filter(~marks & cells.is_not_null())
    if not len(words):
        return None
    whole = words.cast(pl.Int64, strict=False)
    numbers = words.cast(pl.Float64, strict=False) if whole.null_count() else whole
    if numbers.null_count():
        if not words.str.contains(f"{_DECIMAL_COMMA}|{_WHOLE}").all():
            return None
        return _Seen(text, marks, words, None)
    if numbers.dtype == pl.Float64 and not numbers.is_finite().any():
        return None
    why = numerals.codes(words, exact=numbers.dtype == pl.Int64)
    if why:
        return Note("info", f"Column {text.name!r} has cells with {why} and was kept as text.", column=text.name)
    return _Seen(text, marks, words, numbers)


def _of_the_table(seen: list[_Seen]) -> DecimalSign | None:
    """The decimal sign that columns show, if all that show one show the same."""
    shown = {sign for one in seen if (sign := one.shows)}
    return shown.pop() if len(shown) == 1 else None


def _read(
    one: _Seen, decided: Spelled | None, table: DecimalSign | None, *, hint: bool
) -> tuple[pl.Series | None, DecimalSign]:
    """The words of a column as numbers, and the decimal sign they were read with; None: they stay text.

    What the column shows goes first, then what the others of the table show, then what is decided. `hint`: whether
    the comma is likely where nothing is.
    """
    if one.numbers is None:
        by_comma = (one.shows or table or decided or ("," if hint else ".")) == ","
    else:
        by_comma = (one.shows or table or decided or ".") == "," and one.words.str.contains(".", literal=True).any()
    if not by_comma:
        return one.numbers, "."
    numbers = numerals.parse(one.words, ",")
    return (None if np.isnan(numbers).any() else pl.Series(numbers)), ","


def _among_marks(one: _Seen, numbers: pl.Series) -> pl.Series:
    """The words' numbers at their places in the column."""
    if len(numbers) == len(one.text):
        return numbers.alias(one.text.name)
    place = (~one.marks & one.text.is_not_null()).cast(pl.UInt32).cum_sum() - 1
    place = place.set(one.marks | one.text.is_null(), None)
    return numbers.gather(place).alias(one.text.name)


def _note(one: _Seen, sign: DecimalSign, *, first_line: int | None) -> Note | None:
    """What was needed to read the column as numbers."""
    rows = one.marks.arg_true()
    sentences = []
    if sign == "," and one.numbers is None:
        sentences.append("the comma was read as the decimal sign")
    elif sign == ",":
        sentences.append("the point was read as the mark of thousands, since the comma is the table's decimal sign")
    if len(rows):
        shown = ", ".join(map(repr, one.text.gather(rows).unique(maintain_order=True).head(3).to_list()))
        where = rows if first_line is None else rows + first_line
        kind = "row" if first_line is None else "line"
        verb = "holds" if len(rows) == 1 else "hold"
        sentences.append(
            f"{plural(len(rows), 'cell')} among the numbers {verb} {shown} and count as missing "
            f"({kind}{'s' if len(rows) > 1 else ''} {listed(where, len(rows))})"
        )
    if not sentences:
        return None
    message = f"Column {one.text.name!r}: {'; '.join(sentences)}."
    return Note("repair", message, column=one.text.name, rows=examples(rows), count=len(rows) or None)
