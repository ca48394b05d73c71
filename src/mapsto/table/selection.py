"""Some rows of a table, not copied together: a column at a time is gathered when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Selection:
    """Rows of a frame, by number: it answers as the frame of these rows would, and takes no memory of its own.

    >>> import polars as pl
    >>> some = Selection(pl.DataFrame({"size": [5, 6, 7], "kind": ["a", "b", "c"]}), np.array([2, 0]))
    >>> some["size"].to_list(), some[np.array([1])].rows()
    ([7, 5], [(5, 'a')])
    """

    frame: pl.DataFrame
    index: np.ndarray | None = None
    """None: all rows, in their order."""

    @property
    def height(self) -> int:
        """How many rows."""
        return self.frame.height if self.index is None else len(self.index)

    @property
    def rows(self) -> np.ndarray:
        """Their numbers in the frame."""
        return np.arange(self.frame.height) if self.index is None else self.index

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return self.frame.columns

    @overload
    def __getitem__(self, wanted: str) -> pl.Series: ...
    @overload
    def __getitem__(self, wanted: np.ndarray) -> pl.DataFrame: ...
    def __getitem__(self, wanted: str | np.ndarray) -> pl.Series | pl.DataFrame:
        """A column by its name, or a frame of the rows of these numbers."""
        if isinstance(wanted, str):
            return self.frame[wanted] if self.index is None else self.frame[wanted].gather(self.index)
        return self.frame[wanted if self.index is None else self.index[wanted]]
