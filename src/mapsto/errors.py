"""Every error mapsto raises on purpose.

MapstoError
├── DataError          the user's rows or columns (a ValueError)
│   └── ColumnRefused  a column type refuses a series, with its reason
├── OptionError        an argument or a recipe entry (a ValueError)
├── ModelFileError     a model file is damaged, hostile or from another version (a ValueError)
├── RunError           a run folder cannot be resumed as asked (a ValueError)
├── VerbError          the model's objective lacks this verb (an AttributeError)
└── MissingExtra       an optional dependency is not installed (an ImportError)

A message says what was seen, what was expected and what to do next, and names column and row where there is one.
"""

from __future__ import annotations


class MapstoError(Exception):
    """Base of all errors raised on purpose."""


class DataError(MapstoError, ValueError):
    """The data cannot be used as they are."""


class ColumnRefused(DataError):  # noqa: N818 - it is an answer of a column type, caught by the schema
    """A column type does not take this series; the message is the reason shown to the user.

    Args:
        message: the reason.
        near: whether the series looked like the type, so that people should read the reason even where another type
            takes the column: most cells read as numbers, no file of a column of paths was found.
    """

    def __init__(self, message: str, *, near: bool = False) -> None:
        super().__init__(message)
        self.near = near


class OptionError(MapstoError, ValueError):
    """An argument, flag or recipe entry is wrong."""


class ModelFileError(MapstoError, ValueError):
    """A model file is truncated, altered, hostile or written by an incompatible version."""


class RunError(MapstoError, ValueError):
    """A run folder cannot be continued as asked."""


class VerbError(MapstoError, AttributeError):
    """The model's objective does not offer this verb; the message names those it offers."""


class MissingExtra(MapstoError, ImportError):  # noqa: N818
    """An optional part is needed; the message names the extra to install."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} needs an optional part. Install it with: pip install "mapsto[{extra}]"')
