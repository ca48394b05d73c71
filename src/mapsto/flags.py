"""Flags of the command line as values of `mapsto.fit`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapsto.errors import OptionError

if TYPE_CHECKING:
    import typer

BESIDE_RESUME = {"resume", "as_json", "quiet"}
"""Flags of `mapsto fit` that change only what is shown."""


def pair(entry: str, flag: str) -> tuple[str, str]:
    """NAME=VALUE.

    >>> pair("zip=category", "--type")
    ('zip', 'category')
    """
    name, sign, value = entry.rpartition("=")
    if not sign or not name or not value:
        message = f"{flag} {entry!r}: expected NAME=VALUE"
        raise OptionError(message)
    return name, value


def fraction(given: str | None) -> float | str | None:
    """A number where it is one, else a path or COLUMN:VALUE."""
    try:
        return given if given is None else float(given)
    except ValueError:
        return given


def costs(entries: list[str] | None) -> dict[str, dict[str, float]] | None:
    """What wrong classes cost.

    >>> costs(["bad:good=5", "good:bad=1"])
    {'bad': {'good': 5.0}, 'good': {'bad': 1.0}}
    """
    found: dict[str, dict[str, float]] = {}
    for entry in entries or []:
        classes, value = pair(entry, "--cost")
        truth, sign, predicted = classes.partition(":")
        try:
            found.setdefault(truth, {})[predicted] = float(value)
        except ValueError:
            sign = ""
        if not sign:
            message = f"--cost {entry!r}: expected TRUTH:PREDICTED=COST, for example bad:good=5"
            raise OptionError(message)
    return found or None


def progress(*, quiet: bool) -> Any:
    """The live line on a terminal; elsewhere a plain line now and then."""
    if quiet or sys.stderr.isatty():
        return not quiet
    from mapsto.reporting.progress import Lines

    return Lines()


def next_run_folder(data: str) -> Path:
    """`runs/NAME-N` with the first free N."""
    from mapsto.table import fixed_folder, is_pattern

    path = fixed_folder(data).resolve() if is_pattern(data) else Path(data)
    name = path.name.split(".")[0] or "run"
    number = 1
    while Path("runs", f"{name}-{number}").exists():
        number += 1
    return Path("runs", f"{name}-{number}")


def refuse_beside_resume(context: typer.Context) -> None:
    """A run goes on with what it began with: anything else that was given on the command line is refused."""
    given = [
        parameter.opts[0] if parameter.param_type_name == "option" else f"the data ({context.params[parameter.name]})"
        for parameter in context.command.params
        if parameter.name is not None
        and parameter.name not in BESIDE_RESUME
        and (source := context.get_parameter_source(parameter.name)) is not None
        and source.name != "DEFAULT"
    ]
    if given:
        message = (
            f"--resume goes on with the data and options that the run began with; {', '.join(given)} would have no "
            "effect. Leave it out, or start a new run with another --output."
        )
        raise OptionError(message)
