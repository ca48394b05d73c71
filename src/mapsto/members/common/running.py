"""What members that hold a network share beside learning: settings from a file."""

from __future__ import annotations

from typing import Any

from mapsto.errors import OptionError
from mapsto.members.common import states
from mapsto.recipe import Learning, Recipe


def saved_learning(json: dict[str, Any]) -> Learning:
    """The entry "learning" of a saved state."""
    try:
        return Recipe.parse({"learning": states.entry(json, "learning", dict)}).learning
    except OptionError as error:
        raise states.refused(str(error)) from error
