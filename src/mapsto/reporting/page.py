"""The report: one HTML file that needs nothing else, made to be read by someone tired.

The verdict comes first, then figures, reasons, data, and last what an auditor needs. The file holds no script, loads
nothing (its content policy forbids it) and works in print, in dark mode and on a telephone.
"""

from __future__ import annotations

import datetime
import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapsto.files import write_aside
from mapsto.reporting.about import card_section, rows_section
from mapsto.reporting.comparing import comparing_section
from mapsto.reporting.data import data_section
from mapsto.reporting.figures import fixed, interval_places, percent, plural, seconds
from mapsto.reporting.findings import SECONDS, Findings, find
from mapsto.reporting.insides import drawn
from mapsto.reporting.learning import learning_section
from mapsto.reporting.markup import Html, tag
from mapsto.reporting.parts import name
from mapsto.reporting.quality import quality_section, verdict_section
from mapsto.reporting.reasons import examples_section, importance_section

if TYPE_CHECKING:
    from mapsto.explaining import Map
    from mapsto.fitted import Fitted

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_TONES = {"worth it": "good", "not worth it": "warn", "undecided": "warn"}
_LINKS = (
    ("verdict", "Verdict"),
    ("quality", "How good"),
    ("columns-matter", "What matters"),
    ("examples", "Examples"),
    ("data", "Data"),
    ("rows", "Rows to look at"),
    ("learning", "Learning"),
    ("card", "Model card"),
)


def write_report(fitted: Fitted, path: str | os.PathLike[str], seconds: float = SECONDS) -> Path:
    """Write the report.

    Args:
        fitted: the model.
        path: of the HTML file; written aside and renamed, folders are made.
        seconds: wall time, about; in less time importance and reasons rest on fewer samples.

    Returns:
        The path.
    """
    return _written(Path(path), page(fitted, find(fitted, seconds)))


def write_maps(fitted: Fitted, maps: list[Map], path: str | os.PathLike[str]) -> Path:
    """Write a page of maps of single cells, a card each; returns its path."""
    cards = [tag("article", _asked(fitted, one), _drawings(fitted, one), class_="card") for one in maps]
    lead = tag("p", "Blue raises what is explained, orange lowers it. Deletion and insertion above 0: the order of the "
               "pieces is better than a random one.", class_="soft")  # fmt: skip
    brand = tag("p", tag("b", "x ↦ y"), "  mapsto explains", class_="brand")
    head = tag("header", brand, tag("h1", _title(fitted)), lead)
    body = tag("body", head, tag("main", tag("div", cards, class_="cards")))
    return _written(Path(path), "<!doctype html>\n" + tag("html", _head(fitted), body, lang="en"))


def _asked(fitted: Fitted, one: Map) -> Html:
    """Row and prediction that a map explains."""
    told = [f"row {one.row}: "]
    for place, target in enumerate(fitted.schema.targets):
        number = fixed(float(one.figure[place]), 3)
        told.append(number if target.task == "regression" else f"{target.classes[int(one.chosen[place])]} ({number})")
    return tag("h4", name(told[0]), ", ".join(told[1:]))


def _drawings(fitted: Fitted, one: Map) -> list[Html]:
    return [drawn(one, target, place) for place, target in enumerate(fitted.schema.targets)]


def _written(place: Path, text: str) -> Path:
    """Written aside and renamed; folders are made."""
    place.parent.mkdir(parents=True, exist_ok=True)
    write_aside(place, [text.encode()])
    return place


def page(fitted: Fitted, found: Findings) -> str:
    """The whole document."""
    sections = {
        "verdict": verdict_section(fitted),
        "quality": _quality(fitted, found),
        "columns-matter": importance_section(fitted, found),
        "examples": examples_section(fitted, found),
        "data": data_section(fitted),
        "rows": rows_section(fitted, found),
        "learning": learning_section(fitted),
        "card": card_section(fitted, found),
    }
    there = [(anchor, title) for anchor, title in _LINKS if sections[anchor] is not None]
    links = tag(
        "nav",
        tag("ul", [tag("li", tag("a", title, href=f"#{anchor}")) for anchor, title in there]),
        aria_label="Contents",
    )
    body = tag("body", _header(fitted, found), links, tag("main", list(sections.values())), _footer(fitted))
    return "<!doctype html>\n" + tag("html", _head(fitted), body, lang="en")


def _quality(fitted: Fitted, found: Findings) -> Html:
    if fitted.threshold is not None:
        return comparing_section(fitted, fitted.threshold)
    return quality_section(fitted, found)


def _head(fitted: Fitted) -> Html:
    style = files("mapsto.reporting").joinpath("style.css").read_text(encoding="utf-8")
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", _title(fitted), " · mapsto"),
        tag("link", rel="icon", href="data:,"),
        tag("style", Html(style)),
    )


def _title(fitted: Fitted) -> str:
    targets = [column.name for column in fitted.schema.targets]
    if fitted.threshold is not None:
        return f"Comparing rows by {targets[0]}"
    return "Predicting " + (targets[0] if len(targets) == 1 else f"{', '.join(targets[:-1])} and {targets[-1]}")


def _header(fitted: Fitted, found: Findings) -> Html:
    brand = tag("p", tag("b", "x ↦ y"), "  mapsto report", class_="brand")
    return tag("header", brand, tag("h1", _title(fitted)), _said(fitted), _tiles(fitted, found))


def _said(fitted: Fitted) -> list[Html]:
    """The verdict of each target, in a sentence."""
    several = len(fitted.verdicts) > 1
    return [
        tag(
            "p",
            tag("span", verdict.answer, class_=f"badge {_TONES[verdict.answer]}"),
            [tag("b", name(target)), ": "] if several else None,
            verdict.sentence,
            class_="lead",
        )
        for target, verdict in fitted.verdicts.items()
    ]


def _tiles(fitted: Fitted, found: Findings) -> Html:
    """The handful of figures that someone looks for first."""
    tiles: list[tuple[Any, Any, Any]] = []
    for target in fitted.schema.targets[:3]:
        for scored in found.metrics.get(target.name, []):
            if scored.metric.name == fitted.metrics.get(target.name):
                low, high = scored.interval.low, scored.interval.high
                places = interval_places(low, high)
                bounds = f"{fixed(low, places)} to {fixed(high, places)}"
                tiles.append(
                    ([scored.metric.label, " of ", name(target.name)], fixed(scored.interval.value, places), bounds)
                )
    rows = fitted.facts.get("rows", {})
    if rows:
        total = rows.get("development", rows.get("train", 0)) + rows.get("test", 0)
        tiles.append(("Rows", f"{total:,}", f"{rows.get('test', 0):,} of them only judge"))
    inputs, aside = len(fitted.schema.inputs), len(fitted.schema.left_out)
    tiles.append(("Columns used", f"{inputs:,}", f"{aside:,} left out" if aside else "none left out"))
    warnings = sum(note.kind == "warning" for note in fitted.notes)
    tiles.append(("Warnings", f"{warnings:,}", tag("a", "what was noticed", href="#data")))
    if fitted.facts.get("seconds"):
        members = ", ".join(f"{member} {percent(share)}" for member, share in fitted.ensemble.shares().items())
        tiles.append(("Learned in", seconds(fitted.facts["seconds"]), members))
    listed = [tag("div", tag("dt", title), tag("dd", value, tag("small", below))) for title, value, below in tiles]
    return tag("dl", listed, class_="tiles")


def _footer(fitted: Fitted) -> Html:
    version = fitted.facts.get("versions", {}).get("mapsto", "")
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    held = plural(len(fitted.held), "row") if fitted.held is not None else "no rows"
    text = f"Written by mapsto {version} on {today} from the model and the {held} held out in it."
    return tag("footer", tag("p", text, " Nothing in this page is loaded from elsewhere."))
