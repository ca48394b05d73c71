"""Tables whose fields are parted by runs of blanks: R's `write.table`, `to_string` of pandas, files of fixed width.

Texts are full of blanks, so a file is read so only where every line has the same number of fields, many of which are
numbers, and nothing else parts it. R leaves out the name above the names of rows: there the header has one field less.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mapsto.table import numerals

if TYPE_CHECKING:
    from collections.abc import Sequence

ROW_NAMES = "row"
"""What the column is called that has no name."""
_FIELD = re.compile(r'"(?:[^"]|"")*+"|\S++')
_SINGLE = re.compile(r'((?:"(?:[^"]|"")*+"|[^ "])*+)( |$)')
"""A field up to the next blank or the end. Possessive, so that a long line takes time by its length, not its square."""
_FEWEST = 3
"""Rows below the header at least."""
_NUMBERS = 1 / 3
"""Share of columns that hold numbers, of three or more; both of two."""


def with_tabs(text: str, *, whole: bool = True) -> str | None:
    r"""The same lines with tabs between fields; None where blanks do not part them.

    `whole`: whether the last line is there to its end.

    >>> with_tabs('a  b\n1  2\n3 44\n5 66\n')
    'a\tb\n1\t2\n3\t44\n5\t66\n'
    >>> with_tabs('first name\nAnn Lee\nBob Ray\nCy Young\n') is None
    True
    """
    lines = text.splitlines()
    lines = lines if whole else lines[:-1]
    runs = ([] if not line.strip() else _FIELD.findall(line) for line in lines)
    found = _joined(list(runs))
    if found is not None:
        return found
    # Where a field is empty, two blanks stand side by side.
    if "  " not in text and " \n" not in text:
        return None
    return _joined([[] if not line.strip() else _between_single(line) for line in lines])


def _between_single(line: str) -> list[str]:
    """The fields between single blanks outside quotes; the whole line where a quote is left open.

    >>> _between_single('1  "a b" 2')
    ['1', '', '"a b"', '2']
    """
    fields, at = list[str](), 0
    while found := _SINGLE.match(line, at):
        fields.append(found[1])
        if not found[2]:
            return fields
        at = found.end()
    return [line]


def _joined(fields: list[list[str]]) -> str | None:
    """Records as lines with tabs; None where they are no table."""
    filled = [record for record in fields if record]
    if len(filled) <= _FEWEST:
        return None
    header, rows = filled[0], filled[1:]
    width = len(rows[0])
    if width < 2 or any(len(record) != width for record in rows):
        return None
    if len(header) == width - 1 and _are_row_names([record[0] for record in rows]):
        if not _many_are_numbers([record[1:] for record in rows], width - 1):
            return None
        header.insert(0, ROW_NAMES)
    elif len(header) != width or not _many_are_numbers(rows, width):
        return None
    return "".join("\t".join(record) + "\n" for record in fields)


def _are_row_names(cells: Sequence[str]) -> bool:
    """Whether each row has a name of its own: in quotes, or numbered through."""
    if all(cell.startswith('"') for cell in cells):
        return len(set(cells)) == len(cells)
    return any(all(cell == str(start + row) for row, cell in enumerate(cells)) for start in (0, 1))


def _many_are_numbers(rows: Sequence[Sequence[str]], width: int) -> bool:
    count = sum(all(_is_number(record[place]) for record in rows) for place in range(width))
    return count == width if width < _FEWEST else count >= width * _NUMBERS


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.lower() in numerals.MARKS
    return True
