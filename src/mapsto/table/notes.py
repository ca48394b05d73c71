"""What mapsto found in the data and has to tell: one plain sentence with its figures."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from mapsto.errors import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

Kind = Literal["info", "repair", "warning"]
"""info: good to know; repair: something was mended or set aside; warning: results may suffer."""

EXAMPLES = 5
"""Row or line numbers named at most."""


_PLACE = re.compile(r"""(?<![\w.:/])(?:/(?:[^/\s'":,;][^/\n'":,;]*/)+|[A-Za-z]:\\(?:[^\\\n'":,;]+\\)+)""")
"""The folders of an absolute path."""


@dataclass(frozen=True)
class Note:
    """Something to tell the user; `text` is a whole sentence that also says what was done about it.

    Args:
        kind: see `Kind`.
        text: the sentence.
        column: the column it is about, if one.
        rows: up to five rows of the table as read, counted from 0.
        count: how many rows, cells or lines there are in all.
        lines: up to five lines of the file, counted from 1 (for what never became a row).

    >>> Note("repair", "2 lines were set aside.", count=2, lines=(4, 9)).to_dict()["lines"]
    [4, 9]
    """

    kind: Kind
    text: str
    column: str | None = None
    rows: tuple[int, ...] = ()
    count: int | None = None
    lines: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Names and values in the sentence are shown escaped, wherever it goes."""
        object.__setattr__(self, "text", shown(self.text))

    def to_dict(self) -> dict[str, Any]:
        """As JSON; what is not set is left out."""
        found = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {name: value for name, value in found.items() if value not in (None, [])}

    @classmethod
    def from_dict(cls, json: dict[str, Any]) -> Self:
        """The inverse of `to_dict`, for JSON that may come from a stranger's model file: odd entries are dropped."""
        kind: Kind = next((known for known in get_args(Kind) if known == json.get("kind")), "info")
        column, count = json.get("column"), json.get("count")
        return cls(
            kind,
            str(json.get("text", "")),
            column if isinstance(column, str) else None,
            _numbers(json.get("rows")),
            count if isinstance(count, int) else None,
            _numbers(json.get("lines")),
        )

    def __str__(self) -> str:
        return self.text


def in_table(notes: Iterable[Note], numbers: Sequence[int] | np.ndarray) -> list[Note]:
    """Notes about some rows of a table, with the rows as they are numbered in the whole of it.

    >>> in_table([Note("info", "Odd.", rows=(0, 2))], [4, 5, 9])[0].rows
    (4, 9)
    """
    return [replace(note, rows=tuple(int(numbers[row]) for row in note.rows)) for note in notes]


def without_places(notes: Iterable[Note]) -> list[Note]:
    """Notes in which files and folders are named and not where they lie: a model is given to others.

    >>> without_places([Note("info", "/home/2 of us/photos: first '/home/ann/a.png', a/b / c/d.")])[0].text
    "photos: first 'a.png', a/b / c/d."
    """
    return [replace(note, text=_PLACE.sub("", note.text)) for note in notes]


def examples(numbers: Iterable[Any]) -> tuple[int, ...]:
    """The first five numbers as plain integers, for `Note.rows` and `Note.lines`."""
    return tuple(int(number) for number, _ in zip(numbers, range(EXAMPLES), strict=False))


def listed(numbers: Iterable[Any], count: int) -> str:
    """The first few of `count` numbers as text.

    >>> listed([3, 8], 2), listed(range(1, 99), 98)
    ('3, 8', '1, 2, 3, 4, 5 and 93 more')
    """
    shown = examples(numbers)
    more = f" and {count - len(shown):,} more" if count > len(shown) else ""
    return ", ".join(map(str, shown)) + more


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "line"), plural(2300, "line"), plural(2, "class", "classes")
    ('1 line', '2,300 lines', '2 classes')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _numbers(given: Any) -> tuple[int, ...]:
    return tuple(n for n in given if isinstance(n, int))[:EXAMPLES] if isinstance(given, list) else ()
