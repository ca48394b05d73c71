"""The command line: what is printed where, exit statuses, one JSON object, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import polars as pl
import pytest

from mapsto import cli, evidence
from mapsto.demo import DATA

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
    assert process.stderr == ""
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


def test_resume(command, place, model, rows):
    before = (model / "model.mapsto").read_bytes()
    assert command("fit", "--resume", model, "--json").status == 0
    assert len((model / "model.mapsto").read_bytes()) == len(before)
    both = command("fit", rows, "--resume", model)
    assert both.status == 2
    assert "--resume" in both.err
    nothing = command("fit", "--resume", place / "nowhere")
    assert nothing.status == 1
    assert "nowhere" in nothing.err


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
    assert str(cli.next_run_folder("/some/loans.csv.gz")) == "runs/loans-1"
    (tmp_path / "runs" / "loans-1").mkdir(parents=True)
    assert str(cli.next_run_folder("loans.parquet")) == "runs/loans-2"
    assert str(cli.next_run_folder(".csv")) == "runs/run-1"


def test_help_names_every_command(command):
    said = command("--help")
    assert said.status == 0
    for name in ("fit", "predict", "evaluate", "explain", "report", "info", "columns", "networks", "demo"):
        assert name in said.out
