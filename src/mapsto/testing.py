"""The contracts as laws that anyone can run on a part of their own, from their tests.

`check_column(MyColumn, series)`, `check_network(MyNetwork)` and `check_objective(make, learning)` raise an
`AssertionError` that names the law which does not hold.
"""

from __future__ import annotations

import datetime
import decimal
import json
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mapsto.columns.base import Column, Guide
from mapsto.columns.common.parts import BagPart, CodePart, NumberPart, Part, Ragged, SensePart
from mapsto.columns.common.pictures import PicturePart
from mapsto.columns.common.unread import blank
from mapsto.columns.common.words import WordsPart
from mapsto.errors import ColumnRefused, MapstoError, ModelFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

Arrays = list["np.ndarray | Ragged"]

_ELSEWHERE = {"check_network": "mapsto.testing_networks", "check_objective": "mapsto.training.contract"}


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        message = f"mapsto.testing has no {name!r}; it has check_column, {', '.join(_ELSEWHERE)}"
        raise AttributeError(message)
    return getattr(import_module(_ELSEWHERE[name]), name)


def check_column(kind: Column | type[Column], series: pl.Series) -> None:
    """Run every law of a column type.

    Args:
        kind: the type, or an object of it with options.
        series: at least 10 rows of real values that it should read; the first two thirds are learned from.

    Raises:
        AssertionError: it breaks a law; the message says which.

    >>> import polars as pl
    >>> from mapsto.columns import Number
    >>> check_column(Number, pl.Series("age", [20, 31, 42, None, 25, 33, 61, 18, 27, 40, 55, 39]))
    """
    cells = series.clone()
    _check_claim(kind if isinstance(kind, type) else type(kind), series)
    train = series.head(len(series) * 2 // 3)
    column = _learned(kind, train)
    _check_learning(kind, column, train)
    for rows in [series, *_odd_rows(series)]:
        _check_encoding(column, rows)
    _check_rows_apart(column, series)
    _check_state(column, series)
    _check_hostile_states(column, series)
    _check_people(column, series)
    if column.task is not None:
        _check_target(column, series)
    _law("the series given is left untouched", holds=cells.equals(series, null_equal=True))


def _law(name: str, *, holds: bool) -> None:
    if not holds:
        message = f"the column type breaks a law: {name}"
        raise AssertionError(message)


def _learned(kind: Column | type[Column], series: pl.Series, guide: Guide | None = None) -> Column:
    column = replace(kind, name=series.name) if isinstance(kind, Column) else kind(name=series.name)
    column.learn(series, guide)
    return column


def _check_claim(kind: type[Column], series: pl.Series) -> None:
    for target in (False, True):
        for rows in [series, *_odd_rows(series)]:
            try:
                claimed = kind.claim(rows, name="x", target=target)
            except ColumnRefused as refusal:
                _law("a refusal has a reason", holds=bool(str(refusal)))
                continue
            _law("a claim has a reason and keeps the name", holds=bool(claimed.reason) and claimed.name == "x")
            _law("a target that is claimed can be one", holds=not target or claimed.task is not None)


def _check_learning(kind: Column | type[Column], column: Column, train: pl.Series) -> None:
    once = _saved(column)
    column.learn(train)
    _law("learning twice equals learning once", holds=_saved(column) == once)
    draw = np.random.default_rng(0)
    for guide in (
        Guide("regression", draw.normal(size=len(train))),
        Guide("classification", draw.integers(-1, 3, len(train))),
        Guide("multilabel", draw.integers(0, 2, (len(train), 2)).astype(np.float32)),
    ):
        _check_encoding(_learned(kind, train, guide), train)
    for nothing in (train.head(0), train.new_from_index(0, 0), _nulls(train)):
        _check_encoding(_learned(kind, nothing), train)


def _odd_rows(series: pl.Series) -> list[pl.Series]:
    """Rows of every dtype that may arrive where the training rows had another."""
    day = datetime.datetime(2024, 2, 29, 12, 30)
    odd: list[tuple[list[Any], Any]] = [
        ([], pl.String),
        ([None, None], pl.Null),
        (["", "  ", None, "never seen before", "\x00", "12", "1e400", "ÄÖ😀"], pl.String),
        ([1, -(2**63), None], pl.Int64),
        ([1, 2**64 - 1, None], pl.UInt64),
        ([1, -128, None], pl.Int8),
        ([float("nan"), float("inf"), -float("inf"), 1e308, -5e-324, None], pl.Float64),
        ([1.5, None], pl.Float32),
        ([True, False, None], pl.Boolean),
        ([decimal.Decimal("1.50"), None], pl.Decimal(10, 2)),
        (["a", "b", None], pl.Categorical),
        (["a", "b", None], pl.Enum(["b", "a"])),
        ([day, None], pl.Datetime("us")),
        ([day, None], pl.Datetime("ms", "Asia/Tokyo")),
        ([day.date(), None], pl.Date),
        ([day.time(), None], pl.Time),
        ([datetime.timedelta(days=1), None], pl.Duration("ms")),
        ([["a", None, ""], [], None], pl.List(pl.String)),
        ([[1, 2], None], pl.List(pl.Int64)),
        ([[1.0], None], pl.List(pl.Float64)),
        ([{"a": 1}, None], pl.Struct({"a": pl.Int64})),
        ([b"\xff", None], pl.Binary),
        ([object(), None], pl.Object),
    ]
    found = [pl.Series(series.name, values, dtype=dtype) for values, dtype in odd]
    return [*found, _nulls(series), *(found_.head(1) for found_ in found)]


def _nulls(series: pl.Series) -> pl.Series:
    return pl.Series(series.name, [None] * 3, dtype=series.dtype)


def _check_encoding(column: Column, rows: pl.Series) -> None:
    arrays, where = column.encode(rows), f"for {rows.dtype}"
    _law(f"one array per part {where}", holds=len(arrays) == len(column.parts))
    for part, array in zip(column.parts, arrays, strict=True):
        _law(f"part {part} is of this column", holds=part.column == column.name)
        _check_array(part, array, len(rows), where)
    if arrays:
        features = column.features(arrays)
        width = len(features.names)
        _law(
            f"features are float32 (rows, n) {where}",
            holds=features.values.shape == (len(rows), width) and features.values.dtype == np.float32,
        )
        _law("each feature says whether it holds codes", holds=len(features.categorical) == width)
        _law(f"features are finite or NaN {where}", holds=not np.isinf(features.values).any())
        _check_removal(column, arrays, rows)
    malformed = column.malformed(rows)
    _law(f"malformed is one boolean a row {where}", holds=malformed.shape == (len(rows),) and malformed.dtype == bool)
    _law(f"a missing cell is not malformed {where}", holds=not (malformed & rows.is_null().to_numpy()).any())
    _law(f"a malformed cell encodes to nothing {where}", holds=not (malformed & ~blank(arrays, len(rows))).any())
    summary = column.summary(rows)
    _law(f"summary is JSON with rows and missing {where}", holds={"rows", "missing"} <= set(_through_json(summary)))


def _check_array(part: Part, array: np.ndarray | Ragged, rows: int, where: str) -> None:
    _law(f"arrays have a row each {where}", holds=len(array) == rows)
    _law(f"key {part.key!r} is {'shared' if part.stacked else 'its own'}", holds=part.stacked == (":" not in part.key))
    if isinstance(part, NumberPart) and isinstance(array, np.ndarray):
        _law(f"numbers are float32 {where}", holds=array.dtype == np.float32)
        _law(f"numbers are finite or NaN {where}", holds=not np.isinf(array).any())
        edges = np.array(part.edges, dtype=np.float32)
        _law("edges rise strictly in float32", holds=len(edges) != 1 and bool((np.diff(edges) > 0).all()))
    elif isinstance(part, CodePart) and isinstance(array, np.ndarray):
        inside = bool(((array >= 0) & (array < part.size)).all())
        _law(f"codes are int32 in [0, size) {where}", holds=array.dtype == np.int32 and inside)
    elif isinstance(part, BagPart):
        _law("a bag is ragged with weights", holds=isinstance(array, Ragged) and array.weights is not None)
        if isinstance(array, Ragged) and array.weights is not None:
            inside = bool(((array.values >= 0) & (array.values < part.size)).all())
            _law(f"codes are int32 in [0, size) {where}", holds=array.values.dtype == np.int32 and inside)
            _law("weights are float32 and finite", holds=array.weights.dtype == np.float32)
            _law("weights are finite", holds=bool(np.isfinite(array.weights).all()))
            whole = array.offsets[0] == 0 and array.offsets[-1] == len(array.values) == len(array.weights)
            _law(f"offsets span all values {where}", holds=bool(whole))
    elif isinstance(part, PicturePart):
        shape = (rows, part.height, part.width, part.channels)
        packed = isinstance(array, np.ndarray) and array.dtype == np.uint8
        _law(f"pictures are uint8 (rows, height, width, channels) {where}", holds=packed and array.shape == shape)  # type: ignore[union-attr]
    elif isinstance(part, WordsPart):
        _law(f"words are ragged {where}", holds=isinstance(array, Ragged) and array.weights is None)
        if isinstance(array, Ragged):
            inside = bool(((array.values >= 0) & (array.values < part.size)).all())
            _law(f"words are int32 in [0, size) {where}", holds=array.values.dtype == np.int32 and inside)
            lengths, ends = np.diff(array.offsets), array.offsets[[0, -1]].tolist()
            _law(f"offsets span all words {where}", holds=ends == [0, len(array.values)] and bool((lengths >= 0).all()))
            _law(f"rows are cut at the length {where}", holds=bool((lengths <= part.length).all()))
    elif isinstance(part, SensePart):
        _law(f"{part.group}: the part holds what the column encodes {where}", holds=part.holds(array))
        if isinstance(array, Ragged):
            ends = array.offsets[0] == 0 and array.offsets[-1] == len(array.values) and array.weights is None
            _law(f"offsets span all {part.group} {where}", holds=bool(ends and (np.diff(array.offsets) >= 0).all()))


def _check_removal(column: Column, arrays: Arrays, rows: pl.Series) -> None:
    before = [array.copy() if isinstance(array, np.ndarray) else array for array in arrays]
    removed = column.remove(arrays)
    _law("removal leaves what it is given untouched", holds=_same(before, arrays))
    missing = column.encode(pl.Series(rows.name, [None] * len(rows), dtype=pl.Null))
    _law("a removed column looks like a missing one in every row", holds=_same(removed, missing))


def _check_rows_apart(column: Column, series: pl.Series) -> None:
    whole = column.encode(series)
    order = np.random.default_rng(3).permutation(len(series))
    _law("rows in another order encode in that order", holds=_same(_take(whole, order), column.encode(series[order])))
    many = np.tile(np.arange(len(series)), 300 // len(series) + 1)
    _law("many rows encode like few", holds=_same(_take(whole, many), column.encode(series[many])))
    for row in (0, len(series) - 1):
        alone = column.encode(series[row : row + 1])
        _law("a row's encoding does not depend on other rows", holds=_same(_take(whole, np.array([row])), alone))


def _check_state(column: Column, series: pl.Series) -> None:
    json_part, arrays = column.to_state()
    _law("JSON holds name and reason", holds={"name", "reason"} <= set(json_part))
    _law("arrays are plain", holds=all(type(a) is np.ndarray and a.dtype.kind in "fiub" for a in arrays.values()))
    again = type(column).from_state(_through_json(json_part), {name: a.copy() for name, a in arrays.items()})
    _law("what is saved and read saves the same", holds=_saved(again) == _saved(column))
    for rows in [series, *_odd_rows(series)]:
        _law("what is saved and read encodes the same", holds=_same(again.encode(rows), column.encode(rows)))


def _check_hostile_states(column: Column, series: pl.Series) -> None:
    """A changed state is refused with a `ModelFileError`, or makes a column that still works."""
    json_part, arrays = column.to_state()
    bad: list[Any] = [None, True, -1, 10**400, -1.5, float("nan"), float("inf"), "", "%", "x", [], [None], [[1]], {}]
    for entry, good in json_part.items():
        more = [[*good, *good], good[::-1], [*good, None]] if isinstance(good, list) else []
        for value in [*bad, *more]:
            _check_refused_or_sound(column, {**json_part, entry: value}, arrays, series, entry)
        _check_refused_or_sound(column, {k: v for k, v in json_part.items() if k != entry}, arrays, series, entry)
    for entry, array in arrays.items():
        _check_refused_or_sound(column, json_part, {k: v for k, v in arrays.items() if k != entry}, series, entry)
        bent = [
            array[:0],
            array[::-1],
            np.zeros(array.shape, np.float16),
            array[None],
            np.full_like(array, -1),
            array * 0 + 127,
        ]
        for other in bent:
            _check_refused_or_sound(column, json_part, {**arrays, entry: other}, series, entry)


def _check_refused_or_sound(
    column: Column, json_part: dict[str, Any], arrays: dict[str, np.ndarray], series: pl.Series, entry: str
) -> None:
    try:
        made = type(column).from_state(json_part, arrays)
    except ModelFileError as refusal:
        _law(f"the refusal of a bad {entry!r} says something", holds=bool(str(refusal)))
        return
    except (MapstoError, ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError) as error:
        message = f"the column type breaks a law: a bad {entry!r} is a ModelFileError, got {error!r}"
        raise AssertionError(message) from error
    for part, array in zip(made.parts, made.encode(series), strict=True):
        _check_array(part, array, len(series), f"with {entry!r} changed")


def _check_people(column: Column, series: pl.Series) -> None:
    _law("units name what is attributed to", holds=bool(column.units()))
    values = series.to_list()
    shown = [column.show(value) for value in [*values, None]]
    _law("values are shown in at most 60 characters", holds=all(isinstance(s, str) and len(s) <= 60 for s in shown))
    sent = [column.from_json(_through_json(column.to_json(value))) for value in values]
    back = pl.Series(series.name, sent, strict=False)
    _law("values sent as JSON encode the same", holds=_same(column.encode(back), column.encode(series)))


def _check_target(column: Column, series: pl.Series) -> None:
    truth = column.encode_target(series)
    for rows in _odd_rows(series):
        _law("any rows have a truth", holds=len(column.encode_target(rows)) == len(rows))
    draw, width = np.random.default_rng(5), column.out_features
    outputs = draw.normal(size=(len(series), width)).astype(np.float32)
    prediction = column.link(outputs)
    naive = column.naive(truth, 4)
    _law("link keeps the shape", holds=prediction.shape == outputs.shape)
    _law("link works with views", holds=column.link(outputs[:, None]).shape == (len(series), 1, width))
    _law("a naive guess has a row each", holds=naive.shape == (4, width) and bool(np.isfinite(naive).all()))
    decoded = column.decode(prediction)
    _law("decoded values have the column's name", holds=decoded.name == column.name and len(decoded) == len(series))
    unknown = column.decode(np.full((2, width), np.nan))
    _law("an unknown prediction decodes to null", holds=unknown.null_count() == 2)
    known, sure = _perfect(column, truth)
    again = column.encode_target(column.decode(sure))
    _law("decoding a perfect prediction gives back the truth", holds=bool(np.array_equal(again, truth[known])))
    if column.task != "regression":
        _law("there is a class for each output", holds=len(column.classes) == width)
        kept = column.decode(sure).dtype == series.dtype or not (series.dtype.is_integer() or series.dtype == pl.Enum)
        _law("decoded classes have the user's dtype", holds=kept)
    _check_loss(column, outputs[known], truth[known])


def _perfect(column: Column, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which rows have a truth, and predictions that say just that."""
    if column.task == "classification":
        known = truth >= 0
        return known, np.eye(column.out_features)[truth[known]]
    known = np.isfinite(truth.reshape(len(truth), -1)).all(axis=1)
    return known, truth[known].reshape(int(known.sum()), -1)


def _check_loss(column: Column, outputs: np.ndarray, truth: np.ndarray) -> None:
    import torch

    ready = torch.tensor(outputs, requires_grad=True)
    values = column.loss(None, {})(ready, torch.as_tensor(column.to_training(truth)))
    _law("a loss has one finite value a row", holds=values.shape == (len(truth),) and bool(values.isfinite().all()))
    values.sum().backward()
    gradient = ready.grad
    _law("a loss has a gradient", holds=gradient is not None and bool(gradient.isfinite().all()))


def _take(arrays: Arrays, rows: np.ndarray) -> Arrays:
    return [array.take(rows) if isinstance(array, Ragged) else array[rows] for array in arrays]


def _same(first: Sequence[np.ndarray | Ragged], second: Sequence[np.ndarray | Ragged]) -> bool:
    return len(first) == len(second) and all(map(_equal, first, second))


def _equal(first: np.ndarray | Ragged, second: np.ndarray | Ragged) -> bool:
    if isinstance(first, Ragged) and isinstance(second, Ragged):
        return all(
            np.array_equal(a, b)
            for a, b in (
                (first.values, second.values),
                (first.offsets, second.offsets),
                (
                    first.weights if first.weights is not None else 0,
                    second.weights if second.weights is not None else 0,
                ),
            )
        )
    if isinstance(first, Ragged) or isinstance(second, Ragged):
        return False
    return first.dtype == second.dtype and np.array_equal(first, second, equal_nan=first.dtype.kind == "f")


def _saved(column: Column) -> tuple[str, dict[str, bytes]]:
    json_part, arrays = column.to_state()
    return json.dumps(json_part, sort_keys=True), {name: array.tobytes() for name, array in arrays.items()}


def _through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))
