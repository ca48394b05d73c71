"""Small models of every kind, each fitted in a second or so, for tests that look into model files.

`FILES[name]()` gives the bytes of a model file, `rows(name)` the rows it was learned from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import polars as pl

import mapsto
from mapsto.model import Model

ROWS = 60
RECIPE = {
    "learning": {"epochs": 2, "restarts": 0, "precision": "float32"},
    "members": {"boosting": {"max_iter": 8}, "forest": {"n_estimators": 3}, "extra-trees": {"n_estimators": 3}},
}


@dataclass(frozen=True)
class Kind:
    """How a model is learned from the columns of `table()`."""

    inputs: tuple[str, ...]
    target: str | list[str]
    network: Any
    options: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)


KINDS: dict[str, Kind] = {
    "class": Kind(("size", "town", "day", "sure", "tags"), "kind", ["boosting", "forest"]),
    "number": Kind(("size", "town", "day"), "price", ["extra-trees", "linear-model", "nearest"]),
    "two classes and costs": Kind(
        ("size", "town"), "sold", ["linear-model", "nearest"],
        {"costs": {"yes": {"no": 5.0}, "no": {"yes": 1.0}}},
    ),
    "labels": Kind(("size", "town"), "tags", ["linear-model", "forest"]),
    "several": Kind(("size", "town", "day"), ["price", "sold", "tags"], "perceptron",
                    recipe={"networks": {"perceptron": {"width": 8}}}),
    "tokens": Kind(("size", "town", "sure"), "kind", "ft-transformer",
                   recipe={"networks": {"ft-transformer": {"token_width": 8, "depth": 1, "heads": 2}}}),
    "tabm": Kind(("size", "town"), "price", "tabm", recipe={"networks": {"tabm": {"width": 8, "views": 4}}}),
    "folds": Kind(("size", "town"), "sold", ["boosting", "perceptron"], {"folds": 2},
                  {"networks": {"perceptron": {"width": 8}}}),
    "text": Kind(("text", "size"), "sold", ["linear-model", "textcnn"],
                 recipe={"networks": {"textcnn": {"filters": 4}}}),
    "picture": Kind(("picture", "size"), "sold", "convnet", {"types": {"picture": "image"}},
                    {"networks": {"convnet": {"filters": 4, "stages": 2, "hidden": 8}}}),
    "sound": Kind(("sound",), "sold", "convnet", {"types": {"sound": {"type": "audio", "rate": 4000, "bands": 8}}},
                  {"networks": {"convnet": {"filters": 2, "stages": 2, "hidden": 8}}}),
    "sequence": Kind(("steps", "size"), "kind", "gru", {"types": {"steps": "sequence"}},
                     {"networks": {"gru": {"width": 6}}}),
    "series": Kind(("steps", "size"), "kind", ["hybrid", "ridge"], {"types": {"steps": "sequence"}},
                   {"networks": {"rocket": {"gaps": 1, "thresholds": 1}}}),
    "tree": Kind(("tree",), "sold", "treelstm", {"types": {"tree": "tree"}}, {"networks": {"treelstm": {"width": 6}}}),
    "clip": Kind(("clip",), "sold", "convlstm", {"types": {"clip": "video"}},
                 {"networks": {"convlstm": {"width": 2, "side": 3}}}),
    "verification": Kind(("size", "more", "town"), "who", "perceptron", {"objective": "verification"},
                         {"networks": {"perceptron": {"width": 8}}}),
    "hog": Kind(("picture",), "sold", "hog", {"types": {"picture": "image"}},
                   {"networks": {"hog": {"cells": 3, "hidden": 8}}}),
    "hybrid": Kind(("picture", "size"), "sold", "hybrid", {"types": {"picture": "image"}}),
}  # fmt: skip


def table(rows: int = ROWS) -> pl.DataFrame:
    """Columns of every type, with some missing cells; all targets follow from `size` and `town`."""
    draw = np.random.default_rng(5)
    size, town = draw.normal(size=rows), draw.choice(["Oslo", "Bonn", "Rome"], rows)
    who = np.arange(rows) % 12
    price = 100 + 20 * size + 10 * (town == "Oslo")
    sold = price > 100
    picture = draw.integers(0, 120, (rows, 8, 8)).astype(np.uint8) + (sold * 120).astype(np.uint8)[:, None, None]
    words = np.where(sold, "fine good nice", "poor bad dull")
    return pl.DataFrame(
        {
            "size": pl.Series([None if i % 11 == 3 else float(value) for i, value in enumerate(size)]),
            "more": who + draw.normal(0, 0.1, rows),
            "town": pl.Series([None if i % 13 == 4 else str(value) for i, value in enumerate(town)]),
            "day": pl.Series([None if i % 9 == 1 else i for i in range(rows)]).cast(pl.Date),
            "sure": sold ^ (draw.random(rows) < 0.2),
            "tags": [["a"] * bool(one) + ["b"] * bool(two) + ["c"] for one, two in zip(sold, size > 1, strict=True)],
            "text": [f"{w} {draw.choice(['tea', 'cup', 'pot'])} of {t} {i % 5}" for i, (w, t) in
                     enumerate(zip(words, town, strict=True))],
            "picture": pl.Series("picture", picture),
            "sound": [draw.normal(0, 0.05 + 0.3 * bool(one), 400).tolist() for one in sold],
            "steps": [draw.normal(float(one), 1, 3 + i % 4).tolist() for i, one in enumerate(price / 100)],
            "tree": [f"({i % 3} ({i % 2} {w.split()[i % 3]}) ({i % 3} {t}))" for i, (w, t) in
                     enumerate(zip(words, town, strict=True))],
            "clip": pl.Series("clip", np.repeat(picture[:, None], 3, axis=1)),
            "price": price,
            "kind": [str(t) + ("+" if one else "-") for t, one in zip(town, sold, strict=True)],
            "sold": np.where(sold, "yes", "no"),
            "who": [f"person {one}" for one in who],
        },
        strict=False,
    )  # fmt: skip


def rows(name: str) -> pl.DataFrame:
    """The inputs and targets of this kind of model."""
    kind = KINDS[name]
    targets = [kind.target] if isinstance(kind.target, str) else kind.target
    return table().select(*kind.inputs, *targets)


def fit(name: str, **options: Any) -> Model:
    """A model of this kind."""
    kind = KINDS[name]
    network = {} if kind.network is None else {"network": kind.network}
    return mapsto.fit(
        rows(name), kind.target, recipe=RECIPE | kind.recipe, threads=1, progress=False, **network,
        **kind.options, **options,
    )  # fmt: skip


@cache
def model_file(name: str) -> bytes:
    """The bytes of its model file, in which every member counts."""
    model = fit(name)
    ensemble = model._fitted.ensemble
    ensemble.weights = {target: one * 0 + 1 / len(one) for target, one in ensemble.weights.items()}
    return model.to_bytes()
