"""The first half of a fit: read, claim, split, check, learn the columns, encode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mapsto.errors import DataError, OptionError
from mapsto.judging.thresholds import cost_matrix
from mapsto.metrics import Metric, default, get
from mapsto.schema import Encoded, Schema
from mapsto.table import Note, Split, Table, check_form, duplicates_across, folds, split

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.fitting.options import Options

SMALL = 1000
"""Fewer development rows than this: out-of-fold predictions choose and calibrate instead of a validation cut."""
SMALL_FOLDS = 5


@dataclass
class Prepared:
    """Everything the second half of a fit starts from. Rows of `dev` are those that are not test rows."""

    options: Options
    schema: Schema
    dev: Encoded
    test: Encoded | None
    train: np.ndarray
    """Rows of `dev` that a single network learns from."""
    choose: np.ndarray
    """Rows of `dev` that choose: stopping, ensemble weights, thresholds."""
    calibrate: np.ndarray
    """Rows of `dev` that calibrate."""
    folds: list[tuple[np.ndarray, np.ndarray]]
    out_of_fold: bool
    """Whether `choose` and `calibrate` are all of `dev`, predicted out of fold."""
    metrics: dict[str, Metric]
    notes: list[Note]
    frame: pl.DataFrame
    """Development rows as the user gave them (shared memory, no copy), for examples and similar rows."""
    test_frame: pl.DataFrame | None = None
    how: str = "random"
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def held(self) -> np.ndarray:
        """Rows of `dev` with predictions that their models did not learn from."""
        return self.choose if self.out_of_fold else np.concatenate([self.choose, self.calibrate])


def prepare(table: Table, options: Options) -> Prepared:
    """Columns claimed, rows split, form checked, columns learned on training rows, all rows encoded once."""
    notes = list(table.notes)
    frame, parts = _gather(table, options)
    _require(frame, [*options.targets, *options.keep, *([options.weight] if options.weight else [])], "the table")
    notes += check_form(frame, options.targets)
    schema = claim(frame, options)
    notes += [_left_out_note(column) for column in schema.left_out if column.name not in options.keep]
    labelled = _labelled(frame, schema)
    if labelled.sum() < 2:
        message = f"only {int(labelled.sum())} rows have a value in {options.targets}; expected at least 2"
        raise DataError(message)
    for target in schema.targets:
        target.learn(frame[target.name].filter(pl.Series(labelled)))
    strata = _strata(frame, schema)
    cut = parts or _cut(frame, strata, options)
    notes += cut.notes
    dev_rows = np.sort(np.concatenate([cut.train, cut.choose, cut.calibrate]))
    small = options.judge and (options.recipe.folds is not None or len(dev_rows) < SMALL)
    dev_frame = frame[dev_rows]
    position = np.full(frame.height, -1)
    position[dev_rows] = np.arange(len(dev_rows))
    train = position[cut.train]
    schema.learn(dev_frame if small else frame[cut.train], guided=not small)
    dev = _encode(schema, dev_frame, options)
    test = _encode(schema, frame[cut.test], options) if len(cut.test) else None
    count = options.recipe.folds or SMALL_FOLDS
    fold_rows = folds(
        len(dev_rows),
        None if strata is None else strata[dev_rows],
        _groups(dev_frame, options),
        count,
        options.recipe.seed,
    )
    everything = np.arange(len(dev_rows))
    if len(cut.test):
        notes += duplicates_across(frame, cut, options.targets)
    return Prepared(
        options, schema, dev, test,
        train=everything if small else train,
        choose=everything if small else position[cut.choose],
        calibrate=everything if small else position[cut.calibrate],
        folds=fold_rows, out_of_fold=small, metrics=deciding_metrics(schema, options), notes=notes,
        frame=dev_frame, test_frame=frame[cut.test] if len(cut.test) else None, how=cut.how,
    )  # fmt: skip


def claim(frame: pl.DataFrame, options: Options) -> Schema:
    """The schema; columns that are kept, weigh, split or group are not inputs unless named as such."""
    aside = {*options.keep, options.weight}
    how, _, column = options.split.partition(":")
    if how == "group":
        aside.add(column)
    for given in (options.valid, options.test):
        if isinstance(given, str) and ":" in given:
            aside.add(given.partition(":")[0])
    inputs = options.inputs
    if inputs is None:
        inputs = [name for name in frame.columns if name not in aside and name not in options.targets]
    if overlap := set(inputs) & set(options.targets):
        message = f"{sorted(overlap)} are named both as inputs and as targets; a column cannot give itself away"
        raise OptionError(message)
    schema = Schema.claim(frame, targets=options.targets, inputs=inputs, types=options.types)
    if not schema.inputs:
        why = "; ".join(f"{column.name}: {column.reason}" for column in schema.left_out) or "the table has no others"
        message = (
            f"no column is left to learn from ({why}). Give a column a type to use it all the same, "
            "for example types={'NAME': 'category'}, or add columns that describe the rows."
        )
        raise DataError(message)
    return schema


def deciding_metrics(schema: Schema, options: Options) -> dict[str, Metric]:
    """Per target the figure that decides: the caller's, or the default of its task."""
    given = options.recipe.metric
    found: dict[str, Metric] = {}
    for target in schema.targets:
        if target.task is None:
            message = f"column {target.name!r} is a {target.type} and cannot be a target"
            raise DataError(message)
        name = given.get(target.name) if isinstance(given, dict) else given
        if options.metric is not None:
            found[target.name] = get(options.metric, target.task, classes=len(target.classes))
        elif name is not None:
            found[target.name] = get(name, target.task, classes=len(target.classes), costs=costs_of(target, options))
        else:
            found[target.name] = default(target.task, len(target.classes))
    return found


def costs_of(target: Column, options: Options) -> np.ndarray | None:
    """The cost matrix of a target with classes, if the caller gave costs."""
    if options.costs is None or target.task != "classification":
        return None
    several = isinstance(options.costs, dict) and target.name in options.costs
    return cost_matrix(options.costs[target.name] if several else options.costs, target.classes)


def _gather(table: Table, options: Options) -> tuple[pl.DataFrame, Split | None]:
    """One frame of all rows; where test or validation rows came as tables, also the split they imply."""
    from mapsto.table import read

    frames, given = {"train": table.frame}, {"valid": options.valid, "test": options.test}
    for role, value in given.items():
        if role in table.parts:
            frames[role] = table.parts[role]
        elif not isinstance(value, float | int) and not (isinstance(value, str) and ":" in value):
            frames[role] = read(value).frame
    if len(frames) == 1:
        return table.frame, None
    for role, frame in frames.items():
        _require(frame, options.targets, f"the {role} table")
    joined = pl.concat(frames.values(), how="diagonal_relaxed")
    starts = np.cumsum([0, *(frame.height for frame in frames.values())])
    rows = {role: np.arange(a, b) for role, a, b in zip(frames, starts, starts[1:], strict=False)}
    return joined, _implied_split(joined, rows, options)


def _implied_split(frame: pl.DataFrame, rows: dict[str, np.ndarray], options: Options) -> Split:
    train, empty = rows["train"], np.zeros(0, dtype=np.int64)
    test = rows.get("test", empty)
    how = f"{', '.join(role for role in rows if role != 'train')} given as a table of its own"
    if "valid" in rows:
        order = np.random.default_rng([options.recipe.seed, 7]).permutation(rows["valid"])
        half = len(order) // 2
        choose, calibrate = np.sort(order[:half]), np.sort(order[half:])
        if "test" not in rows and options.test:
            inner = split(frame[train], strata=None, valid=0, test=options.test, how=options.split,
                          seed=options.recipe.seed)  # fmt: skip
            return Split(train[inner.train], choose, calibrate, train[inner.test], how, inner.notes)
        return Split(train, choose, calibrate, test, how, [])
    inner = split(frame[train], strata=None, valid=options.valid, test=0, how=options.split, seed=options.recipe.seed)
    return Split(train[inner.train], train[inner.choose], train[inner.calibrate], test, how, inner.notes)


def _cut(frame: pl.DataFrame, strata: np.ndarray | None, options: Options) -> Split:
    return split(frame, strata=strata, valid=options.valid, test=options.test, how=options.split,
                 seed=options.recipe.seed)  # fmt: skip


def _strata(frame: pl.DataFrame, schema: Schema) -> np.ndarray | None:
    """Class codes of the first target, if it has classes: every part of a split gets its share of each."""
    first = schema.targets[0]
    return first.encode_target(frame[first.name]) if first.task == "classification" else None


def _labelled(frame: pl.DataFrame, schema: Schema) -> np.ndarray:
    """Rows in which at least one target is there."""
    return np.any([frame[target.name].is_not_null().to_numpy() for target in schema.targets], axis=0)


def _groups(frame: pl.DataFrame, options: Options) -> np.ndarray | None:
    how, _, column = options.split.partition(":")
    if how != "group":
        return None
    return frame[column].cast(pl.String).fill_null("").rank("dense").to_numpy()


def _encode(schema: Schema, frame: pl.DataFrame, options: Options) -> Encoded:
    encoded = schema.encode(frame, truth=True)
    if options.weight is not None:
        weight = frame[options.weight].cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
        bad = np.flatnonzero(~(weight >= 0) | np.isinf(weight))
        if len(bad):
            message = (
                f"weight column {options.weight!r} holds {frame[options.weight][int(bad[0])]!r} in row {int(bad[0])}; "
                "expected finite numbers of at least 0 and none missing"
            )
            raise DataError(message)
        encoded.weight = (weight / weight.mean()).astype(np.float32)
    return encoded


def _left_out_note(column: Column) -> Note:
    return Note("info", f"Column {column.name!r} is left out: {column.reason}.", column=column.name)


def _require(frame: pl.DataFrame, wanted: list[str], where: str) -> None:
    from difflib import get_close_matches

    for name in wanted:
        if name not in frame.columns:
            near = get_close_matches(name, frame.columns, n=3, cutoff=0.5)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Its columns are {frame.columns}."
            message = f"there is no column {name!r} in {where}. {hint}"
            raise DataError(message)
