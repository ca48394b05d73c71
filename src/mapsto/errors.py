"""Every error mapsto raises on purpose.

MapstoError
├── DataError          the user's rows or columns (a ValueError)
│   └── ColumnRefused  a column type refuses a series, with its reason
├── OptionError        an argument or a recipe entry (a ValueError)
├── ModelFileError     a model file is damaged, hostile or from another version (a ValueError)
├── RunError           a run folder cannot be resumed as asked (a ValueError)
├── ProcessError       this process cannot compute: it was forked after threads were used (a RuntimeError)
├── VerbError          the model's objective lacks this verb (an AttributeError)
└── MissingExtra       an optional dependency is not installed (an ImportError)

A message says what was seen, what was expected and what to do next, and names column and row where there is one.
What other libraries raise becomes one of these through `translated`; names and values in messages are shown escaped.
"""

from __future__ import annotations

import functools
import re
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
T = TypeVar("T")

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves or recolours the text of a terminal, turns its direction, or is half a letter; line ends and tabs stay."""


def shown(text: object) -> str:
    r"""Text as it may go to a terminal: what would act there instead of being read is written as an escape.

    >>> shown("a\x1b[31mb"), shown("a\tb")
    ('a\\x1b[31mb', 'a\tb')
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), str(text))


class MapstoError(Exception):
    """Base of all errors raised on purpose."""

    def __str__(self) -> str:
        """The message, escaped: it may name columns and values of a stranger's file."""
        return shown(super().__str__())


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


class ProcessError(MapstoError, RuntimeError):
    """The process cannot compute; the message says how to start one that can."""


class VerbError(MapstoError, AttributeError):
    """The model's objective does not offer this verb; the message names those it offers."""


class MissingExtra(MapstoError, ImportError):  # noqa: N818
    """An optional part is needed; the message names the extra to install."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f'{what} needs an optional part. Install it with: pip install "mapsto[{extra}]"')


@contextmanager
def translated(what: str, kind: type[MapstoError] = DataError, advice: str = "") -> Iterator[None]:
    """Whatever a foreign library raises inside, told as an error of ours: "WHAT: its reason. ADVICE".

    For blocks that hold little but the call of a library, whose errors nobody can list: parsers in Rust panic, which
    Python sees as a `BaseException` of a class that cannot be named. What people and the system send passes.
    """
    try:
        yield
    except (MapstoError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise kind(f"{what}: {reason(error)}. {advice}".rstrip()) from error


def reason(error: BaseException) -> str:
    """The first line of what a library says, cut where it is long."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    first = next(iter(str(error).strip().splitlines()), "")[:200].rstrip(". ")
    return first or type(error).__name__


def is_panic(error: BaseException) -> bool:
    """Whether a library in Rust has panicked: each has a class of its own for that, no `Exception`."""
    return not isinstance(error, Exception) and type(error).__name__ == "PanicException"


def ours(verb: Callable[P, T]) -> Callable[P, T]:
    """A public verb out of which only errors of ours come.

    What libraries raise is translated where they are called; this is the last door, for panics and the errors of
    polars, of numbers and texts that no machine type holds, and of nesting without end.
    """

    @functools.wraps(verb)
    def guarded(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            return verb(*arguments, **options)
        except MapstoError:
            raise
        except BaseException as error:
            if not _is_librarys(error):
                raise
            message = (
                f"{verb.__name__}: a library cannot work with these data ({type(error).__name__}: {reason(error)}). "
                "Leave out the column it is about, or give it as plain numbers or text."
            )
            raise DataError(message) from error

    return guarded


def _is_librarys(error: BaseException) -> bool:
    known = (OverflowError, RecursionError, UnicodeError, struct.error)
    return is_panic(error) or isinstance(error, known) or type(error).__module__.partition(".")[0] == "polars"
