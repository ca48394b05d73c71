"""A single picture, sound, clip or text as a table of one row, for a model that reads one such column."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mapsto.errors import DataError
from mapsto.table.frame import Table
from mapsto.table.media import FILE, NOUNS, read_file
from mapsto.table.reading import read
from mapsto.table.suffixes import KINDS, names_table

_HEADER = 1 << 16
"""Bytes looked at to find the names of a table's columns."""


def one_row(path: str | os.PathLike[str], inputs: Mapping[str, str]) -> Table | None:
    """The row made of one file; None where the path leads to a table or to several files.

    Args:
        path: what was given to be predicted.
        inputs: the type of every column that the model reads, by name.

    A file that may be a table too (letter.txt) is a text where the model reads nothing but one text, unless its first
    line names that column.

    Raises:
        DataError: the model reads other columns than one of the file's kind.
    """
    path = Path(path)
    kind = KINDS.get(path.suffix.lower().removeprefix("."))
    if kind is None or not path.is_file():
        return None
    fits = list(inputs.values()) == [kind]
    if names_table(path.name) and not (fits and not _names(path, *inputs)):
        return None
    if not fits:
        reads = ", ".join(f"{name} ({type_})" for name, type_ in inputs.items())
        noun = NOUNS[kind]
        message = (
            f"{path.name} is one {noun}, which makes a row for a model that reads one column of {noun}s and no other; "
            f"this one reads {reads}. Give a table with these columns, with paths where files are read."
        )
        raise DataError(message)
    table, (name,) = read_file(path), inputs
    others = [FILE] if name != FILE else []
    return replace(table, frame=table.frame.select(pl.col(kind).alias(name), *others), names=tuple(others))


def one_cell(value: Any, inputs: Mapping[str, str]) -> Table | None:
    """The row made of the bytes of one file, of a Pillow image or of the pixels of one picture.

    None where it is none of these, or the model reads other columns than one of that kind.

    >>> one_cell(b"...", {"photo": "image"}).frame
    shape: (1, 1)
    ┌────────┐
    │ photo  │
    │ ---    │
    │ binary │
    ╞════════╡
    │ b"..." │
    └────────┘
    """
    kind = next(iter(inputs.values()), None) if len(inputs) == 1 else None
    files = isinstance(value, bytes) and kind in ("image", "audio", "video")
    if not (files or (kind == "image" and _is_picture(value))):
        return None
    return read({next(iter(inputs)): [value]})


def _is_picture(value: Any) -> bool:
    """Whether this is a Pillow image, or an array that is one picture: lines of pixels, or with channels last.

    Three or four of something first may as well be so many grey pictures, so they are none.
    """
    pillow = sys.modules.get("PIL.Image")  # who has one has imported it
    kind = () if pillow is None else pillow.Image
    if isinstance(value, kind):
        return True
    if not isinstance(value, np.ndarray) or not value.size:
        return False
    return value.ndim == 2 or (value.ndim == 3 and (value.shape[0] == 1 or value.shape[-1] in (1, 3, 4)))


def _names(path: Path, column: str) -> bool:
    """Whether a column of this name begins the file, so that it is a table."""
    with path.open("rb") as file:
        first = file.read(_HEADER).decode("utf-8-sig", errors="replace").partition("\n")[0]
    return column in [each.strip(" \r\"'") for each in re.split(r"[,;|\t]", first)]
