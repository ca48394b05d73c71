"""HTML made of nested calls, in which text can never become markup.

A string is escaped wherever it is put; only what `tag` returns (an `Html`) is taken as markup. So a column named
`<script>` or a value with quotes in it is shown as it is and does nothing.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

_EMPTY = {"meta", "link", "br", "col", "img", "line", "rect", "circle", "path"}
"""Elements without content; the last four are pictures' and must be closed."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Html(str):
    """Markup that is safe as it stands."""

    __slots__ = ()


def tag(element: str, /, *children: Any, **attributes: Any) -> Html:
    """An element.

    Args:
        element: its name, for example "p".
        children: `Html` is taken over, other values are escaped, None is left out, lists are unpacked.
        attributes: `class_` is `class`, `_` in other names is `-`; None and False are left out, True has no value.

    >>> tag("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    parts = [element]
    for key, value in attributes.items():
        if value is not None and value is not False:
            own = key.rstrip("_").replace("_", "-")
            parts.append(own if value is True else f'{own}="{escape(value)}"')
    opening = " ".join(parts)
    if element in _EMPTY and not children:
        return Html(f"<{opening}/>")
    return Html(f"<{opening}>{join(children)}</{element}>")


def join(children: Iterable[Any]) -> Html:
    """Children one after another."""
    found: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            found.append(child)
        elif isinstance(child, list | tuple):
            found.append(join(child))
        else:
            found.append(escape(child))
    return Html("".join(found))


def escape(value: Any) -> str:
    """Text that is shown as it is; control characters become a visible sign."""
    return html.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(value)), quote=True)
