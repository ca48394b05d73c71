"""What the model learned from: rows and their split, what was noticed, and the columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mapsto.reporting.charts import legend, sparkline
from mapsto.reporting.figures import number, percent, plural
from mapsto.reporting.markup import Html, tag
from mapsto.reporting.parts import name, section, soft, table

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.fitted import Fitted

MOST_COLUMNS = 200
_ORDER = {"warning": 0, "repair": 1, "info": 2}
_PARTS = (
    ("train", "one", "learn"),
    ("choose", "three", "choose: stopping, weights, thresholds"),
    ("calibrate", "four", "only calibrate"),
    ("test", "two", "only judge"),
)
_SIZES = {
    "mean_steps": "steps",
    "mean_length": "characters",
    "mean_seconds": "seconds",
    "mean_nodes": "nodes",
    "mean_frames": "frames",
    "brightness": "of 255 in brightness",
}
"""How large cells are, by the entry of a summary that says so."""


def data_section(fitted: Fitted) -> Html:
    """Rows, notes and columns."""
    return section("data", "The data", _rows(fitted), _notes(fitted), tag("h3", "Columns"), _columns(fitted))


def _rows(fitted: Fitted) -> list[Any]:
    rows = fitted.facts.get("rows", {})
    if not rows:
        return []
    if fitted.facts.get("out_of_fold"):
        rest = rows.get("development", 0)
        parts = [("one", "learn, choose and calibrate, by out-of-fold predictions", rest)]
        parts += [("two", "only judge", rows["test"])] if rows.get("test") else []
    else:
        parts = [(series, what, rows.get(part, 0)) for part, series, what in _PARTS if rows.get(part)]
    total = sum(count for _, _, count in parts) or 1
    picture = tag("div", [tag("i", class_=series, style=f"flex:{count / total:.4f}") for series, _, count in parts],
                  class_="parts", aria_hidden="true")  # fmt: skip
    key = legend([(series, f"{plural(count, 'row')} {what}") for series, what, count in parts])
    return [soft(f"{plural(total, 'row')}, split: {fitted.facts.get('split', 'not known')}."), picture, key]


def _notes(fitted: Fitted) -> list[Html]:
    """What was noticed, warnings first."""
    notes = sorted(fitted.notes, key=lambda note: _ORDER.get(note.kind, 3))
    if not notes:
        return [tag("h3", "Checks"), tag("p", "All checks passed; nothing was noticed.")]
    items = [
        tag("li", tag("b", "Warning: ") if note.kind == "warning" else None, note.text, class_=note.kind)
        for note in notes
    ]
    return [tag("h3", "Noticed, and what was done"), tag("ul", items, class_="notes")]


def _columns(fitted: Fitted) -> list[Any]:
    schema, summaries = fitted.schema, fitted.facts.get("summaries", {})
    roles = [("target", schema.targets), ("", schema.inputs), ("left out", schema.left_out)]
    listed = [(role, column) for role, columns in roles for column in columns]
    rows = [_row(role, column, summaries.get(column.name, {})) for role, column in listed[:MOST_COLUMNS]]
    heads = ["column", "type", "because", "missing", "distribution", ""]
    hidden = len(listed) - len(rows)
    more = soft(f"{plural(hidden, 'further column')} are not shown; model.columns lists them all.") if hidden else None
    return [table(heads, rows, figures=(3,)), more]


def _row(role: str, column: Column, summary: dict[str, Any]) -> list[Any]:
    total, missing = summary.get("rows"), summary.get("missing")
    share = percent(missing / total) if total and missing else "" if total else "–"
    counts = summary.get("counts")
    picture = sparkline(counts, f"distribution of {column.name}") if counts else ""
    title = [name(column.name), tag("small", role) if role else None]
    return [title, column.type, tag("td", column.reason, class_="reason"), share, picture, _in_words(summary)]


def _in_words(summary: dict[str, Any]) -> Html:
    """The middle and the ends of a distribution, or its most frequent values."""
    if "low" in summary:
        text = f"{number(summary['low'])} … {number(summary.get('high'))}, mean {number(summary.get('mean'))}"
    elif "first" in summary:
        text = f"{str(summary['first'])[:10]} … {str(summary.get('last', ''))[:10]}"
    elif summary.get("values") and summary.get("counts"):
        total = summary.get("rows") or 1
        top = sorted(zip(summary["counts"], summary["values"], strict=False), key=lambda pair: -pair[0])[:2]
        text = ", ".join(f"{value} {percent(count / total)}" for count, value in top)
        rest = summary.get("distinct", len(summary["values"])) - len(top)
        text += f", {rest:,} more" if rest > 0 else ""
    elif told := [(key, what) for key, what in _SIZES.items() if key in summary]:
        key, what = told[0]
        text = f"{number(summary[key], 3)} {what} on average"
    else:
        text = ""
    return tag("td", name(text), class_="reason")
