"""Members inside members: saved one beside the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.members.common import states
from mapsto.table.notes import Note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mapsto.members.base import Member, Predictions
    from mapsto.schema import Schema


def save(members: Sequence[Member]) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """The states of several members: a list of their JSON with their kinds, and arrays prefixed by position."""
    json: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for position, member in enumerate(members):
        own, found = member.to_state()
        json.append({"kind": member.name, "state": own})
        arrays |= states.prefixed(str(position), found)
    return json, arrays


def load(
    json: Any, arrays: Mapping[str, np.ndarray], schema: Schema, *, most: int, without: tuple[str, ...]
) -> list[Member]:
    """The inverse: 1 to `most` members, none of the kinds in `without` (so that nesting ends)."""
    from mapsto.members import from_state

    states.require(isinstance(json, list) and 0 < len(json) <= most, f"expected a list of 1 to {most} members")
    found = []
    for position, entry in enumerate(json):
        kind = states.entry(entry, "kind", str)
        states.require(kind not in without, f"a member of the kind '{kind}' cannot stand here")
        own = states.unprefixed(str(position), arrays)
        found.append(from_state(kind, states.entry(entry, "state", dict), own, schema))
    return found


def told(member: Member) -> list[dict[str, Any]]:
    """What its learning had to tell, as JSON to be kept beside its state."""
    return [note.to_dict() for note in member.notes]


def hear(member: Member, kept: Mapping[str, Any]) -> Member:
    """The member, with what was kept of that."""
    member.notes = [Note.from_dict(note) for note in kept.get("notes", [])]
    return member


def weighted(predictions: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """The weighted sum, added in float64 in the given order, in the type of the first prediction."""
    total = np.zeros(predictions[0].shape)
    for prediction, weight in zip(predictions, weights, strict=True):
        total += weight * prediction.astype(np.float64)
    return total.astype(predictions[0].dtype)


def averaged(predictions: Sequence[Predictions]) -> Predictions:
    """The mean of several predictions, target by target."""
    each = [1 / len(predictions)] * len(predictions)
    return {name: weighted([p[name] for p in predictions], each) for name in predictions[0]}
