"""Averaging, precision, compilation, devices, plans, derived settings and the range test."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from contract_objectives import Growing
from mapsto import processors
from mapsto.columns import Category, Number
from mapsto.errors import OptionError
from mapsto.recipe import Learning
from mapsto.training import compiling, counting, devices, loop, measuring, precision
from mapsto.training.averaging import Average
from mapsto.training.defaults import derive
from mapsto.training.plan import Plan, affordable, revised
from mapsto.training.range_test import range_test
from mapsto.training.run import Run

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
    assert affordable(1.0, 0.01, 0.0, period=10, most=10_000) == 100
    assert affordable(1.0, 5.0, 0.0, period=10, most=10_000) == 1
    assert affordable(1e9, 0.01, 0.0, period=10, most=500) == 500
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
def test_matrix_units_decide(monkeypatch, units):
    monkeypatch.setattr(processors, "flags", lambda: frozenset({"avx2", units}))
    assert precision.multiplies_bfloat16(CPU)
    run = Run()
    loop.train(Growing(), Learning(learning_rate=1e-3, epochs=2), run, "net")
    assert run.decisions["net/precision"]["precision"] in ("float32", "bfloat16")
    monkeypatch.setattr(processors, "flags", lambda: frozenset({"avx2"}))
    run = Run()
    loop.train(Growing(), Learning(learning_rate=1e-3, epochs=2), run, "net")
    assert "net/precision" not in run.decisions


@pytest.mark.parametrize(("each", "chosen"), [(100_000.0, "float32"), (5_000_000.0, "bfloat16")])
def test_without_a_time_precision_is_a_matter_of_counting(monkeypatch, each, chosen):
    monkeypatch.setattr(counting, "per_operation", lambda training: each)
    training = loop.Training(Growing(), Learning(learning_rate=1e-3), Run(), "net")
    trials = iter([(1.0, 0.5), (2.0, 0.5)])  # by the clock, float32 would win
    monkeypatch.setattr(training, "trial", lambda steps: next(trials))
    assert measuring.which_precision(training)["precision"] == chosen


@pytest.mark.parametrize(("half", "chosen"), [(0.9, "bfloat16"), (0.99, "float32")])
def test_under_a_time_bfloat16_must_be_faster(monkeypatch, half, chosen):
    trials = iter([(1.0, 0.5), (half, 0.5)])
    training = loop.Training(Growing(), Learning(learning_rate=1e-3), Run(), "net", seconds=5.0)
    monkeypatch.setattr(training, "trial", lambda steps: next(trials))
    assert measuring.which_precision(training)["precision"] == chosen


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
            assert 2 <= found.epochs <= 40
            given_all = found.model_copy(update={"epochs": 7, "optimizer": "sgd"})
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
