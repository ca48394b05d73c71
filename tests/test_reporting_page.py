"""The report: complete, self-contained, safe against hostile names, and opened in a real browser."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from explaining_world import california, fitted, german, titanic
from mapsto.columns.set import Set
from mapsto.judging.bootstrap import Interval
from mapsto.judging.conformal import Conformal
from mapsto.judging.curve import Curve
from mapsto.judging.verdict import Cost, judge, worths
from mapsto.metrics import get
from mapsto.reporting import write_report
from mapsto.reporting.findings import find
from mapsto.reporting.page import page
from mapsto.table.notes import Note

VOID = {"meta", "link", "br", "col", "wbr"}


class Outline(HTMLParser):
    """Headings, ids, links, pictures, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.headings, self.ids, self.links, self.outside, self.pictures = [], [], [], [], [], []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, element, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.headings += [int(element[1])] if re.fullmatch("h[1-6]", element) else []
        self.links += [found["href"]] if element == "a" else []
        self.outside += [value for key, value in found.items() if key in ("src", "srcset", "action", "data", "poster")]
        self.pictures += [found] if element == "svg" else []
        assert not any(key.startswith("on") for key in found)
        if element not in VOID:
            self.open.append(element)

    def handle_endtag(self, element):
        assert self.open.pop() == element

    def handle_startendtag(self, element, attributes):
        self.handle_starttag(element, attributes)
        if element not in VOID:
            self.open.pop()

    def handle_data(self, data):
        self.text += data if not self.open or self.open[-1] != "style" else ""


def judged(world):
    """The model with everything that a fit adds: verdicts, facts, notes, history, intervals."""
    model = copy.copy(world()[0])
    model.verdicts, model.conformal, model.temperatures = {}, {}, {}
    model.facts = {"metrics": {}, "judged_rows": len(model.held), "judged_on": "rows that judge only", "seconds": 75.0}
    model.facts |= {"rows": {"train": 600, "choose": 50, "calibrate": 50, "test": 100, "development": 700}}
    model.facts |= {"split": "random", "versions": {"mapsto": "0.1.0"}, "fingerprint": "abc", "summaries": {}}
    for target in model.schema.targets:
        truth, prediction = model.held.encoded.truth[target.name], model.held.predictions[target.name]
        metric = get(model.metrics[target.name], target.task)
        others = {"dummy": np.tile(prediction.mean(axis=0), (len(truth), 1)), "forest": prediction * 0.9}
        members = worths(metric, truth, {"a": prediction, "b": others["forest"]}, {"a": 0.7, "b": 0.3})
        costs = {"mapsto": Cost(9.0, 80.0)}
        made = judge(metric, truth, {"mapsto": prediction} | others, costs=costs, target=target.name, members=members)
        model.verdicts[target.name] = made
        model.conformal[target.name] = Conformal.fit(target.task, truth, prediction)
        if target.task == "classification":
            model.temperatures[target.name] = 1.3
    model.facts["summaries"] = {
        c.name: {"rows": 9, "missing": 1, "values": ["u"], "counts": [8]} for c in model.schema.inputs
    }
    first = model.schema.targets[0].name
    model.facts["suspects"] = {first: [{"row": 12, "given": "this", "suggested": "that"}] * 12}
    model.facts["members"] = [{"name": "trees", "fit_seconds": 3.0, "predict_us": 2.0}]
    one = Interval(0.8, 0.7, 0.9)
    model.facts["curve"] = {first: Curve([100, 200, 400], [0.6, 0.7, 0.75], one, one, "More rows help.").to_dict()}
    model.notes = [Note("info", "Seen."), Note("warning", "Look out."), Note("repair", "Mended.")]
    model.history = [
        {
            "name": f"tabm: fold {k} of 2",
            "epoch": 0,
            "step": 10 * i,
            "losses": {"y": 1 / (i + k)},
            "figure": 0.5 + i / 50,
        }
        for k in (1, 2)
        for i in range(6)
    ]
    return model


@pytest.fixture(scope="module")
def german_page() -> str:
    model = judged(german)
    return page(model, find(model, 1.0))


@pytest.mark.parametrize("world", [german, california, titanic])
def test_the_file_is_complete_and_needs_nothing_else(world, tmp_path):
    path = write_report(judged(world), tmp_path / "new" / "report.html", seconds=1.0)
    text = path.read_text(encoding="utf-8")
    outline = Outline(text)
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]
    assert len(text) < 500_000
    assert outline.outside == []
    assert all(link.startswith("#") and link[1:] in outline.ids for link in outline.links)
    assert "<script" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert re.findall(r"https?:", text) == []
    assert max(Counter(outline.ids).values()) == 1
    assert {"verdict", "quality", "columns-matter", "examples", "data", "rows", "learning", "card"} <= set(outline.ids)


def test_headings_are_in_order_and_pictures_are_named(german_page):
    outline = Outline(german_page)
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(after - before <= 2 for before, after in zip(outline.headings, outline.headings[1:], strict=False))
    assert len(outline.pictures) > 5
    assert all(picture["role"] == "img" for picture in outline.pictures)
    assert german_page.count("<svg") == german_page.count("<title>") - 1


def test_the_verdict_comes_first(german_page):
    model = judged(german)
    text = Outline(german_page).text
    sentence = model.verdicts["credit_risk"].sentence
    assert text.index(sentence) < 400
    assert text.index("Look out.") < text.index("Mended.") < text.index("Seen.")


def test_the_figures_are_those_of_the_model(german_page):
    model = judged(german)
    text = Outline(german_page).text
    truth, prediction = model.held.encoded.truth["credit_risk"], model.held.predictions["credit_risk"]
    right = int((prediction.argmax(axis=1) == truth).sum())
    counts = re.findall(r'<td style="background: rgb\(31 111 139[^>]*>([\d,]+)<', german_page)
    assert sum(int(count.replace(",", "")) for count in counts) == right
    auc = model.verdicts["credit_risk"].contenders[0].value
    assert f"{auc:.2f}" in text
    assert "checking_status" in text
    assert "temperature 1.3" in text
    assert "More rows help." in text
    assert "tabm (2 folds)" in text
    assert "seed: 0" in text


def hostile() -> tuple[pl.DataFrame, str]:
    random = np.random.default_rng(0)
    evil = "<script>alert('x')</script>"
    values = np.array([f"{evil}{i}" for i in range(3)] + ["\u202etxt", '"><img src=x onerror=alert(1)>', "a\x00b"])
    label = random.choice([f"{evil}yes", "</td></table>no"], 240)
    frame = {evil: random.choice(values, 240), "'\" onload=alert(1) x='": random.normal(size=240), "</style><b>": label}
    return pl.DataFrame(frame | {"&amp;": random.normal(size=240)}), "</style><b>"


def test_hostile_names_and_values_stay_text():
    frame, target = hostile()
    model = fitted(frame, [target])
    model.notes = [Note("warning", "<script>note</script>", column="<b>")]
    model.facts = {
        "split": "<script>",
        "judged_on": "<img src=x>",
        "versions": {"<i>": "<script>"},
        "fingerprint": "<u>",
    }
    model.facts["suspects"] = {target: [{"row": 1, "given": "<script>", "suggested": "</table>"}]}
    model.facts["members"] = [{"name": "<script>", "fit_seconds": 1.0}]
    model.history = [{"name": "<script>", "step": i, "losses": {"<b>": 1.0}, "figure": 1.0} for i in range(4)]
    text = page(model, find(model, 1.0))
    outline = Outline(text)
    assert "<script" not in text
    assert "<img" not in text
    assert "\x00" not in text
    assert text.count("</style>") == 1
    assert "<script>alert('x')</script>" in outline.text
    assert target in outline.text


def test_a_bare_model_has_a_report_too(tmp_path):
    model = copy.copy(german()[0])
    model.held = model.background = None
    model.facts, model.verdicts, model.history, model.notes = {}, {}, [], []
    outline = Outline(write_report(model, tmp_path / "bare.html").read_text(encoding="utf-8"))
    assert "was not judged" in outline.text
    assert "nothing was noticed" in outline.text
    assert "examples" not in outline.ids


def test_rows_without_truth_make_no_examples():
    model = copy.copy(german()[0])
    model.held = copy.deepcopy(model.held)
    model.held.encoded.truth["credit_risk"][:] = -1
    found = find(model, 1.0)
    assert found.examples.get("credit_risk", []) == []
    Outline(page(model, found))


def test_several_labels_have_a_report():
    random = np.random.default_rng(0)
    frame = pl.DataFrame({
        "x": random.normal(size=200),
        "labels": ["|".join(sorted(set(random.choice(["m", "n"], 2)))) for _ in range(200)],
    })  # fmt: skip

    def predict(encoded):
        p = 1 / (1 + np.exp(-np.asarray(encoded.blocks["numbers"], dtype=np.float64)[:, 0]))
        return {"labels": np.column_stack([p, 1 - p])}

    model = fitted(frame, ["labels"], predict, labels=Set(name="labels", separator="|"))
    outline = Outline(page(model, find(model, 1.0)))
    assert "exact" in outline.text or "all labels right" in outline.text


def test_many_classes_show_their_mix_ups_instead_of_a_matrix():
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"x": random.normal(size=900), "kind": random.choice([f"class {i}" for i in range(20)], 900)})
    model = fitted(frame, ["kind"])
    assert "The most frequent mix-ups among 20 classes" in Outline(page(model, find(model, 1.0))).text


def test_examples_are_right_and_wrong_as_they_say():
    found = find(german()[0], 1.0)
    kinds = Counter(example.kind for example in found.examples["credit_risk"])
    assert kinds == {"right": 2, "wrong": 2, "close call": 1}
    for example in found.examples["credit_risk"]:
        if example.kind != "close call":
            assert (example.predicted == example.truth) == (example.kind == "right")
    errors = [e.kind for e in find(california()[0], 1.0).examples["median_house_value"]]
    assert Counter(errors) == {"typical": 2, "far off": 3}


# -- a real browser


def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if found is None:
        pytest.skip("no Chromium is installed, so the report cannot be opened in a browser")
    return found


OF_THE_BROWSER = ("google.com", "googleapis.com", "gstatic.com")
"""Where a browser calls home by itself; no name is resolved in these tests, so nothing gets there."""
PICTURE = "<main><img src='https://example.com/x.png'><script>document.title = 'taken over'</script>"


def browse(text: str, folder: Path) -> tuple[str, str, set[str]]:
    """What the browser made of the page, what it complained about, and which hosts the page asked for."""
    path, log = folder / "report.html", folder / "net.json"
    path.write_text(text, encoding="utf-8")
    command = [
        chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
        "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr",
        "--disable-dev-shm-usage", "--dump-dom", f"--log-net-log={log}", path.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    hosts = set(re.findall(r'"url":"https?://([^/"]+)', log.read_text(encoding="utf-8", errors="replace")))
    asked = {host for host in hosts if not host.endswith(OF_THE_BROWSER)}
    return done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"), asked


def test_a_browser_shows_it_without_a_complaint_and_asks_for_nothing(german_page, tmp_path):
    shown, errors, asked = browse(german_page, tmp_path)
    assert "<title>Predicting credit_risk · mapsto</title>" in shown
    assert "CONSOLE" not in errors
    assert asked == set()


def test_the_content_policy_stops_what_should_never_be_there(german_page, tmp_path):
    shown, errors, asked = browse(german_page.replace("<main>", PICTURE), tmp_path)
    assert "<title>Predicting credit_risk · mapsto</title>" in shown
    assert errors.count("Content Security Policy") >= 2
    assert asked == set()


def test_without_the_policy_the_browser_would_have_asked(german_page, tmp_path):
    open_page = re.sub("<meta http-equiv[^>]*>", "", german_page).replace("<main>", PICTURE)
    shown, _, asked = browse(open_page, tmp_path)
    assert "<title>taken over</title>" in shown
    assert asked == {"example.com"}
