"""Labels that files carry in their names: `target="re:([0-9])_"`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from mapsto.errors import DataError, OptionError
from mapsto.table.media import FILE
from mapsto.table.notes import Note, examples, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mapsto.table.frame import Table

MARK = "re:"
LABEL = "label"
_SHOWN = 3


def label_patterns(targets: Sequence[str]) -> dict[str, str]:
    """The names of the targets, each with the pattern that finds it in a file's name, or "" for a plain column.

    Raises:
        OptionError: a pattern is no regular expression, or has no group.

    >>> label_patterns(["price", "re:([0-9])_", "re:_(?P<speaker>[a-z]+)_"])
    {'price': '', 'label': '([0-9])_', 'speaker': '_(?P<speaker>[a-z]+)_'}
    """
    found = dict[str, str]()
    for target in targets:
        pattern = target.removeprefix(MARK) if target.startswith(MARK) else ""
        name = _named(pattern) if target.startswith(MARK) else target
        if name in found:
            message = f"two targets are named {name!r}; name the groups, for example 're:(?P<digit>[0-9])_'"
            raise OptionError(message)
        found[name] = pattern
    return found


def _named(pattern: str) -> str:
    """The name of the first group of a pattern, or "label"."""
    try:
        found = re.compile(pattern)
    except re.error as error:
        message = f"target={MARK + pattern!r} is no regular expression: {error}. A good one is 're:([0-9])_'"
        raise OptionError(message) from error
    if not found.groups:
        message = (
            f"target={MARK + pattern!r} has no group: put round brackets around the label, as in 're:([0-9])_', which "
            "takes the digit before the first line below"
        )
        raise OptionError(message)
    return next((name for name, group in found.groupindex.items() if group == 1), LABEL)


def labelled(table: Table, patterns: Mapping[str, str]) -> Table:
    """The table with a column a pattern, taken from the names of its files, in all its parts.

    Args:
        table: of files; others are refused where there is a pattern.
        patterns: by column name, see `label_patterns`; empty ones are passed over.

    Raises:
        DataError: the table has no files, or already such a column, or no file's name matches.
        OptionError: the pattern has a part that polars does not know.
    """
    for name, pattern in patterns.items():
        if pattern:
            table = _with_label(table, name, pattern)
    return table


def _with_label(table: Table, name: str, pattern: str) -> Table:
    said = f"target={MARK + pattern!r}"
    if FILE not in table.names:
        message = (
            f"{said} takes the label from the names of files, but the data are a table with the columns "
            f"{table.frame.columns[:8]}. Give a folder of files or a pattern such as 'digits/*.wav', or name a column."
        )
        raise DataError(message)
    if name in table.frame.columns:
        message = f"{said} makes a column {name!r}, which is there already; name the group otherwise: (?P<name>...)"
        raise OptionError(message)
    frames = {"": table.frame, **table.parts}
    found = {part: _labels(frame, pattern).alias(name) for part, frame in frames.items()}
    if all(labels.null_count() == len(labels) for labels in found.values()):
        message = f"{said} matches none of {table.frame.height:,} file names, such as {_shown(table.frame[FILE])}."
        raise DataError(message)
    notes = [note for part, labels in found.items() for note in _unmatched(labels, frames[part], said, part)]
    parts = {part: frame.with_columns(found[part]) for part, frame in table.parts.items()}
    return replace(table, frame=table.frame.with_columns(found[""]), parts=parts, notes=[*table.notes, *notes])


def _labels(frame: pl.DataFrame, pattern: str) -> pl.Series:
    try:
        labels = frame[FILE].str.extract(pattern, 1)
    except pl.exceptions.ComputeError as error:
        message = f"target={MARK + pattern!r} cannot be used ({error}); look-around and back-references are not known"
        raise OptionError(message) from error
    return labels.set(labels == "", None)


def _unmatched(labels: pl.Series, frame: pl.DataFrame, said: str, part: str) -> list[Note]:
    if not (count := labels.null_count()):
        return []
    without = frame[FILE].filter(labels.is_null())
    where = f" of {part!r}" if part else ""
    text = f"{said} does not match {plural(count, 'file name')}{where}, such as {_shown(without)}: they have no label."
    return [Note("warning", text, column=labels.name, rows=examples(labels.is_null().arg_true()), count=count)]


def _shown(names: pl.Series) -> str:
    return ", ".join(map(repr, names.head(_SHOWN).to_list()))
