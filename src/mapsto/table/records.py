"""JSON tables: one object a line (JSON Lines), or one document with a list of records or a mapping of columns."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
from polars.exceptions import PanicException, PolarsError

from mapsto.errors import DataError
from mapsto.table.delimited import MOST_BROKEN
from mapsto.table.layout import HEAD, decoded, wide_encoding
from mapsto.table.notes import Note, examples, listed, plural
from mapsto.table.sources import Source


def read_json_lines(source: Source, *, align: bool = False) -> tuple[pl.DataFrame, list[Note]]:
    """Read one JSON object a line; lines that are none are set aside and named (`align`: become rows of nulls).

    Raises:
        DataError: no record, or more broken lines than may be set aside.
    """
    if not source.head(HEAD).strip():
        message = f"{source.name} is empty; expected one JSON object a line"
        raise DataError(message)
    try:
        return pl.read_ndjson(source.body, infer_schema_length=None), []
    except (PolarsError, PanicException, OSError):
        pass  # polars does not say where: the slow way finds every bad line
    text, notes = _text(source)
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    records, problems = [], []
    for number, line in lines:
        record, problem = _record(line)
        records.append(record)
        problems += [(number, problem)] if problem else []
    notes += _judge(source.name, problems, len(records), "line", align=align)
    return _frame([r if r is not None else {} for r in records if align or r is not None], source.name), notes


def read_json(source: Source, *, align: bool = False) -> tuple[pl.DataFrame, list[Note]]:
    """Read a JSON document: `[{...}, ...]`, `{"rows": [{...}, ...]}`, `{"a": [...], "b": [...]}`, or pandas' default
    `{"a": {"0": ...}, ...}`.

    Raises:
        DataError: the document is not JSON (line and column are named) or has another form.
    """
    text, notes = _text(source)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        message = (
            f"{source.name}, line {error.lineno}, column {error.colno}: {error.msg}. Expected a whole JSON document; "
            "it may be cut off. Write it again, or use JSON Lines (.jsonl)."
        )
        raise DataError(message) from error
    except RecursionError as error:
        message = f"{source.name} is nested too deeply for a table; expected a list of records"
        raise DataError(message) from error
    if isinstance(document, dict) and len(document) == 1 and _is_records(next(iter(document.values()))):
        document = next(iter(document.values()))
    if isinstance(document, dict):
        return _from_columns(document, source.name), notes
    if not isinstance(document, list) or not document:
        found = "an empty list" if document == [] else f"a {type(document).__name__}"
        message = f"{source.name} holds {found}; expected a list of records or a mapping of columns to lists"
        raise DataError(message)
    problems = [(n, "no object") for n, record in enumerate(document, start=1) if not isinstance(record, dict)]
    notes += _judge(source.name, problems, len(document), "record", align=align)
    records = [r if isinstance(r, dict) else {} for r in document if align or isinstance(r, dict)]
    return _frame(records, source.name), notes


def _text(source: Source) -> tuple[str, list[Note]]:
    data = source.read()
    try:
        if wide_encoding(data[:HEAD]) is None:
            return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        pass  # `decoded` finds the encoding and says so
    text, note = decoded(source)
    return text.lstrip("\ufeff"), [note]


def _record(line: str) -> tuple[dict[str, Any] | None, str | None]:
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        return None, "not valid JSON" if isinstance(error, json.JSONDecodeError) else "nested too deeply"
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


def _from_columns(document: dict[str, Any], name: str) -> pl.DataFrame:
    """Columns as lists, or as mappings with the same keys."""
    values = list(document.values())
    if values and all(isinstance(v, dict) and v.keys() == values[0].keys() for v in values):
        document = {column: list(cells.values()) for column, cells in document.items()}
    elif not values or not all(isinstance(v, list) for v in values):
        message = f"{name} is one JSON object; expected a list of records, or columns as lists of equal length"
        raise DataError(message)
    lengths = {column: len(cells) for column, cells in document.items()}
    if len(set(lengths.values())) > 1:
        message = f"{name} has columns of different lengths {lengths}; expected as many values in each"
        raise DataError(message)
    return pl.DataFrame([pl.Series(column, cells, strict=False) for column, cells in document.items()])


def _frame(records: list[dict[str, Any]], name: str) -> pl.DataFrame:
    """Records as a frame; a key that is not in all of them is missing in the others, mixed values become text."""
    if not any(records):
        message = f'{name} holds no record with a value; expected objects like {{"a": 1}}'
        raise DataError(message)
    names = dict.fromkeys(key for record in records for key in record)
    return pl.DataFrame([pl.Series(key, [record.get(key) for record in records], strict=False) for key in names])
