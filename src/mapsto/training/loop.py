"""The training loop: one for every objective.

`train` draws batches, lets the objective make its step, follows the schedule, validates, keeps the best weights, and
ends when the plan is done, validation stops improving, time is up or the user says so. Nothing in the loop waits for
the device: losses are gathered as tensors and read a few times a second.

Whatever looks at a clock is a recorded decision (`Run.decide`): precision, compilation, planned steps, replans and the
step at which it ended; and so are threads, of which another machine has others. Everything else follows from the seed,
so a run that was killed and resumed ends with the weights of one that was not, bit for bit; checkpoints are written by
the clock, but change nothing.
"""

from __future__ import annotations

import copy
import math
import statistics
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from mapsto.errors import RunError
from mapsto.table.notes import Note
from mapsto.tensors import threads_within
from mapsto.training import compiling, devices, measuring, precision, schedules, threads
from mapsto.training.averaging import Average
from mapsto.training.batches import few
from mapsto.training.budget import NotInTime
from mapsto.training.diagnosis import diagnose
from mapsto.training.history import History
from mapsto.training.losses import Losses
from mapsto.training.plan import Plan, period
from mapsto.training.randomness import draws_from_own, get_state, isolated, set_state
from mapsto.training.update import Updater

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mapsto.objectives.base import Objective
    from mapsto.recipe import Learning
    from mapsto.training.run import Run

CHECKPOINT_SECONDS = 10.0
"""Wall time between checkpoints."""
LOOK_SECONDS = 0.5
"""Wall time between looks at clock and losses."""
GRACE = 0.03
"""Share of the time by which a timed training may overrun before it is cut short."""
MAX_ROLLBACKS = 6
_TRIED_AFTER = 0.2
"""Share of the plan after which the network can say which variations of its inputs do no harm."""


def train(
    objective: Objective,
    learning: Learning,
    run: Run,
    name: str,
    *,
    alike: str = "",
    seed: int = 0,
    seconds: float | None = None,
    part: float = 1.0,
    optional: bool = False,
) -> History:
    """Train `objective.modules` in place; afterwards they hold the best weights.

    Args:
        objective: what is drawn, what a step does, what the validation figure is.
        learning: its settings; `epochs`, `patience`, `learning_rate` and so on must be given or have a fixed meaning.
        run: clock, decisions, events, checkpoints, interruption.
        name: of this training, unique within the run; decisions and checkpoints carry it.
        alike: of all trainings whose steps are like those of this one: what is found out about a step goes for all.
        seed: of all randomness in the steps (dropout, noise).
        seconds: time for this training; None: as long as `learning.epochs` says, and no clock is looked at, unless
            that would take longer than the run may.
        part: what share of the rest of the run's limit such a slow training is planned for.
        optional: whether it may be left out.

    Raises:
        NotInTime: it may, and `seconds` are not enough for more than a few steps.
    """
    device = devices.of(objective.modules)
    own = draws_from_own(objective) and learning.compile != "always"
    with isolated(seed, device, own=own):
        training = Training(objective, learning, run, name, seconds, part, alike, optional=optional)
        training.begin()
        return training.finish(training.work())


class Trial(NamedTuple):
    """What steps on trial told."""

    seconds: float
    """A step."""
    loss: float
    """The mean."""
    steps: int
    """How many were made."""


class Training:
    """A training under way: everything that moves, and the steps that move it."""

    def __init__(
        self,
        objective: Objective,
        learning: Learning,
        run: Run,
        name: str,
        seconds: float | None = None,
        part: float = 1.0,
        alike: str = "",
        *,
        optional: bool = False,
    ) -> None:
        self.alike, self.optional = alike or name, optional
        self.objective, self.learning, self.run, self.name, self.seconds = objective, learning, run, name, seconds
        self.part, self.hurried = part, False
        self.slow, self.first_step = False, 0.0
        self.modules, self.source = objective.modules, objective.source
        self.device = devices.of(self.modules)
        self.schedule = schedules.get(learning.schedule or "cosine")
        self.updater = Updater(objective, learning)
        self.average = Average(self.modules, learning.averaging) if learning.averaging else None
        self.autocast = precision.autocast(self.device, "float32")
        self.threads = self.all_threads = torch.get_num_threads()
        self.losses = Losses()
        self.most = (learning.epochs or 1) * self.source.steps_per_epoch
        self.plan = Plan(self.most)
        self.period = 1
        self.step = self.epoch = self.at = 0
        self.factor = 1.0
        self.rollbacks = 0
        self.rows: list[dict[str, Any]] = []
        self.best = self._weights()
        self.best_figure: float | None = None
        self.best_step = 0
        self.deadline = math.inf
        self.validation_seconds = 0.0
        self.judged = 0.0
        self.checkpoints = run.checkpoints(name)
        self.started = self.marked = run.elapsed
        self.marked_step = 0
        self._next_look = self._next_checkpoint = 0.0
        self.asking = objective.asks

    # -- the way of a training

    def begin(self) -> None:
        """Take or replay the decisions, and go on from the newest checkpoint if there is one."""
        self.modules.train()
        state = None if self.checkpoints is None else self.checkpoints.load()
        if self.seconds is not None:
            self.deadline = self.started + self.seconds
            self._see_a_step(state)
        if not self.slow and self._open("threads", state) and threads.to_be_chosen(self):
            self.threads = self._of_a_step("threads", threads.worth_waiting_for)["threads"]
        if self.seconds is None:
            self._hurry()
        self._choose_precision(state)
        self._choose_steps()
        self._choose_compilation()
        if state is not None:
            self.load_state_dict(state)
            if self.objective.asks and not self.asking:
                self._vary()
            self.run.event("resumed", name=self.name, step=self.step)
        self._mark()
        self._next_checkpoint = time.monotonic() + CHECKPOINT_SECONDS

    def work(self) -> str:
        """Step until something ends it; returns what."""
        with threads_within(self.threads):
            return self._work()

    def _work(self) -> str:
        known = self.run.decided(f"{self.name}/end")
        while True:
            if known is not None and self.step >= known["step"]:
                return str(known["why"])
            if self.step >= self.plan.steps:
                return "planned"
            self.advance()
            self._replan()
            ended = self._close_period() if self._period_ends() else None
            if self.asking and self._period_ends() and _TRIED_AFTER <= self.plan.progress(self.step) < 1.0:
                self._vary()
            if time.monotonic() >= self._next_look:
                ended = ended or self._look()
            if ended == "interrupted" or (ended is not None and known is None):
                return ended

    def finish(self, ended: str) -> History:
        """Record the end, put the best weights into the modules, say what was seen."""
        end = self.run.decide(f"{self.name}/end", lambda: {"step": self.step, "why": ended})
        if not self.rows:
            self._close_period()
        if self.best_figure is not None or not self._sound():
            self.modules.load_state_dict(self.best)
        elif self.average is not None:
            self.average.keep()
        compiling.switch_off(self.modules)
        self.modules.eval()
        seconds = self.run.elapsed - self.started
        history = History(
            self.name, self.rows, self.step, self.plan.steps, end["why"], self.rollbacks, round(seconds, 3)
        )
        history.notes = diagnose(self.objective, history, measuring.FEW_ROWS if self.slow else None)
        if self.hurried:
            text = (
                f"{self.name} would have taken longer than a fit without a time may, and was planned for "
                f"{self.seconds or 0:.0f} s instead. Give time= for longer."
            )
            history.notes.append(Note("warning", text))
        self.run.event("trained", **{key: value for key, value in history.to_dict().items() if key != "rows"})
        return history

    def advance(self, rows: int | None = None) -> None:
        """One step; on trial perhaps of fewer rows."""
        # The middle of the step: neither the first nor the last is spent at a rate of 0.
        progress = self.plan.progress(self.step + 0.5)
        self.updater.scale(self.factor * self.schedule(progress, self.learning.warmup))
        batch = self.source.batch(self.epoch, self.at)
        if rows is not None:
            batch = few(batch, rows)
        with self.autocast:
            losses = self.objective.step(batch, self.updater)
        self.step += 1
        self.at += 1
        if self.average is not None:
            self.average.update(self.step)
        self.losses.add(losses)
        if self.at >= self.source.steps_per_epoch:
            self.epoch, self.at = self.epoch + 1, 0

    def trial(self, steps: int, seconds: float = math.inf, rows: int | None = None) -> Trial:
        """Make steps that leave no trace: at least one, and no more than `seconds` allow; of `rows` rows, if given."""
        times: list[float] = []
        with self.undone(), threads_within(self.threads):
            while len(times) < steps and (not times or sum(times) + times[-1] < seconds):
                start = time.monotonic()
                self.advance(rows)
                devices.synchronize(self.device)
                times.append(time.monotonic() - start)
            loss = sum(self.losses.read().values())
        return Trial(statistics.median(times[len(times) // 3 :]), loss, len(times))

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What is done inside the block leaves no trace."""
        before = copy.deepcopy(self.state_dict())
        try:
            yield
        finally:
            self.load_state_dict(before)

    # -- decisions

    def _measured(self, what: str, measure: Callable[[Training], Any]) -> Any:
        """What `measure` finds, once: a resumed run is told what was found before."""
        return self.run.decide(f"{self.name}/{what}", lambda: measure(self))

    def _of_a_step(self, what: str, measure: Callable[[Training], Any]) -> Any:
        """The same, of a step: once for all trainings whose steps are alike."""
        return self.run.decide(f"{self.alike}/{what}", lambda: measure(self))

    def _see_a_step(self, state: dict[str, Any] | None) -> None:
        """Where time is given, the first thing to know is whether a step is slow; then no other is made on trial."""
        if not self._open("first step", state):
            return
        found = self._of_a_step("first step", measuring.first_step)
        self.slow, self.first_step = found["slow"], found["step"]
        if self.slow and (why := self._measured("left out", measuring.too_slow)):
            raise NotInTime(why)

    def _hurry(self) -> None:
        """A training without a time that the run's limit would cut short in mid-schedule is planned to end before.

        Not where validation is to end it. The decision is when it ends, on the run's clock, so that a resumed training
        ends then too.
        """
        epochs, patience = self.learning.epochs or 1, self.learning.patience
        if self.run.most is None or (patience is not None and patience < epochs):
            return
        step = self._of_a_step("a step", measuring.a_step)
        end = self._measured("hurry", lambda training: measuring.when_to_end(training, step))
        if end is not None:
            self.seconds, self.hurried = max(1.0, end - self.run.elapsed), True
            self.deadline = self.started + self.seconds

    def _open(self, what: str, state: dict[str, Any] | None) -> bool:
        """Whether a decision was taken or may be: a training that began without one goes on without."""
        return state is None or self.run.decided(f"{self.alike}/{what}") is not None

    def _choose_precision(self, state: dict[str, Any] | None) -> None:
        chosen = self.learning.precision
        if chosen == "auto":
            known = self.run.decided(f"{self.alike}/precision")
            if known is None and state is None and not self.slow and precision.multiplies_bfloat16(self.device):
                known = self._of_a_step("precision", measuring.which_precision)
            chosen = "float32" if known is None else known["precision"]
        self.autocast = precision.autocast(self.device, chosen)

    def _choose_compilation(self) -> None:
        setting = self.learning.compile
        chosen = setting == "always"
        if compiling.worth_measuring(self.device, setting, self.seconds):
            chosen = self._measured("compile", measuring.whether_compiled)["compile"]
        if chosen:
            compiling.switch_on(self.modules)

    def _choose_steps(self) -> None:
        found = {"steps": self.most}
        if self.seconds is not None:
            pace = {"step": self.first_step, "validation": self.first_step}
            if not self.slow:
                pace = self._of_a_step("pace", measuring.pace)
            found = self.run.decide(f"{self.name}/steps", lambda: measuring.how_many_steps(self, **pace))
        self.plan = Plan(found["steps"])
        self.period = found.get("period", period(found["steps"], self.source.steps_per_epoch))
        self.validation_seconds = found.get("validation", 0.0)

    def _replan(self) -> None:
        """At a mark of progress, fit the plan to the time left."""
        if self.seconds is None or not self.plan.due(self.step):
            return
        steps = self._measured(f"replan-{self.plan.mark}", measuring.steps_left)
        if steps != self.plan.steps:
            self.plan.change(self.step, steps)
        self._mark()

    def _mark(self) -> None:
        """From here on the pace is measured; time spent judging is no part of it."""
        self.marked, self.marked_step, self.judged = self.run.elapsed, self.step, 0.0

    def _vary(self) -> None:
        """Ask, or remember, which variations of the inputs do no harm; the steps that follow use them."""
        self.modules.eval()
        with torch.no_grad(), threads_within(self.all_threads):
            self.objective.vary(self.run.decide(f"{self.name}/variations", self.objective.variations))
        self.modules.train()
        self.asking = False

    # -- validation

    def _period_ends(self) -> bool:
        left = self.plan.steps - self.step
        # A plan that is changed as it goes may end soon after a validation was due: the last one will do.
        soon = self.seconds is not None and 2 * left < self.period
        return left <= 0 or (self.step % self.period == 0 and not soon)

    def _close_period(self) -> str | None:
        """Read the losses, validate, keep the weights if they are the best; returns a reason to end, if any."""
        losses = self.losses.read()
        self.losses = Losses()
        if not all(math.isfinite(value) for value in losses.values()) or not self._sound():
            return self._roll_back()
        figure, told = self.judge()
        better = figure is not None and self.objective.better(figure, self.best_figure)
        if better:
            self.best, self.best_figure, self.best_step = self._averaged_weights(), figure, self.step
        elif self.best_figure is None:  # nothing tells weights apart: the latest that are sound are the best there are
            self.best, self.best_step = self._averaged_weights(), self.step
        rate = self.updater.rate()
        row = {"epoch": self.epoch, "step": self.step, "losses": losses, "figure": figure, "rate": rate}
        row |= {"seconds": round(self.run.elapsed - self.started, 3), "best": better}
        self.rows.append(row | told)
        self.run.event("validated", name=self.name, planned=self.plan.steps, **self.rows[-1])
        waited = self.step - self.best_step
        if self.learning.patience is None or self.best_figure is None:
            return None
        return "patience" if waited >= self.learning.patience * self.source.steps_per_epoch else None

    def judge(self) -> tuple[float | None, dict[str, float]]:
        """The validation figure of the weights as they are now (averaged, where they are averaged), and their losses
        on seen and unseen rows, where somebody wants to know.
        """
        begun = time.monotonic()
        self.modules.eval()
        averaged = nullcontext() if self.average is None else self.average.applied()
        with torch.no_grad(), threads_within(self.all_threads), averaged:
            found = self.objective.validate(), self.objective.seen_and_unseen() or {}
        self.modules.train()
        self.judged += time.monotonic() - begun
        return found

    def _roll_back(self) -> str | None:
        """The loss, or a weight, is not a number any more: back, at half the rate, to the best weights, or where no
        figure tells which are best, to the last sound ones.
        """
        self.rollbacks += 1
        self.factor /= 2
        self.modules.load_state_dict(self.best)
        self.updater.forget()
        if self.average is not None:
            self.average = Average(self.modules, self.average.decay)
        self.run.event("diverged", name=self.name, step=self.step, back_to=self.best_step, rate_factor=self.factor)
        return "diverged" if self.rollbacks > MAX_ROLLBACKS else None

    def _sound(self) -> bool:
        """Whether every weight is a finite number."""
        return all(bool(torch.isfinite(weight).all()) for weight in self.modules.parameters())

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.modules.state_dict().items()}

    def _averaged_weights(self) -> dict[str, torch.Tensor]:
        if self.average is None:
            return self._weights()
        with self.average.applied():
            return self._weights()

    # -- clock, progress, checkpoints

    def _look(self) -> str | None:
        """Tell the progress, write a checkpoint if one is due; returns a reason to end, if any."""
        now = self.run.elapsed
        taken = max(1, self.step - self.marked_step)
        left = (self.plan.steps - self.step) * (now - self.marked) / taken
        self.run.event(
            "progress", name=self.name, epoch=self.epoch, step=self.step, planned=self.plan.steps,
            losses=_finite(self.losses.read()), figure=self.best_figure, left=round(left, 1),
        )  # fmt: skip
        if self.checkpoints is not None and time.monotonic() >= self._next_checkpoint:
            self.checkpoints.save(self.step, self.state_dict())
            self._next_checkpoint = time.monotonic() + CHECKPOINT_SECONDS
        self._next_look = time.monotonic() + LOOK_SECONDS
        if self.run.interrupted:
            return "interrupted"
        late = self.seconds is not None and now > self.deadline + GRACE * self.seconds
        return "time" if late or self.run.stopping else None

    _MOVING = (
        "step", "epoch", "at", "factor", "rollbacks", "rows", "best_figure", "best_step", "period", "started",
        "deadline", "asking",
    )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """All that moves, the random state included."""
        return {
            "modules": dict(self.modules.state_dict()),
            "updater": self.updater.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "source": self.source.state_dict(),
            "objective": self.objective.state_dict(),
            "losses": self.losses.state_dict(),
            "plan": self.plan.state_dict(),
            "best": self.best,
            "random": get_state(self.device),
            **{name: getattr(self, name) for name in self._MOVING},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse."""
        if set(state["modules"]) != set(self.modules.state_dict()):
            message = f"the checkpoint of {self.name!r} belongs to another network; start again in another folder"
            raise RunError(message)
        self.modules.load_state_dict(state["modules"])
        self.updater.load_state_dict(state["updater"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.source.load_state_dict(state["source"])
        self.objective.load_state_dict(state["objective"])
        self.losses.load_state_dict(state["losses"])
        self.plan.load_state_dict(state["plan"])
        self.best = {name: tensor.to(self.device) for name, tensor in state["best"].items()}
        set_state(self.device, state["random"])
        for name in self._MOVING:
            setattr(self, name, state[name])


def _finite(losses: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in losses.items()}
