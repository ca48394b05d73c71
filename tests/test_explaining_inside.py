"""What is inside cells: planted marks and words are found, worths add up, and the pages show them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.datasets import load_digits

from conftest import shared_data
from explaining_world import fitted, network
from mapsto import metrics
from mapsto.columns import Audio, Category, Column, Image, Number, Sequence, Text, Tree, Video
from mapsto.columns.common.insides import Inside
from mapsto.columns.common.parts import Ragged
from mapsto.errors import DataError, ModelFileError, OptionError
from mapsto.explaining import Map, explain_inside, maps
from mapsto.explaining.cell import CellGame
from mapsto.explaining.deletion import separation
from mapsto.explaining.gradients import Figure
from mapsto.explaining.mixing import Pace
from mapsto.explaining.pixels import Seen, as_pixels, grad_cam, integrated_gradients
from mapsto.fitted import Fitted
from mapsto.members.base import Work
from mapsto.members.ensemble import Ensemble
from mapsto.members.linear import LinearModel
from mapsto.members.network import Network
from mapsto.model import Model
from mapsto.recipe import Recipe
from mapsto.reporting import write_maps
from mapsto.reporting.findings import find
from mapsto.reporting.page import page
from mapsto.reporting.terminal import coloured
from mapsto.sample import LONGEST_TEXT, Sample, affordable
from mapsto.schema import Encoded
from mapsto.training.run import Run
from test_reporting_page import Outline

SIDE, MARK = 16, 4
PLANTED = "zebra"


def learned(model: Fitted, member: Any, frame: pl.DataFrame, recipe: dict[str, Any]) -> Fitted:
    """The model with a member that learned from the first two thirds of the frame."""
    every = model.schema.encode(frame, truth=True)
    rows, cut = np.arange(frame.height), frame.height * 2 // 3
    (target,) = model.schema.targets
    decides = {target.name: metrics.get("accuracy", "classification", classes=2)}
    work = Work(
        model.schema, every.take(rows[:cut]), every.take(rows[cut:]), decides, Recipe.parse(recipe), Run(), threads=1,
        device="cpu",
    )  # fmt: skip
    model.ensemble = Ensemble([member.fit(work)], {target.name: np.ones(1)}, [member.name])
    model.held.predictions = model.predictions(model.held.encoded)
    return model


@pytest.fixture(scope="module")
def marked() -> tuple[Fitted, pl.DataFrame, np.ndarray]:
    """Dim digits, half of them with a bright square somewhere, which a convolutional network has to find."""
    digits = load_digits().images[:540]
    pictures = np.kron(digits, np.ones((2, 2))).astype(np.uint8) * 7
    draw = np.random.default_rng(0)
    has = draw.random(len(pictures)) < 0.5
    corner = 2 * draw.integers(0, (SIDE - MARK) // 2 + 1, (len(pictures), 2))
    for row in np.flatnonzero(has):
        top, left = corner[row]
        pictures[row, top : top + MARK, left : left + MARK] = 255
    frame = pl.DataFrame({"picture": pictures, "marked": np.where(has, "yes", "no")})
    model = fitted(frame, ["marked"], lambda _: {"marked": np.full((1, 2), 0.5)}, picture=Image(name="picture"))
    recipe = {"learning": {"epochs": 5, "precision": "float32"}}
    return learned(model, Network("convnet"), frame, recipe), frame, np.where(has[:, None], corner, -1)


@pytest.fixture(scope="module")
def planted() -> tuple[Fitted, pl.DataFrame]:
    """Real sentences, half of them with a word put in, which a linear model of their n-grams has to find."""
    path = shared_data("sst2", "train.tsv")
    texts = pl.read_csv(path, separator="\t", quote_char=None, n_rows=900).to_series(0).to_list()
    draw = np.random.default_rng(0)
    has = draw.random(len(texts)) < 0.5
    for row in np.flatnonzero(has):
        words = texts[row].split()
        words.insert(int(draw.integers(0, len(words) + 1)), PLANTED)
        texts[row] = " ".join(words)
    frame = pl.DataFrame({"review": texts, "planted": np.where(has, "yes", "no")})
    model = fitted(frame, ["planted"], lambda _: {"planted": np.full((1, 2), 0.5)}, review=Text(name="review"))
    return learned(model, LinearModel(), frame, {}), frame


def lists() -> tuple[Fitted, pl.DataFrame]:
    """A model that says the sum of the standardised steps of a sequence, or 0 where there are none."""
    draw = np.random.default_rng(0)
    steps = [draw.normal(size=draw.integers(5, 50)).tolist() for _ in range(60)] + [None]
    frame = pl.DataFrame({"steps": steps, "other": np.arange(61.0), "y": np.arange(61.0)})

    def summed(encoded: Any) -> dict[str, np.ndarray]:
        block = next(b for b in encoded.blocks.values() if isinstance(b, Ragged))
        row = np.repeat(np.arange(len(block)), np.diff(block.offsets))
        return {"y": np.bincount(row, weights=block.values[:, 0], minlength=len(block))[:, None]}

    return fitted(frame, ["y"], summed, steps=Sequence(name="steps"), other=Number(name="other")), frame


# -- what the maps say


def test_the_fields_of_a_mark_are_worth_most(marked: tuple[Fitted, pl.DataFrame, np.ndarray]) -> None:
    model, frame, corner = marked
    rows = np.flatnonzero(corner[:, 0] >= 0)[-4:]
    found, every = explain_inside(model, frame[rows], "picture")
    hits = []
    for one, (top, left) in zip(every, corner[rows], strict=True):
        strongest = found.filter(pl.col("row") == one.row).top_k(4, by="attribution")
        inside = pl.col("top").is_between(top, top + MARK - 1) & pl.col("left").is_between(left, left + MARK - 1)
        hits.append(strongest.filter(inside).height)
    assert np.mean(hits) >= 3.5
    assert found["deletion"].min() > 0.05
    assert found["insertion"].min() > 0.05


def test_a_planted_word_is_worth_most_and_lies_where_it_says(planted: tuple[Fitted, pl.DataFrame]) -> None:
    model, frame = planted
    rows = frame.filter(pl.col("planted") == "yes").tail(10)
    found, _ = explain_inside(model, rows, "review")
    strongest = found.sort("attribution", descending=True).group_by("row", maintain_order=True).first().sort("row")
    assert strongest["piece"].to_list() == [PLANTED] * 10
    assert strongest["deletion"].min() > 0.1
    for text, start, end in zip(rows["review"], strongest["start"], strongest["end"], strict=True):
        assert text[start:end] == PLANTED


def test_worths_add_up_and_a_sum_is_shared_out_exactly() -> None:
    model, frame = lists()
    found = maps(model, model.schema.encode(frame), [(0, "steps"), (7, "steps")], {})
    for one in found:
        np.testing.assert_allclose(one.worth.sum(axis=0), one.figure - one.blank, atol=1e-9)
        edges = one.inside.edges
        np.testing.assert_allclose(one.worth[:, 0], np.add.reduceat(one.inside.values[:, 0], edges[:-1]), atol=1e-5)


def test_worths_of_a_network_add_up(marked: tuple[Fitted, pl.DataFrame, np.ndarray]) -> None:
    model, frame, _ = marked
    (one,) = maps(model, model.schema.encode(frame.head(1)), [(0, "picture")], {})
    np.testing.assert_allclose(one.worth.sum(axis=0), one.figure - one.blank, atol=1e-6)


def a_marked_cell(world: tuple[Fitted, pl.DataFrame, np.ndarray]) -> tuple[Fitted, pl.DataFrame, slice, slice]:
    """The model, the last row with a mark, and where the mark lies in it."""
    model, frame, corner = world
    row = np.flatnonzero(corner[:, 0] >= 0)[-1:]
    top, left = corner[row[0]]
    return model, frame[row], slice(top, top + MARK), slice(left, left + MARK)


def seen(model: Fitted, rows: pl.DataFrame, one: Map) -> Seen:
    """The picture of the first row in front of the model's network."""
    found = as_pixels(model, model.schema.encode(rows), model.schema.inputs[0], one.inside)
    assert found is not None
    return found


def test_integrated_gradients_add_up_and_find_the_mark(marked: tuple[Fitted, pl.DataFrame, np.ndarray]) -> None:
    model, row, down, across = a_marked_cell(marked)
    (one,) = maps(model, model.schema.encode(row), [(0, "picture")], {})
    found = integrated_gradients(seen(model, row, one), one.chosen)
    assert found.shape == (SIDE, SIDE, 1)
    np.testing.assert_allclose(found.sum(), one.figure - one.blank, atol=0.05)
    assert found[down, across].sum() > 0.5 * found.clip(0).sum()


def test_grad_cam_weighs_the_last_maps_and_finds_the_mark(marked: tuple[Fitted, pl.DataFrame, np.ndarray]) -> None:
    model, row, down, across = a_marked_cell(marked)
    (one,) = maps(model, model.schema.encode(row), [(0, "picture")], {})
    there = seen(model, row, one)
    found = grad_cam(there, one.chosen)
    assert found is not None
    assert found.shape == (SIDE, SIDE, 1)
    assert found[down, across].mean() > 2 * found.clip(0).mean()
    # By hand: what the mean of each map that a convnet's stages end in does to the figure, by differences.
    whole = model.ensemble.members[0].composition
    with torch.no_grad():
        maps_BCHW = there.network.stages(there.own)
        figure = Figure(whole, model.schema.targets[0], 1.0)
        step = 1e-2 * torch.eye(maps_BCHW.shape[1])[:, :, None, None]
        ends = [figure(there.network.connected(maps_BCHW + way * step), torch.tensor(one.chosen).expand(len(step)))
                for way in (1, -1)]  # fmt: skip
        weights_C = (ends[0] - ends[1]) / 2e-2 / maps_BCHW[0, 0].numel()
        by_hand = torch.nn.functional.interpolate(
            (weights_C[:, None, None] * maps_BCHW[0]).sum(dim=0)[None, None], (SIDE, SIDE), mode="bilinear"
        )
    np.testing.assert_allclose(found[:, :, 0], by_hand[0, 0].numpy(), atol=0.05 * np.abs(found).max())


@pytest.mark.parametrize(
    ("name", "convolves"), [("hog", False), ("lenet", True), ("convnet", True), ("resnet", True), ("vit", False)]
)
def test_only_networks_with_maps_have_grad_cam(
    name: str, convolves: bool, marked: tuple[Fitted, pl.DataFrame, np.ndarray]
) -> None:
    model, frame = network(marked[0], name), marked[1].head(1)
    (one,) = maps(model, model.schema.encode(frame), [(0, "picture")], {})
    found = grad_cam(seen(model, frame, one), one.chosen)
    assert (found is not None) == convolves
    assert one.pixels is not None
    assert set(one.pixels.separation) == {"integrated gradients"} | ({"Grad-CAM"} if convolves else set())
    best = max(one.pixels.separation, key=lambda method: one.pixels.separation[method][0])
    assert one.pixels.how == (best,)
    if best == "Grad-CAM":
        np.testing.assert_array_equal(one.pixels.values, found)


@pytest.mark.parametrize(("weights", "has_map"), [((0.4, 0.6), True), ((0.6, 0.4), False)])
def test_of_several_members_the_strongest_is_mapped(
    weights: tuple[float, float], has_map: bool, marked: tuple[Fitted, pl.DataFrame, np.ndarray]
) -> None:
    model, row, down, across = a_marked_cell(marked)
    work = Work(
        model.schema, model.schema.encode(marked[1], truth=True), None, {}, Recipe.parse({}), Run(), threads=1
    )  # fmt: skip
    members = [LinearModel().fit(work), model.ensemble.members[0]]
    mixed = replace(model, ensemble=Ensemble(members, {"marked": np.array(weights)}, ["linear", "convnet"]))
    (one,) = maps(mixed, model.schema.encode(row), [(0, "picture")], {})
    assert (one.pixels is not None) == has_map
    if one.pixels is not None:
        assert one.pixels.values[down, across].mean() > 2 * one.pixels.values.clip(0).mean()
        assert max(each[0] for each in one.pixels.separation.values()) > 0


def test_the_page_says_which_map_of_pixels_it_shows(
    marked: tuple[Fitted, pl.DataFrame, np.ndarray], tmp_path: Any
) -> None:
    model, row, _, _ = a_marked_cell(marked)
    _, every = explain_inside(model, row, "picture")
    text = write_maps(model, every, tmp_path / "maps.html").read_text()
    assert f"shows pixels, by {every[0].pixels.how[0]} (deletion and insertion together +" in text
    assert text.count("Grad-CAM") >= 1


def test_a_separation_is_the_two_gains_together(marked: tuple[Fitted, pl.DataFrame, np.ndarray]) -> None:
    model, row, _, _ = a_marked_cell(marked)
    encoded = model.schema.encode(row)
    (one,) = maps(model, encoded, [(0, "picture")], {})
    game = CellGame(model, encoded, model.schema.inputs[0], one.inside, Pace(model, None))
    np.testing.assert_allclose(separation(game, one.worth), one.deletion + one.insertion, atol=1e-9)
    assert separation(game, one.worth) > separation(game, -one.worth)


def test_the_same_twice_and_missing_cells_have_none() -> None:
    model, frame = lists()
    once, again = (explain_inside(model, frame.tail(3), "steps")[0] for _ in range(2))
    assert once.equals(again)
    assert set(once["row"]) == {0, 1}
    nothing, every = explain_inside(model, frame.tail(1), "steps")
    assert nothing.is_empty()
    assert every == []


def test_little_time_gives_larger_pieces_and_no_fewer_rows(marked: tuple[Fitted, pl.DataFrame, np.ndarray]) -> None:
    model, frame, _ = marked
    found, every = explain_inside(model, frame.head(6), "picture", max_seconds=0.0)
    assert found["row"].n_unique() == 6
    assert {len(one.inside.pieces) for one in every} == {9}
    for one in every:
        np.testing.assert_allclose(one.worth.sum(axis=0), one.figure - one.blank, atol=1e-6)


# -- what columns say of their cells


def columns() -> dict[str, tuple[Column, pl.Series]]:
    draw = np.random.default_rng(0)
    tone = [np.sin(np.arange(3000) * f / 10).tolist() for f in range(1, 5)]
    parse = ["(3 (2 It) (4 (3 really) (4 works)))", "(1 (2 It) (0 failed))"] * 2
    clip = draw.integers(0, 255, (4, 6, 8, 8)).astype(np.uint8)
    return {
        "words": (Text(min_count=1), pl.Series(["It’s good , really", "no ... no", "多么 好", "ÄÖ 😀 x"])),
        "fields": (Image(), pl.Series(draw.integers(1, 255, (4, 20, 30, 3)).astype(np.uint8))),
        "spectrogram": (Audio(rate=8000), pl.Series(tone)),
        "steps": (Sequence(), pl.Series([[1.0, 2.0, 5.0], [0.5] * 80, [3.0, 2.0], [1.0, 0.0]])),
        "nodes": (Tree(min_count=1), pl.Series(parse)),
        "frames": (Video(), pl.Series(clip)),
    }


@pytest.mark.parametrize("name", list(columns()))
@pytest.mark.parametrize("most", [64, 9])
def test_blanking_nothing_changes_nothing(name: str, most: int) -> None:
    column, cells = columns()[name]
    column.learn(cells)
    arrays = column.encode(cells)
    texts = cells.to_list() if column.keeps_text else [None] * len(cells)
    for row, text in enumerate(texts):
        one = [array.take(np.array([row])) if isinstance(array, Ragged) else array[[row]] for array in arrays]
        inside = column.inside(one, text)
        assert isinstance(inside, Inside)
        inside = replace(inside, most=most)
        pieces = len(inside.pieces)
        assert 0 < pieces <= most
        assert all(len(measure) == pieces for measure in inside.extents().values())
        stays = np.ones((3, pieces), dtype=bool)
        stays[1], stays[2, 0] = False, False
        whole, blank, less = ([at(array, place) for array in inside.blanked(stays)] for place in range(3))
        for array, kept in zip(one, whole, strict=True):
            np.testing.assert_array_equal(at(array, 0), kept)
        assert any(not np.array_equal(a, b) for a, b in zip(whole, blank, strict=True))
        assert any(not np.array_equal(a, b) for a, b in zip(whole, less, strict=True)) or name == "frames"
    nothing = column.encode(cells.clear().extend_constant(None, 1))
    assert column.inside(nothing) is None


def at(array: np.ndarray | Ragged, row: int) -> np.ndarray:
    return array.values[array.offsets[row] : array.offsets[row + 1]] if isinstance(array, Ragged) else array[row]


def test_a_column_without_an_inner_structure_has_no_pieces() -> None:
    model, frame = lists()
    with pytest.raises(DataError, match=r"'other' is a number, which has no pieces.*'steps'"):
        explain_inside(model, frame, "other")
    with pytest.raises(DataError, match="'nowhere' is no input"):
        explain_inside(model, frame, "nowhere")
    with pytest.raises(DataError, match="no rows to explain"):
        explain_inside(model, frame.clear(), "steps")


# -- what people see


def test_a_model_gives_frames_of_the_users_kind_and_writes_pages(
    planted: tuple[Fitted, pl.DataFrame], tmp_path: Any
) -> None:
    model, frame = Model(planted[0]), planted[1].tail(2)
    found = model.explain(frame.to_pandas(), inside="review", output=tmp_path / "maps.html", max_seconds=2)
    assert list(found.columns) == ["row", "piece", "start", "end", "attribution", "deletion", "insertion"]
    text = (tmp_path / "maps.html").read_text()
    outline = Outline(text)
    assert outline.outside == []
    assert "<mark" in text
    with pytest.raises(OptionError, match="inside=COLUMN"):
        model.explain(frame, output=tmp_path / "no.html")
    shown = "\n".join(line.plain for line in coloured(pl.from_pandas(found)))
    assert "row 0" in shown
    assert "deletion" in shown


def test_reports_show_pictures_and_words(
    planted: tuple[Fitted, pl.DataFrame], marked: tuple[Fitted, pl.DataFrame, np.ndarray]
) -> None:
    for model, expected in ((planted[0], "<mark"), (marked[0], 'src="data:image/png;base64,')):
        text = page(model, find(model, 1.0))
        outline = Outline(text)
        assert expected in text
        assert all(source.startswith("data:") for source in outline.outside)
        assert "Raised most by" in text
        assert "script" not in text.lower().replace("description", "")


def test_every_kind_is_drawn(tmp_path: Any) -> None:
    for name, (column, cells) in columns().items():
        column.name = "cell"
        frame = pl.DataFrame({"cell": cells.rename("cell"), "y": [0.0, 1.0, 2.0, 3.0]})
        model = fitted(frame, ["y"], lambda e: {"y": np.arange(float(e.rows))[:, None]}, cell=column)
        _, every = explain_inside(model, frame, "cell")
        text = write_maps(model, every, tmp_path / f"{name}.html").read_text()
        outline = Outline(text)
        assert text.count("<article") == 4
        assert all(source.startswith("data:image/png;base64,") for source in outline.outside)
        assert "figcaption" in text


def test_hostile_text_stays_text(tmp_path: Any) -> None:
    texts = ["<script>alert(1)</script> \x00 & 'quotes' \"double\"", "plain", "text", "here"]
    frame = pl.DataFrame({"cell": texts, "y": [0.0, 1.0, 2.0, 3.0]})
    model = fitted(frame, ["y"], lambda e: {"y": np.zeros((e.rows, 1))}, cell=Text(name="cell"))
    _, every = explain_inside(model, frame, "cell")
    text = write_maps(model, every, tmp_path / "page.html").read_text()
    assert "<script" not in text
    Outline(text)


# -- what a model keeps


def test_models_keep_texts_but_no_very_long_ones() -> None:
    texts = ["a b", None, "long " * LONGEST_TEXT, "c d"]
    frame = pl.DataFrame({"cell": texts, "y": ["0", "1", "0", "1"]})
    types = {"cell": Text(name="cell"), "y": Category(name="y")}
    model = fitted(frame, ["y"], lambda e: {"y": np.full((e.rows, 2), 0.5)}, **types)
    sample = Sample.of(model.schema, model.schema.encode(frame, truth=True), frame, np.arange(4))
    assert sample.texts == {"cell": ["a b", None, None, "c d"]}
    json, arrays = sample.to_state()
    assert Sample.from_state(json, arrays, model.schema).texts == sample.texts
    for wrong in (["a b"], ["a b", None, None, 3]):
        with pytest.raises(ModelFileError):
            Sample.from_state(json | {"texts": {"cell": wrong}}, arrays, model.schema)


def test_of_large_cells_fewer_rows_are_kept() -> None:
    pictures = np.ones((200, 64, 64, 3), dtype=np.uint8)
    blocks = {"picture:p": pictures}
    assert affordable(Encoded(200, blocks), 2000, 2**20) == 85
    assert affordable(Encoded(200, blocks), 2000, 2**10) == 20
    assert affordable(Encoded(200, {"numbers": np.zeros((200, 3), np.float32)}), 2000, 2**20) == 2000
