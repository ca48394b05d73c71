"""What mapsto does to the process that it runs in: nothing that stays.

Libraries set environment variables, warning filters and Python's random state when they are loaded; one variable is
set here for the time of their loading. `borrowed` puts all of it back. It also refuses to compute in a process that was
forked from one that has computed: the threads of PyTorch, OpenMP and polars do not live on in it, and waiting for them
would never end.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import warnings
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from mapsto.errors import ProcessError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
R = TypeVar("R")

_SPINS = "GOMP_SPINCOUNT"
"""Set before torch or scikit-learn load their OpenMP, which reads it once: waiting threads spin for some microseconds,
then sleep. Spinning on as they do otherwise makes two threads several times slower than one beside a busy process;
sleeping at once makes them slower than one alone (dev/LOG.md, "Threads that wait")."""
_LOCK = threading.RLock()


class _Process:
    """What is known of the process."""

    inside = 0
    """Calls under way."""
    before: tuple[dict[str, str], list[Any], Any, int] | None = None
    """Environment, filters, random state and number of modules when the first of them began."""
    computed = False
    forked = False
    keeping = 0
    filters: list[Any] = []  # noqa: RUF012 - one process has one
    silenced: dict[type[Warning], int] = {}  # noqa: RUF012 - one process has one


@contextmanager
def borrowed(*, computes: bool = True) -> Iterator[None]:
    """Inside, libraries may be loaded; when the last call leaves, the process is as it was.

    `computes`: whether threads may be used.

    Raises:
        ProcessError: this process was forked from one that has computed.
    """
    if computes and _Process.forked:
        message = (
            "this process was forked from one in which mapsto has computed already, and the threads of its libraries "
            "do not live on in a forked child: it would hang. Start processes by multiprocessing.get_context('spawn') "
            "or 'forkserver', or load the model in the child before anything is computed in its parent."
        )
        raise ProcessError(message)
    with _LOCK:
        _Process.computed |= computes
        _Process.inside += 1
        if _Process.inside == 1:
            _Process.before = (dict(os.environ), list(warnings.filters), random.getstate(), len(sys.modules))
            if not ("torch" in sys.modules and "sklearn" in sys.modules) and "OMP_WAIT_POLICY" not in os.environ:
                os.environ.setdefault(_SPINS, "10000")
    try:
        yield
    finally:
        with _LOCK:
            _Process.inside -= 1
            if _Process.inside == 0 and _Process.before is not None:
                _put_back(*_Process.before)


def _put_back(environment: dict[str, str], filters: list[Any], state: Any, modules: int) -> None:
    if _SPINS not in environment:
        os.environ.pop(_SPINS, None)
    if len(sys.modules) == modules:
        return  # nothing was loaded, so what has changed is the caller's own doing
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    for name, value in environment.items():
        if os.environ.get(name) != value:  # polars writes into one of its own
            os.environ[name] = value
    if list(warnings.filters) != filters:
        warnings.filters[:] = filters  # type: ignore[index]
        _forget_warnings()
    if random.getstate() != state:
        random.setstate(state)


def verb(function: Callable[P, R]) -> Callable[P, R]:
    """The function, called as `borrowed`."""

    @wraps(function)
    def called(*arguments: P.args, **options: P.kwargs) -> R:
        with borrowed():
            return function(*arguments, **options)

    return called


@contextmanager
def silenced(kind: type[Warning]) -> Iterator[None]:
    """Inside, warnings of this kind are not shown. Unlike `warnings.catch_warnings` threads may overlap in it."""
    entry = ("ignore", None, kind, None, 0)
    with _LOCK:
        count = _Process.silenced.get(kind, 0)
        if count or entry not in warnings.filters:
            _Process.silenced[kind] = count + 1
            if not count:
                warnings.simplefilter("ignore", kind)
    try:
        yield
    finally:
        with _LOCK:
            count = _Process.silenced.get(kind, 0) - 1
            if count >= 0:
                _Process.silenced[kind] = count
            if count == 0 and entry in warnings.filters:
                warnings.filters.remove(entry)  # type: ignore[attr-defined]
                _forget_warnings()


@contextmanager
def filters_kept() -> Iterator[None]:
    """Inside, a library may leave the filters of warnings changed; the last call that leaves puts them back."""
    with _LOCK:
        if not _Process.keeping:
            _Process.filters = list(warnings.filters)
        _Process.keeping += 1
    try:
        yield
    finally:
        with _LOCK:
            _Process.keeping -= 1
            if not _Process.keeping and list(warnings.filters) != _Process.filters:
                warnings.filters[:] = _Process.filters  # type: ignore[index]
                _forget_warnings()


def _forget_warnings() -> None:
    """Make Python look at the filters anew."""
    with warnings.catch_warnings():
        pass


def _in_child() -> None:
    _LOCK.release()
    _Process.forked |= _Process.computed
    _Process.inside = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_in_child)
