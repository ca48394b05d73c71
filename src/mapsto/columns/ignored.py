"""Ignored columns: nothing to learn from (empty, constant, unreadable), or left out by the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from mapsto.columns.common.aside import SetAside
from mapsto.columns.common.cells import is_constant, present
from mapsto.errors import ColumnRefused

if TYPE_CHECKING:
    import polars as pl

_LONGEST = 60
"""Characters of a value that are shown."""


@dataclass
class Ignored(SetAside):
    """A column that is left out; its reason says why.

    >>> import polars as pl
    >>> Ignored.claim(pl.Series([7, 7, 7]), name="x").reason
    'all values are equal (7)'
    """

    type: ClassVar[str] = "ignored"

    @classmethod
    def claim(cls, series: pl.Series, *, name: str, target: bool = False) -> Self:
        """Columns without a value, or with one and the same in every row; one that some rows lack tells something."""
        if target or not is_constant(series):
            message = "values differ" if not target else "an ignored column cannot be learned"
            raise ColumnRefused(message)
        there = present(series)
        if not len(there):
            return cls(name=name, reason="it is empty: no row has a value" if len(series) else "there are no rows")
        return cls(name=name, reason=f"all values are equal ({_shown(there)})")


def _shown(there: pl.Series) -> str:
    if not there.dtype.is_nested():
        return str(there[0])
    text = str(there[:1].to_list()[0])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
