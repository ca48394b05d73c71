"""Options of a member as the recipe gives them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from mapsto.errors import OptionError


@dataclass(frozen=True)
class Settings:
    """Base of a member's options; every field of a subclass has a default."""

    @classmethod
    def parse(cls, entries: dict[str, Any], where: str) -> Self:
        """From the entries of the recipe at `where`; an unknown one is an `OptionError` that names the known ones."""
        known = [field.name for field in fields(cls)]
        for name in entries:
            if name not in known:
                message = f"recipe entry {where}.{name} is unknown. Known entries: {', '.join(known) or 'none'}."
                raise OptionError(message)
        return cls(**entries)
