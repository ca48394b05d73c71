"""Maps of single cells as pictures: words coloured in the text, fields over the picture, steps, nodes, frames.

Blue raises the figure explained and orange lowers it, which most colour-blind people can tell apart; what lowers is
dotted or hatched as well where it is text, and every drawing says in words what it shows.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.columns.common.trees import UP
from mapsto.reporting.charts import SERIES, Plot, span
from mapsto.reporting.figures import fixed, places_for, signed
from mapsto.reporting.markup import Html, tag
from mapsto.reporting.parts import name

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.explaining import Map
    from mapsto.explaining.pixels import Pixels

RAISES, LOWERS = np.array([31, 111, 139]), np.array([214, 96, 20])
_DEEPEST, _FAINTEST = 0.7, 0.06
"""How much of its colour the strongest piece has; pieces below this share of it are left plain."""
_LARGEST = 256
"""Pixels of the longer side of a picture in the page."""
_SMALL = 96
"""Below so many, pixels are shown as they are and not smoothed."""
_FRAMES = 12
_STRONG = 0.99
_SPOKEN = 3
_PLACES = 3


def drawn(one: Map, target: Column, place: int) -> Html:
    """The map of one cell for the target at this place, with what it shows in words below."""
    worth = one.worth[:, place]
    places = _PLACES if target.task != "regression" else places_for(float(np.abs(worth).max(initial=0)), _PLACES)
    said = spoken(one, place, places)
    picture = _DRAWINGS[one.inside.kind](one.inside, worth, said, places)
    if one.pixels is not None:
        picture = tag("div", picture, _pixels(one.inside, one.pixels, place), class_="beside")
    before, here = (fixed(float(each[place]), places) for each in (one.blank, one.figure))
    gains = [signed(float(each[place]), places) for each in (one.deletion, one.insertion)]
    told = f"{before} where it is blanked, {here} as it is. Deletion {gains[0]}, insertion {gains[1]}."
    if one.pixels is not None:
        told += f" The third picture shows pixels, by {_compared(one.pixels, place, places)}."
    key = tag("ul", [tag("li", tag("i", class_=c), text) for c, text in (("one", "raises"), ("two", "lowers"))],
              class_="legend")  # fmt: skip
    return tag("figure", tag("h4", "Inside ", name(one.column)), key, picture, tag("figcaption", told), class_="inside")


def spoken(one: Map, place: int, places: int = _PLACES) -> str:
    """The strongest pieces in words."""
    worth, pieces = one.worth[:, place], one.inside.pieces
    order = np.argsort(-worth, kind="stable")
    found = []
    for what, ends in (("Raised most by", order[:_SPOKEN]), ("lowered most by", order[::-1][:_SPOKEN])):
        signs = 1 if what.startswith("R") else -1
        said = [f"{pieces[at][:40]} ({signed(float(worth[at]), places)})" for at in ends if signs * worth[at] > 0]
        found.append(f"{what} {', '.join(said) or 'nothing'}")
    return "; ".join(found)


def shades(worth: np.ndarray, most: float | None = None) -> np.ndarray:
    """How deep the colour of each piece is, with its sign: between -1 and 1, 0 where it hardly matters.

    >>> shades(np.array([0.5, -0.25, 0.001])).tolist()
    [1.0, -0.5, 0.0]
    """
    most = float(np.abs(worth).max(initial=0)) if most is None else most
    found = worth / (most or 1.0)
    return np.where(np.abs(found) < _FAINTEST, 0.0, found)


# -- words


def _words(inside: Any, worth: np.ndarray, said: str, places: int) -> Html:
    parts: list[Any] = []
    end = 0
    for (start, stop), shade, value in zip(inside.spans.tolist(), shades(worth).tolist(), worth.tolist(), strict=True):
        parts += [inside.text[end:start], _marked(inside.text[start:stop], shade, signed(value, places))]
        end = stop
    text = tag("p", parts, inside.text[end:], class_="words", dir="auto")
    return tag("div", text, tag("p", said, class_="unseen"))


def _marked(text: str, shade: float, title: str) -> Any:
    if not shade:
        return text
    return tag("mark", text, class_=_side(shade), style=f"--a:{_DEEPEST * abs(shade):.2f}", title=title)


def _side(value: float) -> str:
    return "up" if value >= 0 else "down"


# -- pictures


def _picture(inside: Any, worth: np.ndarray, said: str, places: int) -> Html:
    over = overlay(inside.pixels, shades(worth)[inside.field_of])
    pair = [_image(inside.pixels, "The picture as the network sees it"), _image(over, said)]
    return tag("div", pair, class_="pictures")


def _compared(pixels: Pixels, place: int, places: int) -> str:
    """The method, and what deletion and insertion together say of it and of others."""
    figures = {name: signed(float(each[place]), places) for name, each in pixels.separation.items()}
    best = pixels.how[place]
    others = "".join(f"; {name} {figure}" for name, figure in figures.items() if name != best)
    return f"{best} (deletion and insertion together {figures[best]}{others})"


def _pixels(inside: Any, pixels: Pixels, place: int) -> Html:
    """Pixels; the deepest colour is that of all but the strongest few, which would leave the others pale."""
    given = pixels.values[:, :, place]
    shade = np.clip(shades(given, float(np.quantile(np.abs(given), _STRONG))), -1, 1)
    return _image(overlay(inside.pixels, shade), f"What pixels contribute, by {pixels.how[place]}")


def _spectrogram(inside: Any, worth: np.ndarray, said: str, places: int) -> Html:
    """Time from left to right, low tones at the bottom."""
    levels, shade = (np.flipud(each.T) for each in (inside.levels, shades(worth)[inside.field_of]))
    image = _image(overlay(levels[..., None], shade), said, class_="sound")
    seconds, hertz = inside.seconds[-1], inside.hertz[[0, -1]]
    axes = f"From left to right {seconds:.2f} s, from bottom to top {hertz[0]:,.0f} to {hertz[1]:,.0f} Hz."
    return tag("div", image, tag("p", axes, class_="soft"))


def _frames(inside: Any, worth: np.ndarray, said: str, places: int) -> Html:
    chosen = np.unique(np.linspace(0, len(inside.frames) - 1, _FRAMES).round().astype(np.int64))
    piece = np.searchsorted(inside.edges, chosen, side="right") - 1
    shade = shades(worth)
    strip = [
        tag(
            "span",
            _image(inside.frames[frame], f"Frame {frame + 1}: {signed(float(worth[at]), places)}"),
            tag("mark", signed(float(worth[at]), places), class_=_side(shade[at]),
                style=f"--a:{_DEEPEST * abs(shade[at]):.2f}"),
        )
        for frame, at in zip(chosen.tolist(), piece.tolist(), strict=True)
    ]  # fmt: skip
    return tag("div", strip, class_="frames", role="group", aria_label=said)


def overlay(pixels: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """A picture in pale grey under colours: `pixels` uint8 `(H, W, C)`, `shade` `(H, W)` between -1 and 1."""
    grey = pixels.mean(axis=2, keepdims=True)
    low, high = float(grey.min()), float(grey.max())
    pale = 150 + 95 * (grey - low) / ((high - low) or 1.0)
    depth = _DEEPEST * np.abs(shade)[..., None]
    colour = np.where(shade[..., None] >= 0, RAISES, LOWERS)
    return np.asarray((1 - depth) * pale + depth * colour, dtype=np.uint8)


def _image(pixels: np.ndarray, alt: str, class_: str | None = None) -> Html:
    """An image whose bytes are in the page: uint8 `(H, W, 1 or 3)`."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))
    image.thumbnail((_LARGEST, _LARGEST))
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    classes = " ".join(each for each in (class_, "pixels" if max(image.size) < _SMALL else None) if each)
    return tag("img", src=f"data:image/png;base64,{data}", alt=alt, width=image.width, height=image.height,
               class_=classes or None)  # fmt: skip


# -- steps and trees


def _steps(inside: Any, worth: np.ndarray, said: str, places: int) -> Html:
    values = inside.shown[:, : len(SERIES)]
    plot = Plot((0, max(1, len(values) - 1)), span(values), title=said, x_label="step", height=220)
    edges = np.clip(inside.edges - 0.5, 0, max(1, len(values) - 1)).tolist()
    for left, right, shade in zip(edges[:-1], edges[1:], shades(worth).tolist(), strict=True):
        if shade:
            plot.shade(left, right, "one" if shade > 0 else "two", _DEEPEST * abs(shade))
    for channel, series in zip(values.T.tolist(), ("ink", *SERIES[2:], "faint"), strict=False):
        plot.line(list(range(len(channel))), channel, series)
    return plot.render()


_ACROSS, _DOWN, _RADIUS, _LETTER = 19, 21, 6, 7.2
"""Pixels between levels, between words, of a node, and of a letter."""


def _nodes(inside: Any, worth: np.ndarray, said: str, places: int) -> Html:
    """The tree lying on its side, words one below the other; a node's colour is the worth of all words below it."""
    of_node = inside.below @ worth
    shade = np.clip(shades(of_node, float(np.abs(worth).max(initial=0))), -1, 1)
    depth, down = _laid_out(inside.nodes[:, UP])
    x, y = (depth * _ACROSS + _RADIUS + 2).tolist(), (down * _DOWN + _RADIUS + 6).tolist()
    lines, dots, words = [], [], []
    for node, word in enumerate(inside.words):
        parent = node - int(inside.nodes[node, UP])
        if parent < node:
            path = f"M{x[parent]} {y[parent]:.1f}V{y[node]:.1f}H{x[node]}"
            lines.append(tag("path", d=path, class_="branch"))
        title = tag("title", f"{word or 'the words below'}: {signed(float(of_node[node]), places)}")
        spot = {"cx": x[node], "cy": f"{y[node]:.1f}", "r": _RADIUS}
        dots += [
            tag("circle", **spot, class_="node"),
            tag("circle", title, **spot, class_=f"node {_side(shade[node])}", fill_opacity=f"{abs(shade[node]):.2f}"),
        ]
        if word:
            words.append(tag("text", word, x=x[node] + _RADIUS + 5, y=f"{y[node]:.1f}", dy="0.34em"))
    wide = max(place + _LETTER * len(word or "") for place, word in zip(x, inside.words, strict=True)) + 20
    box = f"0 0 {wide:.0f} {max(y) + 14:.0f}"
    svg = tag("svg", tag("title", said), lines, dots, words, viewBox=box, role="img", style=f"width:{wide:.0f}px")
    return tag("div", svg, class_="tree")


def _laid_out(up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For nodes in the order in which brackets open: level, and place downwards, parents beside their children."""
    parent = np.arange(len(up)) - up
    depth, leaf = np.zeros(len(up), dtype=np.int64), np.ones(len(up), dtype=bool)
    leaf[parent[1:]] = False
    down, children = np.where(leaf, np.cumsum(leaf) - 1.0, 0.0), np.zeros(len(up))
    for node in range(1, len(up)):
        depth[node] = depth[parent[node]] + 1
    for node in range(len(up) - 1, -1, -1):
        down[node] = down[node] / children[node] if children[node] else down[node]
        if node:
            down[parent[node]] += down[node]
            children[parent[node]] += 1
    return depth, down


_DRAWINGS: dict[str, Callable[[Any, np.ndarray, str, int], Html]] = {
    "words": _words,
    "picture": _picture,
    "spectrogram": _spectrogram,
    "steps": _steps,
    "nodes": _nodes,
    "frames": _frames,
}
