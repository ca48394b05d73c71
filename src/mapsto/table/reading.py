"""`read`: any table, from anywhere, as a polars frame with notes on what was found."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mapsto.errors import DataError
from mapsto.table import kinds
from mapsto.table.binary import read_arrow, read_parquet
from mapsto.table.contents import foreign
from mapsto.table.delimited import read_delimited
from mapsto.table.frame import Table
from mapsto.table.layout import HEAD, NO_SEPARATOR, sniff
from mapsto.table.listing import absolute, fixed_folder, is_pattern, matching
from mapsto.table.media import nothing_in, read_media
from mapsto.table.notes import Note
from mapsto.table.numbers import typed_table
from mapsto.table.paths import beside, path_columns, require_below
from mapsto.table.records import read_json, read_json_lines
from mapsto.table.sources import Source, is_zip, sources, stem
from mapsto.table.suffixes import (
    ARROW,
    DELIMITED,
    EXCEL,
    FORMS,
    JSON_LINES,
    PACKED,
    PARQUET,
    folder_role,
    names_only_table,
    names_table,
    role_of,
)
from mapsto.table.tidying import tidy
from mapsto.table.workbooks import read_excel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mapsto.table.frame import Spelled, Untyped


def read(
    data: Any,
    *,
    sheet: str | int | None = None,
    align: bool = False,
    allow_paths: bool = False,
    spelled: Mapping[str, Spelled] | None = None,
    files: Iterable[str] = (),
) -> Table:
    """Read a table.

    Args:
        data: a path (see `FORMS`, plain or in .gz or .zip), a folder or zip with train, valid and test tables, or of
            pictures, sounds, texts or clips (see `media`), a pattern of files such as "digits/*.wav", a pandas, polars
            or pyarrow table, a dict of columns, or a `Table`.
        sheet: for Excel, the sheet's name or number (from 1).
        align: keep broken records of text files as rows of nulls instead of setting them aside, so that row i is
            still the file's i-th record.
        allow_paths: whether cells of a table file may name pictures, sounds and clips outside the table's folder. In
            frames of the caller's own they always may.
        spelled: how cells of text files are read, by column, where that is decided: left as they stand, or as numbers
            with a decimal sign.
        files: columns that are known to name pictures, sounds or clips, whatever their cells end with.

    Raises:
        DataError: it is no table; the message says what was seen, where, and what to do.
        MissingExtra: Excel without the extra "excel".

    >>> read({"a": [1, 2], "b": ["x", None]}).frame.shape
    (2, 2)
    """
    if isinstance(data, Table):
        return data
    if isinstance(data, str | os.PathLike):
        return typed_table(_read_path(Path(os.fspath(data)), Manner(sheet, align, allow_paths, tuple(files))), spelled)
    raw, kind = kinds.from_object(data)
    frame, notes = tidy(raw, own=True)
    notes = [*kinds.index_notes(data), *notes]
    if not frame.width:
        message = "the table has no columns; expected at least one to learn from and one to predict"
        raise DataError(message)
    return Table(frame, kind, notes=notes, like=data, raw=raw, levels=kinds.levels_of(data))


@dataclass(frozen=True)
class Manner:
    """How files are read; see `read`."""

    sheet: str | int | None = None
    align: bool = False
    allow_paths: bool = False
    files: tuple[str, ...] = ()


def _read_path(path: Path, how: Manner) -> Table:
    pattern = is_pattern(path)
    if not (pattern or path.exists()):
        raise DataError(_not_found(path))
    try:
        table = read_media(path) or _tables_or_media(path, how)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise DataError(message) from error
    name = fixed_folder(path).resolve().name if pattern else path.resolve().name if path.is_dir() else stem(path)
    return replace(table, kind="path", name=name, origin=absolute(path))


def _tables_or_media(path: Path, how: Manner) -> Table:
    """The tables; but files in folders of classes, where a table beside them names none of them (classes.csv)."""
    media = read_media(path, beside_tables=True) if path.is_dir() or is_zip(path) else None
    if media is None:
        return _read_tables(path, how)
    try:
        table = _read_tables(path, how)
    except DataError as error:
        why = str(error)
    else:
        if path_columns(table.frame):
            return table
        why = f"its columns {table.frame.columns[:5]} hold no names of files"
    text = f"{path}: the folders of files are the data; the table beside them was passed over ({why[:200]})."
    return replace(media, notes=[Note("warning", text), *media.notes])


def _read_tables(path: Path, how: Manner) -> Table:
    """The tables that a path, a folder or a pattern leads to, as one."""
    if path.is_dir():
        tables, notes = _folder(path, how)
    else:
        tables, notes = _files(matching(path) if is_pattern(path) else [path], how)
    if not tables:
        raise DataError(nothing_in(path))
    table = _assembled(tables, str(path))
    return replace(table, notes=[*notes, *table.notes])


def _files(paths: Iterable[Path], how: Manner) -> tuple[dict[str, Table], list[Note]]:
    """The tables of some files by name; a zip may hold several."""
    notes, found = list[Note](), list[tuple[Source, Path]]()
    for path in paths:
        inside, more = sources(path)
        found += [(source, path) for source in inside if _is_table(source, inside)]
        if other := [source.inner for source in inside if not _is_table(source, inside)]:
            text = f"Not read in {path.name}: {', '.join(map(repr, other[:5]))}, whose names are not those of tables."
            more.append(Note("info", text, count=len(other)))
        notes += more
    tables = dict[str, Table]()
    stems = Counter(source.stem for source, _ in found)
    names = [source.stem if stems[source.stem] == 1 else source.inner for source, _ in found]
    sure = [(name, *one) for name, one in zip(names, found, strict=True) if names_only_table(one[0].inner)]
    rest = [(name, *one) for name, one in zip(names, found, strict=True) if not names_only_table(one[0].inner)]
    for name, source, path in sure:
        tables[name] = _placed(_read_source(source, how), path, how)
    for name, source, path in rest:
        table = _read_source(source, how) if not sure else _like(source, tables, how)
        if table is None:
            text = f"{source.name!r} was not read: it is no table with the columns of {list(tables)[:3]}."
            notes.append(Note("info", text))
        else:
            tables[name] = _placed(table, path, how)
    order = [name for name in names if name in tables]
    return {name: tables[name] for name in order}, notes


def _placed(table: Table, path: Path, how: Manner) -> Table:
    """Cells that name files are looked up in the folder of the table, and must lie in it unless others are allowed."""
    if not how.allow_paths:
        require_below(table.frame, path.parent, path.name)
        table = replace(table, within={"train": (os.path.realpath(path.parent),)})
    return beside(table, path.parent, how.files)


def _is_table(source: Source, others: list[Source]) -> bool:
    """The only file is taken for a table whatever its name; of several, those whose names say so."""
    return len(others) == 1 or source.suffix in FORMS


def _like(source: Source, tables: dict[str, Table], how: Manner) -> Table | None:
    """A file such as notes.txt beside tables: one more of them if it has columns of theirs, else None."""
    try:
        table = _read_source(source, how)
    except DataError:
        return None
    columns = set(table.frame.columns)
    return table if any(columns <= set(other.frame.columns) for other in tables.values()) else None


def _not_found(path: Path) -> str:
    parent = path.parent
    if not parent.is_dir():
        return f"there is no file {str(path)!r}: the folder {str(parent)!r} does not exist"
    names = [entry.name for entry in parent.iterdir()]
    near = get_close_matches(path.name, names, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"The folder holds {sorted(names)[:10]}."
    return f"there is no file {path.name!r} in {str(parent.resolve())!r}. {hint}"


def _read_source(source: Source, how: Manner) -> Table:
    """One table, by its content where that shows, else by its suffix; where they differ, that is told."""
    seen, told = source.content, _form(source.suffix)
    form = told or ("text" if seen == "text" and not source.suffix else None)
    if seen in ("parquet", "arrow", "excel", "zip"):
        form = "excel" if seen == "zip" else seen
    elif (kind := foreign(source.head(_LOOK))) is not None:
        message = f"{source.name} is no table that mapsto reads; it is {kind}. Expected one of {', '.join(FORMS)}."
        raise DataError(message)
    elif seen == "json" and told not in ("json", "lines"):
        form = "json"
    elif seen == "text" and told in ("parquet", "arrow", "excel"):
        if sniff(source.head(HEAD), "").separator == NO_SEPARATOR:
            message = (
                f"{source.name} is no {told} file: it begins with {source.head(40)!r}. Expected what its name says, or "
                "a text table."
            )
            raise DataError(message)
        form = "text"
    if form is None:
        message = (
            f"{source.name}: {source.suffix!r} is no kind of table mapsto reads; expected one of {', '.join(FORMS)}, "
            f"plain or as {' or '.join(PACKED)}"
        )
        raise DataError(message)
    frame, notes, untyped = _READERS[form](source, how)
    if told is not None and form != told and {form, told} != {"json", "lines"}:
        text = f"{source.name} is {_NOUNS[form]}, which its name does not say; it was read as such."
        notes = [Note("info", text), *notes]
    frame, lost = tidy(frame)
    return Table(frame, notes=[*notes, *lost], untyped=untyped)


_LOOK = 4096
_Read = tuple[pl.DataFrame, list[Note], "Untyped | None"]
_READERS: dict[str, Callable[[Source, Manner], _Read]] = {
    "parquet": lambda source, how: (*read_parquet(source), None),
    "arrow": lambda source, how: (*read_arrow(source), None),
    "excel": lambda source, how: (*read_excel(source, how.sheet), None),
    "lines": lambda source, how: (*read_json_lines(source, align=how.align), None),
    "json": lambda source, how: (*read_json(source, align=how.align), None),
    "text": lambda source, how: read_delimited(source, align=how.align),
}
_NOUNS = {"parquet": "Parquet", "arrow": "Arrow", "excel": "an Excel workbook", "text": "a text table",
          "json": "JSON", "lines": "JSON Lines"}  # fmt: skip


def _form(suffix: str) -> str | None:
    """The reader that a suffix asks for."""
    by_suffix = {"parquet": PARQUET, "arrow": ARROW, "excel": EXCEL, "lines": JSON_LINES, "json": (".json",),
                 "text": DELIMITED}  # fmt: skip
    return next((form for form, suffixes in by_suffix.items() if suffix in suffixes), None)


def _folder(path: Path, how: Manner) -> tuple[dict[str, Table], list[Note]]:
    """The tables of a folder by name; a folder inside whose name is a role is one table, its files one below the
    other.
    """
    entries = [entry for entry in sorted(path.iterdir()) if not entry.name.startswith(".")]
    files = [e for e in entries if e.is_file() and (names_table(e.name) or e.suffix.lower() == ".zip")]
    tables, notes = _files(files, how)
    for entry in entries:
        if entry.is_dir() and folder_role(entry.name):
            inner, more = _folder(entry, how)
            if inner:
                tables[entry.name] = _stacked(inner, str(entry))
            else:
                more.append(Note("info", f"The folder {str(entry)!r} holds no table and was not read."))
            notes += more
    return tables, notes


def _assembled(tables: dict[str, Table], where: str) -> Table:
    """Several tables as one with its parts: by their roles, or one below the other where all have the same columns."""
    roles: dict[str, list[str]] = {}
    for name in tables:
        if found := folder_role(name) or role_of(name):
            roles.setdefault(found, []).append(name)
    if "train" not in roles or len(tables) == 1:
        return _stacked(tables, where)
    parts: dict[str, Table] = {}
    for role, names in roles.items():
        if len(names) > 1:
            message = f"{where} has several tables for {role!r}: {names}. Expected one; move the others away."
            raise DataError(message)
        parts[role] = tables[names[0]]
    train = parts.pop("train")
    used = [name for names in roles.values() for name in names]
    notes = [note for role, table in parts.items() for note in _prefixed(table.notes, role)]
    text = f"{where}: " + ", ".join(f"{names[0]!r} holds the {role} rows" for role, names in roles.items()) + "."
    if ignored := [name for name in tables if name not in used]:
        text += f" Not used: {ignored}."
    notes.append(Note("info", text))
    within = train.within | {role: table.within["train"] for role, table in parts.items() if table.within}
    frames = {role: table.frame for role, table in parts.items()}
    return replace(train, parts=frames, notes=[*train.notes, *notes], within=within)


def _stacked(tables: dict[str, Table], where: str) -> Table:
    """Tables with the same columns one below the other, in the order of their names."""
    first = next(iter(tables.values()))
    if len(tables) == 1:
        return first
    for name, table in tables.items():
        if set(table.frame.columns) != set(first.frame.columns):
            message = (
                f"{where} holds several tables with different columns: {next(iter(tables))!r} has "
                f"{first.frame.columns[:8]}, {name!r} has {table.frame.columns[:8]}. Expected one table, files of the "
                "same columns, or names that say train, valid and test. Give the path of one file."
            )
            raise DataError(message)
    columns = first.frame.columns
    frame = pl.concat((t.frame.select(columns) for t in tables.values()), how="vertical_relaxed", rechunk=False)
    notes = [note for name, table in tables.items() for note in _prefixed(table.notes, name)]
    notes.append(Note("info", f"{len(tables)} tables of {where} were read one below the other: {list(tables)[:10]}."))
    untyped = None if first.untyped is None else replace(first.untyped, first_line=None)
    folders = dict.fromkeys(folder for table in tables.values() for folder in table.within.get("train", ()))
    within = {"train": tuple(folders)} if folders else {}
    return replace(first, frame=frame, notes=notes, untyped=untyped, within=within)


def _prefixed(notes: Iterable[Note], part: str) -> list[Note]:
    return [replace(note, text=f"In {part!r}: {note.text}") for note in notes]
