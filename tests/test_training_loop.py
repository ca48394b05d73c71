from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mapsto.objectives.base import Objective
from mapsto.recipe import Learning
from mapsto.tensors import threads_within
from mapsto.training import loop
from mapsto.training.loop import train
from mapsto.training.plan import period
from mapsto.training.run import Run


@pytest.fixture(autouse=True)
def one_thread():
    """On several, a first step is made and undone to count what it computes, and `Fit` would count it as well."""
    with threads_within(1):
        yield


class Line:
    """Batches of a noisy linear relation."""

    def __init__(self, rows: int = 640) -> None:
        random = np.random.default_rng(0)
        self.x = torch.from_numpy(random.normal(size=(rows, 3)).astype(np.float32))
        self.y = self.x.sum(1) + torch.from_numpy(random.normal(size=rows).astype(np.float32)) * 0.1
        self.steps_per_epoch = rows // 32

    def batch(self, epoch, step):
        order = torch.from_numpy(np.random.default_rng([1, epoch]).permutation(len(self.x)))
        chosen = order[step * 32 : (step + 1) * 32]
        return self.x[chosen], self.y[chosen]

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class Fit(Objective):
    """Regression with dropout; can be made to go wrong, to sleep, and to call back at a step."""

    name = "fit"
    higher_is_better = False

    def __init__(self, spoil=None, sleep=0.0, at=None):
        torch.manual_seed(0)
        self.modules = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))
        self.source = Line()
        self.spoil, self.sleep, self.at = spoil, sleep, at or {}
        self.steps = 0

    def step(self, batch, update):
        x, y = batch
        loss = F.mse_loss(self.modules(x)[:, 0], y)
        self.steps += 1
        if self.steps == self.spoil:
            loss = loss * float("nan")
        update(loss)
        time.sleep(self.sleep)
        self.at.get(self.steps, lambda: None)()
        return {"mse": loss.detach()}

    def validate(self):
        return F.mse_loss(self.modules(self.source.x)[:, 0], self.source.y).item()


LEARNING = Learning(
    optimizer="adamw", learning_rate=0.01, weight_decay=0.0, epochs=10, patience=50, schedule="cosine",
    precision="float32",
)  # fmt: skip


def weights(objective: Objective) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in objective.modules.parameters()])


def learning(**changes) -> Learning:
    return LEARNING.model_copy(update=changes)


def test_learns_and_keeps_the_best_weights():
    objective = Fit()
    history = train(objective, LEARNING, Run(), "net")
    assert history.ended == "planned"
    assert (history.steps, history.planned) == (200, 200)
    assert [row["epoch"] for row in history.rows] == list(range(1, 11))
    assert history.rows[-1]["losses"]["mse"] < 0.5 * history.rows[0]["losses"]["mse"]
    assert history.best["figure"] == min(row["figure"] for row in history.rows)
    assert objective.validate() == history.best["figure"]
    assert not objective.modules.training


def test_same_seed_same_weights_whatever_the_global_state():
    found = []
    for _ in range(2):
        objective = Fit()
        torch.rand(7)
        state = torch.get_rng_state()
        train(objective, LEARNING, Run(), "net", seed=3)
        assert torch.equal(state, torch.get_rng_state())
        found.append(weights(objective))
    other = Fit()
    train(other, LEARNING, Run(), "net", seed=4)
    assert torch.equal(*found)
    assert not torch.equal(found[0], weights(other))


def test_without_a_time_no_clock_is_decided_on():
    run = Run()
    train(Fit(), LEARNING, run, "net")
    assert set(run.decisions) == {"net/end"}


def test_patience_ends_it():
    history = train(Fit(), learning(learning_rate=1e-9, patience=3, epochs=100), Run(), "net")
    assert history.ended == "patience"
    assert history.steps - history.best["step"] == 3 * 20


def test_averaged_weights_are_those_judged_and_kept():
    objective = Fit()
    history = train(objective, learning(averaging=0.95), Run(), "net")
    assert objective.validate() == history.best["figure"]
    plain = Fit()
    train(plain, LEARNING, Run(), "net")
    assert not torch.equal(weights(objective), weights(plain))


def test_not_a_number_goes_back_to_the_best_weights_at_half_the_rate():
    run = Run()
    objective = Fit(spoil=95)
    history = train(objective, LEARNING, run, "net")
    (event,) = [event for event in run.events if event["kind"] == "diverged"]
    assert (event["step"], event["back_to"], event["rate_factor"]) == (100, 80, 0.5)
    assert history.rollbacks == 1
    assert any("became infinite once" in note.text for note in history.notes)
    assert torch.isfinite(weights(objective)).all()
    assert history.best["step"] > 100


def test_hopeless_divergence_is_given_up_with_the_first_weights():
    objective = Fit()
    before = weights(objective)
    objective.step = lambda batch, update: {"mse": torch.tensor(float("nan"))}
    history = train(objective, learning(epochs=100), Run(), "net")
    assert history.ended == "diverged"
    assert torch.equal(before, weights(objective))


def test_interrupt_ends_with_the_best_so_far(monkeypatch):
    monkeypatch.setattr(loop, "LOOK_SECONDS", 0.0)
    run = Run()
    objective = Fit(at={70: lambda: setattr(run, "interrupted", True)})
    history = train(objective, LEARNING, run, "net")
    assert (history.ended, history.steps) == ("interrupted", 70)
    assert run.decisions["net/end"] == {"step": 70, "why": "interrupted"}
    assert objective.validate() == history.best["figure"]


def test_interrupt_before_any_validation_still_judges(monkeypatch):
    monkeypatch.setattr(loop, "LOOK_SECONDS", 0.0)
    run = Run()
    history = train(Fit(at={5: lambda: setattr(run, "interrupted", True)}), LEARNING, run, "net")
    assert (history.steps, len(history.rows)) == (5, 1)


class Killed(BaseException):
    pass


def kill():
    raise Killed


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_resume_is_bit_exact(tmp_path, monkeypatch, averaging):
    monkeypatch.setattr(loop, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    settings = learning(averaging=averaging, clip_norm=0.5, clip_value=0.2)
    whole = Fit(spoil=50)
    expected = train(whole, settings, Run(), "net")
    with pytest.raises(Killed):
        train(Fit(spoil=50, at={47: kill}), settings, Run(tmp_path), "net")
    for objective in (Fit(spoil=50 - 46, at={30: kill}), Fit(at={61: kill})):
        with pytest.raises(Killed):
            train(objective, settings, Run(tmp_path, resume=True), "net")
    resumed, run = Fit(), Run(tmp_path, resume=True)
    history = train(resumed, settings, run, "net")
    assert len([event for event in run.events if event["kind"] == "resumed"]) == 3
    assert torch.equal(weights(whole), weights(resumed))
    without_time = [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]
    assert without_time == [{k: v for k, v in row.items() if k != "seconds"} for row in expected.rows]


def test_a_time_is_planned_recorded_and_about_kept():
    run = Run()
    objective = Fit(sleep=0.002)
    started = time.monotonic()
    history = train(objective, learning(epochs=10_000), run, "net", seconds=1.5)
    taken = time.monotonic() - started
    assert "net/steps" in run.decisions
    assert "net/replan-7" in run.decisions
    assert 0.6 < taken < 4.0  # a busy machine may be late; it must not run to the 200,000 steps asked for
    assert history.steps < 2000


def test_what_the_limit_of_a_run_would_cut_short_is_planned_to_end_within_it():
    run = Run()
    run.most = 1.5
    history = train(Fit(sleep=0.002), learning(epochs=10_000, patience=None), run, "net")
    assert run.decisions["net/hurry"] < 1.5
    assert any("planned for" in note.text for note in history.notes)
    assert history.planned < 2000  # of 200,000
    assert history.ended in ("planned", "time")
    assert history.rows[-1]["rate"] < 0.3 * learning().learning_rate  # the schedule was brought to its end


def test_what_fits_the_limit_or_ends_by_itself_is_left_alone():
    for patience, decided in ((None, {"net/a step", "net/hurry", "net/end"}), (3, {"net/end"})):
        run = Run()
        run.most = 600
        train(Fit(), learning(epochs=5, patience=patience), run, "net")
        assert set(run.decisions) == decided
        assert run.decisions.get("net/hurry") is None


def test_recorded_decisions_give_the_same_weights_at_any_speed():
    first, run = Fit(sleep=0.001), Run()
    train(first, learning(epochs=10_000), run, "net", seconds=0.6)
    again, replay = Fit(), Run(decisions=run.decisions)
    history = train(again, learning(epochs=10_000), replay, "net", seconds=0.6)
    assert torch.equal(weights(first), weights(again))
    assert replay.decisions == run.decisions
    assert history.ended == run.decisions["net/end"]["why"]


def test_a_trial_leaves_no_trace():
    objective = Fit()
    training = loop.Training(objective, LEARNING, Run(), "net")
    before = training.state_dict()
    kept = weights(objective).clone()
    training.trial(5)
    assert torch.equal(kept, weights(objective))
    assert training.state_dict()["step"] == before["step"] == 0
    assert torch.equal(training.state_dict()["random"]["cpu"], before["random"]["cpu"])
    assert training.updater.state_dict()["main"][0]["state"] == {}


def test_progress_says_where_it_stands(monkeypatch):
    monkeypatch.setattr(loop, "LOOK_SECONDS", 0.0)
    seen = []
    train(Fit(), LEARNING, Run(progress=seen.append), "net")
    progress = [event for event in seen if event["kind"] == "progress"]
    assert {"name", "epoch", "step", "planned", "losses", "figure", "left"} <= progress[0].keys()
    assert progress[-1]["step"] == 200
    assert progress[-1]["left"] == 0


def test_clipping_bounds_the_update():
    objective = Fit()
    before = weights(objective)
    train(objective, learning(optimizer="sgd", learning_rate=1.0, clip_norm=1e-3, epochs=1), Run(), "net")
    assert (weights(objective) - before).norm().item() <= 20 * 1e-3


@pytest.mark.parametrize("steps, per_epoch, expected", [(1000, 100, 100), (1000, 1, 10), (80, 100, 10), (3, 100, 1)])
def test_period(steps, per_epoch, expected):
    assert period(steps, per_epoch) == expected


def test_slow_validations_are_few_where_time_is_short():
    class Slow(Fit):
        def validate(self):
            time.sleep(0.25)
            return super().validate()

    told = {"net/first step": {"step": 1e-3, "slow": False}, "net/pace": {"step": 1e-3, "validation": 0.25}}
    run = Run(time=60.0, decisions=told)
    history = train(Slow(), learning(epochs=100_000), run, "net", seconds=1.5)
    assert len(history.rows) == 1  # at the end, wherever replans have moved it
    assert run.decisions["net/steps"]["steps"] > 100
