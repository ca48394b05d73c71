"""Bytes in JSON: data URLs (RFC 2397) in base64."""

from __future__ import annotations

import base64
import binascii
from typing import Any

_HEAD = "data:application/octet-stream;base64,"


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
