"""What the caller of `mapsto.fit` asked for, checked and recordable."""

from __future__ import annotations

import numbers
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mapsto import processors
from mapsto.errors import OptionError
from mapsto.recipe import Recipe
from mapsto.table import MARK, absolute, label_patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

OWN = "own"
"""Name of a network that the user brought."""
VALID, TEST = 0.1, 0.2
"""Shares of the rows that choose and calibrate, and that judge."""
TREES = ("boosting", "forest", "extra-trees")
PREDICTORS = (*TREES, "linear-model", "ridge", "nearest", "dummy", "hybrid")
"""Members beside networks that may be asked for by name."""
EMBEDDING = "embedding"
"""The member that objective="verification" learns; the recipe may set its width and margin."""
_DURATION = re.compile(r"\s*(?:(\d+(?:\.\d+)?)\s*h)?\s*(?:(\d+(?:\.\d+)?)\s*m(?:in)?)?\s*(?:(\d+(?:\.\d+)?)\s*s?)?\s*")


def parse_time(given: str | float | None) -> float | None:
    """Seconds from "90s", "10m", "1h30m", "45" or a number.

    >>> parse_time("10m"), parse_time("1h30m"), parse_time(45)
    (600.0, 5400.0, 45.0)
    """
    if given is None:
        return None
    if isinstance(given, int | float) and not isinstance(given, bool):
        seconds = float(given)
    else:
        match = _DURATION.fullmatch(str(given))
        if match is None or not any(match.groups()):
            message = f"time={given!r} is not a duration; write for example '90s', '10m' or '1h30m'"
            raise OptionError(message)
        hours, minutes, rest = (float(group or 0) for group in match.groups())
        seconds = 3600 * hours + 60 * minutes + rest
    if not 1 <= seconds < float("inf"):
        message = f"time={given!r} is {seconds:g} seconds; expected at least 1"
        raise OptionError(message)
    return seconds


def name_of(given: Any, what: str) -> str:
    """A column's name; columns that are numbered go by their number.

    >>> name_of("age", "target"), name_of(2, "target")
    ('age', '2')
    """
    if isinstance(given, str):
        return given
    if isinstance(given, numbers.Integral) and given is not True and given is not False:
        return str(int(given))
    message = f"{what}={given!r}: expected a column name or a list of them"
    raise OptionError(message)


def names(given: Any, what: str) -> list[str]:
    """One name or several as a list without repeats."""
    if given is None:
        return []
    several = isinstance(given, Iterable) and not isinstance(given, str)
    found = [name_of(name, what) for name in given] if several else [name_of(given, what)]
    if len(set(found)) != len(found):
        message = f"{what}={given!r} names a column twice"
        raise OptionError(message)
    return found


@dataclass(frozen=True)
class Options:
    """Arguments of `mapsto.fit` after checking; see there for their meaning."""

    targets: list[str]
    recipe: Recipe
    inputs: list[str] | None = None
    types: Mapping[str, Any] = field(default_factory=dict)
    module: Any = None
    """A user's own `nn.Module` or network class, given as `network=`."""
    patterns: Mapping[str, str] = field(default_factory=dict)
    """Targets that are found in the names of files: how (`mapsto.table.labels`)."""
    valid: Any = None
    """None: what a folder holds for it, else `VALID`."""
    test: Any = None
    """None: what a folder holds for it, else `TEST`."""
    split: str = "random"
    device: str = "auto"
    metric: Callable[..., float] | None = None
    """A user's own metric; one by name is in the recipe."""
    weight: str | None = None
    positive: Any = None
    costs: Any = None
    keep: list[str] = field(default_factory=list)
    threads: int = 0
    refit: bool = False
    output: Path | None = None
    sheet: str | int | None = None
    """Of an Excel file: which sheet holds the rows."""
    allow_paths: bool = False
    """Whether cells of table files may name files outside the table's folder."""
    judge: bool = True
    """Whether baselines and verdict are wanted (the scikit-learn estimators do without)."""

    def to_json(self) -> dict[str, Any]:
        """What `mapsto.resume` needs to repeat the call; own objects are named, not stored."""
        return {
            "target": [f"{MARK}{self.patterns[name]}" if name in self.patterns else name for name in self.targets],
            "inputs": self.inputs,
            "types": {name: _type_to_json(given) for name, given in self.types.items()},
            "own_network": self.module is not None,
            "own_metric": self.metric is not None,
            "valid": _path_or_value(self.valid, "valid"),
            "test": _path_or_value(self.test, "test"),
            "split": self.split,
            "device": self.device,
            "weight": self.weight,
            "positive": _plain(self.positive),
            "costs": _plain(self.costs),
            "keep": self.keep,
            "threads": self.threads,
            "refit": self.refit,
            "sheet": self.sheet,
            "allow_paths": self.allow_paths,
            "recipe": self.recipe.model_dump(),
        }


def _type_to_json(given: Any) -> Any:
    from dataclasses import fields, is_dataclass

    if isinstance(given, type):
        return {"type": getattr(given, "type", given.__name__)}
    if is_dataclass(given) and hasattr(given, "type"):
        return {"type": given.type} | {f.name: getattr(given, f.name) for f in fields(given) if f.init}
    return given


def _plain(given: Any) -> Any:
    """As JSON: classes that are keys as text, pairs of them nested, numpy's values as Python's."""
    if isinstance(given, dict):
        found: dict[str, Any] = {}
        for key, value in given.items():
            if isinstance(key, tuple) and len(key) == 2:
                found.setdefault(str(key[0]), {})[str(key[1])] = _plain(value)
            else:
                found[str(key)] = _plain(value)
        return found
    return given.tolist() if hasattr(given, "tolist") else given


def is_table(given: Any) -> bool:
    """Whether `valid=` or `test=` is rows of their own: a path or a frame, no fraction and no "column:value"."""
    if isinstance(given, str):
        return ":" not in given or os.path.exists(given)
    return given is not None and not isinstance(given, float | int)


def _path_or_value(given: Any, what: str) -> Any:
    """As JSON, paths from the root: the run may be resumed from another folder."""
    if not is_table(given):
        return given
    return absolute(given) if isinstance(given, str | os.PathLike) else f"<{what} given as a frame>"


def make_options(**given: Any) -> Options:
    """Check the arguments of `mapsto.fit` and merge them with the recipe: an argument wins over the recipe's entry."""
    recipe = _recipe(given)
    network = given.get("network")
    module = None if network is None or isinstance(network, str | list | tuple) else network
    _check_objective(recipe.objective)
    patterns = label_patterns(names(given["target"], "target"))
    targets = list(patterns)
    if not targets:
        message = "target is missing: name the column to predict, for example target='price'"
        raise OptionError(message)
    threads = given.get("threads")
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        message = f"threads={threads!r}: expected a whole number of at least 1"
        raise OptionError(message)
    metric = given.get("metric")
    _check_recipe(recipe, targets)
    keep = names(given.get("keep"), "keep")
    if kept := sorted(set(keep) & set(targets)):
        message = f"keep= names {kept}, which are targets: predictions have columns of these names"
        raise OptionError(message)
    inputs = given.get("inputs")
    if given.get("weight") is not None:
        given["weight"] = name_of(given["weight"], "weight")
    return Options(
        targets=targets,
        recipe=recipe,
        patterns={name: pattern for name, pattern in patterns.items() if pattern},
        inputs=None if inputs is None else names(inputs, "inputs"),
        types={name_of(name, "types"): kind for name, kind in (given.get("types") or {}).items()},
        module=module,
        metric=metric if callable(metric) else None,
        keep=keep,
        threads=threads or processors.available(),
        **{
            key: given[key]
            for key in (
                "valid",
                "test",
                "split",
                "device",
                "weight",
                "positive",
                "costs",
                "refit",
                "output",
                "judge",
                "sheet",
                "allow_paths",
            )
            if given.get(key) is not None
        },
    )


def _check_objective(name: str) -> None:
    able = ["auto", "supervised", "verification"]
    if name not in able:
        from mapsto.objectives import OBJECTIVES  # here, so that torch is imported on the clock of the run

        known = "known, but not one that predicts a target" if name in OBJECTIVES else "not known"
        message = f"objective={name!r} is {known}; expected one of {able}"
        raise OptionError(message)


def _check_recipe(recipe: Recipe, targets: list[str]) -> None:
    """Networks, members and targets that the recipe names must be known: a misspelt one would have no effect."""
    from mapsto.members import MEMBERS
    from mapsto.networks import NETWORKS
    from mapsto.networks.folders import is_pretrained, resolve

    given = [recipe.network] if isinstance(recipe.network, str) else recipe.network
    members = [name for name in MEMBERS if name in PREDICTORS]
    for name in given:
        if is_pretrained(name):
            resolve(name)
        else:
            _check_name(name, ["auto", *NETWORKS, *members], "network=")
    if not given or len(set(given)) != len(given) or (len(given) > 1 and "auto" in given):
        message = f"network={recipe.network!r}: expected 'auto', a name, or different names"
        raise OptionError(message)
    for name in recipe.networks:
        _check_name(name, [*NETWORKS, OWN], "recipe entry networks.")
    for name in recipe.members:
        _check_name(name, [*members, *([EMBEDDING] if recipe.objective == "verification" else [])],
                    "recipe entry members.")  # fmt: skip
    for entry, by_target in (("metric=", recipe.metric), ("recipe entry learning.loss.", recipe.learning.loss)):
        for name in by_target if isinstance(by_target, dict) else ():
            _check_name(name, targets, entry)


def _check_name(name: str, known: list[str], what: str) -> None:
    from difflib import get_close_matches

    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        message = f"{what}{name!r} is not known.{hint} Known: {', '.join(known)}."
        raise OptionError(message)


def _recipe(given: dict[str, Any]) -> Recipe:
    """The recipe given (mapping, YAML file, `Recipe`) with the arguments that override its entries."""
    source = given.get("recipe")
    if source is None:
        entries: dict[str, Any] = {}
    elif isinstance(source, Recipe):
        entries = source.model_dump()
    elif isinstance(source, dict):
        entries = dict(source)
    else:
        from pathlib import Path

        path = Path(source)
        if not path.is_file():
            message = f"recipe={str(source)!r}: no such file; expected a YAML file, a mapping or a mapsto.Recipe"
            raise OptionError(message)
        entries = Recipe.from_yaml(path.read_text(encoding="utf-8")).model_dump()
    for key in ("objective", "seed", "folds"):
        if given.get(key) is not None:
            entries[key] = given[key]
    if given.get("time") is not None:
        entries["time"] = parse_time(given["time"])
    network, metric = given.get("network"), given.get("metric")
    if isinstance(network, str):
        entries["network"] = network
    elif isinstance(network, list | tuple):
        entries["network"] = list(network)
    if metric is not None and not callable(metric):
        entries["metric"] = {str(name): m for name, m in metric.items()} if isinstance(metric, dict) else metric
    return Recipe.parse(entries)
