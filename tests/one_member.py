"""One member, learned on the first rows of a small table and judged on the rest: no folds, no verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapsto import metrics
from mapsto.members import make
from mapsto.members.base import Work
from mapsto.networks import NETWORKS
from mapsto.recipe import Recipe
from mapsto.training.run import Run

if TYPE_CHECKING:
    import polars as pl

    from mapsto.schema import Schema

TRAINING = 0.75


def auc_of(name: str, schema: Schema, frame: pl.DataFrame) -> float:
    """AUC, on the last quarter of the rows, of a member or a network that learned from the others."""
    cut = int(TRAINING * frame.height)
    target = schema.targets[0]
    schema.learn(frame[:cut])
    every = schema.encode(frame, truth=True)
    train, test = every.take(np.arange(cut)), every.take(np.arange(cut, frame.height))
    network = name in NETWORKS
    recipe = Recipe.parse({"network": name, "learning": {"epochs": 30, "precision": "float32"}} if network else {})
    deciding = {target.name: metrics.default(target.task, len(target.classes))}
    work = Work(schema, train, None, deciding, recipe, Run(), threads=1, device="cpu")
    found = make(name).fit(work).predict(test, threads=1)[target.name]
    return metrics.get("auc", "classification")(test.truth[target.name], found)
