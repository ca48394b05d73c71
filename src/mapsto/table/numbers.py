"""Which columns of a text table are numbers.

A column becomes numbers only if that loses nothing: every cell is a number or a known mark for "missing". A late word,
a leading zero (a postcode) or more digits than a float holds (an identifier) leaves it as text, and the column types
decide with more knowledge.
"""

from __future__ import annotations

import polars as pl

from mapsto.table.notes import Note, examples, listed, plural

MISSING = ("na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "?", "-", "--", ".")
"""Marks for a missing number, in lower case."""
_SAMPLE = 2000
_BATCH = 8
"""Columns converted together: in parallel, without holding all of them twice."""
_DECIMAL_COMMA = r"^[+-]?(\d{1,3}(\.\d{3})+|\d*),\d+$"
_GROUPS_ONLY = r"^[+-]?\d{1,3}(,\d{3})+$"
_WHOLE = r"^[+-]?\d{1,3}(\.\d{3})+$|^[+-]?\d+$"
_LONG = r"^[+-]?\d{16,}$"


def typed(
    frame: pl.DataFrame, *, decimal_comma: bool = False, first_line: int | None = None
) -> tuple[pl.DataFrame, list[Note]]:
    """Convert string columns that hold numbers to Int64 or Float64.

    Args:
        frame: columns of strings, nulls where empty.
        decimal_comma: whether `1,234` may be read as 1.234 without further evidence (files separated by semicolons).
        first_line: line number of the first row where rows and lines run alike, to name lines in notes.

    >>> frame, notes = typed(pl.DataFrame({"n": ["1", "NA", "3"], "zip": ["01234", "99999", "10000"]}))
    >>> frame["n"].to_list(), frame["zip"].dtype
    ([1, None, 3], String)
    """
    columns, notes = frame.get_columns(), list[Note]()
    open_ = frame.head(_SAMPLE).select(_may_be_numbers(pl.col(pl.String)))
    likely = [p for p, series in enumerate(columns) if series.name in open_.columns and open_[series.name].item()]
    for start in range(0, len(likely), _BATCH):
        batch = likely[start : start + _BATCH]
        whole = frame.select(pl.nth(batch).cast(pl.Int64, strict=False)).get_columns()
        zeros = frame.select((pl.nth(batch).str.starts_with("0") & (pl.nth(batch).str.len_bytes() > 1)).any()).row(0)
        for position, integers, has_zeros in zip(batch, whole, zeros, strict=True):
            text = columns[position]
            if integers.null_count() == text.null_count() < len(text) and not has_zeros:
                columns[position] = integers
                continue
            columns[position], note = _column(text, integers, decimal_comma=decimal_comma, first_line=first_line)
            notes += [note] if note else []
    return pl.DataFrame(columns), notes


def _may_be_numbers(text: pl.Expr) -> pl.Expr:
    """Whether these cells, the first of a column, leave it open that all are numbers."""
    cells = text.str.strip_chars()
    number = cells.cast(pl.Float64, strict=False).is_not_null() | cells.str.contains(f"{_DECIMAL_COMMA}|{_WHOLE}")
    return (text.is_null() | number | cells.str.to_lowercase().is_in(MISSING)).all()


def _is_mark(stripped: pl.Series) -> pl.Series:
    return stripped.str.to_lowercase().is_in(MISSING)


def _column(
    text: pl.Series, integers: pl.Series, *, decimal_comma: bool, first_line: int | None
) -> tuple[pl.Series, Note | None]:
    """The column as numbers where nothing is lost, with a note on what was needed; else as it is."""
    empty = text.null_count()
    if empty == len(text):
        return text, None
    numbers = integers if integers.null_count() == empty else text.cast(pl.Float64, strict=False)
    if numbers.null_count() == empty and not (numbers.dtype == pl.Float64 and numbers.is_nan().any()):
        reason = _lost(text, numbers)
        return (text, reason) if reason else (numbers, None)
    cells = text.str.strip_chars()
    marks = _is_mark(cells)
    words = cells.filter(~marks)
    if not len(words):
        return text, None
    for convert in (_integers, _floats, _with_comma):
        found = convert(words)
        if (
            found.null_count() == 0
            and found.is_finite().any()
            and (convert is not _with_comma or decimal_comma or _clearly_decimal(words))
        ):
            if (reason := _lost(words, found)) is not None:
                return text, reason
            numbers = convert(cells.set(marks.fill_null(value=False), None))
            return numbers, _note(text, marks, comma=convert is _with_comma, first_line=first_line)
    return text, None


def _integers(words: pl.Series) -> pl.Series:
    return words.cast(pl.Int64, strict=False)


def _floats(words: pl.Series) -> pl.Series:
    return words.cast(pl.Float64, strict=False)


def _with_comma(words: pl.Series) -> pl.Series:
    """Numbers whose decimal sign is a comma and whose thousands may be parted by points; null for all others."""
    form = words.str.contains(f"{_DECIMAL_COMMA}|{_WHOLE}")
    points = words.set(~form, None).str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return points.cast(pl.Float64, strict=False)


def _clearly_decimal(words: pl.Series) -> bool:
    """Whether some cell cannot be a whole number with its thousands parted by commas."""
    return bool((words.str.contains(",", literal=True) & ~words.str.contains(_GROUPS_ONLY)).any())


def _lost(text: pl.Series, numbers: pl.Series) -> Note | None:
    """What turning this text into these numbers would lose; None: nothing."""
    if numbers.dtype == pl.Float64:
        text = text.filter((numbers == numbers.floor()) & (numbers.abs() < float("inf")))
    zeros = text.filter(text.str.starts_with("0") & (text.str.len_bytes() > 1))
    zeros = zeros.filter(zeros.str.contains(r"^0\d+$"))
    if len(zeros):
        what = f"leading zeros (as in {zeros[0]!r})"
    elif numbers.dtype == pl.Float64 and len(long := text.filter(text.str.contains(_LONG))):
        what = f"more digits than a number keeps (as in {long[0]!r})"
    else:
        return None
    return Note("info", f"Column {text.name!r} has cells with {what} and was kept as text.", column=text.name)


def _note(text: pl.Series, marks: pl.Series, *, comma: bool, first_line: int | None) -> Note | None:
    """What was needed to read the column as numbers."""
    rows = marks.fill_null(value=False).arg_true()
    sentences = ["the comma was read as the decimal sign"] if comma else []
    if len(rows):
        shown = ", ".join(map(repr, text.gather(rows).unique(maintain_order=True).head(3).to_list()))
        where = rows if first_line is None else rows + first_line
        kind = "row" if first_line is None else "line"
        verb = "holds" if len(rows) == 1 else "hold"
        sentences.append(
            f"{plural(len(rows), 'cell')} among the numbers {verb} {shown} and count as missing "
            f"({kind}{'s' if len(rows) > 1 else ''} {listed(where, len(rows))})"
        )
    if not sentences:
        return None
    message = f"Column {text.name!r}: {'; '.join(sentences)}."
    return Note("repair", message, column=text.name, rows=examples(rows), count=len(rows) or None)
