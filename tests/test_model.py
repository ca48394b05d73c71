"""The model's surface on small real tables: frames, problems, intervals, saving, several targets, options."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mapsto
from mapsto.demo import COSTS, DATA
from mapsto.errors import DataError, OptionError, VerbError

QUICK = {"learning": {"epochs": 4}, "networks": {"perceptron": {"width": 32}}}


@pytest.fixture(scope="module")
def clients():
    return pl.read_csv(DATA)


@pytest.fixture(scope="module")
def model(clients):
    options = {"network": "linear", "positive": "bad", "costs": COSTS, "recipe": QUICK, "progress": False}
    return mapsto.fit(clients, "credit_risk", **options)


@pytest.fixture(scope="module")
def passengers():
    frame = pl.read_csv(DATA).select("age_years", "credit_amount", "purpose", "housing", "duration_months")
    return frame.with_columns(when=pl.date(2020, 1, 1) + pl.duration(days=pl.int_range(1000)))


def test_kinds_of_frames(model, clients):
    new = clients.drop("credit_risk").head(7)
    expected = model.predict(new)
    assert isinstance(expected, pl.DataFrame)
    assert expected.columns == ["credit_risk"]
    for given, kind in ((new.to_pandas(), pd.DataFrame), (new.to_arrow(), pa.Table), (new.to_dict(), pl.DataFrame)):
        found = model.predict(given)
        assert isinstance(found, kind)
        values = found["credit_risk"].to_pylist() if kind is pa.Table else list(found["credit_risk"])
        assert values == expected["credit_risk"].to_list()


def test_pandas_index_is_kept(model, clients):
    new = clients.head(3).to_pandas().set_index(pd.Index([9, 4, 7]))
    assert list(model.predict(new).index) == [9, 4, 7]


def test_columns_of_returned_frames(model, clients):
    new = clients.head(5)
    assert model.predict_proba(new).columns == ["good", "bad"]
    np.testing.assert_allclose(model.predict_proba(new).sum_horizontal(), 1, atol=1e-6)
    assert model.predict(new, interval=0.9).columns == ["credit_risk", "credit_risk_set"]
    assert model.predict(new, keep=["age_years"]).columns == ["age_years", "credit_risk"]
    assert model.columns.columns == ["column", "role", "type", "reason"]


def test_positive_class_and_costs_set_the_threshold(model, clients):
    probability = model.predict_proba(clients)["bad"].to_numpy()
    threshold = model._fitted.thresholds["credit_risk"]
    assert threshold == pytest.approx(1 / 6)
    said = model.predict(clients)["credit_risk"].to_numpy() == "bad"
    np.testing.assert_array_equal(said, probability >= threshold)


def test_a_metric_that_chooses_gets_a_threshold(clients):
    options = {"network": "linear", "positive": "bad", "recipe": QUICK, "progress": False}
    model = mapsto.fit(clients, "credit_risk", metric="f1", **options)
    assert 0 < model._fitted.thresholds["credit_risk"] < 0.5  # the bad ones are the rarer ones
    assert not mapsto.fit(clients, "credit_risk", **options)._fitted.thresholds


def test_rows_do_not_depend_on_their_batch(model, clients):
    together = model.predict_proba(clients.head(40))["bad"].to_numpy()
    apart = [model.predict_proba(clients[i])["bad"][0] for i in range(40)]
    np.testing.assert_allclose(apart, together, atol=1e-6)


def test_input_is_untouched_and_extra_columns_are_ignored(model, clients):
    new = clients.head(5).with_columns(extra=1).to_pandas()
    before = new.copy()
    model.predict(new)
    pd.testing.assert_frame_equal(new, before)


def test_bad_cells_and_empty_rows_are_named(model, clients):
    new = clients.head(4).drop("credit_risk").with_columns(pl.col("age_years").cast(pl.String))
    new[1, "age_years"] = "old"
    blank = {name: [None] for name in new.columns}
    found = model.predict(pl.concat([new, pl.DataFrame(blank, schema=new.schema)]))
    assert found["credit_risk"].null_count() == 1
    assert found["credit_risk"][4] is None
    texts = [note.text for note in model.last_problems]
    assert any("age_years" in text and "row 1" in text for text in texts)
    assert any("null" in text and "4" in text for text in texts)


def test_missing_column_is_named(model, clients):
    with pytest.raises(DataError, match="housing"):
        model.predict(clients.drop("housing"))


def test_saved_model_predicts_the_same_without_training_code(model, clients, tmp_path):
    path = tmp_path / "m.mapsto"
    model.save(path)
    again = mapsto.load(path)
    assert again.predict_proba(clients).equals(model.predict_proba(clients))
    assert again.predict(clients, interval=0.9).equals(model.predict(clients, interval=0.9))
    assert str(again.verdict) == str(model.verdict)
    assert again.describe() == model.describe()
    rows = tmp_path / "rows.csv"
    clients.head(3).write_csv(rows)
    code = (
        f"import mapsto, sys; mapsto.load({str(path)!r}).predict({str(rows)!r}); "
        "bad = [n for n in sys.modules if n.startswith(('mapsto.training.loop', 'mapsto.fitting', 'captum', "
        "'matplotlib', 'pandas'))]; assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_touches_no_torch():
    code = (
        "import sys, mapsto; bad = [n for n in ('torch', 'sklearn', 'polars') if n in sys.modules]; assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names():
    assert sorted(mapsto.__all__) == sorted(
        [
            "fit",
            "resume",
            "load",
            "Model",
            "Recipe",
            "Audio",
            "Image",
            "Sequence",
            "Tree",
            "Video",
            "Number",
            "Category",
            "Boolean",
            "Date",
            "Set",
            "Text",
            "Identifier",
            "MapstoError",
            "DataError",
            "OptionError",
            "ModelFileError",
            "__version__",
        ]
    )
    assert all(getattr(mapsto, name) is not None for name in mapsto.__all__)


def test_verdict_speaks(model):
    verdict = model.verdict
    assert verdict.answer in {"worth it", "not worth it", "undecided"}
    assert verdict.contenders[0].name == "mapsto"
    assert {c.name for c in verdict.contenders} >= {"dummy", "linear model", "random forest", "boosted trees"}
    assert "200 held-out rows" in verdict.sentence


def test_evaluate_by_group(model, clients):
    whole = model.evaluate(clients)["credit_risk"]
    assert {"auc", "accuracy", "log_loss", "cost"} <= whole.keys()
    by = model.evaluate(clients, by="housing")["credit_risk"]
    assert set(by) == {"own", "rent", "for free"}
    assert sum(group["rows"] for group in by.values()) == 1000


def test_several_targets_of_mixed_types_share_a_network(passengers):
    model = mapsto.fit(
        passengers, ["credit_amount", "housing"], network="perceptron", recipe=QUICK, progress=False, seed=3
    )
    found = model.predict(passengers.head(5), interval=0.8)
    assert found.columns == [
        "credit_amount", "credit_amount_low", "credit_amount_high", "housing", "housing_set",
    ]  # fmt: skip
    assert (found["credit_amount_low"] <= found["credit_amount_high"]).all()
    assert model.predict_proba(passengers.head(2)).columns == ["housing=for free", "housing=own", "housing=rent"]
    assert set(model.verdicts) == {"credit_amount", "housing"}


def test_no_test_rows_is_said(clients):
    model = mapsto.fit(clients.head(900), "credit_risk", network="linear", recipe=QUICK, test=0, progress=False)
    assert "out-of-fold" in model.verdict.sentence
    assert "approximate" in model._fitted.facts["judged_on"]


def test_given_test_table_is_used(clients):
    options = {"network": "linear", "recipe": QUICK, "test": clients.tail(100), "progress": False}
    model = mapsto.fit(clients.head(900), "credit_risk", **options)
    assert model._fitted.facts["rows"]["test"] == 100
    assert "of their own" in model._fitted.facts["split"] or "table" in model._fitted.facts["split"]


def test_same_seed_same_model_and_recipe_repeats(clients):
    first = mapsto.fit(clients, "credit_risk", network="perceptron", recipe=QUICK, progress=False, threads=1)
    again = mapsto.fit(clients, "credit_risk", recipe=first.recipe, progress=False, threads=1)
    assert first.predict_proba(clients).equals(again.predict_proba(clients))
    assert first.recipe.to_yaml() == again.recipe.to_yaml()
    assert mapsto.Recipe.from_yaml(first.recipe.to_yaml()) == first.recipe


def test_own_module_is_accepted(clients):
    from torch import nn

    own = nn.Sequential(nn.LazyLinear(8), nn.ReLU())
    model = mapsto.fit(clients, "credit_risk", network=own, recipe={"learning": {"epochs": 2}}, progress=False)
    assert isinstance(model.network, nn.Module)
    assert model.predict(clients.head(2)).height == 2


def test_refit_and_update(clients):
    model = mapsto.fit(
        clients.head(800), "credit_risk", network=["boosting", "linear-model"], refit=True, progress=False
    )
    assert any("Retrained on all 800 rows" in note.text for note in model.notes)
    updated = model.update(clients.tail(200), progress=False)
    assert updated.predict(clients.head(3)).height == 3
    assert model.verdict is not None
    assert updated.verdict is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "credit_rsk"}, "credit_risk"),
        ({"network": "tabn"}, "tabm"),
        ({"time": "soon"}, "90s"),
        ({"metric": "acc"}, "accuracy"),
        ({"types": {"purpose": "colour"}}, "category"),
        ({"positive": "ugly"}, "good"),
        ({"recipe": {"learning": {"rate": 1}}}, "learning.rate"),
        ({"split": "sorted"}, "split"),
        ({"keep": ["nothing"]}, "nothing"),
        ({"inputs": ["credit_risk", "age_years"]}, "credit_risk"),
        ({"threads": 0}, "threads"),
        ({"device": "gpu9"}, "gpu9"),
        ({"objective": "magic"}, "magic"),
        ({"progress": "loud"}, "progress"),
    ],
)
def test_wrong_arguments_say_what_to_do(clients, options, message):
    with pytest.raises((DataError, OptionError), match=message):
        mapsto.fit(clients, **{"target": "credit_risk", "network": "linear", "progress": False, **options})


def test_absent_verb_names_those_present(model):
    with pytest.raises(VerbError, match="predict"):
        model.generate(3)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = model.nonsense


def test_thread_safe(model, clients):
    from concurrent.futures import ThreadPoolExecutor

    expected = model.predict_proba(clients)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: model.predict_proba(clients), range(8)):
            assert found.equals(expected)
