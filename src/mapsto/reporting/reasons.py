"""What the model goes by: importance of columns, their effect, and reasons for single predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mapsto.explaining.importance import deciding_metric
from mapsto.reporting.charts import SERIES, Plot, legend, span, track
from mapsto.reporting.figures import fixed, number, percent, places_for, plural, signed
from mapsto.reporting.findings import TOP_COLUMNS
from mapsto.reporting.insides import drawn
from mapsto.reporting.markup import Html, join, tag
from mapsto.reporting.parts import figure, name, per_target, section, soft, table

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.explaining import Attributions, Map
    from mapsto.fitted import Fitted
    from mapsto.reporting.findings import Example, Findings

SHOWN_COLUMNS = 12
"""Columns whose importance is shown before the reader asks for more."""
_SHOWN_REASONS = 6
_MOST_TICKS = 5
_KINDS = {"right": "good", "wrong": "bad", "far off": "bad", "close call": "warn", "typical": "good"}


# -- importance and dependence


def importance_section(fitted: Fitted, found: Findings) -> Html:
    """Which columns matter, and how."""
    if found.importance is None:
        return section("columns-matter", "What matters", soft("The model keeps no rows to find out with."))
    lead = soft(
        "Each column's values are shuffled among the rows held out; what the model loses by that is the column's "
        "importance. Columns that tell the same share their importance, or hide it."
    )
    return section(
        "columns-matter", "What matters", lead, per_target(fitted, lambda target: _matters(fitted, target, found))
    )


def _matters(fitted: Fitted, target: Column, found: Findings) -> list[Html]:
    frame = (found.importance if found.importance is not None else pl.DataFrame()).filter(
        pl.col("target") == target.name
    )
    label = deciding_metric(fitted, target).label
    bounds = frame.select("loss", "low", "high").to_numpy()
    scale = span(np.append(bounds, 0.0), 0.02)
    places = places_for(float(np.nanmax(np.abs(bounds))) if np.isfinite(bounds).any() else 0.0, 3)
    rows = [
        [name(column), track(loss, low, high, scale, zero=True), fixed(loss, places),
         f"{fixed(low, places)} to {fixed(high, places)}"]
        for column, _, loss, low, high in frame.iter_rows()
    ]  # fmt: skip
    heads = ["column", f"how much worse {label} gets", "loss", "95 % interval"]
    first = table(heads, rows[:SHOWN_COLUMNS], figures=(2, 3), caption="Most important columns")
    rest = rows[SHOWN_COLUMNS:]
    more = None
    if rest:
        inner = table(heads, rest[:200], figures=(2, 3))
        more = tag("details", tag("summary", f"The other {plural(len(rest), 'column')}"), inner)
    dependence = _dependence(target, frame["column"].to_list(), found)
    return [part for part in (first, more, dependence) if part is not None]


def _dependence(target: Column, columns: list[str], found: Findings) -> Html | None:
    """The mean prediction along these columns."""
    if found.dependence is None:
        return None
    frame = found.dependence.filter(pl.col("target") == target.name)
    columns = [column for column in columns if column in frame["column"]][:TOP_COLUMNS]
    shown = _shown_classes(target, frame)
    if shown:
        frame = frame.filter(pl.col("class").is_in(shown))
    figures = [_along(column, target, frame.filter(pl.col("column") == column), shown) for column in columns]
    note = soft(
        "Mean prediction when the column is set to a value in every row, the others left as they are. "
        "The shaded part holds the middle half of the rows."
    )
    return tag("div", tag("h4", "How the top columns act"), note, tag("div", figures, class_="pair"))


def _shown_classes(target: Column, frame: pl.DataFrame) -> list[str]:
    """The second of two classes; else the four whose probability moves most."""
    classes = [str(value) for value in target.classes]
    if target.task == "classification" and len(classes) == 2:
        return classes[1:]
    moved = frame.drop_nulls("class").group_by("class").agg((pl.col("mean").max() - pl.col("mean").min()).alias("by"))
    return moved.sort("by", "class", descending=[True, False]).head(len(SERIES))["class"].to_list()


def _along(column: str, target: Column, frame: pl.DataFrame, shown: list[str]) -> Html:
    what = f"probability of “{shown[0]}”" if len(shown) == 1 else "probability" if shown else target.name
    if frame["position"].null_count() or frame["position"].n_unique() < 3:
        return figure(name(column), _by_class(frame, shown) if len(shown) > 1 else _by_value(frame, what))
    ends = span(frame["position"].to_numpy(), 0.02)
    one = len(shown) <= 1
    heights = frame.select("low", "high").to_numpy().ravel() if one else frame["mean"].to_numpy()
    plot = Plot(ends, span(heights), title=f"{what} along {column}", y_label=_short(what), x_ticks=_marks(frame, ends))
    lines = [(kind, frame if one else frame.filter(pl.col("class") == kind)) for kind in (shown or [""])]
    for (_, line), series in zip(lines, SERIES, strict=False):
        x = line["position"].to_list()
        if one:
            plot.band(x, line["low"].to_list(), line["high"].to_list(), series)
        plot.line(x, line["mean"].to_list(), series, dots=one)
    key = None if one else legend([(series, kind) for (kind, _), series in zip(lines, SERIES, strict=False)])
    return figure(name(column), tag("div", key, plot.render()))


def _short(text: str) -> str:
    return text if len(text) <= 34 else text[:33] + "…"


def _marks(frame: pl.DataFrame, ends: tuple[float, float]) -> list[tuple[float, str]]:
    """Values of the column below the axis, as many as have room."""
    pairs = frame.unique("position", maintain_order=True).select("position", "value").rows()
    found: list[tuple[float, str]] = []
    for position, value in pairs:
        mark = _mark(value)
        room = 0.03 + 0.0085 * (len(mark) + len(found[-1][1])) if found else 0.0
        if not found or (position - found[-1][0]) / (ends[1] - ends[0]) > max(room, 1 / (_MOST_TICKS + 2)):
            found.append((position, mark))
    return found


def _mark(value: str) -> str:
    """A value as it has room below an axis: small numbers with three digits that count.

    >>> _mark("-0.0939476"), _mark("20640"), _mark("a rather long name")
    ('-0.0939', '20640', 'a rather lon')
    """
    try:
        number = float(value)
    except ValueError:
        return value[:12]
    return f"{number:.3g}" if abs(number) < 1_000 else value[:12]


def _by_value(frame: pl.DataFrame, what: str) -> Html:
    """A row a value, for columns without an order."""
    scale = span(frame.select("low", "high").to_numpy().ravel(), 0.02)
    places = places_for(scale[1] - scale[0])
    rows = [
        [name(value), track(mean, low, high, scale), fixed(mean, places)]
        for value, mean, low, high in frame.select("value", "mean", "low", "high").iter_rows()
    ]
    return table(["value", what, "mean"], rows, figures=(2,))


def _by_class(frame: pl.DataFrame, shown: list[str]) -> Html:
    """A row a value, a column a class."""
    wide = frame.pivot("class", index="value", values="mean", aggregate_function="first", maintain_order=True)
    rows = [[name(row["value"]), *(percent(row[kind]) for kind in shown)] for row in wide.iter_rows(named=True)]
    heads = ["value", *(name(kind) for kind in shown)]
    return table(heads, rows, figures=tuple(range(1, len(heads))), caption="Mean probability")


# -- examples


def examples_section(fitted: Fitted, found: Findings) -> Html | None:
    """Rows held out with what was predicted and why."""
    if found.reasons is None:
        return None
    reasons = found.reasons
    faith = float(np.median(reasons.faithfulness))
    better = float((reasons.faithfulness > 1).mean())
    gap = float(np.abs(reasons.gap).mean() / max(float(np.abs(reasons.figure - reasons.base).mean()), 1e-12))
    samples = "pairs of column orders" if reasons.method.startswith("Shapley") else "background rows"
    lead = soft(
        f"Rows held out, and what moved each prediction ({reasons.method}, {reasons.samples} {samples}). Replacing a "
        f"row's top columns moves its prediction {number(faith, 2)} times as much as replacing random ones (its "
        f"faithfulness; above 1 in {percent(better)} of these rows). Mean and effects together miss the prediction by "
        f"{percent(gap, 1)} of the way between them. Effects describe the model, not causes in the world."
    )
    cards = per_target(fitted, lambda target: _cards(fitted, target, found))
    return section("examples", "Right and wrong, with reasons", lead, _about_maps(found), cards)


def _about_maps(found: Findings) -> Html | None:
    if not found.maps:
        return None
    every = [one for maps in found.maps.values() for one in maps]
    better = [float(np.mean([each > 0 for each in gains])) for gains in _gains(every)]
    middle = int(np.median([one.samples for one in every]))
    return soft(
        "Inside cells, each piece is coloured by its worth: what it adds when pieces are put into the blanked cell in "
        f"random orders (about {plural(middle, 'pair')} of them), the other columns as they are. Deletion and "
        "insertion say how much lower and higher the figure is on average while pieces go or come in the order of "
        f"their worth than in random orders; above 0 is better, as in {percent(better[0])} and {percent(better[1])} "
        "of these cells."
    )


def _gains(maps: list[Map]) -> tuple[list[float], list[float]]:
    return [float(g) for one in maps for g in one.deletion], [float(g) for one in maps for g in one.insertion]


def _cards(fitted: Fitted, target: Column, found: Findings) -> Html | None:
    examples = found.examples.get(target.name)
    if not examples or found.reasons is None:
        return None
    reasons = found.reasons
    cards = [_card(fitted, target, each, reasons, found.maps.get(each.place, [])) for each in examples]
    return tag("div", cards, class_="cards")


def _card(fitted: Fitted, target: Column, example: Example, reasons: Attributions, maps: list[Map]) -> Html:
    index = reasons.targets.index(target.name)
    values = reasons.values[example.place, :, index]
    order = np.argsort(-np.abs(values), kind="stable")[:_SHOWN_REASONS]
    base, end = (float(each[example.place, index]) for each in (reasons.base, reasons.figure))
    places = 3 if target.task != "regression" else places_for(float(np.abs(values).max()), 3)
    scale = min(0.0, float(values.min())), max(0.0, float(values.max()))
    rows = [_reason(fitted, example.row, int(at), float(values[at]), scale, places, reasons) for at in order]
    others = len(values) - len(order)
    if others:
        rest = float(values.sum() - values[order].sum())
        rows.append(
            _line(
                [tag("th", f"the other {plural(others, 'column')}", scope="row", colspan=2, class_="soft")],
                rest,
                scale,
                places,
            )
        )
    sure = "" if example.probability is None else f" with {percent(example.probability)}"
    badge = tag("span", example.kind, class_=f"badge {_KINDS[example.kind]}")
    head = tag("h4", badge, "predicted ", name(example.predicted), sure, ", truth ", name(example.truth))
    what = [
        _explained(target, int(reasons.chosen[example.place, index])),
        f": {fixed(base, places)} for the mean training row, ",
    ]
    caption = tag("caption", what, f"{fixed(end, places)} here, because of")
    grid = tag("table", caption, _heads(), tag("tbody", rows))
    faithful = number(float(reasons.faithfulness[example.place, index]), 2)
    near = tag(
        "p", "Most similar training rows: ", name(example.neighbours), f". Faithfulness {faithful}.", class_="soft"
    )
    inside = [drawn(one, target, index) for one in maps]
    return tag("article", head, inside, grid, near, class_="card")


def _explained(target: Column, code: int) -> Html:
    """The figure that the reasons are about."""
    if target.task == "regression":
        return join(["Prediction"])
    return join(["Probability of “", name(str(target.classes[code])), "”"])


def _heads() -> Html:
    heads = [tag("th", text, scope="col") for text in ("column", "value")]
    return tag("thead", tag("tr", heads, tag("th", "effect", scope="colgroup", colspan=2)))


def _reason(
    fitted: Fitted, row: int, column: int, value: float, scale: tuple[float, float], places: int, reasons: Attributions
) -> Html:
    title = reasons.columns[column]
    shown = fitted.held.shown[title][row] if fitted.held is not None else ""
    cells = [tag("th", name(title), scope="row"), tag("td", name(shown), class_="value")]
    return _line(cells, value, scale, places)


def _line(cells: list[Html], value: float, scale: tuple[float, float], places: int) -> Html:
    """A row of a card: its cells, and a bar to the right of the middle for what raises the figure, else to the left."""
    whole = (scale[1] - scale[0]) or 1.0
    middle = -100 * scale[0] / whole
    width = min(100 * abs(value) / whole, 100.0)
    left = middle if value >= 0 else max(0.0, middle - width)
    drawn = [tag("b", style=f"left:{middle:.2f}%"), tag("i", style=f"left:{left:.2f}%;width:{width:.2f}%")]
    picture = tag("span", drawn, class_=f"diverge {'one' if value >= 0 else 'two'}", aria_hidden="true")
    return tag("tr", cells, tag("td", picture), tag("td", signed(value, places), class_="figure"))
