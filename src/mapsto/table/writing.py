"""Write a frame to a file whose suffix names the form."""

from __future__ import annotations

import gzip
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl

from mapsto.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    Writer = Callable[[pl.DataFrame, Any], Any]

_WRITERS: dict[str, Writer] = {
    ".csv": lambda frame, to: _flat(frame).write_csv(to),
    ".tsv": lambda frame, to: _flat(frame).write_csv(to, separator="\t"),
    ".parquet": lambda frame, to: frame.write_parquet(to),
    ".arrow": lambda frame, to: frame.write_ipc(to),
    ".feather": lambda frame, to: frame.write_ipc(to),
    ".jsonl": lambda frame, to: frame.write_ndjson(to),
    ".ndjson": lambda frame, to: frame.write_ndjson(to),
    ".json": lambda frame, to: frame.write_json(to),
}


def write(frame: pl.DataFrame, path: str | os.PathLike[str], *, guard: bool = False) -> Path:
    """Write the rows; the file is there whole or not at all.

    Args:
        frame: the rows. Lists become texts with `|` between their values in csv and tsv.
        guard: put a quote in front of texts that spreadsheets would take for formulas, in csv and tsv (see `guarded`).
        path: ends in .csv, .tsv, .jsonl, .json (these also with .gz), .parquet, .arrow or .feather.

    Raises:
        OptionError: another suffix, or the folder does not exist.
    """
    target = Path(os.fspath(path))
    packed = target.suffix.lower() == ".gz"
    writer = require_writable(target)
    if guard and _suffix(target) in (".csv", ".tsv"):
        frame = guarded(frame)
    aside = target.with_name(f".{target.name}.{uuid4().hex[:8]}")
    try:
        with aside.open("wb") as file:
            if packed:
                text = io.BytesIO()
                writer(frame, text)
                file.write(gzip.compress(text.getvalue(), compresslevel=6, mtime=0))
            else:
                writer(frame, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return target


def require_writable(path: str | os.PathLike[str]) -> Writer:
    """What writes a file of this name; `OptionError` if nothing does, or its folder does not exist."""
    target = Path(os.fspath(path))
    suffix = _suffix(target)
    writer = _WRITERS.get(suffix)
    if writer is None:
        message = f"cannot write {target.name!r}: expected a name ending in {', '.join(_WRITERS)} (or .csv.gz)"
        raise OptionError(message)
    require_folder(target)
    return writer


def _suffix(target: Path) -> str:
    return (target.with_suffix("") if target.suffix.lower() == ".gz" else target).suffix.lower()


def guarded(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with a quote in front of texts and names that spreadsheets would run as formulas (OWASP, "CSV
    injection"): those that begin with = + - @, a tab or a carriage return.

    >>> guarded(pl.DataFrame({"a": ["=1+1", "b"], "n": [-1, 2]})).rows()
    [("'=1+1", -1), ('b', 2)]
    """
    flat = _flat(frame)
    texts = [name for name, dtype in flat.schema.items() if dtype in (pl.String, pl.Categorical, pl.Enum)]
    changed = flat.with_columns(pl.col(name).cast(pl.String).str.replace(_FORMULA, "'${0}") for name in texts)
    return changed.rename({name: re.sub(_FORMULA, r"'\g<0>", name) for name in changed.columns})


_FORMULA = r"^[=+\-@\t\r]"


def require_folder(path: str | os.PathLike[str]) -> None:
    """`OptionError` if the folder of a file to be written does not exist, or the name is that of a folder."""
    target = Path(os.fspath(path))
    if not target.parent.is_dir():
        message = f"cannot write {str(target)!r}: the folder {str(target.parent)!r} does not exist"
        raise OptionError(message)
    if target.is_dir():
        message = f"cannot write {str(target)!r}: it is a folder; name a file in it"
        raise OptionError(message)


def csv_text(frame: pl.DataFrame, *, guard: bool = False) -> str:
    """The rows as CSV text, as `write` writes them."""
    return _flat(guarded(frame) if guard else frame).write_csv()


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """CSV has no lists: their values are joined by `|`, as many public tables write sets."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    return frame.with_columns(pl.col(name).cast(pl.List(pl.String)).list.join("|") for name in lists)
