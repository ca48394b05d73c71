"""Pieces that several sections of the report are made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mapsto.reporting.markup import Html, tag

if TYPE_CHECKING:
    from mapsto.fitted import Fitted

_JOINT = re.compile(r"(?<=[_\-./:])(?=\w)")
"""Where a long name may be broken: after a joint between words."""
LONGEST = 80
"""Characters of a name or value that are shown; the rest is in its tooltip."""


def section(anchor: str, title: str, *content: Any) -> Html:
    """A section with its heading."""
    return tag(
        "section", tag("h2", title, id=f"{anchor}-title"), *content, id=anchor, aria_labelledby=f"{anchor}-title"
    )


def soft(*content: Any) -> Html:
    """A remark in small, soft type."""
    return tag("p", *content, class_="soft")


def name(text: str) -> Html:
    """A column's name or a value, cut when it is very long, apart from the direction of the text around it."""
    shown = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    pieces = [[Html("<wbr/>") if at else None, piece] for at, piece in enumerate(_JOINT.split(shown))]
    return tag("bdi", pieces, title=None if shown == text else text[:2000])


def table(
    heads: Sequence[Any], rows: Sequence[Sequence[Any]], *, caption: Any = None, figures: Sequence[int] = (),
    own: Sequence[int] = (), class_: str | None = None,
) -> Html:  # fmt: skip
    """A table whose first column names the rows.

    Args:
        heads: headings.
        rows: cells.
        caption: what the table shows.
        figures: columns that hold figures, set to the right.
        own: rows set in bold.
        class_: of the table.
    """
    head = tag("tr", [tag("th", text, scope="col", class_=_side(i, figures)) for i, text in enumerate(heads)])
    body = [
        tag(
            "tr",
            [
                tag("th", cell, scope="row")
                if i == 0
                else cell
                if _is_cell(cell)
                else tag("td", cell, class_=_side(i, figures))
                for i, cell in enumerate(row)
            ],
            class_="own" if place in own else None,
        )
        for place, row in enumerate(rows)
    ]
    whole = tag("table", None if caption is None else tag("caption", caption), tag("thead", head), tag("tbody", body),
                class_=class_)  # fmt: skip
    return tag("div", whole, class_="wide", tabindex="0", role="region", aria_label=_plain(caption))


def _is_cell(cell: Any) -> bool:
    return isinstance(cell, Html) and cell.startswith("<td")


def _side(place: int, figures: Sequence[int]) -> str | None:
    return "figure" if place in figures else None


def _plain(caption: Any) -> str:
    return caption if isinstance(caption, str) and not isinstance(caption, Html) else "table"


def figure(title: Any, picture: Html, caption: Any = None) -> Html:
    """A picture with a heading and a line below it."""
    below = None if caption is None else tag("figcaption", caption)
    return tag("figure", tag("h4", title), picture, below)


def per_target(fitted: Fitted, write: Any) -> list[Html]:
    """What `write(target)` gives for each target, below a heading where there are several."""
    several = len(fitted.schema.targets) > 1
    found = []
    for target in fitted.schema.targets:
        content = write(target)
        if content:
            found.append(tag("h3", "Target ", name(target.name)) if several else None)
            found.append(content)
    return [part for part in found if part is not None]
