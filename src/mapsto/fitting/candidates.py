"""Which members are learned for the ensemble, in which order, and with which share of the time.

`network="auto"` learns boosted trees over folds (the settings tried on the training rows), a TabM network, and on small
tables a linear model; pictures, sounds, texts and trees are read by their usual networks, pictures by a quick one
first, series by what learns from fixed kernels and from figures of them, and by a network where there are many. The
ensemble keeps what helps. A name or a list of names learns just those. What is cheap and strong comes first,
so that a short time still ends with something good.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mapsto.columns.common.parts import SensePart
from mapsto.columns.common.steps import StepsPart
from mapsto.errors import DataError, OptionError
from mapsto.fitting.learned import Learned, learn, work_of
from mapsto.fitting.options import OWN, PREDICTORS
from mapsto.fitting.prepare import SMALL
from mapsto.fitting.pretrained import encoder_of
from mapsto.members import CLASSICAL
from mapsto.members.bagged import Bagged
from mapsto.table import Note
from mapsto.training.budget import Budget, NotInTime

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.fitting.options import Options
    from mapsto.fitting.prepare import Prepared
    from mapsto.members.base import Folds
    from mapsto.recipe import Recipe
    from mapsto.schema import Schema
    from mapsto.training.run import Run

TEXT_NETWORK = "textcnn"
"""Reads texts word by word, beside a linear model of their tf-idf weights."""
FEW_WORDS = 5
FEW_ROWS = 10_000
"""Up to this many rows a linear model is worth its weight in the ensemble."""
MANY_SERIES, LONG_SERIES = 2_000, 500
"""From so many rows, and up to so many steps, a network on series pays: 5 passes of a recurrent one over a hundred
series are a guess, and over thousands of steps take minutes."""
PLAIN_BOOSTING: dict[str, Any] = {
    "learning_rate": 0.1,
    "max_iter": 100,
    "n_iter_no_change": 100,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 20,
    "max_depth": None,
    "max_features": 1.0,
    "l2_regularization": 0.0,
    "crosses": {},
}
"""Scikit-learn's own settings: on few rows as good as those found by trial, and their errors differ."""
RESERVE, RESERVE_SECONDS, RESERVE_PACE, RESERVE_REPORT = 0.03, 0.5, 0.3, 2.0
"""What weighing, judging, report and saving take: at least this share of the time left, or so many seconds, so many for
each that was spent before learning began (which tells of the table and of the machine), and so many for a report."""
FEWEST_SECONDS = 2.5
"""If less is left for learning, a network is not begun where there are other members: importing PyTorch alone may take
as long."""
_READING = "seconds of reading"
"""What reading texts took is a decision of this name, since a resumed run does not read them again."""
OF_FIGURES = ("extra-trees", "linear-model")
"""What learns from a few figures of pictures, sounds, clips, trees and series: little, but in seconds."""
ONCE_MORE = 1.1
"""A network is learned once more where this many times as long is left as it took."""


@dataclass(frozen=True)
class Candidate:
    """A member to learn: its name, its kind, and its share of the time."""

    name: str
    kind: str
    share: float
    settings: dict[str, Any] = field(default_factory=dict)
    """Options of a classical member that differ from the recipe's."""
    bag: bool = False
    """Whether it is learned once for each fold, where that is possible, and averaged."""
    plain: bool = False
    """Whether its settings are those that its library gives it, as a baseline's are."""


def learn_candidates(prepared: Prepared, run: Run) -> tuple[list[Learned], Recipe]:
    """Learn the members one after another; returns them with the recipe as it was used."""
    recipe = prepared.options.recipe.model_copy(deep=True)
    wanted = candidates(prepared)
    prepared.notes += _reasons(prepared)
    budget = None if run.left is None else Budget.within(run, _seconds_to_learn(run, run.left, prepared))
    if any(candidate.kind == "boosting" for candidate in wanted) and "boosting" not in recipe.members:
        _tune(prepared, run, recipe, None if budget is None else budget.share(0.25))
    found: list[Learned] = []
    left_out: list[str] = []
    for position, candidate in enumerate(wanted):
        rest = sum(one.share for one in wanted[position:])
        if found and _left_out(candidate, run, None if budget is None else budget.seconds):
            left_out.append(candidate.name)
            continue
        share = 0.2 + 0.7 * position / len(wanted)
        if candidate.kind == "hybrid" and encoder_of(prepared.schema) is not None:
            run.event("stage", text="reading texts with a pretrained encoder", share=share, left=run.left)
            if not _read_once(candidate.name, prepared, run, recipe, budget, alone=len(wanted) == 1):
                left_out.append(candidate.name)
                continue
        run.event("stage", text=f"learning {candidate.name}", share=share, left=run.left)
        own = recipe
        if candidate.settings:
            settings = recipe.members.get(candidate.kind, {}) | candidate.settings
            own = recipe.model_copy(update={"members": recipe.members | {candidate.kind: settings}})
        # By time, models of older windows would only dilute the newest one.
        bag = prepared.out_of_fold or (candidate.bag and not prepared.timed)
        part = candidate.share / rest
        its = None if budget is None else budget.share(part)
        try:
            one = learn(candidate, prepared, run, own, budget=its, part=part, bag=bag, optional=bool(found))
        except NotInTime as reason:
            left_out.append(f"{candidate.name} ({reason})")
            continue
        found.append(one)
        if (reading := run.decided(f"{candidate.name}: {_READING}")) is not None:
            found[-1].fit_seconds += reading
        prepared.notes += found[-1].member.notes
    if recipe.time is not None and len(wanted) > 1 and budget is not None:
        found += _once_more(found, prepared, run, recipe, budget)
    if left_out:
        text = f"Too little time was left, or learning was interrupted: {', '.join(left_out)} was not learned."
        prepared.notes.append(Note("info", text))
    _fill_in(recipe, found)
    return found, recipe


def _read_once(name: str, prepared: Prepared, run: Run, recipe: Recipe, budget: Budget | None, *, alone: bool) -> bool:
    """Let the rows remember what the encoder of texts sees in them: a hybrid and a network ask, to learn and to be
    judged, and reading takes longer than all that follows. Whether there is time for that is a recorded decision.

    Raises:
        OptionError: there is not, and nothing else is to be learned.
    """
    if run.kept(f"members/{name}") is not None:
        return True
    from mapsto.members.common.looks import remembered, seconds_to_read
    from mapsto.members.common.transfer import READING
    from mapsto.tensors import threads_within
    from mapsto.training.devices import choose

    begun = clock.monotonic()
    device, options = choose(prepared.options.device), recipe.networks
    tables = [prepared.dev] if prepared.test is None else [prepared.dev, prepared.test]

    def in_time() -> dict[str, Any]:
        seconds = sum(seconds_to_read(prepared.schema, rows, device, options) for rows in tables)
        return {"seconds": round(seconds, 1), "read": budget is None or seconds <= READING * budget.seconds}

    with threads_within(prepared.options.threads):
        planned = {"read": True} if budget is None else run.decide(f"{name}: reading texts", in_time)
        if planned["read"]:
            stop = (lambda: False) if alone else (lambda: run.stopping)
            read = [remembered(prepared.schema, rows, device, options, stop) for rows in tables]
            prepared.dev, prepared.test = read[0], read[1] if len(read) > 1 else None
            run.decide(f"{name}: {_READING}", lambda: round(clock.monotonic() - begun, 3))
            return alone or not run.stopping
    if alone:
        message = (
            f"reading the texts takes about {planned['seconds']:.0f} s, more than time={recipe.time:g} leaves for it; "
            f"give time={2 + planned['seconds'] / READING:.0f} or more, or fewer rows"
        )
        raise OptionError(message)
    return False


def _once_more(found: list[Learned], prepared: Prepared, run: Run, recipe: Recipe, budget: Budget) -> list[Learned]:
    """Of the networks that can be learned once more in the time left, the one that took longest, from another seed.

    Networks that differ by chance err less together than one (Lakshminarayanan, Pritzel & Blundell, "Simple and
    scalable predictive uncertainty estimation using deep ensembles", NeurIPS 2017); the ensemble keeps what gains.
    """
    left = budget.seconds
    fits = [one for one in found if _is_network(one) and ONCE_MORE * one.fit_seconds < left and not run.stopping]
    chosen = run.decide("learned once more", lambda: max(fits, key=lambda one: one.fit_seconds).name if fits else None)
    first = next((one for one in found if one.name == chosen), None)
    if first is None or run.interrupted:
        return []
    taken = [one.name for one in found]
    name = next(name for number in count(2) if (name := f"{first.name}-{number}") not in taken)
    candidate = Candidate(name, first.kind, 1.0)
    run.event("stage", text=f"learning {candidate.name}, from another seed", share=0.9, left=run.left)
    own = first.recipe.model_copy(update={"seed": recipe.seed + 1})
    again = learn(candidate, prepared, run, own, budget=budget, part=1.0, bag=False)
    if not run.interrupted:
        text = f"There was time to learn {first.name} twice, from two seeds: {name} is the second."
        prepared.notes.append(Note("info", text))
    prepared.notes += again.member.notes
    return [again]


def _is_network(one: Learned) -> bool:
    return one.kind not in PREDICTORS and not isinstance(one.member, Bagged)


def _seconds_to_learn(run: Run, left: float, prepared: Prepared) -> float:
    """What is left for learning after judging and report; less where all is to be learned again."""
    return max(1.0, (left - reserve(run, prepared.options)) / (1 + float(prepared.options.refit)))


def reserve(run: Run, options: Options) -> float:
    """Seconds to keep for what follows learning; settled when learning begins, and recorded."""
    report = 0.0 if options.output is None else RESERVE_REPORT
    least = run.decide("seconds to judge", lambda: round(RESERVE_SECONDS + RESERVE_PACE * run.elapsed + report, 3))
    return max(RESERVE * (run.left or 0.0), float(least))


def _left_out(candidate: Candidate, run: Run, left: float | None) -> bool:
    """Whether a member is not begun; recorded, so that a resumed run leaves out the same ones."""
    place = f"{candidate.name}: left out"
    if left is None and not run.stopping and not run.decided(place):
        return False
    short = left is not None and left < FEWEST_SECONDS and candidate.kind not in CLASSICAL
    return bool(run.decide(place, lambda: bool(run.stopping or short))) or run.interrupted


def candidates(prepared: Prepared) -> list[Candidate]:
    """The candidates that the recipe asks for."""
    options = prepared.options
    if options.module is not None:
        return [Candidate(OWN, OWN, 1.0)]
    given = options.recipe.network
    if given != "auto":
        names = [given] if isinstance(given, str) else given
        return [Candidate(name, name, 1.0, bag=_bags(name, prepared) and len(names) > 1) for name in names]
    seen = Seen.of(prepared.schema)

    def member(name: str, share: float) -> Candidate:
        return Candidate(name, name, share, bag=True, plain=name not in options.recipe.members)

    flat = seen.plain or (seen.series and prepared.dev.rows > SMALL)
    found = [Candidate("boosting", "boosting", 1.0, bag=True)] if flat else []
    logarithmic = [t.name for t in prepared.schema.targets if _skewed(t, prepared.dev.truth[t.name])]
    if found and logarithmic:
        found.append(Candidate("boosting-log", "boosting", 1.0, {"logarithm": logarithmic}, bag=True))
    few = seen.plain and prepared.dev.rows <= FEW_ROWS
    if few:
        found.append(Candidate("boosting-plain", "boosting", 0.3, PLAIN_BOOSTING, bag=True, plain=True))
    if seen.plain:
        found += [member(name, 0.3) for name in ("forest", "extra-trees")]
    if seen.texts or few:
        found.append(member("linear-model", 0.6 if seen.texts else 0.2))
    if few:
        found.append(member("nearest", 0.1))
    if _sees(prepared):
        found.append(Candidate("hybrid", "hybrid", 1.0, bag=True))
    if seen.series or (seen.networks and prepared.dev.rows <= FEW_ROWS):
        taken = [one.name for one in found]
        found += [member(name, 0.5) for name in OF_FIGURES if name not in taken]
    if not _says_how_pictures_vary(prepared):
        found += [Candidate(name, name, 4.0) for name in seen.quick]
    readers = [*_that_pay(seen, prepared), *([TEXT_NETWORK] if seen.texts else [])]
    if (encoder := encoder_of(prepared.schema)) is not None and prepared.dev.rows >= SMALL:
        readers.append(encoder[0])
    if seen.plain and not seen.networks:
        found.append(Candidate("tabm", "tabm", 2.0))
    return [*found, *(Candidate(name, name, 3.0, bag=_bags(name, prepared)) for name in readers)]


def _that_pay(seen: Seen, prepared: Prepared) -> list[str]:
    """The usual networks of columns, but of series only where there are enough that are not too long."""
    series = [part for parts in prepared.schema.parts.values() for part in parts if isinstance(part, StepsPart)]
    enough = prepared.dev.rows >= MANY_SERIES and all(part.usual <= LONG_SERIES for part in series)
    return seen.networks if enough else [name for name in seen.networks if name != StepsPart.network]


def _sees(prepared: Prepared) -> bool:
    """Whether a hybrid is worth a try: an encoder reads texts, pictures that stand beside plain columns, or series."""
    seen = Seen.of(prepared.schema)
    return seen.series or encoder_of(prepared.schema) is not None or (seen.plain and bool(seen.quick))


def _says_how_pictures_vary(prepared: Prepared) -> bool:
    """Whoever does has networks in mind that gain by it: quick ones look at pictures as they are."""
    return any(name.startswith("picture_") for name in prepared.options.recipe.encoding)


def _reasons(prepared: Prepared) -> list[Note]:
    """What there is to say about the choice that "auto" made."""
    options = prepared.options
    if options.module is not None or options.recipe.network != "auto":
        return []
    encoder, quick = encoder_of(prepared.schema), Seen.of(prepared.schema).quick
    found = [] if encoder is None else [encoder[1]]
    if quick and _says_how_pictures_vary(prepared):
        text = f"{', '.join(quick)} was not learned: the recipe varies pictures, and it gains nothing by that."
        found.append(Note("info", text))
    return found


def _bags(name: str, prepared: Prepared) -> bool:
    """Classical members learn fast enough to be learned once a fold; of networks, a small one from few rows."""
    return name in PREDICTORS or (name == TEXT_NETWORK and prepared.dev.rows <= FEW_ROWS)


def embedder(schema: Schema, options: Options) -> str:
    """The one network that learns to compare rows: the one asked for, or the usual one of the columns."""
    if options.module is not None:
        return OWN
    given = options.recipe.network
    if given == "auto":
        seen = Seen.of(schema)
        return [*seen.networks, *([TEXT_NETWORK] if seen.texts else []), "perceptron"][0]
    if not isinstance(given, str) or given in PREDICTORS:
        message = f"network={given!r}: objective='verification' learns with one network, by name or of your own"
        raise OptionError(message)
    return given


@dataclass(frozen=True)
class Seen:
    """What kinds of columns there are."""

    networks: list[str]
    """The usual networks of columns that are read by one: pictures, sounds, trees, sequences."""
    quick: list[str]
    """Networks that learn in a fraction of their time, and may do as well."""
    series: bool
    """Whether there are measurements in an order."""
    texts: bool
    """Whether there is a text of some length, which a network may read word by word."""
    plain: bool
    """Whether there is any other column."""

    @classmethod
    def of(cls, schema: Schema) -> Self:
        """Look at the parts that the columns offer."""
        parts = [part for parts in schema.parts.values() for part in parts]
        sensed = [part for part in parts if isinstance(part, SensePart)]
        texts = {part.column for part in sensed if not part.network}
        plain = {part.column for part in parts} - {part.column for part in sensed}
        # Words in a row say more than a bag of them only where there are several.
        long = any(p.shape("sequence", {"sense_width": 1})[0] >= FEW_WORDS for p in sensed if not p.network)
        usual = dict.fromkeys(p.network for p in sensed if p.network)
        series = [part for part in sensed if isinstance(part, StepsPart)]
        # What a series' quick network looks at, ridge regression weighs better where rows are few (`Hybrid`).
        quick = dict.fromkeys(p.quick for p in sensed if p.quick and p not in series)
        return cls(list(usual), list(quick), bool(series), bool(texts) and long, bool(plain))


def _skewed(target: Column, truth: np.ndarray) -> bool:
    """Whether a number above 0 has a long right tail, so that its logarithm is worth a try."""
    if target.task != "regression":
        return False
    known = truth[~np.isnan(truth)]
    if len(known) < 10 or known.min() <= 0:
        return False
    centred = known - known.mean()
    return bool((centred**3).mean() > (centred**2).mean() ** 1.5)


def _tune(prepared: Prepared, run: Run, recipe: Recipe, budget: Budget | None) -> None:
    """Settings and crosses of boosted trees, tried out of fold, on rows that do not calibrate; kept over a kill."""
    from mapsto.members.tuning import FOLDS, tune

    kept = run.kept("tuning/boosting")
    if kept is None:
        run.event("stage", text="trying settings of boosted trees", share=0.12, left=run.left)
        work = work_of(prepared, run, recipe, budget, label="tuning: ")
        rows = _choosing(prepared)
        work.train, work.valid = prepared.dev if len(rows) == prepared.dev.rows else prepared.dev.take(rows), None
        work.folds = _trial_folds(prepared, rows, FOLDS)
        kept = (tune(work), {})
        run.keep("tuning/boosting", *kept)
    recipe.members["boosting"] = kept[0]


def _trial_folds(prepared: Prepared, rows: np.ndarray, count: int) -> Folds | None:
    """Folds of these rows of `dev` that keep to the split, as positions in `rows`; None where any folds will do."""
    if prepared.options.split == "random":
        return None
    try:
        cut = prepared.cut(rows, count)
    except DataError:  # all of one group, or of one time: there is nothing to keep to
        return None
    return [(np.searchsorted(rows, inside), np.searchsorted(rows, outside)) for inside, outside in cut]


def _choosing(prepared: Prepared) -> np.ndarray:
    """Development rows without those that only calibrate, rising."""
    every = np.arange(prepared.dev.rows)
    return every if prepared.out_of_fold else np.setdiff1d(every, prepared.calibrate)


def _fill_in(recipe: Recipe, found: list[Learned]) -> None:
    """The derived settings of networks, so that the recipe repeats the run."""
    for one in found:
        learning = getattr(one.member, "learning", None)
        if learning is not None and len(found) == 1:
            recipe.learning = learning
