"""Options of a member as the recipe gives them."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from mapsto.errors import OptionError


class Settings(BaseModel):
    """Base of a member's options; every field of a subclass has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def parse(cls, entries: dict[str, Any], where: str) -> Self:
        """From the entries of the recipe at `where`; `OptionError` names one that is unknown or malformed."""
        try:
            return cls.model_validate(entries)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join([where, *(str(part) for part in first["loc"])])
            known = ", ".join(cls.model_fields)
            message = f"recipe entry '{place}': {first['msg']} (got {first['input']!r}). Known entries: {known}."
            raise OptionError(message) from error
