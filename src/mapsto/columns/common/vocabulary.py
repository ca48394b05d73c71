"""Known values of a column with their counts, most frequent first; learned from training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from mapsto.columns.common.cells import BLANKS, KINDS, as_text, is_number, kind_of, present, restore
from mapsto.columns.common.lookup import canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapsto.columns.common.state import State


@dataclass(frozen=True)
class Vocabulary:
    """Values as the user writes them, how often each was seen, and the kind of series they came in."""

    values: tuple[Any, ...] = ()
    counts: tuple[int, ...] = ()
    kind: str = "String"
    dropped: int = 0
    """Distinct values seen but not kept."""

    @classmethod
    def learn(cls, series: pl.Series, most: int) -> Vocabulary:
        """Count values; forms that differ only in blanks at their ends are one, given back in the commonest form.

        >>> Vocabulary.learn(pl.Series(["no", "yes", " no", "no", None]), 10).values
        ('no', 'yes')
        """
        if is_number(series.dtype):
            cells = present(series)
            cells = cells.filter(cells.is_finite()) if series.dtype.is_float() else cells
            keys = pl.col("value")
        else:
            cells = series if series.dtype == pl.Boolean else as_text(series)
            cells = present(cells.drop_nulls())
            keys = pl.col("value").cast(pl.String).str.strip_chars(BLANKS)
        counted = (
            cells.alias("value")
            .value_counts(name="count")
            .with_columns(key=keys)
            .group_by("key")
            .agg(pl.col("value").sort_by(["count", "value"], descending=True).first(), pl.col("count").sum())
            .sort(["count", "key"], descending=[True, False])
        )
        kept = counted.head(most)
        return cls(
            tuple(kept["value"].to_list()),
            tuple(kept["count"].to_list()),
            kind_of(series.dtype),
            len(counted) - len(kept),
        )

    @property
    def keys(self) -> list[Any]:
        """The values in the form in which they are compared."""
        return [canonical(value) for value in self.values]

    def restored(self, name: str, categories: Sequence[Any] | None = None) -> pl.Series:
        """The values as a series of the user's kind; `categories`: all those of an Enum, if known."""
        return restore(name, list(self.values), self.kind, categories)

    def to_json(self) -> dict[str, Any]:
        """JSON that `from_state` reads."""
        return {
            "values": list(self.values),
            "counts": list(self.counts),
            "kind": self.kind,
            "dropped": self.dropped,
        }

    @classmethod
    def from_state(cls, state: State) -> Vocabulary:
        """The inverse of `to_json`, checked: values are distinct, of one type, and fit their kind."""
        kind = state.text("kind", allowed=KINDS)
        types: tuple[type, ...] = (str,)
        if kind == "Boolean":
            types = (bool,)
        elif "Int" in kind:
            types = (int,)
        elif "Float" in kind:
            types = (float,)
        values = state.items("values", *types)
        counts = state.items("counts", int)
        found = cls(tuple(values), tuple(counts), kind, state.integer("dropped"))
        if len(counts) != len(values) or any(not 0 <= count < 2**62 for count in counts):
            raise state.refusal("counts", counts, "one count of at least 0 for each value")
        if len(set(found.keys)) != len(values):
            raise state.refusal("values", values, "distinct values")
        try:
            found.restored("")
        except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
            raise state.refusal("values", values, f"values that fit {kind}") from error
        return found
