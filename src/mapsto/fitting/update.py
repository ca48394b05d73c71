"""`model.update(more)`: learn from more rows without the old ones, cut and weighted as those were.

The old members stay as they are. New members of the same kinds are learned from the new rows, and all of them are
weighed again on new rows that none of them learned from: what has become wrong loses its weight, and what still holds
keeps it. Temperatures and intervals are found again on new rows as well; the old verdict no longer holds and goes.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mapsto import processors
from mapsto.errors import DataError, OptionError
from mapsto.explaining.importance import deciding_metric
from mapsto.fitted import Fitted
from mapsto.fitting.folds import times_of
from mapsto.fitting.options import OWN, parse_time
from mapsto.fitting.prepare import encode, strata_of, weightless, with_weight
from mapsto.judging.calibration import fit_temperature
from mapsto.judging.conformal import Conformal
from mapsto.judging.doubt import reach
from mapsto.judging.strangers import strangers
from mapsto.members import make
from mapsto.members.base import Work
from mapsto.members.ensemble import Ensemble, greedy_weights
from mapsto.metrics import named, present
from mapsto.schema import require
from mapsto.table import Note, split
from mapsto.table.notes import in_table
from mapsto.training.budget import Budget
from mapsto.training.run import Run

if TYPE_CHECKING:
    import polars as pl

    from mapsto.members.base import Member
    from mapsto.schema import Encoded, Schema
    from mapsto.table import Table

FEWEST_ROWS = 50


def update(old: Fitted, table: Table, *, time: str | float | None, progress: Any) -> Fitted:
    """A new `Fitted`; `old` is unchanged. `DataError` with too few rows or without the model's columns."""
    from mapsto.reporting.progress import listener

    every, schema, how, notes = table.frame, old.schema, _how(old), list(table.notes)
    require(every, [column.name for column in [*schema.inputs, *schema.targets]])
    _require_cut(every, how, old.weight)
    frame, _, _, numbers = with_weight(every, None, None, old.weight)
    notes += weightless(every.height, numbers, old.weight)
    if frame.height < FEWEST_ROWS:
        message = f"update got {frame.height} rows; expected at least {FEWEST_ROWS} to learn from and to weigh with"
        raise DataError(message)
    run = Run(time=parse_time(time), progress=listener(progress))
    times = times_of(frame, schema, how)
    cut = split(frame, strata=strata_of(frame, schema), valid=0.3, test=0, how=how, seed=old.recipe.seed, times=times)
    notes += in_table(cut.notes, numbers)
    for target in schema.targets:
        notes += in_table(strangers(target, frame[target.name]), numbers)
    rows = encode(schema, frame, old.weight)
    _require_known(schema, rows)
    metrics = {target.name: deciding_metric(old, target) for target in schema.targets}
    choose, calibrate = rows.take(cut.choose), rows.take(cut.calibrate)
    work = Work(schema, rows.take(cut.train), choose, metrics, old.recipe, run, seed=old.recipe.seed,
                threads=processors.available())  # fmt: skip
    budget = Budget.of(run)
    members, names = list(old.ensemble.members), list(old.ensemble.names)
    kinds = list(dict.fromkeys(old.facts["kinds"][name] for name in names))
    for position, kind in enumerate(kinds):
        work.label = f"update {kind}: "
        work.budget = None if budget is None else budget.share(1 / (len(kinds) - position))
        if kind == OWN:
            message = "this model holds a network of your own, which update cannot build anew; fit again with all rows"
            raise OptionError(message)
        members.append(make(kind).fit(work))
        names.append(_free(f"{kind}, updated", names))
    new = copy.copy(old)
    new.ensemble = _weighed(members, names, choose, metrics)
    new.facts = copy.deepcopy(old.facts) | {"metrics": {}, "judged_on": "no rows: updated since it was judged"}
    new.facts["kinds"] |= dict(zip(names[-len(kinds) :], kinds, strict=True))
    new.verdicts, new.temperatures, new.conformal, new.doubts = {}, {}, {}, {}
    found = new.predictions(calibrate)
    for target in schema.targets:
        task, truth = target.task or "regression", calibrate.truth[target.name]
        if task != "regression":
            new.temperatures[target.name] = fit_temperature(task, truth, found[target.name], calibrate.weight)
    found = new.predictions(calibrate)
    for target in schema.targets:
        task, truth = target.task or "regression", calibrate.truth[target.name]
        if task != "multilabel" and present(task, truth).any():
            new.conformal[target.name] = Conformal.fit(task, truth, found[target.name])
        if task == "classification" and len(truth):
            new.doubts[target.name] = reach(found[target.name])
    if old.held is not None:
        new.held = replace(old.held, predictions=new.predictions(old.held.encoded))
    text = f"Updated with {frame.height:,} rows; the verdict of the first fit no longer holds, see evaluate()."
    lost = schema.unread_notes(frame, schema.unread(frame, rows, truth=True), numbers)
    new.notes = [*old.notes, Note("info", text), *notes, *lost]
    return new


def _how(old: Fitted) -> str:
    """How the rows of the fit were cut: "random", "time:COLUMN" or "group:COLUMN"."""
    # Files of old say it in words, which for a cut by group or time are the same.
    said = str(old.facts.get("cut") or old.facts.get("split") or "")
    return said if said.startswith(("time:", "group:")) else "random"


def _require_cut(frame: pl.DataFrame, how: str, weight: str | None) -> None:
    """The columns that cut and weighed the rows of the fit are there."""
    wanted = {"splits rows": how.partition(":")[2], "weighs rows": weight}
    for what, name in wanted.items():
        if name and name not in frame.columns:
            message = (
                f"the rows to update with lack column {name!r}, which {what} in this model ({how!r}); they have "
                f"{frame.columns}. Add it, so that new rows are cut and weighed as the old ones were."
            )
            raise DataError(message)


def _require_known(schema: Schema, rows: Encoded) -> None:
    """Some row has a truth that the model knows; one of classes alone that it has not cannot be learned by updating."""
    for target in schema.targets:
        task, truth = target.task or "regression", rows.truth[target.name]
        if task != "regression" and not named(task, truth).any():
            message = (
                f"no row to update with has a value of {target.name!r} that the model knows; it knows "
                f"{target.classes[:10]}. An update adds no classes: fit again with all rows, or name them alike."
            )
            raise DataError(message)


def _weighed(members: list[Member], names: list[str], choose: Any, metrics: Any) -> Ensemble:
    predictions = [member.predict(choose) for member in members]
    return Ensemble(members, greedy_weights(predictions, choose.truth, metrics, weight=choose.weight), names)


def _free(name: str, taken: list[str]) -> str:
    number = 2
    wanted = name
    while wanted in taken:
        wanted, number = f"{name} {number}", number + 1
    return wanted
