"""The form of a table: what makes learning impossible is refused, what is odd is told."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mapsto.errors import DataError
from mapsto.table.groups import as_meant
from mapsto.table.notes import Kind, Note, examples, in_table, listed, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.table.splits import Split

FEW_ROWS = 50
FEW_OF_A_CLASS = 5
MANY_CLASSES = 50
"""Classes beyond which it is not told which of them are rare."""
_SAMPLE = 1000
_WINDOWS, _SHORTEST, _OVERLAPPING = 200, 8, 0.5
"""Cells that are compared with the next one; the shortest lists that are; and the share that must overlap."""


def check_form(frame: pl.DataFrame, targets: Sequence[str], numbers: np.ndarray | None = None) -> list[Note]:
    """Check rows, targets and columns.

    Args:
        frame: all rows.
        targets: columns to predict.
        numbers: what the user calls each row; None: as they are counted here.

    Returns:
        Notes on few rows, constant, empty and duplicated columns, and duplicated rows.

    Raises:
        DataError: fewer than two rows, or a target with no value or only one.
    """
    _enough_rows(frame)
    notes = []
    if frame.height < FEW_ROWS:
        text = f"The table has only {plural(frame.height, 'row')}; figures from so few are rough."
        notes.append(Note("warning", text, count=frame.height))
    for target in targets:
        if target in frame.columns:
            notes += _check_target(frame[target])
    inputs = [series for series in frame.get_columns() if series.name not in targets]
    constant = [series for series in inputs if _is_constant(series)]
    notes += [_constant_note(series) for series in constant]
    told = {series.name for series in constant}
    notes += _duplicated_columns(frame.select(s for s in frame.get_columns() if s.name not in told), set(targets))
    numbers = np.arange(frame.height) if numbers is None else numbers
    return [*in_table(notes, numbers), *_duplicated_rows(frame, numbers, "in every column")]


def duplicates_across(frame: pl.DataFrame, cut: Split, targets: Sequence[str]) -> list[Note]:
    """A note for each held-out part whose rows repeat training rows in every input: their scores may flatter."""
    names = [name for name in frame.columns if name not in targets]
    if not names or not len(cut.train):
        return []
    inputs, whole = _row_hashes(frame.select(names)), _row_hashes(frame)
    seen, seen_whole = np.sort(inputs[cut.train]), np.sort(whole[cut.train])
    notes = []
    parts = (("test", cut.test), ("validation", np.sort(np.concatenate([cut.choose, cut.calibrate]))))
    for part, rows in parts:
        again = rows[_found(inputs[rows], seen)]
        if not len(again):
            continue
        same = int(_found(whole[again], seen_whole).sum())
        text = (
            f"{len(again):,} of {plural(len(rows), f'{part} row')} repeat a training row in every input, {same:,} of "
            "them with the same target: scores on them may flatter. All rows were kept."
        )
        kind: Kind = "warning" if len(again) > 0.01 * len(rows) else "info"
        notes.append(Note(kind, text, rows=examples(again), count=len(again)))
    return notes


def same_contents(inputs: pl.DataFrame, numbers: np.ndarray) -> list[Note]:
    """A note on rows that hold the same as an earlier row in every input, files compared by what they hold.

    Args:
        inputs: with a number for each file, null where there is none. Rows without anything are not compared.
        numbers: what the user calls each row.
    """
    there = ~inputs.select(pl.all_horizontal(pl.all().is_null())).to_series()
    return _duplicated_rows(inputs.filter(there), numbers[there.to_numpy()], "in what every input holds")


def overlapping(frame: pl.DataFrame, targets: Sequence[str]) -> list[Note]:
    """A warning for each column of lists that are windows of one series, each a few steps after the one before.

    Cut at random, nearly the same windows would teach and test.
    """
    notes = []
    for series in frame.get_columns():
        if series.name in targets or not isinstance(series.dtype, pl.List) or not series.dtype.inner.is_numeric():
            continue
        few = [cell.to_numpy() for cell in series.head(_WINDOWS + 1).drop_nulls() if len(cell) >= _SHORTEST]
        follows = [_shift(before, after) > 0 for before, after in itertools.pairwise(few)]
        if len(follows) >= _SHORTEST and np.mean(follows) >= _OVERLAPPING:
            text = (
                f"Lists in column {series.name!r} overlap from row to row, as windows of one series do: cut at random, "
                "nearly the same lists teach and test, and figures flatter. Give split='time:COLUMN' or 'group:COLUMN'."
            )
            notes.append(Note("warning", text, series.name))
    return notes


def _shift(before: np.ndarray, after: np.ndarray) -> int:
    """By how many steps one list is ahead of another with which it shares at least half; 0: by none."""
    if len(before) != len(after) or (before == before[0]).all():
        return 0
    near = range(1, len(before) // 2 + 1)
    return next((steps for steps in near if np.array_equal(before[steps:], after[:-steps])), 0)


def require_rows(frame: pl.DataFrame) -> None:
    """Refuse a table that is only a header."""
    if frame.height == 0:
        message = f"the table has a header ({', '.join(frame.columns[:8])}) but no rows; expected rows to learn from"
        raise DataError(message)


def _enough_rows(frame: pl.DataFrame) -> None:
    require_rows(frame)
    if frame.height == 1:
        message = "the table has one row (1 sample); expected at least 2, and some hundred for a model worth having"
        raise DataError(message)


def _check_target(target: pl.Series) -> list[Note]:
    values = target.drop_nulls()
    name = target.name
    if not len(values):
        message = f"target {name!r} is missing in all {len(target):,} rows; expected values to learn from"
        raise DataError(message)
    if _is_constant(values):
        message = (
            f"target {name!r} is {values[0]!r} in every row where it is known; expected at least two values "
            "(classes or numbers): "
            "there is nothing to learn. Is it the right column, and are all rows there?"
        )
        raise DataError(message)
    if missing := target.null_count():
        rows = examples(target.is_null().arg_true())
        text = f"Target {name!r} is missing in {plural(missing, 'row')}, which are not judged."
        return [Note("info", text, name, rows, missing)]
    return []


def rare_classes(target: pl.Series) -> list[Note]:
    """A note on classes that few rows have, of a target that is a choice between a few."""
    values = target.drop_nulls()
    counts = values.value_counts(sort=True, name="rows of the class")
    if counts.height > MANY_CLASSES or counts.height > len(values) / 4:
        return []
    rare = counts.filter(pl.col("rows of the class") < FEW_OF_A_CLASS)
    if not rare.height:
        return []
    shown = ", ".join(f"{value!r} ({number})" for value, number in rare.head(5).iter_rows())
    text = (
        f"Target {target.name!r} has {plural(rare.height, 'class', 'classes')} with fewer than {FEW_OF_A_CLASS} rows "
        f"({shown}): they can hardly be learned, and a class with one row is only trained on, not tested."
    )
    return [Note("warning", text, column=target.name, count=rare.height)]


def _is_constant(series: pl.Series) -> bool:
    """One value, or none; a sample answers for most columns."""
    head = series.head(_SAMPLE)
    if isinstance(series.dtype, pl.Struct | pl.Object):
        return False
    if _distinct(head) > 1:
        return False
    return _distinct(series) <= 1 and (series.null_count() in (0, len(series)))


def _distinct(series: pl.Series) -> int:
    return series.hash().n_unique() if isinstance(series.dtype, pl.List | pl.Array) else series.n_unique()


def _constant_note(series: pl.Series) -> Note:
    if series.null_count() == len(series):
        return Note("info", f"Column {series.name!r} is empty in every row; it tells nothing.", column=series.name)
    value = repr(series[0]) if not series.dtype.is_nested() else "the same"
    text = f"Column {series.name!r} is {value} in every row; it tells nothing."
    return Note("info", text, column=series.name)


def _duplicated_columns(frame: pl.DataFrame, targets: set[str]) -> list[Note]:
    """Columns with the same values as one before: candidates by their first rows, then compared whole."""
    found: dict[int, list[pl.Series]] = {}
    notes = []
    for series in frame.get_columns():
        head = series.head(_SAMPLE)
        key = hash((str(series.dtype), tuple(head.hash().to_list())))
        twin = next((s for s in found.get(key, []) if s.equals(series, check_names=False)), None)
        if twin is None:
            found.setdefault(key, []).append(series)
            continue
        first, second = (series, twin) if series.name in targets else (twin, series)
        if first.name in targets:
            text = f"Column {second.name!r} has the same values as the target {first.name!r}: it gives the answer away."
            notes.append(Note("warning", text, column=second.name))
        else:
            text = f"Column {second.name!r} has the same values as {first.name!r}; it adds nothing."
            notes.append(Note("info", text, column=second.name))
    return notes


def _duplicated_rows(frame: pl.DataFrame, numbers: np.ndarray, where: str) -> list[Note]:
    """A note on rows that repeat an earlier one, `where`: in words, in which columns."""
    hashes = _row_hashes(frame)
    first = np.unique(hashes, return_index=True)[1]
    if len(first) == len(hashes):
        return []
    again = np.ones(len(hashes), dtype=bool)
    again[first] = False
    rows = numbers[again]
    verb = "repeats" if len(rows) == 1 else "repeat"
    text = f"{plural(len(rows), 'row')} {verb} an earlier row {where} ({listed(rows, len(rows))}); all were kept."
    return [Note("info", text, rows=examples(rows), count=len(rows))]


def _row_hashes(frame: pl.DataFrame) -> np.ndarray:
    """A number for what each row says: blanks around a text say nothing."""
    frame = frame.with_columns(as_meant(series) for series in frame.get_columns() if series.dtype == pl.String)
    return frame.hash_rows(seed=0).to_numpy()


def _found(values: np.ndarray, rising: np.ndarray) -> np.ndarray:
    """Which values are in a sorted array."""
    place = np.minimum(np.searchsorted(rising, values), len(rising) - 1)
    found: np.ndarray = rising[place] == values
    return found
