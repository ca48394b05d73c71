"""The command line: what is printed where, exit statuses, one JSON object, never a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import polars as pl
import pytest

from conftest import shared_data
from mapsto import cli, evidence
from mapsto.demo import DATA
from mapsto.flags import next_run_folder

RECIPE = "learning: {epochs: 2}\nnetwork: linear\n"


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs one command in this process through the same entry point as the installed script."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mapsto", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return SimpleNamespace(status=ended.value.code or 0, out=said.out, err=said.err)

    return call


@pytest.fixture(scope="module")
def clients():
    return (
        pl.read_csv(DATA).head(200).with_row_index("id").with_columns(pl.format("C{}", pl.col("id") + 1000).alias("id"))
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory, clients):
    """A folder with rows, a recipe, and a run made by the real program in a process of its own."""
    folder = tmp_path_factory.mktemp("cli")
    clients.write_csv(folder / "loans.csv")
    (folder / "recipe.yaml").write_text(RECIPE)
    process = subprocess.run(
        [sys.executable, "-c", "from mapsto.cli import main; main()", "fit", "loans.csv", "--target", "credit_risk",
         "--recipe", "recipe.yaml", "--type", "housing=category", "--keep", "id", "--positive", "bad",
         "--cost", "bad:good=5", "--cost", "good:bad=1", "--threads", "1", "--json"],
        cwd=folder, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    (folder / "said.json").write_text(process.stdout)
    assert process.returncode == 0, process.stderr
    assert all(re.match(r"\[ *\d+ s\] \w", line) for line in process.stderr.splitlines()), process.stderr
    assert 1 <= len(process.stderr.splitlines()) <= 30
    return folder


@pytest.fixture
def model(place):
    return place / "runs" / "loans-1"


@pytest.fixture
def rows(place):
    return place / "loans.csv"


def test_fit_prints_one_object_and_leaves_its_files(place, model):
    said = json.loads((place / "said.json").read_text())
    assert said["output"] == "runs/loans-1"
    assert {"events.jsonl", "model.mapsto", "recipe.yaml", "report.html"} <= {path.name for path in model.iterdir()}


def test_fit_for_a_person(command, place, rows):
    done = command("fit", rows, "-t", "credit_risk", "--recipe", place / "recipe.yaml", "-o", place / "person",
                   "--threads", "1")  # fmt: skip
    assert done.status == 0
    assert str(place / "person" / "report.html") in done.out
    assert "credit_risk" in done.out


def test_predict_to_standard_output(command, model, rows, clients):
    done = command("predict", model, rows)
    assert done.status == 0
    found = pl.read_csv(done.out.encode())
    assert found.columns == ["id", "credit_risk"]
    assert found["id"].to_list() == clients["id"].to_list()
    assert set(found["credit_risk"]) <= {"good", "bad"}


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "arrow", "jsonl"])
def test_predict_to_a_file(command, model, rows, tmp_path, suffix):
    path = tmp_path / f"found.{suffix}"
    done = command("predict", model / "model.mapsto", rows, "--output", path, "--keep", "id", "--interval", "0.9")
    assert (done.status, done.out) == (0, "")
    assert f"200 rows written to {path}" in done.err
    read = {
        "csv": pl.read_csv,
        "tsv": lambda p: pl.read_csv(p, separator="\t"),
        "parquet": pl.read_parquet,
        "arrow": pl.read_ipc,
        "jsonl": pl.read_ndjson,
    }
    found = read[suffix](path)
    assert found.columns == ["id", "credit_risk", "credit_risk_set"]
    assert found.height == 200


def test_predict_json_and_probabilities(command, model, rows, tmp_path):
    said = json.loads(command("predict", model, rows, "--proba", "--json").out)
    assert said["rows"] == 200
    assert set(said["predictions"][0]) == {"id", "good", "bad"}
    path = tmp_path / "p.csv"
    assert json.loads(command("predict", model, rows, "-o", path, "--json").out) == {"rows": 200, "output": str(path)}


def test_unreadable_cells_are_told_on_standard_error(command, model, clients, tmp_path):
    rows = clients.with_columns(pl.lit("old").alias("age_years"))
    rows.write_csv(tmp_path / "odd.csv")
    done = command("predict", model, tmp_path / "odd.csv")
    assert done.status == 0
    assert "age_years" in done.err
    assert "age_years" not in done.out


def test_evaluate(command, model, rows, clients):
    whole = json.loads(command("evaluate", model, rows, "--json").out)["credit_risk"]
    assert 0 <= whole["auc"] <= 1
    groups = json.loads(command("evaluate", model, rows, "--by", "housing", "--json").out)["credit_risk"]
    assert set(groups) == set(clients["housing"])
    text = command("evaluate", model, rows)
    assert text.status == 0
    assert f"auc: {whole['auc']:.6g}" in text.out
    assert "own: " in command("evaluate", model, rows, "--by", "housing").out


def test_explain(command, model, rows, tmp_path):
    said = json.loads(command("explain", model, rows, "--rows", "2", "--seconds", "1", "--json").out)
    assert {entry["row"] for entry in said["explanations"]} == {0, 1}
    assert {"column", "value", "attribution", "faithfulness"} <= said["explanations"][0].keys()
    done = command("explain", model, rows, "--rows", "1", "--seconds", "1", "-o", tmp_path / "e.csv")
    assert (done.status, done.out) == (0, "")
    assert pl.read_csv(tmp_path / "e.csv").height == len(said["explanations"]) / 2


def test_report_and_info(command, model, tmp_path):
    done = command("report", model, "-o", tmp_path / "r.html")
    assert done.out.strip() == str(tmp_path / "r.html")
    assert "</html>" in (tmp_path / "r.html").read_text(encoding="utf-8")
    said = json.loads(command("info", model, "--json").out)
    assert "credit_risk" in json.dumps(said)
    assert "credit_risk" in command("info", model).out


def test_columns(command, rows):
    said = json.loads(command("columns", rows, "--target", "credit_risk", "--json").out)
    types = {entry["column"]: entry["type"] for entry in said["columns"]}
    assert types["age_years"] == "number"
    assert types["id"] == "identifier"
    assert set(types) == set(pl.read_csv(rows).columns)
    text = command("columns", rows)
    assert text.status == 0
    assert len(text.out.splitlines()) == len(types)


def test_networks(command):
    from mapsto.networks import NETWORKS

    said = json.loads(command("networks", "--json").out)
    assert said["networks"] == evidence.rows()
    listed = command("networks").out
    for name in NETWORKS:
        assert name in listed
        done = command("networks", name)
        assert done.status == 0
        compile(done.out, name, "exec")


def arrays_in(path):
    """Weights and the like, as bytes; seconds that something took are elsewhere."""
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist() if name.endswith(".safetensors")}


def test_resume(command, place, model, rows):
    before = arrays_in(model / "model.mapsto")
    assert command("fit", "--resume", model, "--json").status == 0
    assert before
    assert arrays_in(model / "model.mapsto") == before
    both = command("fit", rows, "--resume", model)
    assert both.status == 2
    assert "--resume" in both.err
    nothing = command("fit", "--resume", place / "nowhere")
    assert nothing.status == 1
    assert "nowhere" in nothing.err


def test_flags_beside_resume_are_refused_by_name(command, model):
    done = command("fit", "--resume", model, "--time", "5m", "--seed", "3", "-t", "x", "--refit")
    assert done.status == 2
    for flag in ("--time", "--seed", "--target", "--refit"):
        assert flag in done.err
    assert "--json" not in done.err


def test_no_progress_where_it_is_not_wanted(command, place, model):
    done = command("fit", "--resume", model, "--quiet", "--json")
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out)["output"] == str(model)
    assert "[" in command("fit", "--resume", model).err


def test_true_and_false_are_classes_of_the_command_line(command, tmp_path, clients):
    paid = clients.with_columns((pl.col("credit_risk") == "good").alias("paid")).drop("credit_risk", "id")
    paid.write_csv(tmp_path / "paid.csv")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    run = ["fit", tmp_path / "paid.csv", "-t", "paid", "--recipe", tmp_path / "recipe.yaml", "--threads", "1", "-q"]
    done = command(*run, "--positive", "true", "--cost", "false:true=5", "-o", tmp_path / "run")
    assert done.status == 0, done.err
    other = command(*run, "--positive", "maybe", "-o", tmp_path / "other")
    assert other.status == 2
    assert "maybe" in other.err


@pytest.mark.parametrize("verb", ["predict", "explain"])
def test_an_output_that_cannot_be_is_refused_before_the_work(command, model, rows, tmp_path, verb, monkeypatch):
    from mapsto.model import Model

    for name in ("predict_file", "explain"):
        monkeypatch.setattr(Model, name, lambda *_, **__: pytest.fail("the work was begun"))
    (tmp_path / "found.csv").mkdir()
    for output in (tmp_path / "none" / "x.csv", tmp_path / "x.doc", tmp_path / "found.csv"):
        done = command(verb, model, rows, "-o", output)
        assert done.status == 2
        assert output.name in done.err


def test_columns_of_a_header_are_refused_as_fit_refuses_them(command):
    path = shared_data("hostile", "header_only.csv")
    shown, learned = command("columns", path), command("fit", path, "-t", "target", "-q", "-o", path.parent / "none")
    assert (shown.status, shown.out, shown.err) == (1, "", learned.err)
    assert "no rows" in shown.err


def test_labels_of_files(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = {"ham": "dear friend see you", "spam": "buy cheap pills now"}
    for kind, text in words.items():
        for number in range(40):
            path = tmp_path / "mails" / f"{kind}_{number}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{text} {' '.join(text.split()[number % 3 :])} {number % 5}")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    target = "re:^(?P<kind>[a-z]+)_"
    shown = command("columns", "mails/*.txt", "-t", target)
    assert [line.split()[0] for line in shown.out.splitlines()] == ["text", "kind", "file"]
    done = command("fit", "mails/*.txt", "-t", target, "--recipe", "recipe.yaml", "--threads", "1", "-q")
    assert done.status == 0, done.err
    run = tmp_path / "runs" / "mails-1"
    assert json.loads(command("evaluate", run, "mails/*_1*.txt", "--json").out)["kind"]["accuracy"] >= 0
    found = pl.read_csv(command("predict", run, "mails/ham*.txt").out.encode())
    assert found.columns == ["file", "kind"]
    assert found["file"].to_list() == sorted(path.name for path in tmp_path.glob("mails/ham*.txt"))


FIT = ["fit", "{rows}", "--target", "credit_risk"]
PREDICT = ["predict", "{model}", "{rows}"]
FAILURES = {
    "wrong column": (1, ["fit", "{rows}", "--target", "credit_rsk"], "credit_risk"),
    "no such file": (1, ["fit", "nothing.csv", "--target", "x"], "nothing.csv"),
    "a folder without tables": (1, ["columns", "{place}/runs"], "runs"),
    "unknown recipe key": (2, [*FIT, "--recipe", "{place}/odd.yaml"], "learning.rate"),
    "no such recipe": (2, [*FIT, "--recipe", "no.yaml"], "no.yaml"),
    "unknown option": (2, [*FIT, "--speed", "9"], "--speed"),
    "unknown command": (2, ["fitt"], "fitt"),
    "no target": (2, ["fit", "{rows}"], "--target"),
    "label without group": (2, ["fit", "{rows}", "--target", "re:[0-9]_"], "round brackets"),
    "label of a table": (1, ["fit", "{rows}", "--target", "re:([0-9])_"], "digits/*.wav"),
    "pattern of nothing": (1, ["fit", "{place}/*.wav", "--target", "re:([0-9])_"], "no file matches"),
    "no data": (2, ["fit", "--target", "x"], "mapsto fit"),
    "type without =": (2, [*FIT, "--type", "zip"], "NAME=VALUE"),
    "cost without :": (2, [*FIT, "--cost", "bad=5"], "bad:good=5"),
    "cost without number": (2, [*FIT, "--cost", "bad:good=much"], "bad:good=5"),
    "unknown network": (2, [*FIT, "--network", "tabn"], "tabm"),
    "no duration": (2, [*FIT, "--time", "soon"], "90s"),
    "interval and proba": (2, [*PREDICT, "--proba", "--interval", "0.9"], "--interval"),
    "impossible interval": (2, [*PREDICT, "--interval", "1.5"], "0.9"),
    "kept column absent": (1, [*PREDICT, "--keep", "zip"], "zip"),
    "unknown output": (2, [*PREDICT, "-o", "{place}/x.doc"], "x.doc"),
    "output in no folder": (2, [*PREDICT, "-o", "{place}/none/x.csv"], "none"),
    "no such model": (1, ["info", "{place}/no.mapsto"], "no.mapsto"),
    "not a model": (1, ["info", "{rows}"], "loans.csv"),
    "a folder without a model": (1, ["info", "{place}"], "model.mapsto"),
    "report onto a folder": (1, ["report", "{model}", "-o", "{place}"], "{place}"),
    "group column absent": (1, ["evaluate", "{model}", "{rows}", "--by", "zip"], "zip"),
    "unknown network shown": (2, ["networks", "tabn"], "tabm"),
    "target absent": (1, ["columns", "{rows}", "--target", "zip"], "zip"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failures_say_what_to_do(command, place, case):
    (place / "odd.yaml").write_text("learning: {rate: 1}\n")
    names = {"place": place, "rows": place / "loans.csv", "model": place / "runs" / "loans-1"}
    status, arguments, word = FAILURES[case]
    failed = command(*(argument.format(**names) for argument in arguments))
    assert failed.status == status, failed.err
    assert failed.out == ""
    assert word.format(**names) in failed.err
    assert "Traceback" not in failed.err


def test_undefined_figures_are_null_in_json(command, model, clients, tmp_path):
    clients.filter(pl.col("credit_risk") == "good").write_csv(tmp_path / "good.csv")
    said = command("evaluate", model, tmp_path / "good.csv", "--json")
    assert said.status == 0
    assert json.loads(said.out, parse_constant=pytest.fail)["credit_risk"]["auc"] is None


def test_next_run_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(next_run_folder("/some/loans.csv.gz")) == "runs/loans-1"
    (tmp_path / "runs" / "loans-1").mkdir(parents=True)
    assert str(next_run_folder("loans.parquet")) == "runs/loans-2"
    assert str(next_run_folder(".csv")) == "runs/run-1"
    assert str(next_run_folder("some/digits/*/[0-9]*.wav")) == "runs/digits-1"
    assert str(next_run_folder("*.wav")) == f"runs/{tmp_path.name}-1"


def test_help_names_every_command(command):
    said = command("--help")
    assert said.status == 0
    for name in ("fit", "predict", "evaluate", "explain", "report", "info", "columns", "networks", "demo"):
        assert name in said.out
