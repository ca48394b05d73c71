"""Members: anything that can stand in an ensemble or as a baseline, under one protocol (`members/base.py`).

>>> " ".join(sorted(MEMBERS))
'bagged boosting dummy embedding ensemble extra-trees forest hybrid linear-model nearest network ridge'
>>> MEMBERS["dummy"].name
'dummy'
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from mapsto.members.base import Member
    from mapsto.schema import Schema

_WHERE = {
    "dummy": ("dummy", "Dummy"),
    "linear-model": ("linear", "LinearModel"),
    "forest": ("forest", "Forest"),
    "extra-trees": ("forest", "ExtraTrees"),
    "boosting": ("boosting", "Boosting"),
    "nearest": ("nearest", "Nearest"),
    "ridge": ("ridge", "Ridge"),
    "network": ("network", "Network"),
    "hybrid": ("hybrid", "Hybrid"),
    "embedding": ("embedding", "Embedding"),
    "bagged": ("bagged", "Bagged"),
    "ensemble": ("ensemble", "Ensemble"),
}
CLASSICAL = ("dummy", "linear-model", "forest", "extra-trees", "boosting", "nearest", "ridge")
"""Learners that need no PyTorch."""


class _Members(Mapping[str, "type[Member]"]):
    """Member classes by name, imported when asked for."""

    def __getitem__(self, name: str) -> type[Member]:
        module, member = _WHERE[name]
        found: type[Member] = getattr(import_module(f"mapsto.members.{module}"), member)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_WHERE)

    def __len__(self) -> int:
        return len(_WHERE)


MEMBERS: Mapping[str, type[Member]] = _Members()
"""Every class of member by the name it is saved under."""


def make(name: str, module: nn.Module | None = None) -> Member:
    """An unfitted member: one of the classical learners by name, or a network by its name.

    `module`: the user's own network, for the name that stands for it.
    """
    if name in (*CLASSICAL, "hybrid"):
        return MEMBERS[name]()
    from mapsto.members.network import Network

    return Network(name, module)


def from_state(kind: str, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Member:
    """A saved member, rebuilt. `kind` is its `name`; `ModelFileError` if there is no such kind or anything is wrong."""
    from mapsto.members.common.states import require

    require(kind in MEMBERS, f"'{kind}' is no kind of member ({', '.join(MEMBERS)})")
    return MEMBERS[kind].from_state(json, arrays, schema)
