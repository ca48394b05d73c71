"""Model files with odd contents and valid hashes, and the question whether mapsto refuses them or answers safely."""

from __future__ import annotations

import contextlib
import copy
import json
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto import modelfile
from mapsto.errors import DataError, ModelFileError, VerbError
from mapsto.fitted import Fitted
from mapsto.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import polars as pl

Parts = dict[str, modelfile.State]
ODD = [
    None, True, False, -1, 0, 1, 2, 7, 255, 10**6, 2**31 - 1, 2**31, 2**53, 2**63, -(2**63), 10**400, -2.5, 0.5, 1e-300,
    1e308, -1e308, float("nan"), float("inf"), -float("inf"), "", "x", "0", "number", "\ud800", "a" * 5000, [], {}, [1],
    [None], [[]], {"x": 1}, {"": None}, [0.5, 0.25],
]  # fmt: skip


def odd_file(data: bytes, seed: int) -> tuple[bytes, str]:
    """A model file with one to three entries changed, its hashes right; and what was changed."""
    draw = np.random.default_rng(seed)
    manifest, parts = modelfile.from_bytes(data)
    parts = {"": (manifest, {}), **parts}
    told = []
    for _ in range(int(draw.choice([1, 1, 1, 2, 3]))):
        own = draw.random() < 0.5
        with_arrays = [name for name, (_, arrays) in parts.items() if arrays]
        names = with_arrays if own and with_arrays else list(parts)
        part = names[draw.integers(len(names))]
        entries, arrays = parts[part]
        if own and arrays:
            arrays, what = odd_arrays(arrays, draw)
        else:
            entries, what = odd_json(entries, draw)
        parts[part] = (entries, arrays)
        told.append(f"{part or 'manifest'}: {what}")
    manifest = parts.pop("")[0]
    return modelfile.to_bytes(manifest if isinstance(manifest, dict) else {}, parts), "; ".join(told)


def places(entries: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in nested JSON; of long lists the ends."""
    found = [place] if place else []
    if isinstance(entries, dict):
        inner = list(entries.items())
    elif isinstance(entries, list):
        inner = list(enumerate(entries))
        inner = inner[:3] + inner[-1:] if len(inner) > 4 else inner
    else:
        return found
    for key, value in inner:
        found += places(value, (*place, key))
    return found


def odd_json(entries: dict[str, Any], draw: np.random.Generator) -> tuple[dict[str, Any], str]:
    """One place of JSON changed."""
    entries = copy.deepcopy(entries)
    there = places(entries)
    if not there:
        return {"more": 1}, "an entry more"
    place = there[draw.integers(len(there))]
    holder = entries
    for key in place[:-1]:
        holder = holder[key]
    old, key = holder[place[-1]], place[-1]
    how = draw.choice(["odd", "odd", "drop", "near", "other", "twice"])
    if how == "drop":
        del holder[key]
        return entries, f"{place} dropped"
    if how == "near":
        new = nearby(old, draw)
    elif how == "other":
        other = entries
        for key_ in there[draw.integers(len(there))]:
            other = other[key_]
        new = copy.deepcopy(other)
    elif how == "twice" and isinstance(holder, list):
        holder.insert(int(key), copy.deepcopy(old))
        return entries, f"{place} twice"
    elif how == "twice" and isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)
        return entries, f"{place} renamed"
    else:
        new = ODD[draw.integers(len(ODD))]
    holder[key] = new
    return entries, f"{place} = {str(new)[:40]!r}, was {str(old)[:40]!r}"


def nearby(old: Any, draw: np.random.Generator) -> Any:
    """Something of the same kind."""
    if isinstance(old, bool):
        return not old
    if isinstance(old, int):
        return old + int(draw.choice([-1, 1, 10, 1000, 10**6]))
    if isinstance(old, float):
        return float(draw.choice([-old, old * 1e6, old + 1, 1 / old if old else 1.0, math.nextafter(old, 9e99)]))
    if isinstance(old, str):
        return str(draw.choice([old + "x", old[:-1], old.upper(), old * 3, ""]))
    if isinstance(old, list):
        return [old * 2, old[:-1], old[::-1], [*old, None], old * 50][draw.integers(5)]
    if isinstance(old, dict):
        return dict(list(old.items())[1:])
    return ODD[draw.integers(len(ODD))]


def odd_arrays(arrays: dict[str, np.ndarray], draw: np.random.Generator) -> tuple[dict[str, np.ndarray], str]:
    """One array changed."""
    names = sorted(arrays)
    name = names[draw.integers(len(names))]
    old = arrays[name]
    rest = {key: array for key, array in arrays.items() if key != name}
    how = str(draw.choice(["cells"] * 4 + ["drop", "cut", "long", "shape", "dtype", "order", "other", "name", "fill"]))
    if how == "drop":
        return rest, f"{name} dropped"
    if how == "name":
        return {**rest, f"{name}x": old}, f"{name} renamed"
    if how == "other":
        other = names[draw.integers(len(names))]
        return {**rest, name: arrays[other]}, f"{name} is {other}"
    if how == "cells":
        new, what = odd_cells(old, draw)
    elif how == "fill":
        new, what = np.full_like(old, cell(old, draw)), "filled"
    elif how == "cut":
        new, what = old[: draw.integers(len(old) + 1)] if old.ndim else old, "cut"
    elif how == "long":
        new, what = np.concatenate([old, old[:1]]) if old.ndim else old, "longer"
    elif how == "shape":
        new = [old.reshape(-1), old[None], old[..., None], old.T, old[:0] if old.ndim else old][draw.integers(5)]
        what = f"shape {new.shape}"
    elif how == "dtype":
        kind = draw.choice(["float32", "float64", "int8", "uint8", "int32", "int64", "bool", "uint64"])
        with np.errstate(all="ignore"):
            new, what = old.astype(kind), f"as {kind}"
    else:
        new, what = old[draw.permutation(len(old))] if old.ndim and len(old) else old, "shuffled"
    return {**rest, name: new}, f"{name} {what}"


def cell(old: np.ndarray, draw: np.random.Generator) -> Any:
    """A number that such an array could hold."""
    if old.dtype.kind == "b":
        return bool(draw.random() < 0.5)
    if old.dtype.kind == "f":
        info = np.finfo(old.dtype)
        return draw.choice([np.nan, np.inf, -np.inf, info.max, info.min, info.tiny, 0.0, -1.0, 1e9, 2.0])
    info = np.iinfo(old.dtype)
    most = int(old.max()) if old.size else 0
    near = [info.max, info.min, -1, 0, most + 1, most, old.size, old.shape[0] if old.ndim else 0, info.max // 2]
    return int(np.clip(np.array(near[draw.integers(len(near))], dtype=object), info.min, info.max))


def odd_cells(old: np.ndarray, draw: np.random.Generator) -> tuple[np.ndarray, str]:
    """Some cells changed."""
    new = old.copy().reshape(-1)
    told = []
    for _ in range(int(draw.choice([1, 1, 2, 5]))):
        if new.size:
            at, value = draw.integers(new.size), cell(old, draw)
            told.append(f"[{at}] = {value}")
            new[at] = value
    return new.reshape(old.shape), ", ".join(told)


def answers(data: bytes, rows: pl.DataFrame, folder: Path, *, slow_ones: Iterable[int] | None = None) -> str:
    """ "refused", or "answered" where each verb gives a sound answer; any other end is an exception.

    A verb may say that the model has no such answer (`VerbError`) or that its rows do not do (`DataError`).
    `slow_ones`: which of the slow verbs are asked, counted round; None: all.
    """
    try:
        model = Model(Fitted.from_bytes(data))
    except ModelFileError:
        return "refused"
    compares = model._fitted.threshold is not None
    quick = [
        lambda: sound(model.predict(rows), rows),
        lambda: compares or sound(model.predict(rows, interval=0.8), rows),
        lambda: compares or sound(model.predict_proba(rows), rows),
        model.describe,
        lambda: json.dumps(model.to_dict(), default=str),
        lambda: model.history,
        lambda: model.columns,
        lambda: str(model.verdict),
    ]
    slow = [
        lambda: model.evaluate(rows),
        lambda: model.novelty(rows),
        lambda: model.embed(rows),
        lambda: model.nearest(rows, 3),
        lambda: model.same(rows, rows, false_accept=0.2),
        lambda: compares or model.explain(rows.head(2), max_seconds=0.05),
        lambda: compares or model.importance(max_seconds=0.05),
        lambda: report(model, folder),
        lambda: Fitted.from_bytes(model.to_bytes()),
    ]
    asked = slow if slow_ones is None else [slow[number % len(slow)] for number in slow_ones]
    for verb in [*quick, *asked]:
        with contextlib.suppress(ModelFileError, VerbError, DataError):
            verb()
    return "answered"


def sound(found: pl.DataFrame, rows: pl.DataFrame) -> None:
    """An answer has a row each."""
    assert found.height == rows.height


def report(model: Model, folder: Path) -> None:
    """The page, in hardly any time."""
    from mapsto.reporting import write_report

    write_report(model._fitted, folder / "report.html", seconds=0.05)


def many(
    data: Mapping[str, bytes], rows: Callable[[str], pl.DataFrame], seeds: Iterable[int], folder: Path, *, slow: int = 2
) -> dict[str, list[str]]:
    """What became of a changed file for each seed, of the models in turn: lists by "refused", "answered", "unsafe".

    Of the slow verbs each file is asked `slow`, in turn.
    """
    found: dict[str, list[str]] = {"refused": [], "answered": [], "unsafe": []}
    names = sorted(data)
    for seed in seeds:
        name = names[seed % len(names)]
        changed, what = odd_file(data[name], seed)
        told = f"{seed} {name}: {what}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                turn = range(seed // len(names), seed // len(names) + slow)
                found[answers(changed, rows(name), folder, slow_ones=turn)].append(told)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            found["unsafe"].append(f"{told}: {type(error).__name__}: {error}")
    return found
