"""Teaching a network: settings derived from the data, composition, pretraining where it may help, training."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.composition import Composition
from mapsto.errors import OptionError
from mapsto.members.common import selftraining, transfer
from mapsto.networks.folders import PRETRAINED, resolve
from mapsto.objectives.masked import MaskedCells
from mapsto.objectives.supervised import Goal, Supervised
from mapsto.table.notes import Note
from mapsto.training import devices, restarts
from mapsto.training.batches import RowSource, labelled, to_batch, truths
from mapsto.training.defaults import derive
from mapsto.training.loop import train

if TYPE_CHECKING:
    from torch import nn

    from mapsto.columns.base import Column
    from mapsto.losses import Loss
    from mapsto.members.base import Work
    from mapsto.objectives.supervised import Told
    from mapsto.recipe import Learning
    from mapsto.schema import Encoded
    from mapsto.training.history import History

_SPARE_SHARE = 0.5
_SPARE_ROWS = 500
"""Rows without any target are worth pretraining on from this many, and from this share of those with one."""
_PRETRAIN_TIME = 0.2
_SCRATCH_TIME = 0.4
_TIMED, _LONG_ENOUGH = (4, 64, 512), 0.1
"""Rows whose prediction is timed: few, and if that took less than so many seconds, more."""
_PERHAPS = 1.5
"""Pictures will perhaps be looked at both ways, which takes twice the time."""


@dataclass
class Taught:
    """A trained composition, the settings used, and what happened."""

    composition: Composition
    learning: Learning
    history: list[dict[str, Any]]
    figure: float | None
    notes: list[Note] = field(default_factory=list)


def teach(work: Work, architecture: str, module: nn.Module | type[nn.Module] | None = None) -> Taught:
    """Train a network on the rows of `work` that have a target."""
    return _Teacher(work, architecture, module).teach()


class _Teacher:
    def __init__(self, work: Work, architecture: str, module: nn.Module | type[nn.Module] | None) -> None:
        self.work, self.architecture, self.module = work, architecture, module
        self.part = work.part
        self.network = resolve(architecture)[0] if module is None else architecture
        self.name = work.label.removesuffix(": ") or architecture
        self.targets = work.schema.targets
        self.device = devices.choose(work.device)
        known = labelled(work.train, self.targets)
        self.rows = work.train if known.all() else work.train.take(np.flatnonzero(known))
        self.learning = derive(work.recipe.learning, self.rows.rows, self.network, self.targets)
        spare = work.train.rows - self.rows.rows
        asked = work.recipe.learning.pretrain
        cells = {"numbers", "codes"} & work.schema.parts.keys()
        teaches_itself = work.recipe.learning.self_train
        many = spare >= _SPARE_ROWS and spare >= _SPARE_SHARE * self.rows.rows
        self.pretrains = bool(cells) and many and not teaches_itself if asked is None else asked
        classes = len(self.targets) == 1 and self.targets[0].task == "classification"
        if teaches_itself:
            _check_self_training(classes=classes, pretrains=self.pretrains, encoder=self.network in PRETRAINED)
        usual = classes and many and not self.pretrains
        self.self_trains = usual if teaches_itself is None else teaches_itself and spare > 0

    def teach(self) -> Taught:
        self.work.run.event("learning", name=self.name, rows=self.rows.rows, settings=self.learning.model_dump())
        if self.work.budget is not None and self.work.afterwards:
            self.work = replace(self.work, budget=self.work.budget.before(self._predicting()))
        self.seconds = self.work.seconds
        if self.network in PRETRAINED:
            return self._transferred()
        if not (self.pretrains or self.self_trains):
            return self._supervised(self._composition(), self.name, self._left())
        if self.work.valid is None:
            taught = self._supervised(self._composition(), self.name, self._left())
            what = "Masked-cell pretraining" if self.pretrains else "Learning from rows without a class"
            text = f"{what} was left out: without validation rows nothing can say whether it helps."
            return _with(taught, Note("info", text))
        return self._better_of_two() if self.pretrains else self._self_taught()

    def _better_of_two(self) -> Taught:
        """With and without pretraining; what validates better. A recipe has one number of restarts for both."""
        self.part = _SCRATCH_TIME * self.work.part
        plain = self._supervised(self._composition(), self.name, self._share(_SCRATCH_TIME))
        composition = self._composition()
        self._pretrain(composition)
        rest, self.part = self._share(1.0 - _SCRATCH_TIME - _PRETRAIN_TIME), self.work.part
        tuned = self._supervised(composition, f"{self.name}, pretrained", rest, learning=plain.learning)
        tuned.learning = plain.learning
        what = f"Masked-cell pretraining of {self.name} on {self.work.train.rows:,} rows"
        return self._better(plain, tuned, what)

    def _self_taught(self) -> Taught:
        """With and without the rows whose class a first network is sure of; what validates better.

        The second restarts as often as the first: a recipe has one number for both.
        """
        self.part = _SCRATCH_TIME * self.work.part
        first = self._supervised(self._composition(), self.name, self._share(_SCRATCH_TIME))
        self.part = self.work.part
        (target,) = self.targets
        rows, sure = selftraining.joined(first.composition, self.work.train, target)
        if not sure:
            text = f"Rows without a class did not help {self.name}: it was sure of none of them."
            return _with(first, Note("info", text))
        learning = derive(self.work.recipe.learning, rows.rows, self.network, self.targets)
        learning.restarts = first.learning.restarts
        name, seconds = f"{self.name}, self-trained", self._share(1.0 - _SCRATCH_TIME)
        second = self._supervised(self._composition(), name, seconds, rows, learning=learning)
        second.learning = learning
        what = f"Learning {self.name} from {sure:,} rows without a class, which a first network was sure of,"
        return self._better(first, second, what)

    def _better(self, plain: Taught, tried: Taught, what: str) -> Taught:
        """The one with the better figure, and a note that says so."""
        sign = 1.0 if self._objective(plain.composition).higher_is_better else -1.0
        gains = plain.figure is None or (tried.figure is not None and sign * tried.figure > sign * plain.figure)
        known = plain.figure is not None and tried.figure is not None
        figures = f": {tried.figure:.5g} with it and {plain.figure:.5g} without" if known else ""
        text = f"{what} was {'kept' if gains else 'dropped'}{figures}."
        return _with(tried if gains else plain, Note("info", text))

    def _transferred(self) -> Taught:
        """Heads on what the encoder finds as it is; then, where it is worth it, all of it. What validates better."""
        deadline = None if self.work.seconds is None else time.monotonic() + self.work.seconds
        composition, valid = self._composition(), self.work.valid
        planned = self.work.run.decide(
            f"{self.name}/reading", lambda: transfer.plan(composition, self.rows, valid, self.learning, deadline)
        )
        self.rows, notes = self._some(self.rows, planned["rows"])
        read = transfer.seen(composition, self.rows), None if valid is None else transfer.seen(composition, valid)
        settings = transfer.head_settings(self.learning, self.rows.rows)
        settings.mixing = "none"  # what a frozen encoder found is no picture
        with transfer.aside(composition):
            probed = self._supervised(composition, f"{self.name}, heads", self._share(transfer.HEADS), *read, settings)
        probed.notes += notes
        if valid is None or planned["tune"] == 0.0:
            why = (
                "there are no validation rows to say whether that helps" if valid is None else "it would take too long"
            )
            return _with(probed, Note("info", f"The encoder of {self.name} was read as it is, not tuned: {why}."))
        before = copy.deepcopy(composition.state_dict())
        tuned = self._supervised(composition, self.name, planned["tune"])
        sign = 1.0 if self._objective(composition).higher_is_better else -1.0
        gains = probed.figure is None or (tuned.figure is not None and sign * tuned.figure > sign * probed.figure)
        if not gains:
            composition.load_state_dict(before)
            composition.mirror(False)
        text = (
            f"The encoder of {self.name} was {'tuned' if gains else 'kept as it was'}: on the choosing rows "
            f"{probed.figure or 0:.4g} as it was, {tuned.figure or 0:.4g} tuned."
        )
        tuned.notes += probed.notes
        return _with(tuned if gains else probed, Note("info", text))

    def _some(self, rows: Encoded, most: int) -> tuple[Encoded, list[Note]]:
        """So many rows, spread evenly, and what there is to say about that."""
        if most >= rows.rows:
            return rows, []
        text = f"{self.name} learned from {most:,} of {rows.rows:,} rows: the time is too short to read more."
        return rows.take(np.linspace(0, rows.rows - 1, most).astype(np.int64)), [Note("info", text)]

    def _left(self) -> float | None:
        """Seconds: composing took some of them."""
        return self.work.seconds

    def _share(self, share: float) -> float | None:
        """Seconds of a stage that may take so much of all that there were."""
        left = self.work.seconds
        return None if left is None or self.seconds is None else min(left, share * self.seconds)

    def _composition(self) -> Composition:
        recipe = self.work.recipe
        network = self.architecture if self.module is None else self.module
        built = Composition.build(
            self.work.schema,
            network,
            rows=self.rows.rows,
            options=recipe.networks.get(self.network),
            others=recipe.networks,
            encoding=recipe.encoding,
            initialization=self.learning.initialization,
            seed=self.work.seed,
        )
        return built.to(self.device)

    def _objective(
        self,
        composition: Composition,
        rows: Encoded | None = None,
        valid: Encoded | None = None,
        learning: Learning | None = None,
    ) -> Supervised:
        rows, valid, learning = rows or self.rows, valid or self.work.valid, learning or self.learning
        source = RowSource(to_batch(rows, self.targets, self.device), learning.batch_size or rows.rows, self.work.seed)
        goals = [
            Goal(column, _loss(column, learning, rows).to(self.device), self.work.metrics[column.name])
            for column in self.targets
        ]
        return Supervised(composition, source, goals, valid, learning.mixing, self._told(rows, valid, learning))

    def _told(self, rows: Encoded, valid: Encoded | None, learning: Learning) -> tuple[Told, Told] | None:
        """Rows whose losses say whether to go on, where that is open."""
        if learning.restarts is not None or valid is None:
            return None
        judging = valid.take(np.flatnonzero(labelled(valid, self.targets)))
        if judging.rows < restarts.FEWEST_TOLD:
            return None
        some = (each.take(restarts.spread(each.rows)) for each in (rows, judging))
        seen, unseen = ((each, truths(each, self.targets, self.device)) for each in some)
        return seen, unseen

    def _supervised(
        self,
        composition: Composition,
        name: str,
        seconds: float | None,
        rows: Encoded | None = None,
        valid: Encoded | None = None,
        learning: Learning | None = None,
    ) -> Taught:
        """Train on the rows of `work`, or on others that stand for them (what a frozen encoder found)."""
        begun = self.work.run.elapsed
        if self._looks_once(composition, name, rows or self.rows, learning or self.learning, seconds):
            rows = transfer.seen(composition, rows or self.rows)
            valid = None if self.work.valid is None else transfer.seen(composition, self.work.valid)
            seconds = None if seconds is None else max(0.0, seconds - (self.work.run.elapsed - begun))
        learning = learning or self.learning
        objective = self._objective(composition, rows, valid, learning)
        history, restarted = restarts.with_restarts(
            objective, learning, self.work.run, name, seconds,
            lambda settings, leg, left: self._train(objective, settings, leg, left, alike=name),
        )  # fmt: skip
        settings = self.learning.model_copy(update={"restarts": restarted})
        return Taught(composition, settings, history.rows, history.figure, history.notes)

    def _looks_once(
        self, composition: Composition, name: str, rows: Encoded, learning: Learning, seconds: float | None
    ) -> bool:
        """Whether what the network looks at is computed once for each row and kept; else batch by batch."""
        judging = 0 if self.work.valid is None else self.work.valid.rows
        if not transfer.looks_once(composition, learning, rows.rows + judging):
            return False
        if seconds is None:
            return True
        deadline = time.monotonic() + seconds
        return bool(
            self.work.run.decide(f"{name}/looks once", lambda: transfer.soon_seen(composition, rows, judging, deadline))
        )

    def _predicting(self) -> float:
        """Seconds that predicting the rows which wait for it will take, where it will be done; measured on a few, once
        for all folds.
        """
        name = self.work.alike.removesuffix(": ") or self.name
        return self.work.afterwards * float(self.work.run.decide(f"{name}/predicting", self._a_row))

    def _a_row(self) -> float:
        """Seconds of predicting a row."""
        composition, took, few = self._composition().cpu(), 0.0, self.rows
        for count in _TIMED:
            few = self.rows.take(np.arange(min(self.rows.rows, count)))
            start = time.monotonic()
            composition.predict_numpy(few)
            took = time.monotonic() - start
            if took > _LONG_ENOUGH:
                break
        return (_PERHAPS if composition.mirrors == "auto" else 1.0) * took / few.rows

    def _pretrain(self, composition: Composition) -> None:
        source = RowSource(to_batch(self.work.train, [], self.device), self._batch_size(), self.work.seed)
        sizes = [part.size for part in self.work.schema.parts.get("codes", [])]  # type: ignore[attr-defined]
        steps = (self.learning.epochs or 1) * self.rows.rows
        epochs = max(1, round(steps / self.work.train.rows))
        learning = self.learning.model_copy(update={"epochs": epochs, "averaging": 0.0})
        name = f"{self.name}, pretraining"
        self._train(MaskedCells(composition, source, sizes), learning, name, self._share(_PRETRAIN_TIME))

    def _train(
        self,
        objective: Supervised | MaskedCells,
        learning: Learning,
        name: str,
        seconds: float | None,
        *,
        alike: str | None = None,
    ) -> History:
        """`alike`: name of the trainings whose steps are like these, unless it is its own."""
        work = self.work
        # What follows the member's name says which of its trainings it is; the fold, in the name, makes no difference.
        alike = (work.alike.removesuffix(": ") or self.name) + (alike or name).removeprefix(self.name)
        return train(
            objective, learning, work.run, name, alike=alike, seed=work.seed, seconds=seconds, part=self.part,
            optional=work.optional,
        )  # fmt: skip

    def _batch_size(self) -> int:
        return self.learning.batch_size or self.rows.rows


def _check_self_training(*, classes: bool, pretrains: bool, encoder: bool) -> None:
    """What was asked for must be possible."""
    why = (
        "it gives rows without a class one, so it needs a single target of classes" if not classes
        else "it cannot be combined with learning.pretrain=True" if pretrains
        else "it is not offered for pretrained encoders" if encoder
        else ""
    )  # fmt: skip
    if why:
        message = f"learning.self_train=True: {why}; leave it out"
        raise OptionError(message)


def _loss(column: Column, learning: Learning, rows: Encoded) -> Loss:
    """The loss that the recipe names for this target, or the column's own."""
    named = learning.loss.get(column.name) if isinstance(learning.loss, dict) else learning.loss
    options: dict[str, Any] = {}
    if column.task == "classification":
        if learning.label_smoothing:
            options["label_smoothing"] = learning.label_smoothing
        if learning.class_weights == "balanced":
            options["class_weights"] = _balanced(rows.truth[column.name], column.out_features)
    return column.loss(named, options)


def _balanced(truth: np.ndarray, classes: int) -> np.ndarray:
    """Weights that make all classes count alike, 1 on average over the rows."""
    counts = np.bincount(truth[truth >= 0], minlength=classes).astype(np.float32)
    weights: np.ndarray = counts.sum() / (classes * np.maximum(counts, 1.0))
    return weights


def _with(taught: Taught, note: Note) -> Taught:
    taught.notes = [*taught.notes, note]
    return taught
