"""`model.update(more)`: learn from more rows without the old ones.

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
from mapsto.fitting.options import OWN, parse_time
from mapsto.judging.calibration import fit_temperature
from mapsto.judging.conformal import Conformal
from mapsto.judging.doubt import reach
from mapsto.members import make
from mapsto.members.base import Work
from mapsto.members.ensemble import Ensemble, greedy_weights
from mapsto.metrics import present
from mapsto.schema import require
from mapsto.table import Note, split
from mapsto.training.budget import Budget
from mapsto.training.run import Run

if TYPE_CHECKING:
    from mapsto.members.base import Member
    from mapsto.table import Table

FEWEST_ROWS = 50


def update(old: Fitted, table: Table, *, time: str | float | None, progress: Any) -> Fitted:
    """A new `Fitted`; `old` is unchanged. `DataError` with too few rows or without the model's columns."""
    from mapsto.reporting.progress import listener

    frame, schema = table.frame, old.schema
    require(frame, [column.name for column in [*schema.inputs, *schema.targets]])
    if frame.height < FEWEST_ROWS:
        message = f"update got {frame.height} rows; expected at least {FEWEST_ROWS} to learn from and to weigh with"
        raise DataError(message)
    run = Run(time=parse_time(time), progress=listener(progress))
    cut = split(frame, strata=None, valid=0.3, test=0, seed=old.recipe.seed)
    rows = schema.encode(frame, truth=True)
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
            new.temperatures[target.name] = fit_temperature(task, truth, found[target.name])
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
    lost = schema.unread_notes(frame, schema.unread(frame, rows, truth=True))
    new.notes = [*old.notes, Note("info", text), *lost]
    return new


def _weighed(members: list[Member], names: list[str], choose: Any, metrics: Any) -> Ensemble:
    predictions = [member.predict(choose) for member in members]
    return Ensemble(members, greedy_weights(predictions, choose.truth, metrics), names)


def _free(name: str, taken: list[str]) -> str:
    number = 2
    wanted = name
    while wanted in taken:
        wanted, number = f"{name} {number}", number + 1
    return wanted
