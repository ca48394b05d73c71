"""Options of `fit` on odd data: each has an effect or is refused with words, and rows stay where they belong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import polars as pl
import pytest

import mapsto
from mapsto.errors import DataError, OptionError, RunError, VerbError
from mapsto.fitting import candidates
from mapsto.fitting.options import make_options
from mapsto.fitting.prepare import prepare
from mapsto.fitting.reading import read_rows
from mapsto.members.dummy import Dummy
from mapsto.table import read
from mapsto.training.run import Run

QUICK = {"network": "linear", "recipe": {"learning": {"epochs": 2}}, "progress": False, "threads": 1}


def rows(count=300, seed=0):
    """`y` has two classes, `k` three, `z` is a number, `tags` a set; all but `tags` follow from `x`."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=count)
    return pl.DataFrame({
        "x": x,
        "c": rng.choice(["a", "b", "c"], count),
        "y": np.where(x + rng.normal(size=count) > 0, "p", "q"),
        "k": np.where(x < -0.5, "low", np.where(x > 0.5, "high", "middle")),
        "z": 2 * x + 1,
        "tags": [",".join(sorted(rng.choice(["red", "green", "blue"], n, replace=False))) for n in 1 + (x > 0)],
    })  # fmt: skip


def fit(frame, target, **options):
    return mapsto.fit(frame, target, **{**QUICK, **options})


def test_costs_of_three_classes_decide():
    frame = rows().select("x", "c", "k")
    model = fit(frame, "k", costs={"low": {"middle": 90, "high": 90}})
    cost = np.array([[0, 1, 1], [90, 0, 90], [1, 1, 0]])
    expected = np.array(["high", "low", "middle"])[(model.predict_proba(frame).to_numpy() @ cost).argmin(axis=1)]
    found = model.predict(frame)["k"].to_numpy()
    np.testing.assert_array_equal(found, expected)
    plain = fit(frame, "k").predict(frame)["k"].to_numpy()
    assert (found == "low").sum() > (plain == "low").sum()
    again = mapsto.model.Model(type(model._fitted).from_bytes(model.to_bytes()))
    assert again.predict(frame)["k"].to_list() == found.tolist()
    assert model.evaluate(frame)["k"]["cost"] < 90


def test_pictures_are_not_suspected_of_giving_the_target_away_and_numbers_beside_them_are():
    label = np.arange(240) % 2
    light = np.random.default_rng(0).integers(1, 40, (240, 8, 8)) + 200 * label[:, None, None]
    frame = pl.DataFrame({"picture": light.astype(np.uint8), "copy": 3.0 * label, "y": label.astype(str)})
    found = [note.column for note in fit(frame, "y").notes if "away" in note.text]
    assert found == ["copy"]


def test_costs_and_positive_of_one_target_among_several():
    frame = rows().select("x", "c", "y", "k", "z")
    model = fit(frame, ["y", "k", "z"], costs={"y": {"p": {"q": 4}}}, positive="p")
    assert model._fitted.thresholds == {"y": pytest.approx(1 / 5)}
    assert model.predict_proba(frame.head(1)).columns[:2] == ["y=q", "y=p"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "z", "costs": {"p": {"q": 1}}}, "costs"),
        ({"target": "z", "positive": "p"}, "positive"),
        ({"target": ["y", "k"], "positive": "nobody"}, "nobody"),
        ({"metric": {"yy": "auc"}}, "metric='yy'.*Did you mean 'y'"),
        ({"network": []}, "network"),
        ({"network": ["linear", "linear"]}, "network"),
        ({"network": ["auto", "linear"]}, "network"),
        ({"network": ["linear", "bosting"]}, "boosting"),
        ({"recipe": {"networks": {"tabn": {"width": 3}}}}, "networks.'tabn'.*tabm"),
        ({"recipe": {"members": {"boostin": {}}}}, "members.'boostin'.*boosting"),
        ({"recipe": {"learning": {"loss": {"yy": "focal"}}}}, "loss.'yy'"),
        ({"keep": ["y"]}, "keep"),
        ({"test": rows().head(0)}, "no rows"),
        ({"valid": rows().head(0)}, "no rows"),
    ],
)
def test_what_would_have_no_effect_is_refused(options, message):
    with pytest.raises((DataError, OptionError), match=message):
        fit(rows(60), **{"target": "y", **options})


def test_given_validation_rows_validate_also_in_small_tables():
    frame = rows(200).with_columns(part=pl.when(pl.int_range(200) < 40).then(pl.lit("v")).otherwise(pl.lit("t")))
    for valid in ("part:v", frame.head(40)):
        data = frame if isinstance(valid, str) else frame.tail(160)
        prepared = prepare(*read_rows(data, make_options(target="y", valid=valid, test=0, network="linear")))
        assert not prepared.out_of_fold
        assert len(prepared.choose) + len(prepared.calibrate) == 40
        assert not set(prepared.train) & set(prepared.held)
        assert set(prepared.frame[prepared.held]["part"]) == {"v"}


def test_without_validation_rows_out_of_fold_predictions_judge():
    model = fit(rows(1200), "y", inputs=["x", "c"], valid=0, test=0, network=["linear", "linear-model"])
    assert "out-of-fold" in model.verdict.sentence
    assert model.predict(rows(3), interval=0.9)["y_set"].null_count() == 0


def test_settings_are_not_tried_on_rows_that_calibrate(monkeypatch):
    prepared = prepare(read(rows(1500)), make_options(target="y", network="boosting"))
    seen = []
    monkeypatch.setattr("mapsto.members.tuning.tune", lambda work: seen.append(work.train) or {})
    monkeypatch.setattr(candidates, "learn", lambda *_, **__: _Nothing())
    candidates.learn_candidates(prepared, Run())
    assert seen[0].rows == prepared.dev.rows - len(prepared.calibrate)


class _Nothing:
    name, kind, member = "boosting", "boosting", Dummy()


def households(count=3_000):
    """`y` follows from `x`, and from the household; `house` tells households apart as a number without an order."""
    rng = np.random.default_rng(0)
    code = rng.integers(0, 60, count)
    x = rng.normal(size=count)
    return pl.DataFrame({
        "household": [f"h{each}" for each in code],
        "house": rng.permutation(60).astype(float)[code],
        "day": rng.integers(0, 40, count),
        "x": x,
        "y": x + 3 * rng.normal(size=60)[code] + rng.normal(size=count),
    })  # fmt: skip


@pytest.mark.parametrize("how", ["group:household", "time:day"])
def test_settings_are_tried_on_folds_that_keep_to_the_split(monkeypatch, how):
    frame = households()
    prepared = prepare(read(frame), make_options(target="y", network="boosting", split=how))
    seen = []
    monkeypatch.setattr("mapsto.members.tuning.tune", lambda work: seen.append(work.folds) or {})
    monkeypatch.setattr(candidates, "learn", lambda *_, **__: _Nothing())
    candidates.learn_candidates(prepared, Run())
    rows_ = prepared.rows[np.setdiff1d(np.arange(prepared.dev.rows), prepared.calibrate)]
    column = frame[how.partition(":")[2]].to_numpy()[rows_]
    assert len(seen[0]) == 3
    for inside, outside in seen[0]:
        if how.startswith("time"):
            assert column[inside].max() < column[outside].min()
        else:
            assert not set(column[inside]) & set(column[outside])


def test_settings_that_remember_households_are_not_chosen_where_households_are_held_out():
    frame = households()
    leaves = {}
    for how in ("random", "group:household"):
        options = make_options(target="y", network="boosting", split=how, inputs=["house", "x"])
        recipe = candidates.learn_candidates(prepare(read(frame), options), Run())[1]
        leaves[how] = recipe.members["boosting"]["max_leaf_nodes"], len(recipe.members["boosting"]["crosses"])
    assert leaves["group:household"] < leaves["random"]


@pytest.mark.parametrize(("how", "light"), [("time:day", pl.col("day") < 20), ("group:house", pl.col("house") < 45)])
def test_most_times_or_groups_may_weigh_nothing(how, light):
    frame = households().with_columns(w=pl.when(light).then(0.0).otherwise(1.0))
    model = mapsto.fit(frame, "y", network="boosting", split=how, weight="w", keep=["household"], progress=False)
    assert np.isfinite(model.predict(frame.head(3))["y"].to_numpy()).all()


def test_times_whose_rows_all_weigh_nothing_are_not_there():
    frame = households().with_columns(w=pl.when(pl.col("day") < 30).then(0.0).otherwise(1.0))
    prepared = prepare(read(frame), make_options(target="y", network="boosting", split="time:day", weight="w"))
    assert prepared.frame["day"].min() >= 30
    assert frame["day"].gather(prepared.rows).equals(prepared.frame["day"])


def test_without_a_fold_to_try_them_on_settings_are_the_smallest(monkeypatch):
    """The first target is known on the last days only: no window has it on both sides. The second may still choose."""
    monkeypatch.setattr(candidates, "learn", lambda *_, **__: _Nothing())
    frame = households().with_columns(late=pl.when(pl.col("day") >= 35).then(pl.col("y")))
    found = {}
    for targets in ("late", "late y", "y"):
        asked = {"target": targets.split(), "network": "boosting", "split": "time:day", "inputs": ["house", "x"]}
        prepared = prepare(read(frame), make_options(**asked, test=0, valid=0.1))
        found[targets] = candidates.learn_candidates(prepared, Run())[1].members["boosting"]
    assert found["late"]["max_leaf_nodes"] == 8
    assert found["late"]["crosses"] == {}
    assert found["late y"]["max_leaf_nodes"] == found["y"]["max_leaf_nodes"] > 8


def test_rows_of_three_groups_can_be_learned_from():
    """One of them is left to learn from: trials have no two to keep apart."""
    groups = [f"h{part}" for part in np.repeat([1, 2, 3], [1_200, 200, 300])]
    frame = households(1_700).with_columns(household=pl.Series(groups))
    model = mapsto.fit(frame, "y", network="boosting", split="group:household", progress=False)
    assert np.isfinite(model.predict(frame.head(3))["y"].to_numpy()).all()


@pytest.mark.parametrize("last", [-1.0, np.nan, np.inf])
def test_impossible_weights_name_the_row_of_the_table(last):
    frame = rows(100).with_columns(w=pl.Series(np.append(np.ones(99), last)))
    with pytest.raises(DataError, match=r"'w'.*row 99"):
        fit(frame, "y", weight="w")


def test_weights_of_nothing_are_refused_and_some_zeros_are_fine():
    frame = rows(200).with_columns(w=pl.lit(0.0))
    with pytest.raises(DataError, match="'w' is 0 in all"):
        fit(frame, "y", weight="w")
    half = frame.with_columns(w=(pl.int_range(200) % 2).cast(pl.Float64))
    model = fit(half, "y", inputs=["x", "c"], weight="w", network=["linear", "boosting", "linear-model"])
    assert model.predict(half.head(2))["y"].null_count() == 0


def test_sets_of_labels_have_no_interval():
    frame = rows().select("x", "c", "tags", "z")
    model = fit(frame.drop("z"), "tags", types={"tags": "set"})
    with pytest.raises(VerbError, match="tags"):
        model.predict(frame, interval=0.9)
    both = fit(frame, ["z", "tags"], types={"tags": "set"})
    assert both.predict(frame.head(2), interval=0.9).columns == ["z", "z_low", "z_high", "tags"]


def test_unlabelled_test_rows_are_told():
    frame = rows().with_columns(part=pl.int_range(300) % 3).select("x", "part", "y")
    frame = frame.with_columns(y=pl.when(pl.col("part") == 2).then(None).otherwise("y"))
    model = fit(frame, "y", test="part:2")
    assert model.verdict is None
    assert any("could not be judged" in note.text for note in model.notes)


def misses(truth, prediction):
    return float((prediction.argmax(axis=1) != truth).mean())


misses.higher_is_better = False


def test_update_after_an_own_metric_or_costs():
    frame = rows().select("x", "c", "y")
    for options in ({"metric": misses}, {"metric": "cost", "costs": {"p": {"q": 3}}}):
        updated = fit(frame, "y", **options).update(frame, progress=False)
        assert updated.predict(frame.head(2)).height == 2
        held = updated._fitted.held
        np.testing.assert_allclose(held.predictions["y"], updated._fitted.predictions(held.encoded)["y"])


def test_update_cannot_build_an_own_network():
    from torch import nn

    frame = rows(100).select("x", "c", "y")
    model = fit(frame, "y", network=nn.Sequential(nn.LazyLinear(4), nn.ReLU()))
    with pytest.raises(OptionError, match="your own"):
        model.update(frame, progress=False)


def test_a_refused_call_leaves_the_folder_free(tmp_path):
    with pytest.raises(DataError, match="Did you mean 'y'"):
        fit(rows(100), "yy", output=tmp_path / "run")
    fit(rows(100), "y", output=tmp_path / "run")
    assert (tmp_path / "run" / "model.mapsto").exists()


@pytest.mark.parametrize("costs", [{("p", "q"): 5}, np.array([[0, 5], [1, 0]]), {"p": {"q": np.float64(5)}}])
def test_costs_of_any_form_are_recorded(tmp_path, costs):
    frame = rows(100).select("x", "c", "y")
    model = fit(frame, "y", costs=costs, positive=np.str_("q"), output=tmp_path)
    again = mapsto.resume(tmp_path, progress=False)
    assert again._fitted.thresholds == model._fitted.thresholds


def test_costs_of_boolean_classes_are_recorded(tmp_path):
    frame = rows(100).select("x", "c", y=pl.col("y") == "p")
    model = fit(frame, "y", costs={True: {False: 5}}, output=tmp_path)
    assert mapsto.resume(tmp_path, progress=False)._fitted.thresholds == model._fitted.thresholds


def test_resume_takes_no_other_options_and_sees_changed_parts(tmp_path):
    folder, run = tmp_path / "data", tmp_path / "run"
    folder.mkdir()
    frame = rows(150).select("x", "c", "y")
    frame.head(100).write_csv(folder / "train.csv")
    frame.tail(50).write_csv(folder / "test.csv")
    fit(folder, "y", output=run)
    with pytest.raises(OptionError, match="seed"):
        mapsto.resume(run, progress=False, seed=3)
    frame.tail(40).write_csv(folder / "test.csv")
    with pytest.raises(RunError, match="changed"):
        mapsto.resume(run, progress=False)


def test_an_interrupted_run_keeps_the_model_that_was_judged(monkeypatch):
    refitted = []
    monkeypatch.setattr("mapsto.fitting.refit.refit", lambda *_: refitted.append(1))
    learn = candidates.learn

    def interrupted(*given, **options):
        os.kill(os.getpid(), signal.SIGINT)
        return learn(*given, **options)

    monkeypatch.setattr(candidates, "learn", interrupted)
    assert threading.current_thread() is threading.main_thread()
    model = fit(rows(150).select("x", "c", "y"), "y", refit=True)
    assert not refitted
    assert any("interrupted" in note.text for note in model.notes)
    assert "curve" not in model._fitted.facts


@pytest.mark.parametrize("count", [6, 20, 60])
def test_tiny_tables_give_a_model(count):
    frame = rows(count).select("x", "c", "y")
    model = fit(frame, "y")
    assert model.predict(frame).height == count
    with pytest.raises(OptionError, match="target"):
        model.predict(frame, keep=["y"])


def test_a_class_of_two_rows_may_be_missing_in_folds():
    rare = pl.when(pl.int_range(200) < 2).then(pl.lit("rare")).otherwise("k")
    frame = rows(200).select("x", "c", "k").with_columns(k=rare)
    model = fit(frame, "k", network=["boosting", "linear-model"])
    assert model.predict_proba(frame.head(1)).columns == ["high", "low", "middle", "rare"]


def test_options_are_checked_before_torch_is_imported():
    code = (
        "import sys; from mapsto.fitting.options import make_options; make_options(target='y', network='tabm'); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


TWO = {
    "network": ["linear-model", "perceptron"],
    "recipe": {"learning": {"epochs": 2}},
    "progress": False,
    "threads": 1,
}


def test_where_a_given_time_allows_it_a_network_is_learned_from_two_seeds(tmp_path):
    frame = rows(1_500).select("x", "c", "y")
    frame.write_csv(tmp_path / "rows.csv")
    model = mapsto.fit(tmp_path / "rows.csv", "y", time=90, output=tmp_path / "run", refit=True, **TWO)
    names = [one["name"] for one in model._fitted.facts["members"]]
    assert names == ["linear-model", "perceptron", "perceptron-2"]
    assert any("twice, from two seeds" in note.text for note in model.notes)
    (tmp_path / "run" / "model.mapsto").unlink()
    again = mapsto.resume(tmp_path / "run", progress=False)
    assert again.predict_proba(frame).equals(model.predict_proba(frame))


def test_two_seeds_give_two_networks():
    frame = rows(1_500).select("x", "c", "y")
    options = make_options(target="y", time=90, **TWO)
    prepared, run = prepare(*read_rows(frame, options)), Run(time=90.0)
    _, first, second = candidates.learn_candidates(prepared, run)[0]
    assert (first.kind, second.kind) == ("perceptron", "perceptron")
    assert not np.array_equal(first.held["y"], second.held["y"])
    assert run.decisions["learned once more"] == "perceptron"


@pytest.mark.parametrize(
    "options", [{}, {"time": 20, "network": "perceptron"}, {"time": 20, "network": ["forest", "linear-model"]}]
)
def test_nothing_is_learned_twice_without_a_time_nor_a_network_that_was_asked_for_alone(options):
    model = mapsto.fit(rows(1_500).select("x", "c", "y"), "y", **{**TWO, **options})
    names = [one["name"] for one in model._fitted.facts["members"]]
    wanted = {**TWO, **options}["network"]
    assert names == ([wanted] if isinstance(wanted, str) else wanted)
