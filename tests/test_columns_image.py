"""Images: what is taken for one, how it is brought to one size, and what a damaged or hostile one does."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

import mapsto
from conftest import shared_data
from explaining_world import fitted
from mapsto.columns import Image
from mapsto.columns.common import pictures
from mapsto.errors import ColumnRefused, DataError, ModelFileError, OptionError
from mapsto.members.network import Network
from mapsto.model import Model
from mapsto.networks.blocks.tiles import cut
from mapsto.schema import Schema
from test_explaining_inside import learned as trained

HOSTILE = ("bomb_50000x50000.png", "truncated.jpg", "not_an_image.png", "zero_byte.png")
VALID = ("cmyk.jpg", "wrong_extension_is_png.jpg")
DRAW = np.random.default_rng(0)


def file_of(pixels: np.ndarray | PIL.Image.Image, form: str = "PNG", **options: object) -> bytes:
    image = pixels if isinstance(pixels, PIL.Image.Image) else PIL.Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def learned(cells: list[object] | pl.Series, **options: object) -> tuple[Image, pl.Series]:
    series = cells if isinstance(cells, pl.Series) else pl.Series("picture", cells)
    column = Image(name=series.name, **options)
    column.learn(series)
    return column, series


def encoded(cell: object, **options: object) -> np.ndarray:
    column, series = learned([cell], **options)
    return column.encode(series)[0][0]


# -- claims


def test_claims_paths_bytes_and_pixels(tmp_path: Path) -> None:
    pixels = DRAW.integers(0, 256, (10, 20, 30, 3), dtype=np.uint8)
    paths = [tmp_path / f"{i}.PNG" for i in range(10)]
    for path, each in zip(paths, pixels, strict=True):
        path.write_bytes(file_of(each))
    for cells in (
        pl.Series([str(path) for path in paths]),
        pl.Series([path.read_bytes() for path in paths]),
        pl.Series(pixels),
    ):
        column = Image.claim(cells, name="x")
        assert "30 x 20 pixels" in column.reason
        assert Schema.claim(pl.DataFrame({"x": cells, "y": range(10)}), targets=["y"]).inputs[0].type == "image"


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (pl.Series(["a picture", "see b.png there"]), "does not end"),
        (pl.Series([b"RIFF....WAVE", b"\x00"]), "0 of 2 open"),
        (pl.Series([1.0, 2.0]), "Float64"),
        (pl.Series(DRAW.normal(size=(9, 12, 12))), "sequence of vectors"),
        (pl.Series(DRAW.random((9, 12, 12)) * 7), "sequence of vectors"),
        (pl.Series(DRAW.integers(0, 9, (9, 4, 12), dtype=np.uint8)), "no pictures"),
    ],
)
def test_refuses_with_a_reason(cells: pl.Series, why: str) -> None:
    with pytest.raises(ColumnRefused, match=why):
        Image.claim(cells, name="x")


def test_is_no_target() -> None:
    with pytest.raises(ColumnRefused, match="cannot be predicted"):
        Image.claim(pl.Series(np.zeros((3, 9, 9), np.uint8)), name="x", target=True)


# -- tiles


def test_tiles_of_a_large_picture_and_its_overview_are_a_set() -> None:
    pixels = DRAW.integers(1, 256, (4, 90, 120, 3), dtype=np.uint8)
    column, series = learned(pl.Series("x", [file_of(each) for each in pixels] + [None]), tiles=3)
    (part,) = column.parts
    assert part.shape("sequence", {"sense_width": 16}) == (10, 16)
    assert part.network == "bag"
    (found,) = column.encode(series)
    np.testing.assert_array_equal(found[:4], pixels)
    seen = cut(torch.from_numpy(found[:1]).permute(0, 3, 1, 2).float(), 3)
    assert seen.shape == (1, 10, 3, 30, 40)
    np.testing.assert_array_equal(seen[0, 6].permute(1, 2, 0), pixels[0, 30:60, 80:120])
    np.testing.assert_allclose(seen[0, 0, :, 4, 5], pixels[0, 12:15, 15:18].mean(axis=(0, 1)), rtol=1e-5)
    front = part.front("sequence", {"sense_width": 16}).eval()
    x_BTD, lengths_B = front(torch.from_numpy(found))
    assert lengths_B.tolist() == [10, 10, 10, 10, 0]
    assert not x_BTD[4].any()


def test_tiles_have_the_size_that_shrunken_pictures_have() -> None:
    cells = [file_of(DRAW.integers(0, 256, (300, 400, 3), dtype=np.uint8))] * 3
    assert learned(cells, tiles=2)[0].parts[0].shape("sequence", {"sense_width": 8}) == (5, 8)
    assert learned(cells, tiles=2)[0].encode(pl.Series(cells))[0].shape == (3, 192, 256, 3)
    assert learned(cells, tiles=4)[0].encode(pl.Series(cells))[0].shape == (3, 300, 400, 3)
    assert learned(cells, tiles=2, size=40)[0].encode(pl.Series(cells))[0].shape == (3, 80, 80, 3)
    assert learned(cells, tiles=1)[0].parts == learned(cells)[0].parts


@pytest.mark.parametrize(
    ("options", "most"), [({"tiles": 0}, 128), ({"tiles": 9}, 128), ({"tiles": 3, "size": 512}, 2)]
)
def test_tiles_are_few(options: dict[str, int], most: int) -> None:
    with pytest.raises(OptionError, match=f"up to {most}"):
        Image(**options)


def test_a_model_of_tiles_explains_and_is_kept(tmp_path: Path) -> None:
    """Canvases, half of them with a small real digit somewhere: whether there is one."""
    digits = load_digits().images[:240].astype(np.uint8) * 15
    has, at = DRAW.random(240) < 0.5, DRAW.integers(0, 41, (240, 2))
    canvas = DRAW.integers(1, 60, (240, 48, 48)).astype(np.uint8)
    for row in np.flatnonzero(has):
        top, left = at[row]
        canvas[row, top : top + 8, left : left + 8] = digits[row]
    frame = pl.DataFrame({"picture": canvas, "has": np.where(has, "yes", "no")})
    world = fitted(frame, ["has"], lambda _: {"has": np.full((1, 2), 0.5)}, picture=Image(name="picture", tiles=2))
    recipe = {"learning": {"epochs": 20, "precision": "float32"}}
    model = Model(trained(world, Network("bag"), frame, recipe))
    model.save(tmp_path / "tiles.mapsto")
    loaded = mapsto.load(tmp_path / "tiles.mapsto")
    said = loaded.predict(frame)
    assert said.equals(model.predict(frame))
    assert (said["has"] == frame["has"]).tail(80).mean() > 0.8
    rows = np.flatnonzero(has)[-3:]
    found = loaded.explain(frame[rows], inside="picture", output=tmp_path / "tiles.html")
    assert found["right"].max() == found["bottom"].max() == 48, "fields lie on the whole picture"
    strongest = found.sort("attribution").group_by("row", maintain_order=True).last().sort("row")
    middle = strongest.select((pl.col("top") + pl.col("bottom")) / 2, (pl.col("left") + pl.col("right")) / 2).to_numpy()
    assert (np.abs(middle - (at[rows] + 4)) <= 8).all(axis=1).sum() >= 2


# -- size, colour, mode


def test_small_pictures_keep_their_size_and_large_ones_are_shrunk() -> None:
    small, _ = learned(pl.Series(DRAW.integers(0, 256, (5, 28, 20), dtype=np.uint8)))
    assert small.parts[0].shape("picture", {}) == (1, 28, 20)
    large, _ = learned([file_of(DRAW.integers(0, 256, (300, 400, 3), dtype=np.uint8))] * 3)
    assert large.parts[0].shape("picture", {}) == (3, 96, 128)
    many, _ = learned(pl.Series(np.tile(DRAW.integers(1, 256, (1, 100, 100), dtype=np.uint8), (20_001, 1, 1))))
    assert many.parts[0].shape("picture", {}) == (1, 64, 64)


def test_pixels_of_the_learned_size_are_taken_as_they_are() -> None:
    pixels = DRAW.integers(0, 256, (6, 28, 28), dtype=np.uint8)
    pixels[2] = 0
    column, series = learned(pl.Series("x", pixels))
    (found,) = column.encode(series)
    np.testing.assert_array_equal(found[[0, 1, 3, 4, 5], ..., 0], pixels[[0, 1, 3, 4, 5]])
    assert (found[2] == 1).all(), "a black picture is not a missing one"
    np.testing.assert_array_equal(pixels[2], 0)


def test_channels_first_is_turned() -> None:
    pixels = DRAW.integers(0, 256, (6, 3, 16, 20), dtype=np.uint8)
    column, series = learned(pl.Series("x", pixels))
    np.testing.assert_array_equal(column.encode(series)[0], np.moveaxis(pixels, 1, -1))


@pytest.mark.parametrize(("factor", "kind"), [(1 / 255, np.float64), (257, np.uint16), (1, np.int64), (1, np.float32)])
def test_numbers_of_any_range_are_pixels(factor: float, kind: type) -> None:
    pixels = DRAW.integers(0, 256, (6, 16, 20), dtype=np.uint8)
    pixels[0, 0, 0] = 255
    column, series = learned(pl.Series("x", (pixels * np.float64(factor)).astype(kind)))
    np.testing.assert_array_equal(column.encode(series)[0][..., 0], pixels)


def test_proportions_are_kept_and_the_rim_is_repeated() -> None:
    wide = np.full((8, 32, 1), 200, np.uint8)
    wide[0], wide[-1] = 50, 90
    found = encoded(file_of(wide[..., 0]), size=32)
    assert found.shape == (32, 32, 1)
    np.testing.assert_array_equal(found[12:20], wide)
    assert (found[:12] == 50).all()
    assert (found[20:] == 90).all()


def test_grey_is_found_where_it_is_stored_in_colour() -> None:
    grey = DRAW.integers(0, 256, (16, 16), dtype=np.uint8)
    column, series = learned([file_of(np.stack([grey] * 3, axis=-1))] * 3)
    np.testing.assert_array_equal(column.encode(series)[0][0, ..., 0], grey)
    assert learned([file_of(grey)] * 3, channels=3)[0].parts[0].shape("picture", {})[0] == 3


def test_modes_of_files() -> None:
    base = PIL.Image.fromarray(np.full((16, 16, 3), (204, 102, 51), np.uint8))
    for mode, form in (
        ("CMYK", "JPEG"),
        ("YCbCr", "JPEG"),
        ("P", "GIF"),
        ("RGB", "WEBP"),
        ("RGB", "BMP"),
        ("P", "PNG"),
    ):
        found = encoded(file_of(base.convert(mode), form), channels=3)
        assert np.abs(found.astype(int) - (204, 102, 51)).max() < 12, (mode, form)
    deep = np.full((16, 16), 40_000, np.uint16)
    assert (encoded(file_of(deep)) == round(40_000 / 257)).all()
    assert (encoded(file_of(deep, "TIFF")) == round(40_000 / 257)).all()
    assert (encoded(file_of(np.ones((16, 16), bool))) == 255).all()
    clear = np.zeros((16, 16, 4), np.uint8)
    clear[4:12, 4:12] = (10, 20, 30, 255)
    found = encoded(file_of(clear), channels=3)
    assert found[0, 0].tolist() == [255, 255, 255], "what is transparent is white"
    assert found[8, 8].tolist() == [10, 20, 30]


def test_photographs_stand_upright() -> None:
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:, :12], pixels[:, 12:] = 250, 60
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right to view
    column, series = learned([file_of(pixels, "JPEG", exif=exif)] * 3)
    assert column.parts[0].shape("picture", {}) == (1, 24, 16)
    found = column.encode(series)[0][0, ..., 0]
    assert found[:10].min() > 200
    assert found[14:].max() < 100


# -- damage and malice


def test_hostile_files_are_counted_and_valid_ones_load() -> None:
    paths = [str(shared_data("hostile", name)) for name in (*HOSTILE, *VALID)]
    for cells in (paths, [Path(path).read_bytes() for path in paths]):
        column, series = learned(cells)
        (found,) = column.encode(series)
        assert found.reshape(6, -1).any(axis=1).tolist() == [False] * 4 + [True] * 2
        assert column.malformed(series).tolist() == [True] * 4 + [False] * 2
        assert Image(name="x").malformed(series).tolist() == [True] * 4 + [False] * 2


def test_a_declared_size_allocates_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(shared_data("hostile", HOSTILE[0]))
    for limit in (PIL.Image.MAX_IMAGE_PIXELS, None):  # our own limit holds without Pillow's
        monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", limit)
        monkeypatch.setattr(PIL.Image.core, "new", lambda *_: pytest.fail("a picture was allocated"))
        column = Image(name="x")
        assert column.malformed(pl.Series([path])).tolist() == [True]
        assert column.show(Path(path).read_bytes()) == "unreadable picture"


def test_only_regular_files_of_known_formats_are_opened(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "drawing.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    cells = [*(str(tmp_path / n) for n in ("pipe.png", "drawing.png", "none.png", "")), "/dev/zero", "a\0b.png"]
    assert Image(name="x").malformed(pl.Series(cells)).all()
    assert not Image(name="x").malformed(pl.Series([None, "", " "])).any()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"]), st.data())
def test_damaged_files_never_crash(form: str, data: st.DataObject) -> None:
    content = bytearray(file_of(np.arange(300, dtype=np.uint8).reshape(10, 10, 3), form))
    for place, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)
    ):
        content[place] = byte
    cells = pl.Series([bytes(content[: data.draw(st.integers(0, len(content)))])])
    column = Image(name="x")
    (found,) = column.encode(cells)
    assert found.any() == (not column.malformed(cells)[0])


def test_files_are_read_once_for_two_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    column, series = learned([file_of(np.ones((9, 9), np.uint8)), b"none", None])
    column.encode(series)
    monkeypatch.setattr(pictures, "pixels", lambda *_: pytest.fail("opened again"))
    assert column.malformed(series.clone()).tolist() == [False, True, False]


def test_many_pictures_lie_in_a_file_that_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pictures.tempfile, "tempdir", str(tmp_path))
    column, series = learned([file_of(DRAW.integers(0, 256, (16, 16, 3), dtype=np.uint8)) for _ in range(80)])
    (expected,) = column.encode(series)
    monkeypatch.setattr(pictures, "IN_MEMORY", 1000)
    (found,) = column.encode(series)
    assert not list(tmp_path.iterdir())
    assert found.flags.writeable
    np.testing.assert_array_equal(found, expected)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pictures.os, "posix_fallocate", full)
    with pytest.raises(DataError, match="80 pictures of 16 x 16"):
        column.encode(series)


# -- features, people, state


def test_features_tell_real_faces_apart() -> None:
    with zipfile.ZipFile(shared_data("att_faces", "faces_png.zip")) as faces:
        names = [
            name for name in faces.namelist() if name.endswith(".png") and int(name.split("s")[-1].split("/")[0]) <= 10
        ]
        cells = pl.Series("face", [faces.read(name) for name in names])
    person = np.array([name.split("/")[-2] for name in names])
    fifth = np.array([name.split("/")[-1] in ("5.png", "6.png") for name in names])
    column = Image(name="face")
    column.learn(cells.filter(pl.Series(~fifth)))
    assert column.parts[0].shape("picture", {}) == (1, 112, 92)
    found = column.features(column.encode(cells))
    assert found.values.shape == (100, 33)
    assert found.names[:2] == ["face, brightness", "face, component 1"]
    apart = np.linalg.norm(found.values[fifth][:, None] - found.values[~fifth][None], axis=2)
    assert (person[~fifth][apart.argmin(axis=1)] == person[fifth]).mean() > 0.8


def test_features_of_missing_pictures_are_missing() -> None:
    column, series = learned([file_of(DRAW.integers(0, 256, (9, 9, 3), dtype=np.uint8)) for _ in range(5)] + [None])
    values = column.features(column.encode(series)).values
    assert np.isnan(values[-1]).all()
    assert np.isfinite(values[:-1]).all()


def test_mean_and_deviation_are_those_of_the_pixels() -> None:
    pixels = DRAW.integers(0, 256, (7, 16, 16, 3), dtype=np.uint8)
    (part,) = learned(pl.Series(pixels))[0].parts
    np.testing.assert_allclose(part.mean, pixels.mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(part.deviation, pixels.std(axis=(0, 1, 2)))


def test_shown_and_sent() -> None:
    data = file_of(np.ones((9, 12), np.uint8))
    column, series = learned([data, None])
    assert [column.show(value) for value in (data, "photos/1.png", None, np.ones((9, 12)).tolist(), b"?")] == [
        "picture, 12 x 9",
        "1.png",
        "missing",
        "picture, 12 x 9",
        "unreadable picture",
    ]
    assert column.to_json(data).startswith("data:")
    assert column.from_json(column.to_json(data)) == data
    assert column.from_json("data:image/png;base64,!") == "data:image/png;base64,!"
    assert column.from_json("photos/1.png") == "photos/1.png"
    summary = column.summary(series)
    assert (summary["missing"], summary["height"], summary["width"], sum(summary["counts"])) == (1, 9, 12, 1)


@pytest.mark.parametrize("options", [{"size": 7}, {"size": (8, 8, 8)}, {"size": (8, 2000)}, {"channels": 2}])
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match="an image's"):
        Image(**options)


def test_a_state_of_another_size_is_refused() -> None:
    json, arrays = learned(pl.Series(DRAW.integers(0, 256, (7, 16, 12), dtype=np.uint8)))[0].to_state()
    for entry, value in (("shape", [16, 12, 3]), ("shape", [4096, 12, 1]), ("mean", [1.0, 2.0]), ("scale", 0.0)):
        with pytest.raises(ModelFileError, match=entry if entry != "shape" else "mean|shape"):
            Image.from_state(json | {entry: value}, arrays)
