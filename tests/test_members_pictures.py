"""Pictures from a table to predictions, on real ones."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from torch import Tensor

import mapsto
from conftest import shared_data
from mapsto import metrics
from mapsto.composition import Composition
from mapsto.members.base import Work
from mapsto.members.common import teaching, transfer
from mapsto.members.network import Network
from mapsto.networks.hog import HOG
from mapsto.recipe import Learning, Recipe
from mapsto.schema import Schema
from mapsto.training.budget import Budget
from mapsto.training.run import Run

TRAIN, TEST = 900, 300
NO_FLIPS = {"encoding": {"picture_flip": "no"}}


def numbers(name: str, skip: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(shared_data("fashion_mnist", name).read_bytes()), np.uint8, offset=skip)


@pytest.fixture(scope="module")
def work() -> Work:
    pixels = numbers("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)[: TRAIN + TEST]
    labels = numbers("t10k-labels-idx1-ubyte.gz", 8)[: TRAIN + TEST].astype(np.int64)
    frame = pl.DataFrame({"picture": pixels, "label": labels})
    schema = Schema.claim(frame, targets=["label"], types={"label": "category"})
    schema.learn(frame.head(TRAIN))
    every = schema.encode(frame, truth=True)
    accuracy = metrics.get("accuracy", "classification", classes=10)
    recipe = Recipe.parse({"networks": {"resnet": {"width": 16}}, "learning": {"epochs": 3, "precision": "float32"}})
    rows = np.arange(TRAIN + TEST)
    return Work(
        schema, every.take(rows[:TRAIN]), every.take(rows[TRAIN:]), {"label": accuracy}, recipe, Run(), threads=1,
        device="cpu",
    )  # fmt: skip


def test_learns_real_pictures_and_repeats_with_the_seed(work: Work) -> None:
    member, again = (Network("resnet").fit(work) for _ in range(2))
    found = member.predict(work.valid)["label"]
    assert work.metrics["label"](work.valid.truth["label"], found) > 0.65
    for name, array in member.composition.arrays().items():
        np.testing.assert_array_equal(array, again.composition.arrays()[name])
    state, arrays = member.to_state()
    loaded = Network.from_state(json.loads(json.dumps(state)), arrays, work.schema)
    np.testing.assert_array_equal(loaded.predict(work.valid)["label"], found)


@pytest.mark.parametrize(("mirrored", "harmless"), [("rows", True), ("columns", False)])
def test_pictures_are_mirrored_where_validation_allows_it(work: Work, mirrored: str, harmless: bool) -> None:
    pixels = work.train.blocks["picture:picture"]
    if mirrored == "rows":  # garments made symmetric: mirrored, they are the same
        pixels = np.maximum(pixels, pixels[:, :, ::-1])
        truth = work.train.truth["label"]
    else:  # which way they face is what is asked
        truth = (np.arange(TRAIN) % 2).astype(np.int64)
        pixels = np.where(truth[:, None, None, None] == 1, pixels[:, :, ::-1], pixels)
        pixels[:, :, 14:] //= 8
        pixels[truth == 1] = pixels[truth == 1][:, :, ::-1]
    rows = replace(work.train, blocks={"picture:picture": pixels}, truth={"label": truth}, features=None)
    run = Run()
    order = np.arange(TRAIN)
    own = replace(work, train=rows.take(order[:700]), valid=rows.take(order[700:]), run=run, label="n: ")
    member = Network("resnet").fit(own)
    assert run.decided("n/variations") == {"flip": harmless}
    assert member.composition.mirrors == ("yes" if harmless else "no")
    valid = own.valid
    turned = replace(valid, blocks={"picture:picture": valid.blocks["picture:picture"][:, :, ::-1].copy()})
    alike = np.allclose(member.predict(valid)["label"], member.predict(turned)["label"], atol=1e-5)
    assert alike == harmless  # looked at both ways, or one
    state, arrays = member.to_state()
    loaded = Network.from_state(json.loads(json.dumps(state)), arrays, work.schema)
    np.testing.assert_array_equal(loaded.predict(valid)["label"], member.predict(valid)["label"])


def test_what_the_network_sees_is_the_same_in_any_company(work: Work) -> None:
    member = Network("resnet").fit(work)
    every = member.embed(work.valid)
    assert every.shape == (TEST, 64)
    np.testing.assert_allclose(member.embed(work.valid.take(np.array([7, 3]))), every[[7, 3]], atol=1e-5)
    assert member.embed(work.valid.take(np.arange(0))).shape == (0, 64)


def test_a_fixed_look_is_taken_once_and_changes_nothing(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    look = HOG.look

    def counted(network: HOG, x: Tensor) -> Tensor:
        looks.append(len(x))
        return look(network, x)

    monkeypatch.setattr(HOG, "look", counted)
    recipe = Recipe.parse({"networks": {"hog": {"hidden": 64}}, "learning": {"epochs": 6, "precision": "float32"}})
    member = Network("hog").fit(replace(work, recipe=recipe, run=Run()))
    assert sum(looks) < 1.2 * (TRAIN + TEST)  # chunks are padded by a few rows
    found = member.predict(work.valid)["label"]
    assert work.metrics["label"](work.valid.truth["label"], found) > 0.78

    monkeypatch.setattr(transfer, "_MOST_SEEN", 0)
    looks.clear()
    again = Network("hog").fit(replace(work, recipe=recipe, run=Run()))
    assert sum(looks) > 6 * TRAIN
    np.testing.assert_allclose(again.predict(work.valid)["label"], found, atol=0.05)
    state, arrays = member.to_state()
    loaded = Network.from_state(json.loads(json.dumps(state)), arrays, work.schema)
    np.testing.assert_array_equal(loaded.predict(work.valid)["label"], found)


def test_pictures_that_are_varied_are_looked_at_each_time(work: Work) -> None:
    recipe = Recipe.parse({"encoding": {"picture_shift": 0.1}, "networks": {"hog": {"hidden": 16}}})
    built = Composition.build(work.schema, "hog", rows=TRAIN, encoding=recipe.encoding)
    settings = Learning(epochs=1)
    assert not transfer.looks_once(built, settings, TRAIN)
    still = Composition.build(work.schema, "hog", rows=TRAIN)
    assert transfer.looks_once(still, settings, TRAIN)
    assert not transfer.looks_once(still, settings, 10_000_000)  # too much to keep
    assert not transfer.looks_once(still, settings.model_copy(update={"mixing": "mixup"}), TRAIN)
    undecided = Composition.build(work.schema, "hog", rows=TRAIN, encoding={"picture_flip": "auto"})
    assert not transfer.looks_once(undecided, settings, TRAIN)
    assert not transfer.looks_once(Composition.build(work.schema, "resnet", rows=TRAIN), settings, TRAIN)


@pytest.mark.parametrize(
    "encoding", [{"picture_brightness": 0.3}, {"picture_flip": "auto"}, {"picture_shift": 0.1, "picture_rotate": 10.0}]
)
def test_hog_learns_from_varied_pictures(work: Work, encoding: dict[str, Any]) -> None:
    asked = {"networks": {"hog": {"hidden": 64}}, "learning": {"epochs": 5}, "encoding": encoding}
    member = Network("hog").fit(replace(work, recipe=Recipe.parse(asked), run=Run()))
    found = member.predict(work.valid)["label"]
    assert work.metrics["label"](work.valid.truth["label"], found) > 0.6


@pytest.mark.parametrize(("seconds_a_row", "once"), [(0.01, False), (1e-5, True)])
def test_what_cannot_be_looked_at_in_time_is_looked_at_batch_by_batch(
    work: Work, monkeypatch: pytest.MonkeyPatch, *, seconds_a_row: float, once: bool
) -> None:
    monkeypatch.setattr(transfer, "seconds_a_row", lambda *_: seconds_a_row)
    recipe, run = Recipe.parse({"networks": {"hog": {"hidden": 16}}}), Run()
    Network("hog").fit(replace(work, recipe=recipe, run=run, budget=Budget.within(run, 8.0), label="hog: "))
    assert run.decided("hog/looks once") is once


@pytest.mark.parametrize(("seconds_a_row", "share"), [(1e-3, 0.6), (1e-2, 0.5)])
def test_time_for_predictions_is_kept_free(
    work: Work, monkeypatch: pytest.MonkeyPatch, *, seconds_a_row: float, share: float
) -> None:
    """Of 1,000 seconds: 400 for 400,000 rows of a millisecond, but never more than half."""
    planned: list[float] = []

    def stop(*_: Any, seconds: float, **__: Any) -> None:
        planned.append(seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr(teaching, "train", stop)
    run = Run(decisions={"vit/predicting": seconds_a_row})
    given = replace(work, run=run, budget=Budget.within(run, 1000.0), afterwards=400_000)
    with pytest.raises(KeyboardInterrupt):
        Network("vit").fit(replace(given, recipe=Recipe.parse(NO_FLIPS)))
    assert planned[0] / 1000 == pytest.approx(share, abs=0.05)


FIGURES = ["extra-trees", "linear-model"]


@pytest.mark.parametrize(
    ("encoding", "learned"),
    [({}, [*FIGURES, "hog", "resnet"]), ({"picture_flip": "no"}, [*FIGURES, "resnet"])],
)
def test_the_quick_network_is_tried_unless_the_recipe_varies_pictures(
    encoding: dict[str, Any], learned: list[str]
) -> None:
    pixels = numbers("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)[:TEST]
    rows = {"picture": pixels, "label": numbers("t10k-labels-idx1-ubyte.gz", 8)[:TEST].astype(str)}
    recipe = {"learning": {"epochs": 1}, "networks": {"resnet": {"width": 4}}, "encoding": encoding}
    model = mapsto.fit(rows, target="label", folds=2, recipe=recipe, progress=False, threads=1)
    assert list(model._fitted.facts["kinds"]) == learned
    assert sum("hog was not learned" in note.text for note in model.notes) == (0 if "hog" in learned else 1)
