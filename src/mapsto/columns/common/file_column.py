"""Base of the columns whose cells may be files: a path, or what the file holds as bytes."""

from __future__ import annotations

import os
from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np
import polars as pl

from mapsto.columns.base import Column
from mapsto.columns.common.cells import BLANKS, as_text, is_text, missing
from mapsto.columns.common.dataurls import from_url, held, to_url
from mapsto.columns.common.depths import BEYOND, GAPS, READ, SCALED
from mapsto.columns.common.spans import Remark
from mapsto.errors import DataError
from mapsto.table.suffixes import MEDIA

NOUNS = {"image": "pictures", "audio": "recordings", "video": "clips"}
MOSTLY = 0.5
"""Share of texts that must end like the names of files of a kind for the column to be tried as such."""
_SURELY = 0.9
"""Share from which on texts are the names of files, and nothing else."""
_REMEMBERED = 8
_ABSENT = "there is no such file"
_ADDRESS = r"(?i)^\s*[a-z][a-z0-9+.-]+://"


@dataclass
class FileColumn(Column):
    """Bytes go through JSON as data URLs, and what is told of files is remembered from when they were decoded."""

    _known: dict[tuple[str, int, int], np.ndarray] = field(default_factory=dict, init=False, repr=False, compare=False)

    @abstractmethod
    def _told(self, series: pl.Series) -> np.ndarray:
        """What is told of each cell, as bits (`depths.py`); 0 where there is none, or none that can be read."""

    def _remember(self, series: pl.Series, told: np.ndarray) -> None:
        """Keep what is told of the last few series: the next question is about it."""
        if not series.dtype.is_nested():
            for old in list(self._known)[: 1 - _REMEMBERED]:
                self._known.pop(old, None)
            self._known[_key(series)] = told

    def _recalled(self, series: pl.Series) -> np.ndarray:
        """What is told of each cell; files that were encoded a moment ago are not opened again."""
        told = None if series.dtype.is_nested() or not self._known else self._known.get(_key(series))
        if told is None:
            told = self._told(series)
            self._remember(series, told)
        return told

    def malformed(self, series: pl.Series) -> np.ndarray:
        """Cells that are there and cannot be read; blank text and an empty list are not there."""
        there = ~missing(series)
        if isinstance(series.dtype, pl.List):
            there &= (series.list.len() > 0).fill_null(value=False).to_numpy()
        if is_text(series.dtype):
            there &= (as_text(series).str.strip_chars(BLANKS) != "").fill_null(value=False).to_numpy()
        return np.asarray(there & (self._recalled(series) == 0))

    def remarks(self, series: pl.Series) -> list[Remark]:
        """Cells on another scale or beyond the range that was learned, and the like."""
        told = self._recalled(series)
        if not (told & ~np.uint8(READ)).any():
            return []
        learned = f"{self.span.low:.4g} to {self.span.high:.4g}" if self.span is not None else "nothing"
        return [
            Remark(what.format(learned=learned), np.flatnonzero(told & bit))
            for bit, what in self.tells.items()
            if (told & bit).any()
        ]

    tells: ClassVar[dict[int, str]] = {
        SCALED: "stand on another scale than the one learned ({learned}), and are read on that",
        BEYOND: "hold numbers beyond or far below those that were learned ({learned}), and are read as if they stood "
        "on that scale: another unit or depth?",
        GAPS: "hold values that are no numbers, which are read as the lowest",
    }
    """What is told by each bit, after "3 of 40 cells"."""

    def to_json(self, value: Any) -> Any:
        """Bytes as a data URL (RFC 2397) in base64; paths and arrays as they are."""
        return to_url(value) if isinstance(value, bytes) else super().to_json(value)

    def from_json(self, value: Any) -> Any:
        """Back to bytes; a data URL of any type is taken."""
        return from_url(value)

    def show(self, value: Any) -> str:
        """Of a path the file's name: a model keeps what is shown, and where the files lie is nobody else's business."""
        if isinstance(value, str) and not value.startswith("data:"):
            value = PurePosixPath(value.replace("\\", "/")).name
        return super().show(value)

    def fault(self, value: Any) -> str:
        """That a file is not there, or empty."""
        return _fault(value) if isinstance(value, str) and not pl.Series([value]).str.contains(held())[0] else ""

    def sought(self, value: Any) -> str:
        """The same; of a path that leads nowhere, from where it was looked for."""
        fault = self.fault(value)
        if fault != _ABSENT or os.path.isabs(value.strip(BLANKS)):
            return fault
        return f"{fault}, looked for from {os.getcwd()!r} and from the folder of its table"


def share_of_names(cells: pl.Series, kind: str) -> float:
    """The share of texts that end like the names of files of a kind, or like addresses of such, or hold such a file.

    >>> share_of_names(pl.Series(["a/1.PNG", "https://x.org/2.jpg?large", "see it", "b.wav"]), "image")
    0.5
    """
    ending = rf"(?i)\.({'|'.join(MEDIA[kind])})"
    named = cells.str.contains(rf"{ending}\s*$") | cells.str.contains(rf"{_ADDRESS}[^?#]*{ending}([?#].*)?$")
    return float((named | cells.str.contains(held(kind))).mean() or 0)  # type: ignore[arg-type]


def holds_files(cells: pl.Series, kind: str) -> bool:
    """Whether most texts hold a file of a kind in base64, or say so."""
    return is_text(cells.dtype) and float(as_text(cells).str.contains(held(kind)).mean() or 0) >= MOSTLY  # type: ignore[arg-type]


def require_files(cells: pl.Series, tried: pl.Series, opened: int, *, name: str, kind: str) -> None:
    """Refuse a column of the names of files of which most are not there, or cannot be opened.

    It would be read as text otherwise, and whatever can be learned from names of files is rarely what is meant.

    Args:
        cells: a sample of the column, which may also hold text that names no file: that is left to other types.
        tried: those that were opened.
        opened: how many of them could be.
        name: of the column.
        kind: the kind of files that they should be.

    Raises:
        DataError: which files were looked for, where, and how many were found.
    """
    if holds_files(tried, kind):
        return
    texts = as_text(tried).str.strip_chars(BLANKS).to_list()
    there = sum(map(_is_file, texts))
    if 2 * opened >= len(texts) or not (there or share_of_names(as_text(cells), kind) >= _SURELY):
        return
    first = next((text for text in texts if not _is_file(text)), texts[0])
    if as_text(tried).str.contains(_ADDRESS).mean() >= MOSTLY:  # type: ignore[operator]
        message = (
            f"no file of column {name!r} was found: its cells are addresses, such as {first!r}, and nothing is fetched "
            "from a network. Download the files and give their paths"
        )
    elif 2 * there < len(texts):
        found = f"only {there} of {len(texts)} files" if there else "no file"
        message = (
            f"{found} of column {name!r} {'were' if there else 'was'} found from {os.getcwd()!r} (or from the folder "
            f"of its table): there is no {first!r}. Put the table where its paths begin, start there, or give whole "
            "paths"
        )
    else:
        message = (
            f"of {len(texts)} files of column {name!r} that were tried, {there} are there but only {opened} open as "
            f"{NOUNS[kind]}; expected files ending in .{', .'.join(MEDIA[kind])} that hold what their names say"
        )
    message += f". If the names alone are meant, say types={{{name!r}: 'text'}}; to leave them out, 'ignored'."
    raise DataError(message)


def _is_file(path: str) -> bool:
    try:
        return os.path.isfile(path)
    except ValueError:  # a name with a zero byte
        return False


def _key(series: pl.Series) -> tuple[str, int, int]:
    """What stands for the cells of a series: equal cells in an equal order have an equal key."""
    if series.dtype == pl.Object:
        return "Object", len(series), 0
    weight = np.arange(1, 2 * len(series), 2, dtype=np.uint64)
    return str(series.dtype), len(series), int((series.hash().to_numpy() * weight).sum())


def _fault(path: str) -> str:
    if pl.Series([path]).str.contains(_ADDRESS)[0]:
        return "addresses are not fetched"
    if not _is_file(path.strip(BLANKS)):
        return _ABSENT
    return "" if Path(path.strip(BLANKS)).stat().st_size else "the file is empty"
