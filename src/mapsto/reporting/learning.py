"""How it learned: loss and figure over the update steps, and what more rows would bring."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from mapsto.reporting.charts import SERIES, Plot, legend, span
from mapsto.reporting.figures import plural, seconds
from mapsto.reporting.markup import Html, tag
from mapsto.reporting.parts import figure, name, section, soft, table

if TYPE_CHECKING:
    from mapsto.fitted import Fitted

_MOST_POINTS = 200
Curve = tuple[list[float], list[float]]
"""Steps and figures."""


def learning_section(fitted: Fitted) -> Html:
    """Training curves, the learning curve over rows, and what each member took."""
    content = [_training(fitted), *_over_rows(fitted), _took(fitted)]
    return section("learning", "How it learned", *content)


def _training(fitted: Fitted) -> Html:
    losses, figures = _curves(fitted.history, _loss), _curves(fitted.history, lambda event: event.get("figure"))
    drawn = [
        _over_steps("Training loss", "loss on training rows", losses),
        _over_steps("Validation figure", "decides when to stop", figures),
    ]
    if not any(drawn):
        return soft(
            "No member of this model learned by epochs (trees and linear models do not), so there is no training curve."
        )
    return tag("div", drawn, class_="pair")


def _loss(event: dict[str, Any]) -> Any:
    losses = event.get("losses", event.get("loss"))
    if isinstance(losses, dict):
        known = [value for value in losses.values() if isinstance(value, int | float)]
        return losses.get("loss", losses.get("total", sum(known) if known else None))
    return losses


def _curves(history: list[dict[str, Any]], figure_of: Any) -> dict[str, list[Curve]]:
    """The runs of each member, where a run is one training (a fold, say)."""
    found: dict[str, list[Curve]] = {}
    ordered = sorted(history, key=lambda event: str(event.get("name", "")))
    for full, events in groupby(ordered, key=lambda event: str(event.get("name", "network"))):
        points = [(event.get("step", event.get("epoch")), figure_of(event)) for event in events]
        known = [(float(x), float(y)) for x, y in points if _is_number(x) and _is_number(y)]
        if len(known) > 1:
            picked = np.unique(np.linspace(0, len(known) - 1, min(len(known), _MOST_POINTS)).astype(np.int64))
            x, y = zip(*[known[at] for at in picked], strict=True)
            found.setdefault(full.split(":")[0].strip() or "network", []).append((list(x), list(y)))
    return found


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def _over_steps(title: str, label: str, curves: dict[str, list[Curve]]) -> Html | None:
    if not curves:
        return None
    every = [curve for runs in curves.values() for curve in runs]
    x, y = (np.concatenate([np.array(curve[axis]) for curve in every]) for axis in (0, 1))
    middle = np.quantile(y, [0.0, 0.98]) if len(y) > 20 else y
    plot = Plot(span(x, 0.0), span(middle), title=f"{title} over update steps", x_label="update step", y_label=label)
    for runs, series in zip(curves.values(), SERIES, strict=False):
        for place, (xs, ys) in enumerate(runs):
            plot.line(xs, ys, series if place == 0 and len(runs) == 1 else f"{series} thin")
    key = [(series, f"{member} ({plural(len(runs), 'fold')})" if len(runs) > 1 else member)
           for (member, runs), series in zip(curves.items(), SERIES, strict=False)]  # fmt: skip
    return figure(title, tag("div", legend(key), plot.render()))


def _over_rows(fitted: Fitted) -> list[Html]:
    """What twice the rows would bring, where it was measured."""
    curve = fitted.facts.get("curve")
    if not isinstance(curve, dict):
        return []
    by_target = {"": curve} if "rows" in curve else curve
    return [
        figure(["More rows", f": {target}" if target else ""], _row_curve(one), one.get("sentence"))
        for target, one in by_target.items()
        if isinstance(one, dict) and one.get("rows") and one.get("values")
    ]


def _row_curve(curve: dict[str, Any]) -> Html:
    rows, values = [float(v) for v in curve["rows"]], [float(v) for v in curve["values"]]
    expected = [v for v in curve.get("expected", []) if _is_number(v)]
    x = np.log2([*rows, 2 * rows[-1]])
    marks = [(float(at), f"{round(count):,}") for at, count in zip(x, [*rows, 2 * rows[-1]], strict=True)]
    plot = Plot(span(x, 0.06), span(np.array([*values, *expected])), title="The figure by number of training rows",
                x_label="training rows", x_ticks=marks)  # fmt: skip
    plot.line(x[:-1].tolist(), values, dots=True)
    if len(expected) == 3:
        plot.whisker(float(x[-1]), expected[1], expected[2], "two").points([float(x[-1])], [expected[0]], "two", size=7)
        plot.line(x[-2:].tolist(), [values[-1], expected[0]], "faint")
    return plot.render()


def _took(fitted: Fitted) -> Html | None:
    members = [one for one in fitted.facts.get("members", []) if isinstance(one, dict) and "name" in one]
    if not members:
        return None
    shares = fitted.ensemble.shares()
    rows = [
        [name(str(one["name"])), "yes" if one["name"] in shares else "no", seconds(one.get("fit_seconds"))]
        for one in members
    ]
    caption = "What was learned, and what the model keeps of it."
    return table(["member", "kept", "fit"], rows, figures=(2,), caption=caption, class_="narrow")
