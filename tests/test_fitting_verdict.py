"""Which rows judge, how contenders decide, and that neither groups, nor time, nor Ctrl-C are ignored by the verdict."""

from __future__ import annotations

import os
import signal

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.fitting import baselines, candidates, learned, pipeline
from mapsto.fitting.folds import time_folds
from mapsto.fitting.options import make_options
from mapsto.fitting.prepare import prepare
from mapsto.metrics import get
from mapsto.table import read
from mapsto.training.run import Run
from test_fitting import fit, rows

QUICK = {"learning": {"epochs": 2}, "members": {"boosting": {"max_iter": 20}, "forest": {"n_estimators": 20}}}


@pytest.fixture
def decisions(monkeypatch):
    """Every decision recorded by fits of the test."""
    found = {}
    decide = Run.decide

    def recorded(run, name, measure):
        found[name] = decide(run, name, measure)
        return found[name]

    monkeypatch.setattr(Run, "decide", recorded)
    return found


def noise(count, seed=0):
    """A target that nothing tells."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame({"x": rng.normal(size=count), "w": rng.normal(size=count), "y": rng.choice(["p", "q"], count)})


def test_without_test_rows_all_rows_judge_out_of_fold():
    model = fit(noise(900), "y", test=0, network="auto", recipe=QUICK)
    assert model.verdict.rows == 900
    assert "900 out-of-fold rows (approximate" in model._fitted.facts["judged_on"]
    for contender in model.verdict.contenders:
        assert contender.value == pytest.approx(0.5, abs=0.1)  # a forest knows the rows that it learned from by heart


def test_without_test_rows_a_network_by_name_is_judged_by_rows_that_only_calibrate():
    model = fit(noise(1200), "y", test=0, network="linear")
    assert model.verdict.rows == 60
    assert "no contender learned" in model._fitted.facts["judged_on"]


def test_many_rows_are_weighed_by_what_all_members_say_out_of_fold(monkeypatch):
    monkeypatch.setattr(learned, "FEW_FOR_NETWORKS", 1000)
    model = fit(noise(1500), "y", test=0, network="auto", recipe=QUICK)
    assert model.verdict.rows == 600  # a network learns over two of five folds
    assert {"mapsto", "mapsto without networks"} <= {
        c.name for c in model.verdict.contenders
    } or model.verdict.networks is None


def test_a_verdict_out_of_fold_is_taken_up(tmp_path):
    model = fit(noise(1100), "y", test=0, output=tmp_path)
    again = mapsto.resume(tmp_path, progress=False)
    kept = [vars(contender) | {"predict_us": 0} for contender in again.verdict.contenders]
    assert kept == [vars(contender) | {"predict_us": 0} for contender in model.verdict.contenders]


def test_contenders_stopped_early_are_marked(monkeypatch):
    learn = baselines._learn

    def interrupted(name, *given):
        if name == "boosting":
            os.kill(os.getpid(), signal.SIGINT)
        return learn(name, *given)

    monkeypatch.setattr(baselines, "_learn", interrupted)
    verdict = fit(rows(200).select("x", "c", "y"), "y").verdict
    assert {c.name: c.note for c in verdict.contenders} == {
        "mapsto": "stopped early", "dummy": "", "linear model": "", "boosted trees": "stopped early",
        "random forest": "stopped early",
    }  # fmt: skip
    assert str(verdict).count("stopped early") >= 3


def rare(count=600, seed=0):
    """Two classes, of which the rarer one seldom is the more probable."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=count)
    return pl.DataFrame({"x": x, "y": np.where(rng.random(count) < 0.45 / (1 + np.exp(-2 * x)), "yes", "no")})


@pytest.mark.parametrize("options", [{}, {"valid": "part:v"}, {"test": 0}])
def test_every_contender_has_a_threshold_of_its_own(options):
    frame = rare().with_columns(part=pl.when(pl.int_range(600) < 150).then(pl.lit("v")).otherwise(pl.lit("t")))
    frame = frame if "valid" in options else frame.drop("part")
    model = fit(frame, "y", metric="f1", positive="yes", **options)
    values = {contender.name: contender.value for contender in model.verdict.contenders}
    assert min(values["mapsto"], values["linear model"]) > 0.3
    assert values["dummy"] > 0.3  # always "yes": at 0.5 it would be 0
    assert values["mapsto"] == pytest.approx(model._fitted.facts["metrics"]["y"]["f1"])


def test_thresholds_of_baselines_come_from_rows_they_did_not_learn_from():
    frame = rare().with_columns(part=pl.when(pl.int_range(600) < 150).then(pl.lit("v")).otherwise(pl.lit("t")))
    prepared = prepare(read(frame), make_options(target="y", metric="f1", valid="part:v", network="linear"))
    found = baselines.learn_baselines(prepared, Run(), None)
    forest = next(one for one in found if one.name == "random forest")
    assert forest.rows.tolist() == sorted(prepared.choose.tolist())
    truth = prepared.dev.truth["y"][forest.rows]
    assert get("auc", "classification")(truth, forest.held["y"]) < 0.95  # of rows it had learned from it would be 1


def test_costs_of_three_classes_decide_in_evaluate_and_verdict():
    frame = rows().select("x", "c", "k")
    model = fit(frame, "k", metric="accuracy", costs={"low": {"middle": 90, "high": 90}})
    said = model.predict(frame)["k"]
    scores = model.evaluate(frame)["k"]
    assert scores["accuracy"] == pytest.approx((said == frame["k"]).mean())
    cost = np.array([[0, 1, 1], [90, 0, 90], [1, 1, 0]])
    classes = ["high", "low", "middle"]
    paid = [cost[classes.index(a), classes.index(b)] for a, b in zip(frame["k"], said, strict=True)]
    assert scores["cost"] == pytest.approx(np.mean(paid))
    assert model.verdict.contenders[0].value == pytest.approx(model._fitted.facts["metrics"]["k"]["accuracy"])
    shares = frame["k"].value_counts(normalize=True)
    low = shares.filter(pl.col("k") == "low")["proportion"][0]
    assert model.verdict.contenders[1].value == pytest.approx(low, abs=0.05)  # the dummy always says what costs least


def patients(count=1500, each=50):
    """Rows of one patient are alike, in `y` too."""
    rng = np.random.default_rng(0)
    patient = np.arange(count) // each
    level = rng.normal(size=count // each)[patient]
    return pl.DataFrame({"patient": patient, "x": rng.normal(size=count), "z": level + 0.1 * rng.normal(size=count)})


def test_intervals_of_a_group_split_are_of_groups():
    frame = patients()
    by_group = fit(frame, "z", split="group:patient").verdict.contenders[0]
    by_row = fit(frame.drop("patient"), "z").verdict.contenders[0]
    assert by_group.high - by_group.low > 2.5 * (by_row.high - by_row.low)


def test_all_intervals_of_a_group_split_are_of_groups():
    model = fit(patients(), "z", split="group:patient")
    low, high = model._fitted.facts["intervals"]["z"]["rmse"]
    contender = model.verdict.contenders[0]
    assert high - low == pytest.approx(contender.high - contender.low, rel=0.3)


@pytest.mark.parametrize(("count", "test"), [(500, 0.2), (1500, 0), (1500, 0.2)])
def test_folds_keep_groups_whole(count, test):
    options = make_options(target="z", split="group:patient", test=test, network="linear")
    prepared = prepare(read(patients(count, 10)), options)
    patient = prepared.frame["patient"].to_numpy()
    for inside, outside in prepared.folds:
        assert not set(patient[inside]) & set(patient[outside])


def test_refit_keeps_groups_whole(monkeypatch):
    from mapsto.fitting import refit

    seen = []
    folds = refit.folds
    monkeypatch.setattr(refit, "folds", lambda *given: seen.append(given) or folds(*given))
    frame = patients(500, 10)
    fit(frame, "z", split="group:patient", network="linear-model", refit=True)
    ((count, _, groups, _, _),) = seen
    assert count == 500
    assert len(np.unique(groups)) == 50


def days(count, seed=0):
    rng = np.random.default_rng(seed)
    day = rng.permutation(count)
    return pl.DataFrame({"day": day, "x": rng.normal(size=count), "z": day / count + rng.normal(size=count)})


@pytest.mark.parametrize("options", [{}, {"test": 0}, {"valid": 0, "test": 0}])
@pytest.mark.parametrize("count", [300, 1500])
def test_nothing_learns_from_the_future_of_what_it_judges(count, options):
    prepared = prepare(read(days(count)), make_options(target="z", split="time:day", network="linear", **options))
    day = prepared.frame["day"].to_numpy()
    for inside, outside in prepared.folds:
        assert day[inside].max() < day[outside].min()
    if not prepared.out_of_fold:
        assert day[prepared.train].max() < day[prepared.held].min()


@pytest.mark.parametrize("count", [300, 1500])
def test_a_split_by_time_fits_without_test_rows(count):
    model = fit(days(count), "z", split="time:day", test=0, network=["linear", "boosting"])
    assert "out-of-fold" in model.verdict.sentence
    assert model.verdict.contenders[0].value is not None


def test_windows_of_time_grow():
    times = np.append(np.repeat(np.arange(6.0), 2), np.nan)
    found = [(inside.tolist(), outside.tolist()) for inside, outside in time_folds(times, 3)]
    assert found == [([*range(6), 12], [6, 7]), ([*range(8), 12], [8, 9]), ([*range(10), 12], [10, 11])]


def test_ten_minutes_end_a_fit_of_few_rows(monkeypatch, decisions):
    monkeypatch.setattr(pipeline, "MOST_LEARNING", 0.01)
    frame = rows(300).select("x", "c", "y")
    model = fit(frame, "y", network=["linear", "boosting"], recipe={"learning": {"epochs": 100_000}})
    assert decisions["ended"] == "learning had taken 0 s"
    assert decisions["boosting: left out"] is True
    assert any("Give time= for longer" in note.text for note in model.notes)


def test_a_fit_that_ends_in_time_decides_nothing_by_the_clock(decisions):
    fit(rows(300).select("x", "c", "y"), "y")
    assert "ended" not in decisions
    assert not any(name.endswith("/steps") or "left out" in name for name in decisions)


def test_infinite_cells_are_named():
    frame = rows(200).select("x", "c", "y", "z").with_columns(t=pl.int_range(200).cast(pl.String))
    frame[3, "x"], frame[5, "x"], frame[4, "t"], frame[7, "z"] = np.inf, -np.inf, "inf", np.inf
    frame[4, "c"] = "inf"  # a class of its own, not a number
    notes = [note for note in fit(frame, ["y", "z"], types={"t": "number"}).notes if "cannot be read" in note.text]
    found = {(note.column, note.count, note.rows) for note in notes}
    assert found == {("x", 2, (3, 5)), ("t", 1, (4,)), ("z", 1, (7,))}
    text = "Column 'x': 2 of 200 cells (1.0%) cannot be read as number, such as inf and -inf and count as missing"
    assert any(note.text.startswith(text) for note in notes)


def test_a_network_is_not_begun_where_hardly_any_time_is_left(monkeypatch, decisions):
    monkeypatch.setattr(candidates, "FEWEST_SECONDS", 1_000.0)
    model = fit(rows(300).select("x", "c", "y"), "y", network=["linear-model", "boosting", "linear"], time=60)
    assert [name for name, value in decisions.items() if name.endswith(": left out") and value] == ["linear: left out"]
    assert any("linear was not learned" in note.text for note in model.notes)


def test_rows_of_a_slow_member_are_timed_as_far_as_that_takes_no_long_time(monkeypatch):
    asked = []

    class Slow:
        def predict(self, rows, threads=None):
            asked.append(rows.rows)
            clock["now"] += 1e-3 * rows.rows

    clock = {"now": 0.0}
    monkeypatch.setattr(learned.clock, "perf_counter", lambda: clock["now"])
    frame = rows(3_000)
    prepared = prepare(read(frame), make_options(target="y", inputs=["x", "c"]))
    assert learned.microseconds_a_row(Slow(), prepared) == pytest.approx(1_000.0)
    assert asked == [64, 250, 250]


def test_time_to_judge_is_kept_by_what_was_spent_so_far_and_a_report_takes_more():
    class Spent(Run):
        elapsed = 10.0

    plain, told = (make_options(target="y", time=100, output=output) for output in (None, "runs"))
    run = Spent(time=100.0)
    assert candidates.reserve(run, plain) == 0.5 + 0.3 * 10.0
    assert candidates.reserve(run, told) == 0.5 + 0.3 * 10.0  # settled once
    assert candidates.reserve(Spent(time=100.0), told) == 0.5 + 0.3 * 10.0 + 2.0
    assert candidates.reserve(Spent(time=1_000.0), plain) == 0.03 * 990.0
