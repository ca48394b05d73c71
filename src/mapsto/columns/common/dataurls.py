"""Files as text: data URLs (RFC 2397) in base64, and base64 as it is."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from mapsto.columns.common.cells import BLANKS

if TYPE_CHECKING:
    import polars as pl

_HEAD = "data:application/octet-stream;base64,"
_BARE = {
    "image": "iVBORw0KGgo|/9j/|R0lGOD|UklGR.{7}RUJQ",  # png, jpg, gif, webp
    "audio": "UklGR.{7}QVZF|ZkxhQ|T2dnU",  # wav, flac, ogg
}
"""How files of a kind begin in base64."""
_LEAST = 40
"""Characters of base64 that are a file rather than a name."""


def to_url(data: bytes) -> str:
    """A data URL.

    >>> to_url(b"cell")
    'data:application/octet-stream;base64,Y2VsbA=='
    """
    return _HEAD + base64.b64encode(data).decode("ascii")


def from_url(value: Any) -> Any:
    """Back to bytes, of a data URL of any type, and in a list of them; anything else is returned as it is.

    >>> from_url([to_url(b"cell")]), from_url("data:no base64"), from_url(7)
    ([b'cell'], 'data:no base64', 7)
    """
    if isinstance(value, list) and value and isinstance(value[0], str):
        return [from_url(each) for each in value]
    if not isinstance(value, str) or not value.startswith("data:"):
        return value
    _, comma, body = value.partition(",")
    try:
        return base64.b64decode(body, validate=True) if comma else value
    except binascii.Error:
        return value


def held(kind: str | None = None) -> str:
    """A pattern of text that holds a file of a kind, or of any.

    >>> import polars as pl
    >>> pl.Series(["data:image/png;base64,AAAA", "a.png"]).str.contains(held("image")).to_list()
    [True, False]
    """
    bare = "|".join(_BARE.values()) if kind is None else _BARE.get(kind, "")
    urls = f"(?i:data:{'' if kind is None else f'{kind}/'})"
    return rf"^\s*({urls}{f'|(?:{bare})[A-Za-z0-9+/=]{{{_LEAST},}}' if bare else ''})"


def opened(text: pl.Series) -> list[str | bytes | None]:
    """What each text names or holds: the bytes of a file in base64, else a path; None where it is blank."""
    holds = text.str.contains(held()).to_list()
    cells = zip(text.str.strip_chars(BLANKS).to_list(), holds, strict=True)
    return [_bytes(cell) if cell and there else cell or None for cell, there in cells]


def _bytes(text: str) -> str | bytes:
    if text[:5].casefold() == "data:":
        found: str | bytes = from_url(f"data:{text[5:]}")
        return found
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        return text
