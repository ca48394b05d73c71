"""A function run in a process of its own under a limit of memory, for libraries that abort theirs on hostile files.

What goes in and comes out is bytes and JSON: nothing is run that the other side sends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from mapsto.errors import DataError, MapstoError

MEMORY = 4 << 30
"""Bytes that the process may address."""
SECONDS = 600
_LENGTH = 8


def run_apart(function: str, data: bytes, options: dict[str, Any], what: str) -> tuple[dict[str, Any], bytes]:
    """Call `module:function` with `data` and `options`; it gives back a dictionary and bytes.

    Raises:
        DataError: the function raised an error of ours, or its process ended before it was done.
    """
    code = f"from mapsto.table.apart import serve; serve({function!r})"
    home = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], input=_joined(options, data), capture_output=True, check=False,
            timeout=SECONDS, env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        message = f"{what} was refused: reading it took more than {SECONDS} seconds"
        raise DataError(message) from error
    if done.returncode or len(done.stdout) < _LENGTH:
        message = (
            f"{what} was refused: the library that reads it ended without an answer, within {MEMORY >> 30} GiB of "
            "memory. It is damaged, or declares far more cells than it holds; save it as CSV or .xlsx."
        )
        raise DataError(message)
    about, answer = _parted(done.stdout)
    if "error" in about:
        raise DataError(about["error"])
    return about, answer


def serve(function: str) -> None:
    """The other side: one call, from standard input to standard output."""
    _limit()
    options, data = _parted(sys.stdin.buffer.read())
    module, _, name = function.partition(":")
    try:
        about, answer = getattr(import_module(module), name)(data, **options)
    except MapstoError as error:
        about, answer = {"error": str(error)}, b""
    sys.stdout.buffer.write(_joined(about, answer))


def _limit() -> None:
    try:
        import resource
    except ImportError:  # Windows: the process may end, but not this one
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _joined(about: dict[str, Any], data: bytes) -> bytes:
    head = json.dumps(about).encode()
    return len(head).to_bytes(_LENGTH, "little") + head + data


def _parted(data: bytes) -> tuple[dict[str, Any], bytes]:
    end = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
    return json.loads(data[_LENGTH:end]), data[end:]
