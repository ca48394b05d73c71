"""Files of a run are not written through links that someone laid in its folder."""

from __future__ import annotations

import pytest

import mapsto
from mapsto import modelfile
from mapsto.errors import RunError
from mapsto.training.run import Run

ROWS = {"x": [float(i % 17) for i in range(60)], "y": ["a" if i % 17 > 8 else "b" for i in range(60)]}
QUICK = {"network": "dummy", "progress": False, "threads": 1}


def linked(folder, name, target):
    folder.mkdir()
    target.write_text("mine\n")
    (folder / name).symlink_to(target)


@pytest.mark.parametrize("name", ["recipe.yaml", "report.html", "model.mapsto"])
def test_results_replace_a_link(tmp_path, name):
    linked(tmp_path / "run", name, tmp_path / "target")
    mapsto.fit(ROWS, "y", output=tmp_path / "run", **QUICK)
    assert (tmp_path / "target").read_text() == "mine\n"
    assert not (tmp_path / "run" / name).is_symlink()


@pytest.mark.parametrize("name", ["events.jsonl", "data.arrow"])
def test_records_refuse_a_link(tmp_path, name):
    linked(tmp_path / "run", name, tmp_path / "target")
    (tmp_path / "target").write_text("")
    with pytest.raises(RunError, match="is a link"):
        mapsto.fit(ROWS, "y", output=tmp_path / "run", **QUICK)
    assert (tmp_path / "target").read_text() == ""
    with pytest.raises(RunError):
        mapsto.resume(tmp_path / "run", progress=False)


@pytest.mark.parametrize("name", ["kept", "checkpoints", "kept/members"])
def test_folders_that_are_links_are_refused(tmp_path, name):
    run, elsewhere = Run(tmp_path / "run"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    place = tmp_path / "run" / name
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(elsewhere)
    keep = {True: lambda: run.checkpoints("net").save(1, {"a": 1}), False: lambda: run.keep("members/net", {}, {})}
    with pytest.raises(RunError, match="is a link"):
        keep[name == "checkpoints"]()
    assert not list(elsewhere.iterdir())


def test_a_link_laid_where_a_file_is_written_aside(tmp_path, monkeypatch):
    monkeypatch.setattr("os.getpid", lambda: 7)
    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / ".m.mapsto.7.part").symlink_to(target)
    modelfile.save(tmp_path / "m.mapsto", {}, {"a": ({"b": 1}, {})})
    assert target.read_text() == "mine"
    assert modelfile.load(tmp_path / "m.mapsto")[1]["a"][0] == {"b": 1}
