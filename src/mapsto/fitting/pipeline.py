"""The stages of a fit, in order: read, prepare, baselines, members, ensemble, calibration, verdict, files.

A killed run starts over at the top; what was finished is taken up from the run folder, decisions are replayed, and a
network goes on from its last checkpoint. So the stages below contain no word about resuming.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.errors import DataError, RunError
from mapsto.fitted import Fitted
from mapsto.fitting.baselines import learn_baselines
from mapsto.fitting.candidates import Seen, learn_candidates
from mapsto.fitting.curve import curves
from mapsto.fitting.judge import calibrate, choose_thresholds, combine, judge_once
from mapsto.fitting.prepare import Prepared, prepare
from mapsto.fitting.reading import data_fingerprint, read_rows
from mapsto.fitting.verification import fit_verification
from mapsto.fitting.versions import versions
from mapsto.judging.checks import check_target, column_features, leaks, shift, telling
from mapsto.judging.labels import suspected_labels
from mapsto.sample import Sample, affordable, draw_rows
from mapsto.table import Note
from mapsto.table.notes import without_places
from mapsto.training.budget import Budget
from mapsto.training.history import validations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mapsto.fitting.learned import Learned
    from mapsto.fitting.options import Options
    from mapsto.members.base import Predictions
    from mapsto.table import Table
    from mapsto.training.run import Run

BACKGROUND, HELD = (500, 2**22), (2000, 2**22)
"""Training rows and honest rows that a model keeps: so many, and fewer where they would take more bytes than this."""
FOR_BASELINES, FOR_BASELINES_BESIDE_SENSES = 0.18, 0.08
"""Shares of the time; what classical learners make of pictures, sounds or texts is soon seen."""
CURVE_SECONDS = 15.0
"""With less time left than this, no learning curve over rows is drawn."""
MANY_ROWS = 200_000
MOST_SECONDS = 600.0
"""A fit without a given time takes at most this long. With many rows it is planned so; with fewer nothing looks at a
clock until learning has taken `MOST_LEARNING` seconds and is ended."""
MOST_LEARNING = 0.9 * MOST_SECONDS


def fit(data: Any, options: Options, run: Run) -> Fitted:
    """From data to a fitted model; writes the run folder's files if there is one."""
    with run.interrupt():
        _stage(run, "reading", 0.0)
        table, options = read_rows(data, options)
        run.most = MOST_LEARNING
        if run.time is None and table.frame.height > MANY_ROWS:
            run.time = MOST_SECONDS
        found = data_fingerprint(table)
        if run.decide("data", lambda: found) != found:
            message = (
                f"the data changed since this run began (fingerprint {found}, was {run.decided('data')}). "
                "Restore them to resume, or start a new run."
            )
            raise RunError(message)
        verifies = options.recipe.objective == "verification"
        with _told_beside(table):
            fitted = fit_verification(table, options, run) if verifies else _fit(table, options, run)
        fitted.facts |= {"fingerprint": found, "patterns": dict(options.patterns)}
        fitted.notes = without_places(fitted.notes)
        fitted.facts["seconds"] = round(run.elapsed, 1)
        run.tidy()
        _stage(run, "done", 1.0)
    return fitted


@contextmanager
def _told_beside(table: Table) -> Iterator[None]:
    """What was passed over while reading may be why the data cannot be used, so a refusal says it too."""
    try:
        yield
    except DataError as error:
        warned = [note.text for note in table.notes if note.kind == "warning"][:3]
        if not warned:
            raise
        raise DataError(f"{error} While reading: {' '.join(warned)}") from error


def _fit(table: Table, options: Options, run: Run) -> Fitted:
    _stage(run, "finding out what the columns are", 0.01)
    prepared = prepare(table, options, run)
    prepared.notes += checks(prepared)
    for note in prepared.notes:
        run.event("note", text=note.text)
    baselines = []
    if options.judge:
        _stage(run, "learning the baselines", 0.05)
        share = FOR_BASELINES if Seen.of(prepared.schema).plain else FOR_BASELINES_BESIDE_SENSES
        whole = Budget.of(run)
        baselines = learn_baselines(prepared, run, None if whole is None else whole.share(share))
    learned, recipe = learn_candidates(prepared, run)
    if run.interrupted:
        text = "Learning was interrupted: members and baselines may be less than whole ones would have been."
        prepared.notes.append(Note("warning", text))
    if run.overdue:
        run.decide("ended", lambda: f"learning had taken {MOST_LEARNING:.0f} s")
        text = (
            f"Learning was ended after {MOST_SECONDS / 60:.0f} minutes, the most that a fit takes unless told "
            "otherwise: members and baselines may be less than whole ones would have been. Give time= for longer."
        )
        prepared.notes.append(Note("warning", text))
    _stage(run, "weighing, calibrating and judging", 0.92)
    ensemble, held = combine(learned, prepared)
    metrics = {name: metric.name for name, metric in prepared.metrics.items()}
    fitted = Fitted(prepared.schema, ensemble, recipe, metrics, notes=prepared.notes, keep=options.keep)
    # A resumed run knows what came after learning, too: members learned again to be judged, or from all rows.
    own = tuple(f"{one.name}{end}" for one in learned for end in (":", ","))
    fitted.history = [row for row in validations(run.events) if f"{row['name']}:".startswith(own)]
    if options.judge:
        held = calibrate(fitted, held, prepared)
    choose_thresholds(fitted, prepared, held)
    tested = None
    if options.judge:
        judged = judge_once(fitted, prepared, learned, baselines, held, run)
        tested = judged.model if judged.rows is None else None
        if not run.interrupted and not run.overdue and (run.left is None or run.left > CURVE_SECONDS):
            fitted.facts["curve"] = curves(prepared, run)
    fitted.facts |= _facts(prepared, learned)
    _samples(fitted, prepared, held, tested)
    if options.refit and run.stopping:
        fitted.notes.append(Note("warning", f"{_why(run)} before retraining on all rows: this is the model judged."))
    elif options.refit:
        from mapsto.fitting.refit import refit

        _stage(run, "retraining on all rows", 0.95)
        refit(fitted, prepared, learned, run)
    return fitted


def checks(prepared: Prepared) -> list[Note]:
    """Checks that need learning: targets, leaks, and shift between given train and test rows.

    Pictures are not suspected of giving the target away, nor is the only input: to be read is what they are there for.
    """
    schema, dev = prepared.schema, prepared.dev
    notes: list[Note] = []
    for target in schema.targets:
        notes += check_target(target.name, target.task or "regression", dev.truth[target.name], target.classes)
    rows = draw_rows(dev.rows, 5000, prepared.options.recipe.seed)
    sample = dev.take(rows)
    suspects = [column for column in schema.inputs if column.suspect and len(schema.inputs) > 1]
    columns = column_features(schema, sample, suspects)
    for target in schema.targets:
        notes += leaks(columns, target.task or "regression", sample.truth[target.name], target=target.name,
                       seed=prepared.options.recipe.seed)  # fmt: skip
    aside = {c.name: c.numbers(prepared.frame[c.name])[rows] for c in schema.left_out if c.reason != "given"}
    for target in schema.targets:
        notes += telling({name: x for name, x in aside.items() if np.isfinite(x).any()}, target.task or "regression",
                         sample.truth[target.name], target=target.name, seed=prepared.options.recipe.seed)  # fmt: skip
    if prepared.test is not None and prepared.how != "random":
        test = prepared.test.take(draw_rows(prepared.test.rows, 5000, 1))
        both = [column_features(schema, rows, schema.inputs) for rows in (sample, test)]
        notes += shift(*both, seed=prepared.options.recipe.seed)
    return notes


def _facts(prepared: Prepared, learned: list[Learned]) -> dict[str, Any]:
    """Figures for report and manifest."""
    schema = prepared.schema
    test_rows = 0 if prepared.test is None else prepared.test.rows
    return {
        "rows": {
            "train": len(prepared.train),
            "choose": len(prepared.choose),
            "calibrate": len(prepared.calibrate),
            "test": test_rows,
            "development": prepared.dev.rows,
        },
        "split": prepared.how,
        "cut": prepared.options.split,
        "weight": prepared.options.weight,
        "out_of_fold": prepared.out_of_fold,
        "members": [
            {"name": one.name, "fit_seconds": one.fit_seconds, "predict_us": one.predict_us} for one in learned
        ],
        "kinds": {one.name: one.kind for one in learned},
        "summaries": {c.name: c.summary(prepared.frame[c.name]) for c in [*schema.inputs, *schema.targets]},
        "versions": versions(),
    }


def _samples(fitted: Fitted, prepared: Prepared, held: Predictions, tested: Predictions | None) -> None:
    """Keep some training rows and some honest rows; name suspected wrong labels among the held rows.

    `tested`: predictions of all test rows, where judging has made them.
    """
    seed, schema = prepared.options.recipe.seed, prepared.schema
    kept = [affordable(prepared.dev, most, room) for most, room in (BACKGROUND, HELD)]
    rows = prepared.train[draw_rows(len(prepared.train), kept[0], seed)]
    fitted.background = Sample.of(schema, prepared.dev, prepared.frame, rows)
    if prepared.test is not None and prepared.test_frame is not None:
        rows = draw_rows(prepared.test.rows, kept[1], seed)
        fitted.held = Sample.of(schema, prepared.test, prepared.test_frame, rows)
        fitted.held.predictions = (
            fitted.predictions(fitted.held.encoded, threads=prepared.options.threads)
            if tested is None
            else {name: values[rows] for name, values in tested.items()}
        )
    else:
        place = draw_rows(len(prepared.held), kept[1], seed)
        fitted.held = Sample.of(schema, prepared.dev, prepared.frame, prepared.held[place])
        fitted.held.predictions = {name: values[place] for name, values in held.items()}
    fitted.facts["suspects"] = {t.name: _suspects(fitted, t.name, prepared, held) for t in schema.targets}


def _suspects(fitted: Fitted, name: str, prepared: Prepared, held: Predictions) -> list[dict[str, Any]]:
    """The most suspected labels, as rows of the development table."""
    target = prepared.schema.target(name)
    truth = prepared.dev.truth[name][prepared.held]
    found = suspected_labels(target.task or "regression", truth, held[name]).take(slice(20))

    def value(code: float, label: int) -> str:
        if target.task == "regression":
            return target.show(float(code))
        if target.task == "multilabel":
            return ("" if code else "not ") + str(target.classes[label])
        return str(target.classes[int(code)])

    return [
        {
            "row": int(prepared.rows[prepared.held[row]]),
            "given": value(given, label),
            "suggested": value(suggested, label),
        }
        for row, given, suggested, label in zip(
            found.rows.tolist(), found.given.tolist(), found.suggested.tolist(), found.label.tolist(), strict=True
        )
    ]


def _why(run: Run) -> str:
    return "Learning was interrupted" if run.interrupted else "The time was up"


def _stage(run: Run, text: str, share: float) -> None:
    run.event("stage", text=text, share=share, left=run.left)
