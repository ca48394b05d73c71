"""What a fit reads: the table, labels that lie in file names, validation and test rows, and the hash of it all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mapsto.errors import DataError
from mapsto.fitting.options import is_table
from mapsto.schema import file_columns
from mapsto.table import Note, files_fingerprint, fingerprint, labelled, read

if TYPE_CHECKING:
    import polars as pl

    from mapsto.fitting.options import Options
    from mapsto.table import Table
    from mapsto.table.frame import Spelled


def read_rows(data: Any, options: Options) -> tuple[Table, Options]:
    """The table with all rows that were given, its parts being the validation and test rows with a table of their own.

    What the caller says about validation and test rows goes before what a folder holds for them. Columns that only
    say where a row comes from, such as file names, are kept and not learned from, unless `inputs=` names them. Columns
    that are only kept stay as they stand in the file.
    """
    aside = [name for name in options.keep if name not in (options.inputs or [])]
    read_aside: dict[str, Spelled] = dict.fromkeys(aside, "text")
    files = file_columns(options.types)
    table = read(data, sheet=options.sheet, allow_paths=options.allow_paths, spelled=read_aside, files=files)
    table = labelled(table, options.patterns)
    parts, notes, within = dict(table.parts), list(table.notes), dict(table.within)
    for role, given in (("valid", options.valid), ("test", options.test)):
        if given is not None and role in parts:
            rows = parts.pop(role).height
            within.pop(role, None)
            text = f"The {rows:,} {role} rows of {table.origin} were left out, since {role}={_shown(given)} was given."
            notes.append(Note("info", text, count=rows))
        elif given is None and role in parts and not _has_targets(parts[role], options):
            rows = parts.pop(role).height
            text = (
                f"The {rows:,} {role} rows of {table.origin} have no value in {options.targets}: they are rows to "
                f"predict, not to {'judge' if role == 'test' else 'choose'} by. They were left out, others are cut."
            )
            notes.append(Note("warning", text, count=rows))
        if is_table(given):
            own = read(given, allow_paths=options.allow_paths, spelled=table.spelled(), files=files)
            own = labelled(own, {name: p for name, p in options.patterns.items() if name not in own.frame.columns})
            _require_targets(own.frame, options, f"{role}={_shown(given)}")
            parts[role] = own.frame
            within |= {role: own.within["train"]} if own.within else {}
            notes += [replace(note, text=f"In the {role} rows: {note.text}") for note in own.notes]
    taken = {*options.targets, *options.keep, *(options.inputs or [])}
    kept = [*options.keep, *(name for name in table.names if name not in taken)]
    return replace(table, parts=parts, notes=notes, within=within), replace(options, keep=kept)


def _has_targets(frame: pl.DataFrame, options: Options) -> bool:
    """Whether some row says what a target is."""
    return any(name in frame.columns and frame[name].null_count() < frame.height for name in options.targets)


def _require_targets(frame: pl.DataFrame, options: Options, given: str) -> None:
    if absent := [name for name in options.targets if name not in frame.columns]:
        message = (
            f"{given} has no column {absent[0]!r}, which is to be predicted; it has {frame.columns[:20]}. Rows to "
            "judge or choose by need it; rows to predict are for model.predict."
        )
        raise DataError(message)


def data_fingerprint(table: Table) -> str:
    """A hash of all rows, and where their cells name files, of the sizes and times of change of these."""
    frames = [table.frame, *table.parts.values()]
    files = [files_fingerprint(frame.drop(table.names, strict=False)) for frame in frames]
    return "-".join([*(fingerprint(frame) for frame in frames), *filter(None, files)])


def _shown(given: Any) -> str:
    return repr(given) if isinstance(given, float | int | str) else "rows of their own"
