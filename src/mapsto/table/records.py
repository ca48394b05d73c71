"""JSON tables: one object a line (JSON Lines), or one document with a list of records or a mapping of columns."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mapsto.errors import DataError, is_panic, translated
from mapsto.table.delimited import MOST_BROKEN
from mapsto.table.layout import HEAD, decoded, wide_encoding
from mapsto.table.names import require_columns
from mapsto.table.notes import Note, examples, listed, plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from mapsto.table.sources import Source

DEPTH = 32
"""Brackets inside brackets: libraries take a time that grows faster than depth."""
FREE_CELLS, MOST_CELLS_A_BYTE = 1 << 24, 4
"""Records times names, refused above both: a file may name a new column in every record."""
_SAMPLE = 2_000
_STEP = 1 << 24
_LONG_INTEGER = re.compile(r"[0-9]{19}")
_DIGITS = 18
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def read_json_lines(source: Source, *, align: bool = False) -> tuple[pl.DataFrame, list[Note]]:
    """Read one JSON object a line; lines that are none are set aside and named (`align`: become rows of nulls).

    Raises:
        DataError: no record, or more broken lines than may be set aside.
    """
    if not source.head(HEAD).strip():
        message = f"{source.name} is empty; expected one JSON object a line"
        raise DataError(message)
    _require_shallow(source)
    if _is_regular(source):
        try:
            return pl.read_ndjson(source.body, infer_schema_length=None), []
        except (pl.exceptions.PolarsError, OSError):
            pass  # polars does not say where: the slow way finds every bad line
        except BaseException as error:
            if not is_panic(error):
                raise
    text, notes = _text(source)
    load = _loader(text, source.name, notes)
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    records, problems = [], []
    for number, line in lines:
        record, problem = _record(line, load)
        records.append(record)
        problems += [(number, problem)] if problem else []
    notes += _judge(source.name, problems, len(records), "line", align=align)
    kept = [r if r is not None else {} for r in records if align or r is not None]
    return _frame(kept, source), notes


def read_json(source: Source, *, align: bool = False) -> tuple[pl.DataFrame, list[Note]]:
    """Read a JSON document: `[{...}, ...]`, `{"rows": [{...}, ...]}`, `{"a": [...], "b": [...]}`, or pandas' default
    `{"a": {"0": ...}, ...}`.

    Raises:
        DataError: the document is not JSON (line and column are named) or has another form.
    """
    _require_shallow(source)
    text, notes = _text(source)
    try:
        document = _loader(text, source.name, notes)(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and _record(text.lstrip().partition("\n")[0], json.loads)[0] is not None:
            return read_json_lines(source, align=align)
        message = (
            f"{source.name}, line {error.lineno}, column {error.colno}: {error.msg}. Expected a whole JSON document; "
            "it may be cut off. Write it again, or use JSON Lines (.jsonl)."
        )
        raise DataError(message) from error
    if isinstance(document, dict) and len(document) == 1 and _is_records(next(iter(document.values()))):
        document = next(iter(document.values()))
    if isinstance(document, dict):
        return _from_columns(document, source), notes
    if not isinstance(document, list) or not document:
        found = "an empty list" if document == [] else f"a {type(document).__name__}"
        message = f"{source.name} holds {found}; expected a list of records or a mapping of columns to lists"
        raise DataError(message)
    problems = [(n, "no object") for n, record in enumerate(document, start=1) if not isinstance(record, dict)]
    notes += _judge(source.name, problems, len(document), "record", align=align)
    records = [r if isinstance(r, dict) else {} for r in document if align or isinstance(r, dict)]
    return _frame(records, source), notes


def _text(source: Source) -> tuple[str, list[Note]]:
    data = source.read()
    try:
        if wide_encoding(data[:HEAD]) is None:
            return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        pass  # `decoded` finds the encoding and says so
    text, note = decoded(source)
    return text.lstrip("\ufeff"), [note]


def _loader(text: str, name: str, notes: list[Note]) -> Callable[[str], Any]:
    """`json.loads`, with whole numbers that do not fit into 64 bits kept as texts, digit for digit, and halves of
    letters (lone surrogates, which no file can hold) replaced by U+FFFD; as fast as it is where there are none.
    """
    options: dict[str, Any] = {"parse_int": _integer} if _LONG_INTEGER.search(text) else {}
    if not _SURROGATE.search(text):
        return lambda each: json.loads(each, **options)
    if halves := sum(bool(escape[1]) for escape in _ESCAPE.finditer(text)):
        told = f"{plural(halves, 'half letter')} (a lone surrogate) in {name} became U+FFFD: no text can hold it."
        notes.append(Note("repair", told, count=halves))
    return lambda each: json.loads(_ESCAPE.sub(_whole_letter, each), **options)


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _DIGITS else digits


def _whole_letter(escape: re.Match[str]) -> str:
    return r"\ufffd" if escape[1] else escape[0]


def _require_shallow(source: Source) -> None:
    """Refuse brackets inside brackets without end, before a parser follows them."""
    deepest, rest = 0, b""
    inside, depth = False, 0
    for piece in source.chunks(_STEP):
        data = rest + piece
        open_escape = (len(data) - len(data.rstrip(b"\\"))) % 2  # it is looked at whole, with the next piece
        data, rest = data[: len(data) - open_escape], data[len(data) - open_escape :]
        marks = np.frombuffer(
            data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_MARKS), dtype=np.uint8
        )
        quotes = marks == ord('"')
        outside = ((np.cumsum(quotes, dtype=np.uint8) + inside) & 1) == 0
        steps = (((marks == ord("[")) | (marks == ord("{"))) & outside).astype(np.int32)
        steps -= ((marks == ord("]")) | (marks == ord("}"))) & outside
        if len(marks):
            depths = depth + np.cumsum(steps)
            deepest, depth = max(deepest, int(depths.max())), int(depths[-1])
            inside = not bool(outside[-1])
        if deepest > DEPTH:
            message = f"{source.name} has {deepest} or more brackets inside each other; expected at most {DEPTH}"
            raise DataError(message)


_NO_MARKS = bytes(set(range(256)) - set(b'[]{}"'))


def _is_regular(source: Source) -> bool:
    """Whether lines have so many names in common that a rectangle of all of them is not far larger than the file.

    The most colons of a line bounds how many names one line has; lines drawn at random say how many differ.
    """
    lines = most = left = 0
    for piece in source.chunks(_STEP):
        marks = np.frombuffer(piece.translate(None, _NO_COLONS), dtype=np.uint8)
        ends = np.flatnonzero(marks == ord("\n"))
        lines += len(ends)
        counts = np.diff(ends, prepend=-1) - 1
        if len(counts):
            counts[0] += left
            most, left = max(most, int(counts.max())), len(marks) - 1 - int(ends[-1])
        else:
            left += len(marks)
    most, bound = max(most, left), max(FREE_CELLS, MOST_CELLS_A_BYTE * source.size)
    if (lines + 1) * most > bound:
        return False
    if (lines + 1) * min(most * (lines + 1), _SAMPLE * most) <= bound:
        return True
    some = source.read().split(b"\n")
    drawn = np.random.default_rng().integers(0, len(some), _SAMPLE)
    names = {name for line in drawn for name in re.findall(rb'"([^"]*)"\s*:', some[line])}
    return (lines + 1) * len(names) <= bound


_NO_COLONS = bytes(set(range(256)) - set(b":\n"))


def _record(line: str, load: Callable[[str], Any]) -> tuple[dict[str, Any] | None, str | None]:
    try:
        record = load(line)
    except json.JSONDecodeError:
        return None, "not valid JSON"
    return (record, None) if isinstance(record, dict) else (None, f"a {type(record).__name__}, not an object")


def _judge(name: str, problems: list[tuple[int, str]], count: int, unit: str, *, align: bool) -> list[Note]:
    """A note on records set aside, or a refusal where they are too many."""
    if not problems:
        return []
    numbers = [number for number, _ in problems]
    kinds = dict.fromkeys(problem for _, problem in problems)
    what = "; ".join(
        f"{unit} {listed((n for n, p in problems if p == kind), sum(p == kind for _, p in problems))}: {kind}"
        for kind in kinds
    )
    if len(problems) > MOST_BROKEN * count:
        message = (
            f"{name}: {len(problems):,} of {count:,} {unit}s are no records ({what}). Expected a JSON object in each, "
            f"and at most {MOST_BROKEN:.0%} to set aside. Correct them or write the file again."
        )
        raise DataError(message)
    done = "became rows of missing values" if align else "were set aside"
    text = f"{plural(len(problems), f'broken {unit}')} of {count:,} in {name} {done} ({what})."
    return [Note("repair", text, count=len(problems), lines=examples(numbers))]


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _from_columns(document: dict[str, Any], source: Source) -> pl.DataFrame:
    """Columns as lists, or as mappings from the name of a row, which say which cells belong together."""
    name, values = source.name, list(document.values())
    if values and all(isinstance(v, dict) for v in values):
        rows = dict.fromkeys(row for cells in values for row in cells)
        _require_cells(len(rows), len(values), source)
        document = {column: [cells.get(row) for row in rows] for column, cells in document.items()}
    elif not values or not all(isinstance(v, list) for v in values):
        message = f"{name} is one JSON object; expected a list of records, or columns as lists of equal length"
        raise DataError(message)
    lengths = {column: len(cells) for column, cells in document.items()}
    if len(set(lengths.values())) > 1:
        some = dict(list(lengths.items())[:8])
        message = f"{name} has columns of different lengths {some}; expected as many values in each"
        raise DataError(message)
    return _columns(document, name)


def _frame(records: list[dict[str, Any]], source: Source) -> pl.DataFrame:
    """Records as a frame; a key that is not in all of them is missing in the others, mixed values become text."""
    if not any(records):
        message = f'{source.name} holds no record with a value; expected objects like {{"a": 1}}'
        raise DataError(message)
    names = dict.fromkeys(key for record in records for key in record)
    _require_cells(len(records), len(names), source)
    return _columns({name: [record.get(name) for record in records] for name in names}, source.name)


def _columns(cells: dict[str, list[Any]], name: str) -> pl.DataFrame:
    require_columns(len(cells), name)
    with translated(f"{name} cannot be read as a table"):
        return pl.DataFrame([pl.Series(column, values, strict=False) for column, values in cells.items()])


def _require_cells(rows: int, columns: int, source: Source) -> None:
    """Refuse a rectangle far larger than what is in it."""
    most = max(FREE_CELLS, MOST_CELLS_A_BYTE * source.size)
    if rows * columns > most:
        message = (
            f"{source.name} was refused: its {rows:,} records have {columns:,} different names together, which makes "
            f"{rows * columns:,} cells; expected at most {most:,} for {source.size:,} bytes. Are some names values?"
        )
        raise DataError(message)
