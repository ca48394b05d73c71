"""Averaging, precision, compilation, devices, plans, derived settings and the range test."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from contract_objectives import Growing
from mapsto import processors
from mapsto.columns import Category, Number
from mapsto.errors import OptionError
from mapsto.networks.blocks.attention import attend
from mapsto.recipe import Learning
from mapsto.training import compiling, counting, devices, loop, measuring, precision
from mapsto.training.averaging import Average
from mapsto.training.defaults import derive
from mapsto.training.plan import Plan, affordable, revised
from mapsto.training.range_test import range_test
from mapsto.training.run import Run
from mapsto.training.update import Updater

CPU = torch.device("cpu")


def test_average_is_the_decayed_sum():
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    average = Average(module, 0.9)
    expected = 0.0
    for step in range(1, 200):
        nn.init.constant_(module.weight, step)
        average.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    with average.applied():
        assert module.weight.item() == pytest.approx(expected, rel=1e-5)
    assert module.weight.item() == 199
    average.keep()
    assert module.weight.item() == pytest.approx(expected, rel=1e-5)


@given(st.integers(1, 500), st.lists(st.tuples(st.integers(1, 60), st.integers(1, 500)), max_size=5))
def test_progress_never_falls_and_ends_at_1(steps, changes):
    plan, step, last = Plan(steps), 0, 0.0
    for ahead, new in changes:
        for _ in range(ahead):
            step += 1
            assert plan.progress(step) >= last - 1e-9
            last = plan.progress(step)
        plan.change(step, new)
        assert plan.progress(step) == pytest.approx(last)
    assert plan.progress(plan.steps + 1) == 1.0


def test_marks_come_once_each():
    plan = Plan(100)
    assert [step for step in range(101) if plan.due(step)] == [10, 25, 45, 65, 80, 90, 96]


def test_plans_fit_the_time():
    assert affordable(1.0, 0.01, 0.0, per_epoch=10, most=10_000) == (100, 10)
    assert affordable(1.0, 5.0, 0.0, per_epoch=10, most=10_000) == (1, 1)
    assert affordable(1e9, 0.01, 0.0, per_epoch=10, most=500) == (500, 10)
    assert affordable(10.0, 0.01, 1.0, per_epoch=10_000, most=10_000) == (800, 400)
    assert affordable(1.0, 0.01, 5.0, per_epoch=10_000, most=10_000) == (1, 10_000)


@settings(max_examples=200)
@given(
    st.floats(0.5, 1e4), st.floats(1e-4, 10.0), st.floats(0.0, 10.0), st.integers(1, 10_000), st.integers(1, 100_000)
)
def test_steps_and_validations_fit_together(seconds, step, validation, per_epoch, most):
    steps, between = affordable(seconds, step, validation, per_epoch, most)
    assert 1 <= steps <= most
    assert between >= 1
    validations = -(-steps // between) if steps > between else 1
    assert validations == 1 or validations * validation <= 0.2 * seconds
    if steps > 1:
        assert steps * step + validations * validation <= 1.001 * seconds + step + validation


def test_a_plan_is_revised_where_that_is_worth_a_record():
    assert revised(Plan(100), 50, 0.02, 0.5, most=1000) == 75
    assert revised(Plan(100), 50, 0.01, 0.505, most=1000) == 100  # too slight a change to record
    assert revised(Plan(100), 50, 0.01, 0.0, most=1000) == 51


def test_bfloat16_is_asked_for_and_computed_in():
    layer = nn.Linear(8, 8)
    with precision.autocast(CPU, "bfloat16"):
        assert layer(torch.zeros(2, 8)).dtype == torch.bfloat16
    with precision.autocast(CPU, "float32"):
        assert layer(torch.zeros(2, 8)).dtype == torch.float32


@pytest.mark.parametrize("units", ["amx_bf16", "avx512_bf16"])
def test_processors_that_multiply_in_bfloat16_decide(monkeypatch, units):
    monkeypatch.setattr(processors, "flags", lambda: frozenset({"avx2", units}))
    assert precision.multiplies_bfloat16(CPU)
    run = Run()
    loop.train(Growing(), Learning(learning_rate=1e-3, epochs=2), run, "net")
    assert run.decisions["net/precision"]["precision"] in ("float32", "bfloat16")
    monkeypatch.setattr(processors, "flags", lambda: frozenset({"avx2"}))
    run = Run()
    loop.train(Growing(), Learning(learning_rate=1e-3, epochs=2), run, "net")
    assert "net/precision" not in run.decisions


def a_training(monkeypatch, trials=(), each=5e6, attends=False, seconds=None, run=None):
    """One whose steps compute `each` and whose trials, in float32 and bfloat16, end like this."""
    counted = SimpleNamespace(each=each, attends=attends, said="counted")
    monkeypatch.setattr(counting, "step_of", lambda training: counted)
    monkeypatch.setattr(processors, "flags", lambda: frozenset({"avx512_bf16"}))
    training = loop.Training(Growing(), Learning(learning_rate=1e-3), run or Run(), "net", seconds=seconds)
    ends = iter(trials)
    monkeypatch.setattr(training, "trial", lambda steps, seconds=0.0: loop.Trial(*next(ends), steps=steps))
    return training


@pytest.mark.parametrize(
    ("each", "attends", "chosen"), [(1e5, False, "float32"), (5e6, False, "bfloat16"), (5e6, True, "float32")]
)
def test_without_a_time_precision_is_a_matter_of_counting(monkeypatch, each, attends, chosen):
    slower = [(1.0, 0.5), (2.0, 0.5)]  # by the clock, float32 would win
    assert measuring.which_precision(a_training(monkeypatch, slower, each, attends))["precision"] == chosen


def test_without_a_time_what_cannot_be_counted_stays_in_float32(monkeypatch):
    training = a_training(monkeypatch, [(1.0, 0.5), (0.1, 0.5)])
    monkeypatch.setattr(counting, "can_be_counted", lambda training: False)
    assert measuring.which_precision(training)["precision"] == "float32"


@pytest.mark.parametrize(
    ("half", "loss", "chosen"), [(0.9, 0.5, "bfloat16"), (0.99, 0.5, "float32"), (0.5, 0.6, "float32")]
)
def test_under_a_time_bfloat16_must_be_faster_and_do_no_harm(monkeypatch, half, loss, chosen):
    training = a_training(monkeypatch, [(1e-3, 0.5), (half * 1e-3, loss)], seconds=60.0)
    training.deadline = 60.0
    assert measuring.which_precision(training)["precision"] == chosen


def test_trying_precisions_leaves_most_of_a_short_time_to_learning(monkeypatch):
    monkeypatch.setattr(processors, "flags", lambda: frozenset({"avx512_bf16"}))
    monkeypatch.setattr(counting, "step_of", lambda training: SimpleNamespace(each=5e6, attends=False, said=""))

    class Slow(Growing):
        def step(self, batch, update):
            time.sleep(0.15)
            return super().step(batch, update)

    run = Run()
    history = loop.train(Slow(), Learning(learning_rate=1e-3, epochs=10_000), run, "net", seconds=2.0)
    assert run.decisions["net/first step"]["slow"]
    assert "net/precision" not in run.decisions
    assert history.steps > 1


def test_a_recorded_precision_counts_whatever_the_processor_is_and_an_old_run_goes_on_in_float32(monkeypatch):
    seen = []

    class Watched(Growing):
        def step(self, batch, update):
            seen.append(torch.is_autocast_enabled("cpu"))
            return super().step(batch, update)

    monkeypatch.setattr(processors, "flags", lambda: frozenset({"avx2"}))
    decided = {"net/precision": {"precision": "bfloat16", "why": "told"}}
    loop.train(Watched(), Learning(learning_rate=1e-3, epochs=2), Run(decisions=decided), "net")
    assert seen[:2] == [True, True]  # what follows is the diagnosis
    training = a_training(monkeypatch)
    training._choose_precision(training.state_dict())  # a checkpoint, and no decision beside it
    assert "net/precision" not in training.run.decisions
    assert not training._open("threads", training.state_dict())


def test_pytorchs_own_attention_is_seen_and_ours_is_written_out():
    class Own(nn.Module):
        def forward(self, x):
            return nn.functional.scaled_dot_product_attention(x, x, x)

    class Ours(nn.Module):
        def forward(self, x):
            return attend(x, x, x)

    for module, seen in ((Own(), True), (Ours(), False)):
        count = counting.Counted()
        with count:
            module(torch.zeros(2, 2, 4, 8, dtype=torch.bfloat16, requires_grad=True))
        assert count.attends == seen


def test_the_way_back_is_computed_as_the_way_forth_was_and_weights_are_cast_anew():
    layer = nn.Linear(4, 4)
    objective = SimpleNamespace(modules=layer, parameter_groups=lambda: {"main": list(layer.parameters())})
    updater = Updater(objective, Learning(learning_rate=0.1, optimizer="sgd"))
    backward = []
    x = torch.ones(2, 4, requires_grad=True)
    x.register_hook(lambda gradient: backward.append(torch.is_autocast_enabled("cpu")))
    with precision.autocast(CPU, "bfloat16"):
        before = layer(x)
        updater(before.float().square().sum())
        assert backward == [False]
        assert torch.is_autocast_enabled("cpu")
        after = layer(x)
    assert not torch.is_autocast_enabled("cpu")
    assert torch.allclose(after.float(), layer(x), atol=0.1)
    assert not torch.allclose(after, before, atol=0.1)


def test_training_in_bfloat16_learns_with_float32_weights():
    objective = Growing()
    history = loop.train(objective, Learning(learning_rate=5e-3, epochs=150, precision="bfloat16"), Run(), "net")
    assert all(p.dtype == torch.float32 for p in objective.modules.parameters())
    assert history.best["figure"] < 0.5 * history.rows[0]["figure"]


def test_compiling_is_measured_on_gpus_under_a_time_only():
    assert not compiling.worth_measuring(CPU, "auto", 600.0)
    assert not compiling.worth_measuring(torch.device("cuda"), "auto", None)
    assert compiling.worth_measuring(torch.device("cuda"), "auto", 600.0)
    assert not compiling.worth_measuring(torch.device("cuda"), "never", 600.0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, where its compiler is imported
def test_compiling_keeps_names_and_can_be_undone():
    module = nn.Linear(2, 2)
    names = list(module.state_dict())
    compiling.switch_on(module)
    assert list(module.state_dict()) == names
    compiling.switch_off(module)
    assert module._compiled_call_impl is None


def test_devices():
    assert devices.choose("cpu") == CPU
    assert devices.choose("auto").type in ("cpu", "cuda", "mps", "xpu")
    with pytest.raises(OptionError, match="is not there"):
        devices.choose("abacus")
    assert devices.of(nn.Identity()) == CPU


def test_derived_settings_are_complete_and_given_ones_stay():
    for rows in (50, 3_000, 30_000, 5_000_000):
        for target in (Number(name="y"), Category(name="y")):
            found = derive(Learning(), rows, "tabm", [target])
            assert None not in (found.optimizer, found.learning_rate, found.batch_size, found.epochs, found.schedule)
            assert 2 <= found.epochs <= 100
            given_all = found.model_copy(update={"epochs": 7, "optimizer": "sgd", "restarts": 1})
            assert derive(given_all, rows, "tabm", [target]) == given_all


def test_range_test_finds_a_rate_that_learns_and_leaves_no_trace():
    objective = Growing()
    before = [p.detach().clone() for p in objective.modules.parameters()]
    found = range_test(objective, Learning(optimizer="adamw"), highest=10.0)
    assert all(torch.equal(p, old) for p, old in zip(objective.modules.parameters(), before, strict=True))
    assert len(found.losses) < 100  # it exploded before the highest rate
    assert 1e-5 < found.suggestion < 1.0
    history = loop.train(objective, Learning(learning_rate=found.suggestion, epochs=200), Run(), "net")
    assert history.best["figure"] < 0.5 * history.rows[0]["figure"]
