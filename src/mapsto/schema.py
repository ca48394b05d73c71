"""The columns of a table, what they have learned, and a table encoded once into contiguous arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mapsto.columns import TYPES, Category, Ignored, from_state
from mapsto.columns.base import Column, Features, Guide
from mapsto.columns.common.cells import examples, holds_one_value, sample
from mapsto.columns.common.file_column import FileColumn
from mapsto.columns.common.parts import Block, Part, Ragged, fingerprints, taken
from mapsto.columns.common.unread import FIRST, blank, remark_note, unread, unread_note
from mapsto.errors import ColumnRefused, DataError, ModelFileError, OptionError
from mapsto.metrics import present as known
from mapsto.table import require_opened_below

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from mapsto.table import Levels, Note, Selection, Table
    from mapsto.table.frame import Spelled


_FIRST = 20
_LONGEST_SHOWN = 60
"""Characters of a cell that an error names."""
_FEW_ROWS = 150_000
"""Up to so many rows the flat features are kept; of more they would take as much memory as the table."""


@dataclass
class Encoded:
    """Rows of a table, encoded: one block per key (see `Part.key`), and the truth of each target if it was there."""

    rows: int
    blocks: dict[str, Block]
    truth: dict[str, np.ndarray] = field(default_factory=dict)
    weight: np.ndarray | None = None
    features: tuple[Schema, Features] | None = field(default=None, repr=False, compare=False)
    """What `Schema.features` made of few rows, kept because every member of an ensemble asks for it."""
    seen: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    """What pretrained encoders, as they came, see in these rows: kept because reading takes long, and several members
    ask for it. Who changes a block must not keep it.
    """

    def take(self, rows: np.ndarray) -> Encoded:
        """The rows of these indices, in this order."""
        return Encoded(
            len(rows),
            {key: taken(block, rows) for key, block in self.blocks.items()},
            {name: truth[rows] for name, truth in self.truth.items()},
            None if self.weight is None else self.weight[rows],
            seen={key: seen[rows] for key, seen in self.seen.items()},
        )


@dataclass
class Schema:
    """Which columns go in, which come out, which are left out and why."""

    inputs: list[Column]
    targets: list[Column]
    left_out: list[Column] = field(default_factory=list)
    texts: frozenset[str] | None = None
    """Columns that were text in the rows learned from; None: unknown, in models of earlier versions."""

    @classmethod
    def claim(
        cls,
        frame: pl.DataFrame,
        *,
        targets: Sequence[str],
        inputs: Sequence[str] | None = None,
        types: Mapping[str, Any] | None = None,
        table: Table | None = None,
    ) -> Schema:
        """Find a type for every column.

        Args:
            frame: all rows at hand; claims look at samples of it.
            targets: columns to predict.
            inputs: columns to read; None: all others.
            types: types given by the user, by column name: an object, a class, a type's name, or its JSON with "type".
            table: what the user's own table says beyond its cells: levels of categories, decimal signs.

        Raises:
            DataError: a name is no column, no type takes a target, or a given type cannot read its column.

        >>> import polars as pl
        >>> frame = pl.DataFrame({"size": [1.5, 2.0, 3.5], "same": [1, 1, 1], "kind": ["a", "b", "a"]})
        >>> schema = Schema.claim(frame, targets=["kind"])
        >>> [(column.name, column.type) for column in schema.columns]
        [('size', 'number'), ('kind', 'category'), ('same', 'ignored')]
        """
        levels = {} if table is None else table.levels
        own = {name: found for name, found in levels.items() if not holds_one_value(frame[name])}
        given = {**{name: _declared(found) for name, found in own.items()}, **(types or {})}
        if inputs is None:
            inputs = [name for name in frame.columns if name not in targets]
        require(frame, [*targets, *inputs, *given])
        if table is not None:
            require_opened_below(table, file_columns(given))
        out = [_target(frame[name], given.get(name)) for name in targets]
        found = [_input(frame[name], given.get(name)) for name in inputs]
        texts = frozenset(c.name for c in [*out, *found] if frame[c.name].dtype == pl.String)
        schema = cls([c for c in found if c.is_input], out, [c for c in found if not c.is_input], texts)
        if table is not None:
            require_opened_below(table, schema.files)
        schema._settle(frame, table)
        return schema

    def _settle(self, frame: pl.DataFrame, table: Table | None) -> None:
        """Decide how the cells of each column are written; where they leave it open, as in the other columns."""
        known = {} if table is None else table.decimals
        shown = {column.settle(frame[column.name], known.get(column.name)) for column in self.columns} - {None}
        whole = shown.pop() if len(shown) == 1 else None if table is None or shown else table.decimal
        for column in self.columns:
            if whole is not None and column.name in (self.texts or ()):
                column.settle(frame[column.name], whole)

    def spelled(self, kept: Sequence[str] = ()) -> dict[str, Spelled]:
        """How the cells of new rows are read where a file has them as text: as those learned from; kept ones as is."""
        found: dict[str, Spelled] = {}
        if self.texts is not None:
            found = {c.name: "text" if c.name in self.texts else c.decimal_sign for c in self.columns}
        return found | dict.fromkeys(kept, "text")

    def with_identifiers(self, frame: pl.DataFrame) -> Schema:
        """The schema in which columns that were left out as identifiers are inputs all the same."""
        aside = [column for column in self.left_out if column.type == "identifier"]
        taken = [_claimed(frame[column.name], without="identifier") for column in aside]
        for column in taken:
            column.reason += "; an identifier, but there is nothing else to learn from"
        rest = [column for column in self.left_out if column not in aside]
        return replace(self, inputs=[*self.inputs, *(c for c in taken if c.is_input)], left_out=rest)

    def without(self, names: Container[str]) -> Schema:
        """The schema that does not read the inputs of these names."""
        return replace(self, inputs=[column for column in self.inputs if column.name not in names])

    @property
    def columns(self) -> list[Column]:
        """Inputs, targets and columns left out."""
        return [*self.inputs, *self.targets, *self.left_out]

    @property
    def files(self) -> list[str]:
        """Inputs whose cells are opened where they are paths."""
        return [column.name for column in self.inputs if isinstance(column, FileColumn)]

    def target(self, name: str) -> Column:
        """The target of this name."""
        return next(column for column in self.targets if column.name == name)

    def learn(self, frame: pl.DataFrame, rows: np.ndarray | None = None, *, guided: bool = True) -> None:
        """Learn every column from training rows: targets first, since they guide the inputs.

        `rows`: the training rows of `frame`; None: all. One column is gathered at a time, so no table is copied.
        `guided=False`: inputs do not look at the target, as they must not where these rows are later predicted out of
        fold.
        """

        def training(name: str) -> pl.Series:
            return frame[name] if rows is None else frame[name].gather(rows)

        for target in self.targets:
            target.learn(training(target.name))
        guide, first = None, self.targets[0] if guided and self.targets else None
        if first is not None and first.task is not None:
            guide = Guide(first.task, first.encode_target(training(first.name)))
        for column in self.inputs:
            column.learn(training(column.name), guide)
        for cached in ("parts", "_places"):
            self.__dict__.pop(cached, None)

    @cached_property
    def parts(self) -> dict[str, list[Part]]:
        """The parts of each block, in the order in which they are stacked."""
        found: dict[str, list[Part]] = {}
        for column in self.inputs:
            for part in column.parts:
                found.setdefault(part.key, []).append(part)
        return found

    @cached_property
    def _places(self) -> dict[str, list[tuple[str, int, int]]]:
        """For each input, and each of its parts: the block, the position in it, and the block's width (0: its own)."""
        taken = dict.fromkeys(self.parts, 0)
        places: dict[str, list[tuple[str, int, int]]] = {}
        for column in self.inputs:
            places[column.name] = []
            for part in column.parts:
                width = len(self.parts[part.key]) if part.stacked else 0
                places[column.name].append((part.key, taken[part.key], width))
                taken[part.key] += 1
        return places

    def encode(self, frame: pl.DataFrame | Selection, *, truth: bool = False) -> Encoded:
        """Encode all rows; with `truth`, also the targets that the frame has."""
        rows = frame.height
        blocks: dict[str, Block] = {}
        for column in self.inputs:
            arrays = column.encode(frame[column.name])
            for (key, position, width), array in zip(self._places[column.name], arrays, strict=True):
                if isinstance(array, Ragged) or width == 0:
                    blocks[key] = array
                    continue
                if key not in blocks:
                    blocks[key] = np.empty((rows, width), dtype=array.dtype)
                blocks[key][:, position] = array  # type: ignore[index]
        found = {t.name: t.encode_target(frame[t.name]) for t in self.targets if truth and t.name in frame.columns}
        return Encoded(rows, blocks, found)

    def arrays(self, encoded: Encoded, column: Column) -> list[np.ndarray | Ragged]:
        """The arrays of one column inside an encoded table, as `Column.encode` gave them."""
        found: list[np.ndarray | Ragged] = []
        for key, position, width in self._places[column.name]:
            block = encoded.blocks[key]
            # To a column, rows that are gathered when asked for are an array.
            found.append(block[:, position] if isinstance(block, np.ndarray) and width else block)  # type: ignore[arg-type]
        return found

    def with_arrays(self, encoded: Encoded, changed: Mapping[str, Sequence[Block]]) -> Encoded:
        """A copy in which the named columns hold these arrays; blocks that do not change are shared."""
        blocks = dict(encoded.blocks)
        copied: set[str] = set()
        for column in self.inputs:
            if column.name not in changed:
                continue
            for (key, position, width), array in zip(self._places[column.name], changed[column.name], strict=True):
                if isinstance(array, Ragged) or width == 0:
                    blocks[key] = array
                    continue
                if key not in copied:
                    blocks[key] = blocks[key].copy()  # type: ignore[union-attr]
                    copied.add(key)
                blocks[key][:, position] = array  # type: ignore[index]
        return replace(encoded, blocks=blocks, features=None, seen={})

    def features(self, encoded: Encoded) -> Features:
        """All inputs as flat numbers for classical learners."""
        if encoded.features is not None and encoded.features[0] is self:
            return encoded.features[1]
        found = [column.features(self.arrays(encoded, column)) for column in self.inputs]
        values = np.empty((encoded.rows, sum(f.values.shape[1] for f in found)), dtype=np.float32)
        at = 0
        for features in found:
            width = features.values.shape[1]
            values[:, at : at + width] = features.values
            at += width
        joined = Features(values, [n for f in found for n in f.names], [c for f in found for c in f.categorical])
        if encoded.rows <= _FEW_ROWS:
            encoded.features = (self, joined)
        return joined

    def contents(self, encoded: Encoded) -> dict[str, np.ndarray]:
        """For each input that reads files: a number for what was read of each row; 0 where there was nothing.

        Files of other names that hold the same have the same number.
        """
        found = {}
        for column in self.inputs:
            if isinstance(column, FileColumn):
                arrays = self.arrays(encoded, column)
                numbers = sum((fingerprints(array) for array in arrays), np.zeros(encoded.rows, np.uint64))
                found[column.name] = np.where(blank(arrays, encoded.rows), np.uint64(0), numbers)
        return found

    def unread(
        self, frame: pl.DataFrame | Selection, encoded: Encoded, *, truth: bool = False
    ) -> dict[str, np.ndarray]:
        """For each input with cells that are there and cannot be read: their row numbers (from 0).

        Args:
            frame: the rows.
            encoded: the same rows encoded.
            truth: whether to tell of the targets that the frame has, too.
        """
        suspected = {c.name: (c, blank(self.arrays(encoded, c), encoded.rows)) for c in self.inputs}
        if truth:
            named = ((t, encoded.truth[t.name]) for t in self.targets if t.name in encoded.truth)
            suspected |= {t.name: (t, ~known(t.task or "regression", value)) for t, value in named}
        found = {name: unread(column, frame[name], rows) for name, (column, rows) in suspected.items()}
        return {name: rows for name, rows in found.items() if len(rows)}

    def unread_notes(
        self, frame: pl.DataFrame | Selection, found: Mapping[str, np.ndarray], numbers: np.ndarray | None = None
    ) -> list[Note]:
        """What `unread` found, in words.

        `numbers`: what the user calls each row of `frame`; None: as they are counted here.
        """
        notes = []
        for column in self.columns:
            if column.name in found:
                rows, series = found[column.name], frame[column.name]
                cells, there = series.gather(rows[:FIRST]), len(series) - series.null_count()
                rows = rows if numbers is None else numbers[rows]
                notes.append(unread_note(column, cells, rows, there, target=column in self.targets))
        return notes

    def remarks(self, frame: pl.DataFrame | Selection, numbers: np.ndarray | None = None) -> list[Note]:
        """What is to be told of cells of inputs that are read, though perhaps not as they are meant (see `Column`).

        `numbers`: what the user calls each row of `frame`; None: as they are counted here.
        """
        notes = []
        for column in self.inputs:
            series = frame[column.name]
            there = len(series) - series.null_count()
            for remark in column.remarks(series):
                rows = remark.rows if numbers is None else numbers[remark.rows]
                notes.append(remark_note(column, remark.what, rows, there))
        return notes

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON and arrays; array names are prefixed by the column's position."""
        json: dict[str, Any] = {}
        arrays: dict[str, np.ndarray] = {}
        for role, columns in (("inputs", self.inputs), ("targets", self.targets), ("left_out", self.left_out)):
            json[role] = []
            for position, column in enumerate(columns):
                state, own = column.to_state()
                json[role].append({"type": column.type, "name": column.name, "reason": column.reason, **state})
                arrays |= {f"{role}.{position}.{name}": array for name, array in own.items()}
        json["texts"] = None if self.texts is None else sorted(self.texts)
        return json, arrays

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> Schema:
        """The inverse of `to_state`; hostile contents are a `ModelFileError`."""
        inputs, targets, left_out = (_columns_from(json, arrays, role) for role in ("inputs", "targets", "left_out"))
        schema = cls(inputs, targets, left_out)
        if (texts := json.get("texts")) is not None:
            if not isinstance(texts, list) or not all(isinstance(name, str) for name in texts):
                raise _altered("its columns of text are not a list of names")
            schema.texts = frozenset(texts)
        names = [column.name for column in schema.columns]
        if len(set(names)) != len(names):
            raise _altered("it names a column twice")
        if not all(column.is_input for column in schema.inputs) or any(c.task is None for c in schema.targets):
            raise _altered("a column has a type that does not fit its place")
        return schema


def file_columns(types: Mapping[str, Any]) -> list[str]:
    """Of types given by the user, the columns whose cells are opened where they are paths.

    >>> file_columns({"call": "audio", "n": "number"})
    ['call']
    """
    return [name for name, given in types.items() if isinstance(_built(given, name), FileColumn)]


def require(frame: pl.DataFrame, names: Sequence[str]) -> None:
    """Every name must be a column; if not, a `DataError` suggests the nearest."""
    there = set(frame.columns)
    for name in names:
        if name not in there:
            near = get_close_matches(name, frame.columns, n=3, cutoff=0.5)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"There are {frame.columns}."
            message = f"there is no column {name!r}. {hint}"
            raise DataError(message)


def weights_of(frame: pl.DataFrame | Selection, name: str) -> np.ndarray:
    """The weight column as finite numbers of at least 0; anything else is refused with its row."""
    weight: np.ndarray = frame[name].cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
    bad = np.flatnonzero(~(weight >= 0) | np.isinf(weight))
    if len(bad):
        message = (
            f"weight column {name!r} holds {frame[name][int(bad[0])]!r} in row {int(bad[0])}; "
            "expected finite numbers of at least 0 and none missing"
        )
        raise DataError(message)
    return weight


def _target(series: pl.Series, given: Any) -> Column:
    name = series.name
    if holds_one_value(series):
        there = series.drop_nulls()
        what = f"one value only ({there[0]})" if len(there) else "no value at all"
        message = (
            f"target column {name!r} holds {what} in {len(series):,} rows, so there is nothing to learn; "
            "expected two classes or more, or numbers that differ"
        )
        raise DataError(message)
    if given is None:
        return _claimed(series, target=True)
    column = _given(series, given)
    if column.task is None:
        able = ", ".join(kind.type for kind in TYPES if kind.task is not None)
        message = f"target column {name!r} is given as {column.type}, which cannot be predicted; choose from {able}"
        raise DataError(message)
    return column


def _input(series: pl.Series, given: Any) -> Column:
    return _claimed(series) if given is None else _given(series, given)


def _claimed(series: pl.Series, *, target: bool = False, without: str = "") -> Column:
    """The first type that takes the series, other than the one named by `without`."""
    refusals: list[str] = []
    nearly: list[str] = []
    for kind in (kind for kind in TYPES if kind.type != without):
        try:
            column = kind.claim(series, name=series.name, target=target)
        except ColumnRefused as refusal:
            if kind.task is not None:
                refusals.append(f"{kind.type}: {refusal}")
            if refusal.near:
                nearly.append(f"not read as {kind.type}: {refusal}")
            continue
        column.doubt = "; ".join([*([column.doubt] if column.doubt else []), *nearly])
        if column.doubt:
            column.reason += f"; {column.doubt}"
        return column
    if not target:
        why = "; ".join([f"no column type reads cells of type {series.dtype}", *nearly])
        return Ignored(name=series.name, reason=why)
    message = f"column {series.name!r} cannot be a target, no type that can be predicted takes it. " + "; ".join(
        refusals
    )
    raise DataError(message)


def _given(series: pl.Series, given: Any) -> Column:
    """The type the user gave, checked to read at least one cell of those that are there."""
    column = _built(given, series.name)
    cells = sample(series)
    # The first few nearly always answer; opening ten thousand pictures would take its time.
    if len(cells) and column.malformed(cells.head(_FIRST)).all() and _learned(column, cells).malformed(cells).all():
        shown = examples(cells.head(1).to_list(), longest=_LONGEST_SHOWN)
        message = (
            f"column {series.name!r} is given as {column.type}, but none of its cells can be read as one; "
            f"the first is {shown}{f': {fault}' if (fault := column.sought(cells[0])) else ''}"
        )
        raise DataError(message)
    return column


def _declared(levels: Levels) -> Category:
    reason = f"categories, as the table declares them, {len(levels.values)} values"
    return Category(ordered=levels.values if levels.ordered else None, reason=reason)


def _learned(column: Column, cells: pl.Series) -> Column:
    """A copy that knows how these cells are written."""
    found = replace(column)
    found.learn(cells)
    return found


def _built(given: Any, name: str) -> Column:
    if isinstance(given, Column):
        return replace(given, name=name)
    if isinstance(given, type) and issubclass(given, Column):
        return given(name=name)
    entries = dict(given) if isinstance(given, Mapping) else {"type": given}
    kind = _kind(entries.pop("type", None), name)
    try:
        return kind(**{**entries, "name": name})
    except TypeError as error:
        known = [f.name for f in fields(kind) if f.init and f.name not in ("name", "reason", "doubt")]
        message = f"types[{name!r}]={given!r}: {error}. A {kind.type} has the options {known}"
        raise OptionError(message) from error


def _kind(wanted: Any, name: str) -> type[Column]:
    found = next((kind for kind in TYPES if kind.type == wanted), None)
    if found is None:
        message = f"types[{name!r}]={wanted!r} is no column type; expected one of {[kind.type for kind in TYPES]}"
        raise OptionError(message)
    return found


def _columns_from(json: dict[str, Any], arrays: dict[str, np.ndarray], role: str) -> list[Column]:
    entries = json.get(role)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _altered(f"its {role} are not a list of columns")
    own: list[dict[str, np.ndarray]] = [{} for _ in entries]
    for name, array in arrays.items():
        where, _, rest = name.partition(".")
        position, _, entry = rest.partition(".")
        if where == role and position.isdecimal() and int(position) < len(own):
            own[int(position)][entry] = array
    return [from_state(entry, mine) for entry, mine in zip(entries, own, strict=True)]


def _altered(what: str) -> ModelFileError:
    return ModelFileError(f"the model file was altered: {what}. Save the model again.")
