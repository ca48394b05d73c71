"""Rows to look at, the model card, the recipe and the versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.reporting.charts import Plot
from mapsto.reporting.figures import number, percent, plural, seconds
from mapsto.reporting.markup import Html, tag
from mapsto.reporting.parts import figure, name, per_target, section, soft, table

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.fitted import Fitted
    from mapsto.reporting.findings import Findings

_NOVELTY_END = 2.0
_FIRST_SUSPECTS = 8


# -- rows to look at


def rows_section(fitted: Fitted, found: Findings) -> Html:
    """Labels that may be wrong, and rows unlike the training data."""
    suspects = per_target(fitted, lambda target: _suspects(fitted, target))
    return section("rows", "Rows to look at", tag("div", tag("div", suspects), _novelty(found), class_="pair"))


def _suspects(fitted: Fitted, target: Column) -> Html:
    listed = fitted.facts.get("suspects", {}).get(target.name, [])
    if not listed:
        return tag("p", f"No label of {target.name} looks wrong by the models that did not learn from its row.")
    rows = [[f"{int(one['row']):,}", name(str(one["given"])), name(str(one["suggested"]))] for one in listed]
    heads = ["row", "given", "suggested"]
    note = soft(
        "Models that did not learn from these rows confidently disagree with their label. The most suspicious come "
        "first; rows count from 0."
    )
    rest = rows[_FIRST_SUSPECTS:]
    more = tag("details", tag("summary", f"{len(rest)} more"), table(heads, rest)) if rest else None
    return tag("div", tag("h4", "Labels that may be wrong"), note, table(heads, rows[:_FIRST_SUSPECTS]), more)


def _novelty(found: Findings) -> Html | None:
    if found.novelty is None or len(found.novelty) == 0:
        return None
    far = int((found.novelty > 1).sum())
    shown = np.minimum(found.novelty, _NOVELTY_END)
    counts, edges = np.histogram(shown, np.linspace(0, _NOVELTY_END, 21))
    plot = Plot((0, _NOVELTY_END), (0, float(counts.max() * 1.08 + 1)), title="Novelty of the rows held out",
                x_label="novelty", y_label="rows", height=220)  # fmt: skip
    plot.bars(edges[:11].tolist(), counts[:10].tolist(), "one").bars(edges[10:].tolist(), counts[10:].tolist(), "two")
    caption = (
        f"How far rows lie from the training rows the model keeps; {far:,} of {plural(len(found.novelty), 'row')} held "
        "out are above 1, farther than 99 % of the training rows are from each other. Have a person look at "
        "predictions for such rows: model.novelty(rows) finds them."
    )
    return figure("Rows unlike the training data", plot.render(), caption)


# -- model card


def card_section(fitted: Fitted, found: Findings) -> Html:
    """Model card, recipe and versions."""
    entries = [
        ("Meant for", _purpose(fitted)),
        ("Not meant for", _limits(fitted)),
        ("Learned from", _learned_from(fitted)),
        ("Judged on", f"{fitted.facts.get('judged_on', 'nothing: judging was switched off')}."),
        ("Calibrated", _calibrated(fitted)),
        ("Explanations", _explained(found)),
        ("What the file holds", _holds(fitted)),
    ]
    listed = tag("dl", [[tag("dt", title), tag("dd", text)] for title, text in entries], class_="card-list")
    recipe = tag("details", tag("summary", "Recipe: every setting; save it as recipe.yaml to repeat this fit"),
                 tag("pre", fitted.recipe.to_yaml()))  # fmt: skip
    return section("card", "Model card", listed, recipe, _versions(fitted))


def _purpose(fitted: Fitted) -> list[Any]:
    targets = ", ".join(column.name for column in fitted.schema.targets)
    inputs = plural(len(fitted.schema.inputs), "column")
    return ["Predicting ", name(targets), f" from {inputs}, for rows that come about as the training rows did."]


def _limits(fitted: Fitted) -> Html:
    warnings = sum(note.kind == "warning" for note in fitted.notes)
    points = [
        "Rows unlike the training data (novelty above 1), unless a person looks at them.",
        "Conclusions about causes: importance and reasons describe what the model goes by.",
        "Decisions about people before the figures were compared by group: model.evaluate(rows, by=COLUMN).",
    ]
    if warnings:
        points.append(
            f"Use before its {plural(warnings, 'warning')} above {'is' if warnings == 1 else 'are'} understood."
        )
    return tag("ul", [tag("li", point) for point in points])


def _learned_from(fitted: Fitted) -> list[Any]:
    facts = fitted.facts
    rows = facts.get("rows", {}).get("train")
    parts: list[Any] = [
        f"{plural(rows, 'training row')}" if rows else "Rows",
        f", split: {facts.get('split', 'not known')}",
    ]
    if facts.get("seconds"):
        parts.append(f", in {seconds(facts['seconds'])} from call to return")
    if facts.get("fingerprint"):
        parts += [". Fingerprint of the table: ", tag("code", facts["fingerprint"])]
    return [*parts, "."]


def _calibrated(fitted: Fitted) -> str:
    told = []
    if fitted.threshold is not None:
        told.append(f"thresholds of same() from {plural(fitted.threshold.pairs, 'pair')} of held-out identities")
    for target in fitted.schema.targets:
        entry = fitted.facts.get("calibration", {}).get(target.name, {})
        temperature = fitted.temperatures.get(target.name)
        if temperature is not None:
            told.append(
                f"{target.name}: temperature {number(temperature, 3)} from {plural(entry.get('rows', 0), 'row')}"
            )
        elif target.name in fitted.conformal:
            told.append(f"{target.name}: intervals from {plural(fitted.conformal[target.name].rows, 'row')}")
    return "; ".join(told) + "." if told else "Not calibrated."


def _explained(found: Findings) -> str:
    if found.reasons is None:
        return "None could be made: the model keeps no rows."
    faithful = float((found.reasons.faithfulness > 1).mean())
    return (
        f"{found.reasons.method} over whole columns; better than naming columns at random in {percent(faithful)} of "
        "the rows explained in this report. Each explanation carries its own faithfulness."
    )


def _holds(fitted: Fitted) -> str:
    kept = [
        f"{plural(len(sample), 'row')} {what}"
        for sample, what in ((fitted.background, "of the training data"), (fitted.held, "held out"))
        if sample is not None
    ]
    rows = f"{' and '.join(kept)}, readable: treat model file and report as you treat the data" if kept else "no rows"
    return f"Columns with their values, weights, this recipe, and {rows}."


def _versions(fitted: Fitted) -> Html | None:
    versions = fitted.facts.get("versions", {})
    if not versions:
        return None
    rows = [[library, str(version)] for library, version in versions.items()]
    return tag("details", tag("summary", "Versions"), table(["library", "version"], rows, class_="narrow"))
