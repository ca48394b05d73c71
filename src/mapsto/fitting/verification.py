"""A fit with `objective="verification"`: whole identities are held out, never single rows of them.

Test identities judge and nothing else. Of the others most teach, and some calibrate the threshold. Where identities
are few they take turns: each part calibrates with a network taught by the rest, and the network that ships learns from
all of them. Its threshold then comes from networks taught by a little fewer identities, which is said.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mapsto.errors import DataError, OptionError
from mapsto.fitted import Fitted
from mapsto.fitting.candidates import embedder, reserve
from mapsto.fitting.prepare import claim, claim_notes, gather, require_in_parts, something_to_read
from mapsto.fitting.versions import versions
from mapsto.judging.checks import check_inputs
from mapsto.judging.verdict import Cost
from mapsto.judging.verification import Pairs, Threshold, judge, require_pairs, whole_identities
from mapsto.members.base import Work
from mapsto.members.embedding import Embedding, unit
from mapsto.members.ensemble import Ensemble
from mapsto.sample import Sample, draw_rows
from mapsto.schema import Encoded, Schema, require
from mapsto.table import Note, Table, check_form, folds, split
from mapsto.table.notes import plural
from mapsto.training.budget import Budget
from mapsto.training.history import validations

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.fitting.options import Options
    from mapsto.recipe import Recipe
    from mapsto.training.run import Run

FEWEST = 6
"""Identities below which nothing can be learned, calibrated and judged on different ones."""
FEW = 200
"""Identities that teach or calibrate, below which they take turns."""
FOLDS = 3
BACKGROUND_ROWS = 500
COLUMNS = ("row", "rank", "similarity", "gallery_row", "same")
"""Names of columns that answers have, which a target cannot have too."""


@dataclass
class _Identities:
    """All rows that have an identity, encoded, and which of them do what."""

    options: Options
    schema: Schema
    frame: pl.DataFrame
    """Rows as the user gave them; the arrays below count these."""
    train: np.ndarray
    """Rows that the network that ships learns from."""
    turns: list[tuple[np.ndarray, np.ndarray]]
    """Rows that teach and rows that then calibrate."""
    test: np.ndarray
    notes: list[Note]
    encoded: Encoded
    identity: np.ndarray
    """A code a row, of the values as a whole: also of identities that the schema's target does not know."""

    @property
    def target(self) -> Column:
        """What holds the identities."""
        return self.schema.targets[0]

    @property
    def shipped(self) -> bool:
        """Whether the network of the only turn ships."""
        return len(self.turns) == 1

    def count(self, rows: np.ndarray) -> int:
        """How many identities these rows have."""
        return len(np.unique(self.identity[rows]))


def fit_verification(table: Table, options: Options, run: Run) -> Fitted:
    """From a table to a model that compares rows."""
    _check_options(options)
    found = _prepared(table, options)
    for note in found.notes:
        run.event("note", text=note.text)
    kind = embedder(found.schema, options)
    recipe = options.recipe.model_copy(deep=True)
    turns = [] if found.shipped else found.turns
    seconds = _shares(found, turns, run)
    start = clock.perf_counter()
    pairs, spent = [], iter(seconds)
    for place, (teach, held) in enumerate(turns):
        run.event("stage", text=f"learning to calibrate, {place + 1} of {len(turns)}",
                  share=0.1 + 0.8 * place / (len(turns) + 1), left=run.left)  # fmt: skip
        member = _learn(f"turn {place + 1}", kind, found, teach, recipe, run, next(spent))
        pairs.append(_embedded(member, found, held))
    run.event("stage", text="learning the network that ships", share=0.9 - 0.8 / (len(turns) + 1), left=run.left)
    member = _learn(kind, kind, found, found.train, recipe, run, next(spent))
    if found.shipped:
        pairs.append(_embedded(member, found, found.turns[0][1]))
    cost = Cost(clock.perf_counter() - start, _microseconds(member, found), "stopped early" if run.stopping else "")
    ensemble = Ensemble([member], {found.target.name: np.ones(1)}, [kind])
    recipe.learning = member.learning
    fitted = Fitted(found.schema, ensemble, recipe, {found.target.name: "equal_error_rate"}, notes=found.notes,
                    keep=options.keep)  # fmt: skip
    fitted.notes += member.notes
    if run.interrupted or run.overdue:
        text = "Learning was cut short: the network may be less than a whole one would have been."
        fitted.notes.append(Note("warning", text))
    fitted.history = validations(run.events)
    held_out = Pairs.of(pairs)
    fitted.threshold = Threshold.fit(held_out)
    fitted.notes.append(_calibration_note(found, fitted.threshold))
    if options.judge:
        run.event("stage", text="judging", share=0.95, left=run.left)
        _judge(fitted, found, member, held_out, cost)
    rows = found.train[draw_rows(len(found.train), BACKGROUND_ROWS, recipe.seed)]
    fitted.background = Sample.of(found.schema, found.encoded, found.frame, rows)
    fitted.facts |= _facts(found, cost)
    return fitted


# -- what is asked, and which rows do what


def _check_options(options: Options) -> None:
    """Options that have no meaning here are refused."""
    if len(options.targets) > 1:
        message = f"objective='verification' learns from one target, the identity; got {options.targets}"
        raise OptionError(message)
    (target,) = options.targets
    if target in COLUMNS:
        message = f"the target is called {target!r}, as a column of the answers is; rename it"
        raise OptionError(message)
    if options.split not in ("random", f"group:{target}"):
        message = f"split={options.split!r}: verification holds out whole identities at random; leave split= out"
        raise OptionError(message)
    for name in ("refit", "positive", "costs", "weight", "metric"):
        if getattr(options, name) or (name == "metric" and options.recipe.metric):
            why = "the threshold belongs to the network judged" if name == "refit" else "it compares rows, not classes"
            message = f"{name}= has no meaning with objective='verification': {why}; leave it out"
            raise OptionError(message)
    for name in ("mixing", "self_train"):
        if getattr(options.recipe.learning, name) not in (None, False, "none"):
            message = f"learning.{name} has no meaning with objective='verification'; leave it out"
            raise OptionError(message)
    if options.recipe.learning.loss:
        message = "learning.loss has no meaning with objective='verification', which learns with an additive margin"
        raise OptionError(message)


def _prepared(table: Table, options: Options) -> _Identities:
    """Columns claimed, identities split, columns learned without the test identities, rows encoded once."""
    (name,) = options.targets
    every, valid, test, _ = gather(table, options)
    require(every, [name, *options.keep])
    there = every[name].is_not_null()
    notes = [*table.notes, *check_form(every, options.targets)]
    schema = claim(every, options, table)
    require_in_parts(schema, table)
    notes += check_inputs(schema)
    if not schema.inputs:
        schema = something_to_read(schema, every)
    notes += claim_notes(schema, options.keep)
    _check_target(schema.targets[0])
    strangers = int((~there).sum())
    if strangers:
        notes.append(Note("info", f"{plural(strangers, 'row')} without {name!r} are not used.", name, count=strangers))
    schema.targets[0].learn(every[name])
    identity = schema.targets[0].encode_target(every[name])
    _check_identities(name, identity)
    known = np.flatnonzero(identity >= 0)
    test_rows = _cut(every, options, test, "test", known, identity)
    rest = np.setdiff1d(known, test_rows)
    turns, train = _turns(every, options, valid, rest, identity)
    schema.learn(every, train, guided=False)
    encoded = schema.encode(every, truth=True)
    notes += schema.unread_notes(every, schema.unread(every, encoded, truth=True))
    found = _Identities(options, schema, every, train, turns, test_rows, notes, encoded, identity)
    notes.append(_split_note(found))
    return found


def _check_target(target: Column) -> None:
    if target.task != "classification":
        message = (
            f"target {target.name!r} is a {target.type} ({target.reason}); verification needs a category, whose values "
            f"are the identities: give types={{{target.name!r}: 'category'}} if they are"
        )
        raise DataError(message)


def _check_identities(name: str, identity: np.ndarray) -> None:
    """Enough identities, and some with several rows."""
    rows = np.bincount(identity[identity >= 0])
    several = int((rows > 1).sum())
    if not several:
        message = (
            f"every value of {name!r} has a single row, so nothing shows what rows of one identity have in common; "
            "give identities with several rows each"
        )
        raise DataError(message)
    if several < FEWEST:
        message = (
            f"{name!r} has {plural(several, 'value')} with two rows or more; verification needs at least {FEWEST}, "
            "because identities that teach, calibrate and judge must be different ones"
        )
        raise DataError(message)


def _cut(
    frame: pl.DataFrame, options: Options, part: Any, what: str, among: np.ndarray, identity: np.ndarray
) -> np.ndarray:
    """Rows of the identities that are held out; of those given by the caller none may be in the other rows too."""
    if isinstance(part, float | int) and not isinstance(part, bool):
        if not 0 <= part < 1:
            message = f"{what}={part!r}: expected a share of the identities from 0 to below 1, rows, or 'column:value'"
            raise OptionError(message)
        names = np.unique(identity[among])
        drawn = np.random.default_rng([options.recipe.seed, 31, len(what)]).permutation(names)
        taken = drawn[: max(2, round(part * len(names)))] if part else drawn[:0]
        return among[np.isin(identity[among], taken)]
    cut = split(frame, strata=None, valid=0, test=part, seed=options.recipe.seed)
    rows = np.intersect1d(cut.test, among)
    both = np.intersect1d(identity[rows], identity[np.setdiff1d(among, rows)])
    if len(both):
        (name,) = options.targets
        some = frame[name].gather(rows[np.isin(identity[rows], both)]).unique(maintain_order=True).head(3).to_list()
        message = (
            f"{plural(len(both), 'identity', 'identities')} of the {what} rows are among the other rows too "
            f"({', '.join(map(repr, some))}); verification is judged on identities never seen. Give rows of others, or "
            f"leave {what}= out"
        )
        raise DataError(message)
    return rows


def _turns(
    frame: pl.DataFrame, options: Options, valid: Any, rest: np.ndarray, identity: np.ndarray
) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """Rows that teach and rows that then calibrate, in turns; and the rows that the network that ships learns from."""
    given = not isinstance(valid, float | int)
    if given or (options.recipe.folds is None and valid and len(np.unique(identity[rest])) >= FEW):
        held = _cut(frame, options, valid, "valid", rest, identity)
        teach = np.setdiff1d(rest, held)
        _check_teaching(teach, identity)
        return [(teach, held)], teach
    _check_teaching(rest, identity)
    cut = folds(len(rest), None, identity[rest], options.recipe.folds or FOLDS, options.recipe.seed)
    return [(rest[inside], rest[outside]) for inside, outside in cut], rest


def _check_teaching(rows: np.ndarray, identity: np.ndarray) -> None:
    several = int((np.bincount(identity[rows]) > 1).sum()) if len(rows) else 0
    if several < 4:
        message = (
            f"{plural(several, 'identity', 'identities')} with two rows or more would be left to teach; expected at "
            "least 4. Give more identities, or a smaller test="
        )
        raise DataError(message)


def _split_note(found: _Identities) -> Note:
    test = f"{found.count(found.test)} judge" if len(found.test) else "none only judge"
    if found.shipped:
        learn = f"{found.count(found.train)} teach, {found.count(found.turns[0][1])} calibrate"
    else:
        learn = f"{found.count(found.train)} teach and, in {len(found.turns)} turns, calibrate"
    total = found.count(np.flatnonzero(found.identity >= 0))
    return Note(
        "info", f"Whole identities were held out: of {total:,} values of {found.target.name!r} {learn}, {test}."
    )


def _calibration_note(found: _Identities, threshold: Threshold) -> Note:
    """What stands behind the threshold."""
    behind = f"{threshold.pairs:,} pairs of {threshold.identities} identities that did not teach"
    text = f"The thresholds of same() are calibrated on {behind}."
    if not found.shipped:
        text += (
            f" They are approximate: {len(found.turns)} networks, each taught by the other identities, gave their "
            "similarities, and the network that ships was taught by all."
        )
    return Note("info", text)


# -- learn and judge


def _shares(
    found: _Identities, turns: list[tuple[np.ndarray, np.ndarray]], run: Run
) -> list[tuple[float | None, float]]:
    """Seconds for each turn and for the network that ships, by their rows; and its part of what will be left then."""
    rows = [len(teach) for teach, _ in turns] + [len(found.train)]
    parts = [each / sum(rows[place:]) for place, each in enumerate(rows)]
    if run.left is None:
        return [(None, part) for part in parts]
    left = max(1.0, run.left - reserve(run, found.options))
    return [(left * each / sum(rows), part) for each, part in zip(rows, parts, strict=True)]


def _learn(
    name: str,
    kind: str,
    found: _Identities,
    rows: np.ndarray,
    recipe: Recipe,
    run: Run,
    share: tuple[float | None, float],
) -> Embedding:
    """A network taught by these rows, or taken up as it was kept."""
    kept = run.kept(f"members/{name}")
    if kept is not None:
        return Embedding.from_state(*kept, found.schema)
    options = found.options
    budget = None if share[0] is None else Budget.within(run, share[0])
    work = Work(found.schema, found.encoded.take(rows), None, {}, recipe, run, seed=recipe.seed,
                threads=options.threads, budget=budget, part=share[1], device=options.device,
                label=f"{name}: ")  # fmt: skip
    member = Embedding(kind, options.module).fit(work)
    member.row = rows[member.row]
    run.keep(f"members/{name}", *member.to_state())
    return member


def _embedded(member: Embedding, found: _Identities, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors and identities of some rows, or of as many as pairs are made of."""
    rows = rows[whole_identities(found.identity[rows], seed=found.options.recipe.seed)]
    return member.embed(found.encoded.take(rows), threads=found.options.threads), found.identity[rows]


def _judge(fitted: Fitted, found: _Identities, member: Embedding, held_out: Pairs, cost: Cost) -> None:
    """On the test identities; without any, on those that took turns or calibrated, and it is said."""
    columns = _Columns.of(found)
    if len(found.test):
        model, plain = Pairs.of([_embedded(member, found, found.test)]), Pairs.of([columns.of_rows(found.test)])
        told = "identities that neither taught nor calibrated"
    else:
        model, plain = held_out, Pairs.of([columns.of_rows(rows) for _, rows in found.turns])
        told = "identities held out in turn, which also calibrate the threshold"
    require_pairs(model, "the test rows" if len(found.test) else "the rows held out")
    name, seed = found.target.name, found.options.recipe.seed
    said = f"{len(model.similarity):,} pairs of rows of {model.identities} {told}"
    verdict, figures, intervals = judge(
        {"mapsto": model, "columns alone": plain}, {"mapsto": cost}, target=name, told=said, seed=seed
    )
    fitted.verdicts[name] = verdict
    fitted.facts |= {"judged_on": said, "judged_rows": len(model.similarity), "metrics": {name: figures},
                     "intervals": {name: intervals}}  # fmt: skip


@dataclass(frozen=True)
class _Columns:
    """The baseline: the columns' own features, standardised, compared by their cosine."""

    found: _Identities
    middle: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, found: _Identities) -> _Columns:
        features = found.schema.features(found.encoded.take(found.train)).values.astype(np.float64)
        return cls(found, np.nanmean(features, axis=0), np.nanstd(features, axis=0))

    def of_rows(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `_embedded`, of the same rows."""
        identity = self.found.identity[rows]
        rows = rows[whole_identities(identity, seed=self.found.options.recipe.seed)]
        features = self.found.schema.features(self.found.encoded.take(rows)).values
        scaled = (features - self.middle) / np.where(self.spread > 0, self.spread, 1.0)
        return unit(np.nan_to_num(scaled)), self.found.identity[rows]


def _microseconds(member: Embedding, found: _Identities) -> float:
    rows = found.encoded.take(found.train[: min(256, len(found.train))])
    start = clock.perf_counter()
    member.embed(rows, threads=found.options.threads)
    return (clock.perf_counter() - start) / rows.rows * 1e6


def _facts(found: _Identities, cost: Cost) -> dict[str, Any]:
    """Figures for report and manifest, beside those of judging."""
    schema = found.schema
    calibrate = sum(len(held) for _, held in found.turns)
    rows = {"train": len(found.train), "choose": 0, "calibrate": calibrate, "test": len(found.test),
            "development": int((found.identity >= 0).sum()) - len(found.test)}  # fmt: skip
    return {
        "objective": "verification",
        "rows": rows,
        "split": f"group:{found.target.name}",
        "out_of_fold": not found.shipped,
        "members": [{"name": "embedding", "fit_seconds": cost.fit_seconds, "predict_us": cost.predict_us}],
        "kinds": {"embedding": "embedding"},
        "summaries": {c.name: c.summary(found.frame[c.name]) for c in [*schema.inputs, *schema.targets]},
        "versions": versions(),
    }
