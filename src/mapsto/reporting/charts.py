"""Pictures as inline SVG, drawn by hand: small, sharp in print, and coloured by the page's style in light and dark.

A `Plot` is a frame with two axes that is filled with lines, bands, points and bars in the units of the data. Colours
come from classes (`one`, `two`, `three`, `four`, `faint`), so nothing here knows any.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mapsto.reporting.figures import number
from mapsto.reporting.markup import Html, tag

_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 12, 28, 44
SERIES = ("one", "two", "three", "four")
"""Classes of series, in the order of use."""


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers inside an interval, at most about `most`.

    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not high > low:
        return [low]
    if not math.isfinite(high - low):
        return [low, high]
    rough = (high - low) / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first
    return [round((first + i) * step, 12) for i in range(count + 1)]


def span(values: np.ndarray, margin: float = 0.04) -> tuple[float, float]:
    """The range of the finite values, a little widened."""
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    extra = margin * (high - low) or 0.05 * abs(high) or 0.5
    return low - extra, high + extra


class Plot:
    """A frame with axes, in the units of the data.

    Args:
        x: range of the horizontal axis.
        y: range of the vertical axis.
        title: what the picture shows, for those who do not see it.
        x_label: what the horizontal axis is.
        y_label: what the vertical axis is.
        x_ticks: places and texts of horizontal marks; None: round numbers.
        height: in pixels of the drawing, which is 440 wide.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        title: str,
        x_label: str = "",
        y_label: str = "",
        x_ticks: Sequence[tuple[float, str]] | None = None,
        height: int = 270,
    ) -> None:
        self.x, self.y, self.title = x, y, title
        self.width, self.height = 440, height
        self._parts: list[Html] = []
        self._axes(x_ticks, x_label, y_label)

    def _at(self, x: float, y: float) -> tuple[str, str]:
        """A place in the drawing, as text with one decimal; what lies outside the frame is moved to its edge."""
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1.0)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1.0)
        left = _LEFT + min(max(across, -0.01), 1.01) * (self.width - _LEFT - _RIGHT)
        top = self.height - _BOTTOM - min(max(up, -0.01), 1.01) * (self.height - _TOP - _BOTTOM)
        return f"{left:.1f}", f"{top:.1f}"

    def _path(self, x: Sequence[float], y: Sequence[float]) -> str:
        return "M" + "L".join(" ".join(self._at(a, b)) for a, b in zip(x, y, strict=True))

    def _axes(self, x_ticks: Sequence[tuple[float, str]] | None, x_label: str, y_label: str) -> None:
        for value in ticks(*self.y):
            (left, top), (right, _) = self._at(self.x[0], value), self._at(self.x[1], value)
            self._parts.append(tag("line", x1=left, x2=right, y1=top, y2=top, class_="grid"))
            self._parts.append(tag("text", number(value, 3), x=_LEFT - 6, y=top, dy="0.32em", class_="end"))
        marks = [(value, number(value, 3)) for value in ticks(*self.x)] if x_ticks is None else x_ticks
        for value, text in marks:
            left, top = self._at(value, self.y[0])
            self._parts.append(tag("text", text, x=left, y=f"{float(top) + 16:.1f}", class_="middle"))
        middle = (_LEFT + self.width - _RIGHT) / 2
        if x_label:
            self._parts.append(tag("text", x_label, x=middle, y=self.height - 6, class_="middle label"))
        if y_label:
            self._parts.append(tag("text", y_label, x=0, y=12, class_="label"))

    def line(self, x: Sequence[float], y: Sequence[float], series: str = "one", *, dots: bool = False) -> Plot:
        """A line through points; where a value is missing it is left out."""
        known = [(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]
        if known:
            xs, ys = zip(*known, strict=True)
            self._parts.append(tag("path", d=self._path(xs, ys), class_=f"line {series}"))
            if dots:
                self.points(xs, ys, series, size=6)
        return self

    def band(self, x: Sequence[float], low: Sequence[float], high: Sequence[float], series: str = "one") -> Plot:
        """The area between two lines."""
        around = self._path([*x, *reversed(list(x))], [*low, *reversed(list(high))])
        self._parts.append(tag("path", d=around + "Z", class_=f"band {series}"))
        return self

    def points(self, x: Sequence[float], y: Sequence[float], series: str = "one", *, size: float = 4) -> Plot:
        """Round points, all in one path."""
        dots = "".join("M{} {}h0".format(*self._at(a, b)) for a, b in zip(x, y, strict=True))
        self._parts.append(tag("path", d=dots, class_=f"points {series}", stroke_width=size))
        return self

    def whisker(self, x: float, low: float, high: float, series: str = "one") -> Plot:
        """A vertical line from `low` to `high`."""
        (left, bottom), (_, top) = self._at(x, low), self._at(x, high)
        self._parts.append(tag("line", x1=left, x2=left, y1=top, y2=bottom, class_=f"whisker {series}"))
        return self

    def bars(self, edges: Sequence[float], heights: Sequence[float], series: str = "one") -> Plot:
        """Bars that stand on the horizontal axis between edges."""
        for left, right, high in zip(edges[:-1], edges[1:], heights, strict=True):
            (a, bottom), (b, top) = self._at(left, self.y[0]), self._at(right, high)
            width = max(float(b) - float(a) - 1, 0.5)
            box = {"x": a, "y": top, "width": f"{width:.1f}", "height": f"{max(0.0, float(bottom) - float(top)):.1f}"}
            self._parts.append(tag("rect", **box, class_=f"bar {series}"))
        return self

    def shade(self, left: float, right: float, series: str, opacity: float) -> Plot:
        """A coloured stretch over the whole height."""
        (a, bottom), (b, top) = self._at(left, self.y[0]), self._at(right, self.y[1])
        box = {"x": a, "y": top, "width": f"{float(b) - float(a):.1f}", "height": f"{float(bottom) - float(top):.1f}"}
        self._parts.append(tag("rect", **box, class_=f"shade {series}", opacity=f"{opacity:.2f}"))
        return self

    def text(self, x: float, y: float, text: str, series: str = "", place: str = "start") -> Plot:
        """A word at a place."""
        left, top = self._at(x, y)
        self._parts.append(tag("text", text, x=left, y=top, dy="-0.4em", class_=f"{place} {series}"))
        return self

    def render(self) -> Html:
        """The picture."""
        box = f"0 0 {self.width} {self.height}"
        return tag("svg", tag("title", self.title), *self._parts, viewBox=box, role="img", class_="plot")


def legend(entries: Sequence[tuple[str, str]]) -> Html:
    """Which class of series is what."""
    return tag("ul", [tag("li", tag("i", class_=series), name) for series, name in entries], class_="legend")


def sparkline(counts: Sequence[float], title: str) -> Html:
    """A distribution as small bars."""
    most = max([*counts, 1])
    step = 120 / max(1, len(counts))
    bars = [
        tag(
            "rect",
            x=f"{i * step:.1f}",
            y=f"{24 - 24 * count / most:.1f}",
            width=f"{max(step - 0.8, 0.6):.1f}",
            height=f"{24 * count / most:.1f}",
        )
        for i, count in enumerate(counts)
    ]
    return tag("svg", tag("title", title), bars, viewBox="0 0 120 24", role="img", class_="spark")


def track(
    value: float,
    low: float | None,
    high: float | None,
    scale: tuple[float, float],
    series: str = "one",
    *,
    zero: bool = False,
) -> Html:
    """A figure and its interval on a line, for a table cell; `scale` is shared by the rows, `zero` marks 0."""
    width = (scale[1] - scale[0]) or 1.0

    def place(figure: float) -> float:
        return round(100 * min(max((figure - scale[0]) / width, 0.0), 1.0), 2)

    interval = None
    if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
        extent = max(place(high) - place(low), 0.3)
        interval = tag("i", class_="interval", style=f"left:{place(low)}%;width:{extent:.2f}%")
    dot = tag("i", class_="dot", style=f"left:{place(value)}%")
    mark = tag("i", class_="zero", style=f"left:{place(0.0)}%") if zero else None
    return tag("span", mark, interval, dot, class_=f"track {series}", aria_hidden="true")


def bar(value: float, most: float, series: str = "one") -> Html:
    """A bar of this share of `most`, for a table cell."""
    share = 100 * min(max(abs(value) / most, 0.0), 1.0) if most else 0.0
    return tag("span", tag("i", style=f"width:{share:.2f}%"), class_=f"bar-cell {series}", aria_hidden="true")
