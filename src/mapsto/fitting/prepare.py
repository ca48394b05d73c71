"""The first half of a fit: read, claim, split, check, learn the columns, encode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mapsto.errors import DataError, OptionError
from mapsto.fitting.affordable import rows_in_time
from mapsto.fitting.folds import cut_folds, groups_of, times_of
from mapsto.fitting.options import TEST, VALID, is_table
from mapsto.fitting.pretrained import read_as_pretrained
from mapsto.judging.checks import check_inputs
from mapsto.judging.strangers import strangers
from mapsto.judging.thresholds import cost_matrix
from mapsto.metrics import Metric, default, get
from mapsto.schema import Encoded, Schema, require, weights_of
from mapsto.table import (
    Note,
    Selection,
    Table,
    check_form,
    duplicates_across,
    overlapping,
    rare_classes,
    same_contents,
    split,
)
from mapsto.table.notes import examples, in_table, plural
from mapsto.training.run import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.columns.base import Column
    from mapsto.fitting.options import Options
    from mapsto.members.base import Folded, Folds

SMALL, SMALL_PLAIN = 1000, 10_000
"""Fewer development rows than this: out-of-fold predictions choose and calibrate instead of a validation cut. Where all
columns are plain, learners are quick enough for more rows."""
FEW_EVENTS, RARE = 50, 100_000
"""The same up to `RARE` rows where fewer than so many choosing rows would be of the rarer of two classes."""
SMALL_FOLDS = 5
MANY = 25_000
"""From so many rows on, three folds serve as well as five, and predict faster (`dev/LOG.md`)."""
MANY_FOLDS = 3


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
    folds: Folds
    out_of_fold: bool
    """Whether `choose` and `calibrate` are the rows of `dev` that `folds` predict out of fold: all, or with a split by
    time the later half."""
    metrics: dict[str, Metric]
    notes: list[Note]
    rows: np.ndarray
    """For each row of `dev`, its number in the user's table."""
    frame: Selection
    """The rows of `dev` as the user gave them, for examples and similar rows."""
    test_frame: Selection | None = None
    times: np.ndarray | None = None
    """Each row of `dev`'s place in time, where rows are split by time."""
    how: str = "random"
    plain: dict[str, tuple[Folded, float]] = field(default_factory=dict)
    """Members over the folds with the settings that their library gives them, and the seconds that each took: they
    serve as baselines and in the ensemble."""

    @property
    def held(self) -> np.ndarray:
        """Rows of `dev` with predictions that their models did not learn from."""
        return self.choose if self.out_of_fold else np.concatenate([self.choose, self.calibrate])

    @property
    def judged_by_folds(self) -> bool:
        """Whether baselines are judged by what is predicted out of fold, as members are."""
        return self.test is None and self.out_of_fold

    @property
    def chooses(self) -> bool:
        """Whether some target needs a threshold that is chosen on rows: a metric that chooses between two classes."""
        return any(
            self.metrics[target.name].chooses
            and target.task == "classification"
            and len(target.classes) == 2
            and costs_of(target, self.options) is None
            for target in self.schema.targets
        )

    @property
    def timed(self) -> bool:
        """Whether rows are split by time, so that nothing may learn from what is later than the rows it judges."""
        return self.options.split.startswith("time:")

    def groups(self, frame: Selection | None) -> np.ndarray | None:
        """A code a row where rows are split by group: these are judged together. None otherwise."""
        return None if frame is None else groups_of(frame, self.options)

    def cut(self, rows: np.ndarray, count: int) -> Folds:
        """Folds of some rows of `dev`, cut as the split asks for, as row numbers of `dev`."""
        frame = self.frame[rows]
        times = None if self.times is None else self.times[rows]
        found = cut_folds(frame, strata_of(frame, self.schema), self.options, count, times)
        return [(rows[inside], rows[outside]) for inside, outside in found]

    def weight_of(self, rows: np.ndarray) -> np.ndarray | None:
        """Weights of rows of `dev`, if rows have weights."""
        return None if self.dev.weight is None else self.dev.weight[rows]

    def encode(self, frame: Selection) -> Encoded:
        """Other rows of the same table, with truth and weight."""
        return encode(self.schema, frame, self.options.weight)


def prepare(table: Table, options: Options, run: Run | None = None) -> Prepared:
    """Columns claimed, rows split, form checked, columns learned on training rows, all rows encoded once."""
    run = Run() if run is None else run
    notes = list(table.notes)
    frame, valid, test_rows, given = gather(table, options)
    require(frame, [*options.targets, *options.keep, *([options.weight] if options.weight else [])])
    height = frame.height
    frame, valid, test_rows, numbers = with_weight(frame, valid, test_rows, options.weight)
    notes += weightless(height, numbers, options.weight)
    notes += check_form(frame, options.targets, numbers)
    schema = claim(frame, options, table)
    require_in_parts(schema, table)
    for target in schema.targets:
        notes += rare_classes(frame[target.name]) if target.task == "classification" else []
    notes += check_inputs(schema)
    if not schema.inputs:
        schema = something_to_read(schema, frame)
    notes += claim_notes(schema, options.keep)
    labelled = _labelled(frame, schema)
    if labelled.sum() < 2:
        message = f"only {int(labelled.sum())} rows have a value in {options.targets}; expected at least 2"
        raise DataError(message)
    for target in schema.targets:
        target.learn(frame[target.name].filter(pl.Series(labelled)))
    _put_positive_last(schema, options.positive)
    _check_costs(schema, options)
    strata = strata_of(frame, schema)
    there, told = rows_in_time(frame, schema, _with_parts(strata, frame, valid, test_rows), run, options.recipe.seed)
    if there is not None:
        frame, valid, test_rows = only(there, frame, valid, test_rows)
        numbers, strata = numbers[there], None if strata is None else strata[there]
        notes += told
    times = times_of(frame, schema, options.split)
    cut = split(
        frame, strata=strata, valid=valid, test=test_rows, how=options.split, seed=options.recipe.seed, times=times
    )
    notes += in_table(cut.notes, numbers)
    dev_rows = np.sort(np.concatenate([cut.train, cut.choose, cut.calibrate]))
    # Rows given for validation are used as that; with none wanted, out-of-fold predictions are all there is.
    own = None if strata is None else strata[dev_rows]
    quick = options.module is None and options.recipe.network == "auto"
    few = isinstance(valid, float | int) and (
        not valid or _too_few_to_choose(schema, own, len(dev_rows), valid, quick=quick)
    )
    small = options.judge and (options.recipe.folds is not None or few)
    dev_frame = Selection(frame, dev_rows if len(cut.test) else None)
    test_frame = Selection(frame, cut.test) if len(cut.test) else None
    position = np.full(frame.height, -1)
    position[dev_rows] = np.arange(len(dev_rows))
    train = position[cut.train]
    schema.learn(frame, dev_rows if small else cut.train, guided=not small)
    dev = encode(schema, dev_frame, options.weight)
    test = None if test_frame is None else encode(schema, test_frame, options.weight)
    notes += unread_notes(schema, frame, [(dev_frame, dev), (test_frame, test)], numbers)
    notes += schema.remarks(dev_frame, numbers[dev_rows])
    notes += schema.remarks(test_frame, numbers[cut.test]) if test_frame is not None else []
    count = options.recipe.folds or (MANY_FOLDS if len(dev_rows) > MANY else SMALL_FOLDS)
    times = None if times is None else times[dev_rows]
    fold_rows = cut_folds(dev_frame, None if strata is None else strata[dev_rows], options, count, times)
    everything = np.arange(len(dev_rows))
    predicted = np.sort(np.concatenate([outside for _, outside in fold_rows]))
    by_content = _by_content(schema, frame, [(dev_rows, dev), (cut.test, test)])
    if by_content is not frame:
        notes += same_contents(by_content.drop(options.targets), numbers)
    if options.split == "random" and not isinstance(test_rows, np.ndarray):
        notes += overlapping(frame, options.targets)
    if len(cut.test):
        notes += in_table(duplicates_across(by_content, cut, options.targets), numbers)
    for target in schema.targets:
        for part, rows in (("test", cut.test), ("validation", np.sort(np.concatenate([cut.choose, cut.calibrate])))):
            notes += in_table(strangers(target, frame[target.name], rows, part), numbers)
    return Prepared(
        options, schema, dev, test,
        train=everything if small else train,
        choose=predicted if small else position[cut.choose],
        calibrate=predicted if small else position[cut.calibrate],
        folds=fold_rows, out_of_fold=small, metrics=deciding_metrics(schema, options), notes=notes,
        rows=numbers[dev_rows], frame=dev_frame, test_frame=test_frame, times=times, how=given or cut.how,
    )  # fmt: skip


def claim(frame: pl.DataFrame, options: Options, table: Table) -> Schema:
    """The schema; columns that are kept, weigh, split or group are not inputs unless named as such.

    Args:
        frame: all rows.
        options: of the fit.
        table: what the user's table says beyond its cells.
    """
    aside = {*options.keep, options.weight}
    how, _, column = options.split.partition(":")
    if how == "group":
        aside.add(column)
    for given in (options.valid, options.test):
        if isinstance(given, str) and not is_table(given):
            aside.add(given.partition(":")[0])
    inputs = options.inputs
    if inputs is None:
        inputs = [name for name in frame.columns if name not in aside and name not in options.targets]
    if overlap := set(inputs) & set(options.targets):
        message = f"{sorted(overlap)} are named both as inputs and as targets; a column cannot give itself away"
        raise OptionError(message)
    schema = Schema.claim(frame, targets=options.targets, inputs=inputs, types=options.types, table=table)
    read_as_pretrained(schema, frame, options)
    return schema


def something_to_read(schema: Schema, frame: pl.DataFrame) -> Schema:
    """Identifiers are read where there is nothing else (and a warning was given); without any, it is refused."""
    found = schema.with_identifiers(frame)
    if found.inputs:
        return found
    why = "; ".join(f"{column.name}: {column.reason}" for column in schema.left_out) or "the table has no others"
    message = f"no column is left to learn from ({why}). Add columns that describe the rows."
    raise DataError(message)


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
    if isinstance(options.costs, dict) and any(name in options.costs for name in options.targets):
        own = options.costs.get(target.name)
        return None if own is None else cost_matrix(own, target.classes)
    return cost_matrix(options.costs, target.classes)


def _check_costs(schema: Schema, options: Options) -> None:
    """Costs are those of some target with classes, and name its classes."""
    found = [costs_of(target, options) for target in schema.targets]
    if options.costs is not None and all(matrix is None for matrix in found):
        kinds = ", ".join(f"{target.name} ({target.type})" for target in schema.targets)
        message = f"costs= needs a target with classes; the targets are {kinds}"
        raise OptionError(message)


def _put_positive_last(schema: Schema, positive: Any) -> None:
    """The positive class goes last in every target that has it; one at least must."""
    if positive is None:
        return
    able = [target for target in schema.targets if target.task == "classification"] or schema.targets
    meant = [(target, one) for target in able for one in target.classes if _same_class(one, positive)]
    for target, one in meant or [(able[0], positive)]:
        target.put_last(one)


def _same_class(one: Any, named: Any) -> bool:
    """Whether a class is named by its text; true and false in any case, as files and the command line write them."""
    return str(one) == str(named) or (isinstance(one, bool) and str(one).casefold() == str(named).casefold())


def gather(table: Table, options: Options) -> tuple[pl.DataFrame, Any, Any, str]:
    """All rows as one frame; what validation and test rows are in it; and in words where they came from."""
    found: dict[str, Any] = {
        "valid": VALID if options.valid is None else options.valid,
        "test": TEST if options.test is None else options.test,
    }
    frames = [table.frame]
    given = []
    for role in [role for role in found if role in table.parts]:
        # What only these rows have cannot be learned.
        frames.append(_shared(table.parts[role], table.frame))
        require(frames[-1], options.targets)
        if not frames[-1].height:
            message = f"the {role} table has no rows; give some, a fraction, or {role}=0"
            raise DataError(message)
        start = sum(frame.height for frame in frames[:-1])
        found[role] = np.arange(start, start + frames[-1].height)
        given.append(role)
    joined = table.frame if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")
    how = f"{' and '.join(given)} rows given as a table of their own" if given else ""
    return joined, found["valid"], found["test"], how


def _shared(frame: pl.DataFrame, learned: pl.DataFrame) -> pl.DataFrame:
    """The columns that rows to learn from have as well."""
    return frame.select(name for name in frame.columns if name in learned.columns)


def require_in_parts(schema: Schema, table: Table) -> None:
    """Every input must be a column of validation and test rows that are a table of their own, as of rows to predict."""
    for role, frame in table.parts.items():
        if absent := [column.name for column in schema.inputs if column.name not in frame.columns]:
            message = (
                f"the {role} rows lack the input columns {absent}; they have {frame.columns}. Add them (empty cells "
                "are fine), rename yours, or learn from the others alone: inputs=[...]."
            )
            raise DataError(message)


def _too_few_to_choose(schema: Schema, strata: np.ndarray | None, rows: int, valid: float, *, quick: bool) -> bool:
    """Whether half of a validation cut would decide by chance; `quick`: whether members learn quickly."""
    if rows < SMALL or not quick or any(column.inner for column in schema.inputs):
        return rows < SMALL
    counts = np.zeros(0) if strata is None else np.bincount(strata[strata >= 0])
    rare = len(counts) == 2 and 0.5 * valid * counts.min() < FEW_EVENTS and rows < RARE
    return rows < SMALL_PLAIN or rare


def strata_of(frame: pl.DataFrame | Selection, schema: Schema) -> np.ndarray | None:
    """Class codes of the first target, if it has classes: every part of a split gets its share of each."""
    first = schema.targets[0]
    return first.encode_target(frame[first.name]) if first.task == "classification" else None


def _labelled(frame: pl.DataFrame, schema: Schema) -> np.ndarray:
    """Rows in which at least one target is there."""
    return np.asarray(np.any([frame[target.name].is_not_null().to_numpy() for target in schema.targets], axis=0))


def encode(schema: Schema, frame: pl.DataFrame | Selection, weight: str | None) -> Encoded:
    """Rows with truth and weight, the weights (the column of that name) scaled to a mean of 1."""
    encoded = schema.encode(frame, truth=True)
    if weight is not None:
        given = weights_of(frame, weight)
        encoded.weight = (given / given.mean()).astype(np.float32)
    return encoded


def with_weight(
    frame: pl.DataFrame, valid: Any, test: Any, name: str | None
) -> tuple[pl.DataFrame, Any, Any, np.ndarray]:
    """The rows that are there: one of weight 0 is not, so nothing is claimed, scaled, counted or judged by it.

    Returns these rows, the validation and test rows that were given by number as theirs, and the number of each in the
    table.
    """
    numbers = np.arange(frame.height)
    if name is None or (there := weights_of(frame, name) > 0).all():
        return frame, valid, test, numbers
    for part, rows in (("these", numbers), ("validation", valid), ("test", test)):
        if isinstance(rows, np.ndarray) and len(rows) and not there[rows].any():
            message = (
                f"weight column {name!r} is 0 in all {len(rows):,} {part} rows, as if they were not there; "
                "expected some above 0"
            )
            raise DataError(message)
    return *only(there, frame, valid, test), numbers[there]


def only(there: np.ndarray, frame: pl.DataFrame, valid: Any, test: Any) -> tuple[pl.DataFrame, Any, Any]:
    """Some of the rows, with validation and test rows that were given by number as theirs."""
    position = np.cumsum(there) - 1
    given = [position[rows[there[rows]]] if isinstance(rows, np.ndarray) else rows for rows in (valid, test)]
    return frame.filter(pl.Series(there)), given[0], given[1]


def _with_parts(strata: np.ndarray | None, frame: pl.DataFrame, valid: Any, test: Any) -> np.ndarray:
    """A code a row for its class and for the part that it was given as."""
    codes = np.zeros(frame.height, np.int64) if strata is None else 3 * strata.astype(np.int64)
    for part, rows in enumerate((valid, test), start=1):
        if isinstance(rows, np.ndarray):
            codes[rows] += part
    return codes


def weightless(height: int, numbers: np.ndarray, name: str | None) -> list[Note]:
    """How many rows were left out because their weight is 0."""
    if len(numbers) == height:
        return []
    absent = np.setdiff1d(np.arange(height), numbers)
    verb = "is" if len(absent) == 1 else "are"
    text = f"{plural(len(absent), 'row')} of weight 0 ({name!r}) {verb} left out, as if the table did not hold them."
    return [Note("info", text, name, examples(absent), len(absent))]


def _by_content(schema: Schema, frame: pl.DataFrame, parts: list[tuple[np.ndarray, Encoded | None]]) -> pl.DataFrame:
    """Where inputs are files: what is read and what is predicted, with a number for what each file holds in the place
    of its name, which says nothing. The table itself where there are none.
    """
    found: dict[str, np.ndarray] = {}
    for rows, encoded in parts:
        for name, numbers in {} if encoded is None else schema.contents(encoded).items():
            found.setdefault(name, np.zeros(frame.height, np.uint64))[rows] = numbers
    read = [pl.Series(name, numbers).replace(0, None) for name, numbers in found.items()]
    return frame.select([c.name for c in [*schema.inputs, *schema.targets]]).with_columns(read) if read else frame


def unread_notes(
    schema: Schema, frame: pl.DataFrame, parts: list[tuple[Selection | None, Encoded | None]], numbers: np.ndarray
) -> list[Note]:
    """Cells of rows to learn from and to test on that are there and cannot be read, by column, as the user counts.

    `numbers`: what the user calls each row of `frame`.
    """
    found: dict[str, np.ndarray] = {}
    for rows, encoded in parts:
        if rows is not None and encoded is not None:
            for name, lost in schema.unread(rows, encoded, truth=True).items():
                found[name] = np.sort(np.concatenate([found.get(name, np.zeros(0, np.int64)), rows.rows[lost]]))
    return schema.unread_notes(frame, found, numbers)


def claim_notes(schema: Schema, keep: Sequence[str]) -> list[Note]:
    """What people should know about the types that were found: columns left out, and what could be read otherwise.

    Args:
        schema: as it was claimed.
        keep: columns that are left out because they are kept.
    """
    found = [left_out_note(column) for column in schema.left_out if column.name not in keep]
    return found + [_doubt_note(column) for column in [*schema.targets, *schema.inputs] if column.doubt]


def _doubt_note(column: Column) -> Note:
    return Note("info", f"Column {column.name!r} is read as {column.type}: {column.reason}.", column=column.name)


def left_out_note(column: Column) -> Note:
    """That this column is left out, and why."""
    return Note("info", f"Column {column.name!r} is left out: {column.reason}.", column=column.name)
