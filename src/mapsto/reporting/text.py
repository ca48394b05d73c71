"""What a model is, in plain text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapsto.fitted import Fitted


def describe(fitted: Fitted) -> str:
    """Column types with reasons, notes, held-out metrics, members and verdict."""
    lines = ["Columns"]
    schema = fitted.schema
    width = max(len(column.name) for column in schema.columns)
    for arrow, columns in (("", schema.inputs), ("↦", schema.targets), ("-", schema.left_out)):
        lines += [f"  {arrow:1} {c.name:<{width}}  {c.type:<10}  {c.reason}" for c in columns]
    if fitted.notes:
        lines += ["", "Noticed"]
        lines += [f"  {'!' if note.kind == 'warning' else '-'} {note.text}" for note in fitted.notes]
    rows = fitted.facts.get("rows", {})
    lines += [
        "",
        f"Learned from {rows.get('train', 0):,} rows in {fitted.facts.get('seconds', 0):.0f} s: {members(fitted)}",
    ]
    if fitted.facts.get("metrics"):
        lines += ["", f"On {fitted.facts['judged_on']}"]
        for target, scores in fitted.facts["metrics"].items():
            shown = ", ".join(f"{name} {value:.4g}" for name, value in scores.items() if value is not None)
            lines.append(f"  {target}: {shown}")
    for verdict in fitted.verdicts.values():
        lines += ["", str(verdict)]
    return "\n".join(lines)


def members(fitted: Fitted) -> str:
    """The members of the ensemble with their shares."""
    return ", ".join(f"{name} {share:.0%}" for name, share in fitted.ensemble.shares().items())


def summary(fitted: Fitted) -> dict[str, Any]:
    """The same as JSON."""
    schema = fitted.schema
    roles = (("input", schema.inputs), ("target", schema.targets), ("left out", schema.left_out))
    return {
        "columns": [
            {"column": c.name, "role": role, "type": c.type, "reason": c.reason} for role, cs in roles for c in cs
        ],
        "notes": [note.to_dict() for note in fitted.notes],
        "rows": fitted.facts.get("rows", {}),
        "seconds": fitted.facts.get("seconds"),
        "members": fitted.ensemble.shares(),
        "metrics": fitted.facts.get("metrics", {}),
        "judged_on": fitted.facts.get("judged_on"),
        "thresholds": fitted.thresholds,
        "verdict": next((one.to_dict() for one in fitted.verdicts.values()), None),
        "verdicts": {name: one.to_dict() for name, one in fitted.verdicts.items()},
        "recipe": fitted.recipe.model_dump(),
        "versions": fitted.facts.get("versions", {}),
    }
