"""Rows cut into training, validation and test, so that every figure comes from rows the training never saw.

Validation rows are cut once: half of them choose (when to stop, ensemble weights, thresholds), the other half only
calibrate. Test rows do neither. Cuts are random within classes, by time (the past learns, the latest rows test), or by
group (rows of one group never stand on two sides); a part may also be given as rows. Nothing depends on memory layout:
the same values, seed and numpy give the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from mapsto.errors import DataError, OptionError
from mapsto.table.groups import codes_of, compact, shuffled, take_groups, take_strata
from mapsto.table.instants import instants
from mapsto.table.notes import Note, examples, plural
from mapsto.table.suggestions import suggestions

Share = float | int | str | np.ndarray
"""A part of the rows: a fraction, 0 for none, "column:value", or row numbers."""

_STREAMS = {"test": 0, "valid": 1, "halves": 2, "folds": 3}
"""Random numbers of their own for each cut, so that one does not move another."""


@dataclass
class Split:
    """Row numbers of each part, rising, int64; together they are all rows, each once."""

    train: np.ndarray
    choose: np.ndarray
    calibrate: np.ndarray
    test: np.ndarray
    how: str = "random"
    """In words, for the report."""
    notes: list[Note] = field(default_factory=list)


def split(
    frame: pl.DataFrame,
    *,
    strata: np.ndarray | None,
    valid: Share = 0.1,
    test: Share = 0.2,
    how: str = "random",
    seed: int = 0,
    times: np.ndarray | None = None,
) -> Split:
    """Cut the rows.

    Args:
        frame: the rows; only columns named in `how`, `valid` and `test` are looked at.
        strata: a class code a row `(rows,)`: each part gets its share of every class, and a class seen once stays in
            training. None for targets without classes.
        valid: the validation part, a fraction of the rows that are in no given part, 0, "column:value" or row numbers.
        test: the test part, likewise.
        how: "random", "time:COLUMN" or "group:COLUMN".
        seed: the cut it gives is always the same.
        times: with "time:COLUMN", each row's place in time, NaN where it has none; None: read from the column.

    Raises:
        OptionError: an argument has no such form.
        DataError: a column or value is not there, or no row would be left to learn from.

    >>> cut = split(pl.DataFrame({"x": range(100)}), strata=None)
    >>> len(cut.train), len(cut.choose), len(cut.calibrate), len(cut.test)
    (70, 5, 5, 20)
    """
    kind, column = _parsed(how, frame)
    given = {"test": _given(frame, test, "test"), "valid": _given(frame, valid, "valid")}
    free = np.ones(frame.height, dtype=bool)
    for rows in given.values():
        if rows is not None:
            if not free[rows].all():
                message = f"test={test!r} and valid={valid!r} share rows; expected parts without common rows"
                raise OptionError(message)
            free[rows] = False
    whole = int(free.sum())  # fractions are of the rows that belong to no given part
    if kind == "time" and times is None:
        times = instants(frame[column])
    cutter = _Cutter(frame, kind, column, strata, seed, times)
    rows_of: dict[str, np.ndarray] = {}
    for part, share in (("test", test), ("valid", valid)):
        rows = given[part]
        if rows is None:
            rows = cutter.take(np.flatnonzero(free), _count(share, whole, part), part)
            free[rows] = False
        rows_of[part] = rows
    train = np.flatnonzero(free)
    if not len(train):
        message = f"no row of {frame.height} is left to learn from with valid={valid!r}, test={test!r}, split={how!r}"
        raise DataError(message)
    for part, rows in rows_of.items():
        if kind == "group" and given[part] is not None:
            cutter.warn_shared(rows, train, part)
    choose, calibrate = cutter.halves(rows_of["valid"])
    cut = Split(train, choose, calibrate, rows_of["test"], how, [*cutter.notes, *_sizes(rows_of, valid, test, whole)])
    if kind == "random":
        cut.notes += suggestions(frame)
    return cut


def folds(
    rows: int, strata: np.ndarray | None, groups: np.ndarray | None, k: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """`k` ways to learn from all rows but one fold and predict that fold; the folds together are all rows once.

    Args:
        rows: how many there are.
        strata: a class code a row: every fold gets its share of each class.
        groups: a group code a row: rows of one group are in one fold (then classes are not balanced).
        k: folds wanted; fewer when there are fewer rows or groups.
        seed: the folds it gives are always the same.

    Returns:
        Pairs of row numbers (learn, predict), rising, int64.

    Raises:
        DataError: fewer than two rows or groups.
    """
    units = rows if groups is None else len(np.unique(groups))
    k = min(k, units)
    if k < 2:
        what = "rows" if groups is None else "groups"
        message = f"{units} {what} cannot be cut into folds; expected at least 2"
        raise DataError(message)
    rng = np.random.default_rng([seed, _STREAMS["folds"]])
    if groups is None:
        codes = np.zeros(rows, dtype=np.uint16) if strata is None else compact(strata)[0]
        fold = np.empty(rows, dtype=np.int64)
        fold[shuffled(codes, rng)] = np.arange(rows) % k
    else:
        codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)[1:]
        order = np.lexsort((rng.random(len(sizes)), -sizes))
        turn = np.arange(len(sizes)) % (2 * k)
        fold_of_group = np.empty(len(sizes), dtype=np.int64)
        fold_of_group[order] = np.where(turn < k, turn, 2 * k - 1 - turn)
        fold = fold_of_group[codes.ravel()]
    return [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(k)]


def _parsed(how: str, frame: pl.DataFrame) -> tuple[str, str]:
    kind, _, column = how.partition(":")
    if how == "random":
        return kind, ""
    if kind not in ("time", "group") or not column:
        message = f"split={how!r}: expected 'random', 'time:COLUMN' or 'group:COLUMN'"
        raise OptionError(message)
    _require(frame, column, f"split={how!r}")
    return kind, column


def _require(frame: pl.DataFrame, column: str, where: str) -> None:
    if column not in frame.columns:
        message = f"{where} names column {column!r}, which the table does not have; it has {frame.columns}"
        raise DataError(message)


def _given(frame: pl.DataFrame, share: Share, part: str) -> np.ndarray | None:
    """Row numbers where the part is stated by rows or by a column's value; None where it is to be cut."""
    if isinstance(share, np.ndarray):
        return np.sort(share.astype(np.int64))
    if isinstance(share, str):
        column, colon, value = share.partition(":")
        if not colon:
            message = f"{part}={share!r}: expected a fraction like 0.2, 0, a table, or 'column:value'"
            raise OptionError(message)
        _require(frame, column, f"{part}={share!r}")
        texts = frame[column].cast(pl.String)
        rows = (texts == value).fill_null(value=False).arg_true().to_numpy().astype(np.int64)
        if not len(rows):
            message = f"{part}={share!r}: no row has it; column {column!r} holds {texts.unique().sort()[:10].to_list()}"
            raise DataError(message)
        return rows
    if isinstance(share, bool) or not isinstance(share, float | int) or not 0 <= share < 1:
        message = f"{part}={share!r}: expected a fraction from 0 to below 1, a table, or 'column:value'"
        raise OptionError(message)
    return None


def _count(share: Share, rows: int, part: str) -> int:
    """Rows of a fraction: at least one (two for validation, which is halved) if there are a few to spare."""
    if not share:
        return 0
    least = min(2 if part == "valid" else 1, rows // 3)
    return max(round(float(share) * rows), least)


class _Cutter:
    """Takes parts away, one after the other, in the way asked for."""

    def __init__(
        self,
        frame: pl.DataFrame,
        kind: str,
        column: str,
        strata: np.ndarray | None,
        seed: int,
        times: np.ndarray | None,
    ) -> None:
        self.kind, self.seed = kind, seed
        self.strata = np.zeros(frame.height, dtype=np.int64) if strata is None else strata
        self.notes: list[Note] = []
        self.groups = codes_of(frame[column]) if kind == "group" else self.strata
        self.times = np.zeros(0) if times is None else times
        if kind == "time":
            unknown = np.flatnonzero(np.isnan(self.times))
            if len(unknown):
                text = f"{plural(len(unknown), 'row')} without a time in {column!r} stay in training."
                self.notes.append(Note("info", text, column, tuple(unknown[:5].tolist()), len(unknown)))

    def take(self, free: np.ndarray, count: int, part: str) -> np.ndarray:
        """About `count` of the free rows, rising; of groups, validation gets two at least, as it is halved."""
        if not count or not len(free):
            return np.zeros(0, dtype=np.int64)
        rng = np.random.default_rng([self.seed, _STREAMS[part]])
        if self.kind == "time":
            mask = _latest(self.times[free], count)
        elif self.kind == "group":
            least, leave = (1, 3) if part == "test" else (2, 1)
            mask = take_groups(self.groups[free], self.strata[free], count, rng, least=least, leave=leave)
        else:
            mask = take_strata(self.strata[free], count, rng, protect=True)
        return np.compress(mask, free)

    def warn_shared(self, rows: np.ndarray, train: np.ndarray, part: str) -> None:
        """A warning where a part that was given shares groups with training."""
        shared = rows[np.isin(self.groups[rows], self.groups[train])]
        if len(shared):
            text = (
                f"{len(shared):,} of {plural(len(rows), f'{part} row')} are of groups that training also has: the part "
                "was given, so they stayed. Scores on them may flatter."
            )
            self.notes.append(Note("warning", text, rows=examples(shared), count=len(shared)))

    def halves(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Validation rows in two halves, by class or by group; of an odd number the first has one more."""
        rng = np.random.default_rng([self.seed, _STREAMS["halves"]])
        if self.kind == "group" and len(np.unique(self.groups[rows])) > 1:
            mask = take_groups(self.groups[rows], self.strata[rows], (len(rows) + 1) // 2, rng)
        else:
            mask = take_strata(self.strata[rows], (len(rows) + 1) // 2, rng, protect=False)
        return rows[mask], rows[~mask]


def _latest(times: np.ndarray, count: int) -> np.ndarray:
    """Mask of about `count` latest rows; rows of the same instant stay together, and some earlier ones are left."""
    known = np.sort(times[~np.isnan(times)])
    if len(known) < 2 or known[0] == known[-1]:
        message = "split by time: all rows have the same time; expected at least two different times"
        raise DataError(message)
    border = known[max(len(known) - count, 0)]
    if border == known[0]:
        border = known[np.searchsorted(known, border, side="right")]
    late: np.ndarray = times >= border
    return late


def _sizes(rows_of: dict[str, np.ndarray], valid: Share, test: Share, rows: int) -> list[Note]:
    """A note where whole groups or instants made a part much larger or smaller than asked."""
    notes = []
    for part, share in (("test", test), ("valid", valid)):
        asked = float(share) if isinstance(share, float | int) else 0.0
        got = len(rows_of[part]) / max(rows, 1)
        if asked and rows >= 50 and not 0.5 < got / asked < 2:
            text = (
                f"The {part} part holds {got:.0%} of the rows, not {asked:.0%}: no group and no instant was cut apart."
            )
            notes.append(Note("warning", text, count=len(rows_of[part])))
    return notes
