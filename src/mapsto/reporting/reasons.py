"""What the model goes by: importance of columns, their effect, and reasons for single predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mapsto.explaining.importance import deciding_metric
from mapsto.reporting.charts import SERIES, Plot, legend, span, track
from mapsto.reporting.figures import number, percent, plural, signed
from mapsto.reporting.markup import Html, tag
from mapsto.reporting.parts import figure, name, per_target, section, soft, table, what_is_explained

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.explaining import Attributions
    from mapsto.fitted import Fitted
    from mapsto.reporting.findings import Example, Findings

SHOWN_COLUMNS = 12
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
    return section("columns-matter", "What matters", lead, per_target(fitted, lambda target: _matters(fitted, target, found)))


def _matters(fitted: Fitted, target: Column, found: Findings) -> list[Html]:
    assert_frame = found.importance if found.importance is not None else pl.DataFrame()
    frame = assert_frame.filter(pl.col("target") == target.name)
    label = deciding_metric(fitted, target).label
    scale = span(np.array([0.0, *frame["low"], *frame["high"], *frame["loss"]], dtype=np.float64), 0.02)
    rows = [
        [name(column), track(loss, low, high, scale), number(loss, 3), f"{number(low, 3)} to {number(high, 3)}"]
        for column, _, loss, low, high in frame.iter_rows()
    ]
    heads = ["column", f"loss of {label} when shuffled", "loss", "95 % interval"]
    first = table(heads, rows[:SHOWN_COLUMNS], figures=(2, 3), caption="Most important columns")
    rest = rows[SHOWN_COLUMNS:]
    more = None
    if rest:
        inner = table(heads, rest[:200], figures=(2, 3))
        more = tag("details", tag("summary", f"The other {plural(len(rest), 'column')}"), inner)
    return [part for part in (first, more, _dependence(target, found)) if part is not None]


def _dependence(target: Column, found: Findings) -> Html | None:
    """The mean prediction along the top columns."""
    if found.dependence is None:
        return None
    frame = found.dependence.filter(pl.col("target") == target.name)
    shown = _shown_classes(target, frame)
    if shown:
        frame = frame.filter(pl.col("class").is_in(shown))
    figures = [
        _along(column, target, frame.filter(pl.col("column") == column), shown)
        for column in frame["column"].unique(maintain_order=True)
    ]
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
        return figure(name(column), _by_value(frame, what))
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
        room = 0.05 + 0.012 * len(value)
        if not found or (position - found[-1][0]) / (ends[1] - ends[0]) > max(room, 1 / (_MOST_TICKS + 2)):
            found.append((position, value[:12]))
    return found


def _by_value(frame: pl.DataFrame, what: str) -> Html:
    """A row a value, for columns without an order."""
    scale = span(frame.select("low", "high").to_numpy().ravel(), 0.02)
    several = frame["class"].n_unique() > 1
    rows = [
        [[name(value), tag("small", kind) if several else None], track(mean, low, high, scale), number(mean, 3)]
        for value, kind, mean, low, high in frame.select("value", "class", "mean", "low", "high").iter_rows()
    ]
    return table(["value", what, "mean"], rows, figures=(2,))


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
        f"Rows held out, and what moved each prediction away from the mean over training rows ({reasons.method}, "
        f"{reasons.samples} {samples}). How far to trust these reasons: replacing a row's top columns moves its prediction "
        f"{number(faith, 2)} times as much as replacing random ones (median; more in {percent(better)} of these rows), and "
        f"base and reasons together miss the prediction by {percent(gap, 1)} of its distance from the base. "
        "Reasons describe the model, not causes in the world."
    )
    return section("examples", "Right and wrong, with reasons", lead, per_target(fitted, lambda t: _cards(fitted, t, found)))


def _cards(fitted: Fitted, target: Column, found: Findings) -> Html | None:
    examples = found.examples.get(target.name)
    if not examples or found.reasons is None:
        return None
    reasons = found.reasons
    return tag("div", [_card(fitted, target, example, reasons) for example in examples], class_="cards")


def _card(fitted: Fitted, target: Column, example: Example, reasons: Attributions) -> Html:
    index = reasons.targets.index(target.name)
    values = reasons.values[example.place, :, index]
    order = np.argsort(-np.abs(values), kind="stable")[:_SHOWN_REASONS]
    most = float(np.abs(values).max()) or 1.0
    rows = [_reason(fitted, example.row, int(at), float(values[at]), most, reasons) for at in order]
    rest = float(values.sum() - values[order].sum())
    others = len(values) - len(order)
    sure = "" if example.probability is None else f" with {percent(example.probability)}"
    head = tag("h4", tag("span", example.kind, class_=f"badge {_KINDS[example.kind]}"), "predicted ", name(example.predicted),
               sure, ", truth ", name(example.truth))  # fmt: skip
    base, end = (float(each[example.place, index]) for each in (reasons.base, reasons.figure))
    left = f"; the other {plural(others, 'column')} together {signed(rest)}" if others else ""
    told = f"{what_is_explained(fitted, target)} from {number(base, 3)} to {number(end, 3)}{left}."
    faithful = f" Faithfulness {number(float(reasons.faithfulness[example.place, index]), 2)}."
    near = tag("p", "Most similar training rows: ", name(example.neighbours), ".", class_="soft")
    grid = tag("table", tag("caption", f"What moved {told}{faithful}"), _heads(), tag("tbody", rows))
    return tag("article", head, grid, near, class_="card")


def _heads() -> Html:
    return tag("thead", tag("tr", [tag("th", text, scope="col", class_=side) for text, side in
                                   (("column", None), ("value", None), ("effect", None), ("", "figure"))]))  # fmt: skip


def _reason(fitted: Fitted, row: int, column: int, value: float, most: float, reasons: Attributions) -> Html:
    width = 50 * abs(value) / most
    left = 50.0 if value >= 0 else 50 - width
    picture: Any = tag("span", tag("i", style=f"left:{left:.2f}%;width:{width:.2f}%"), aria_hidden="true",
                       class_=f"diverge {'one' if value >= 0 else 'two'}")  # fmt: skip
    title = reasons.columns[column]
    shown = fitted.held.shown[title][row] if fitted.held is not None else ""
    return tag(
        "tr",
        tag("th", name(title), scope="row"),
        tag("td", name(shown), class_="value"),
        tag("td", picture),
        tag("td", signed(value), class_="figure"),
    )
