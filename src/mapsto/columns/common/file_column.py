"""Base of the columns whose cells may be files: a path, or what the file holds as bytes."""

from __future__ import annotations

from typing import Any

from mapsto.columns.base import Column
from mapsto.columns.common.dataurls import from_url, to_url


class FileColumn(Column):
    """Bytes go through JSON as data URLs."""

    def to_json(self, value: Any) -> Any:
        """Bytes as a data URL (RFC 2397) in base64; paths and arrays as they are."""
        return to_url(value) if isinstance(value, bytes) else super().to_json(value)

    def from_json(self, value: Any) -> Any:
        """Back to bytes; a data URL of any type is taken."""
        return from_url(value)
