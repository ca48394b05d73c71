"""Video: stacks of frames, files, what classical learners and networks get of movement."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import PIL.Image
import polars as pl
import pytest
import torch

from mapsto import metrics
from mapsto.columns import Category, Image, Video
from mapsto.columns.common.parts import Ragged
from mapsto.columns.common.pixels import UNREADABLE
from mapsto.composition import Composition
from mapsto.errors import ColumnRefused, MissingExtra, OptionError
from mapsto.members.network import Network
from mapsto.networks.blocks.clips import ClipFront, FramesFront
from mapsto.networks.blocks.ragged import RaggedTensor
from mapsto.schema import Schema
from mapsto.tensors import to_tensors
from small_tables import work

WAYS = {"right": (0, 1), "left": (0, -1), "down": (1, 0), "up": (-1, 0)}


def moving(rows: int, frames: int = 5, side: int = 16, seed: int = 0) -> pl.DataFrame:
    """A bright square that moves in one of four ways; where it starts says nothing of the way."""
    draw = np.random.default_rng(seed)
    names = draw.choice(list(WAYS), rows)
    clips = draw.integers(0, 30, (rows, frames, side, side)).astype(np.uint8)
    for clip, name in zip(clips, names, strict=True):
        place, step = draw.integers(5, side - 8, 2), np.array(WAYS[name])
        for frame in range(frames):
            top, left = place + step * frame
            clip[frame, top : top + 3, left : left + 3] = 220
    return pl.DataFrame({"clip": clips, "way": names})


def written(path: Path, clip: np.ndarray, rate: int = 10) -> Path:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = clip.shape[2], clip.shape[1], "yuv420p"
        for frame in clip:
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def test_stacks_are_claimed_as_clips_and_pictures_are_not() -> None:
    frame = moving(30)
    assert "5 frames of 16 x 16" in Video.claim(frame["clip"], name="x").reason
    schema = Schema.claim(frame, targets=["way"])
    assert [column.type for column in schema.inputs] == ["video"]
    pictures = pl.Series("x", np.zeros((20, 16, 16, 3), np.uint8) + 9)
    assert Image.claim(pictures, name="x").type == "image"
    for cells in (pictures.arr.get(0), pl.Series(["a", "b"]), pl.Series([[1.0]])):
        with pytest.raises(ColumnRefused):
            Video.claim(cells, name="x")


def test_grey_and_colour_lists_and_arrays_and_lengths() -> None:
    clips = np.random.default_rng(0).integers(0, 256, (12, 5, 8, 10, 3)).astype(np.uint8)
    column = Video(name="x")
    column.learn(pl.Series("x", clips))
    (found,) = column.encode(pl.Series("x", clips))
    assert np.array_equal(found.values, clips.reshape(60, 8, 10, 3))
    lists = pl.Series(
        "x", [clips[0].tolist(), clips[1, :2].tolist(), None], dtype=pl.List(pl.Array(pl.UInt8, (8, 10, 3)))
    )
    (again,) = column.encode(lists)
    assert np.diff(again.offsets).tolist() == [5, 2, 0]
    assert np.array_equal(again.values, np.concatenate([clips[0], clips[1, :2]]))
    assert column.parts[0].shape("clip", {}) == (5, 3, 8, 10)


def test_long_clips_are_thinned_out_evenly() -> None:
    clips = np.arange(20, dtype=np.uint8)[None, :, None, None] + np.full((3, 20, 8, 8), 1, np.uint8)
    column = Video(frames=5, name="x")
    column.learn(pl.Series("x", clips))
    (found,) = column.encode(pl.Series("x", clips))
    assert found.values[:5, 0, 0, 0].tolist() == [1, 5, 9, 13, 17]
    with pytest.raises(OptionError, match="frames"):
        Video(frames=0)
    with pytest.raises(OptionError, match="size"):
        Video(size=1)


def test_files_are_read_like_stacks(tmp_path: Path) -> None:
    clip = np.repeat(np.linspace(20, 230, 40).astype(np.uint8), 32 * 48 * 3).reshape(40, 32, 48, 3)
    path = written(tmp_path / "a.mp4", clip)
    cells = pl.Series("x", [str(path), str(tmp_path / "none.mp4"), None, str(tmp_path)])
    assert "48 x 32" in Video.claim(cells[[0, 0, 2]], name="x").reason
    column = Video(frames=8, name="x")
    column.learn(cells)
    (found,) = column.encode(cells)
    assert isinstance(found, Ragged)
    assert np.diff(found.offsets).tolist() == [8, 0, 0, 0]
    assert found.values.shape[1:] == (32, 48, 1)
    assert np.abs(found.values.mean(axis=(1, 2, 3)) - np.linspace(20, 230, 8)).max() < 15
    assert column.malformed(cells).tolist() == [False, True, False, True]
    (data,) = column.encode(pl.Series("x", [path.read_bytes()]))
    assert np.array_equal(data.values, found.values)


def test_files_that_name_other_files_or_are_damaged_are_unreadable(tmp_path: Path) -> None:
    from mapsto.columns.common.clips import size_of

    good = written(tmp_path / "a.mp4", np.full((6, 32, 32, 3), 99, np.uint8))
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{good}\n#EXT-X-ENDLIST\n")
    joined = tmp_path / "joined.mp4"
    joined.write_text(f"ffconcat version 1.0\nfile {good.name}\n")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(good.read_bytes()[:200])
    for source in (
        str(playlist),
        str(joined),
        playlist.read_bytes(),
        str(cut),
        b"",
        b"\x00" * 99,
        "/dev/zero",
        str(tmp_path),
    ):
        with pytest.raises(UNREADABLE):
            size_of(source)


def test_a_missing_optional_part_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r"mapsto\[video\]"):
        Video.claim(pl.Series([str(tmp_path / "a.mp4")]), name="x")


def test_features_tell_the_way() -> None:
    frame = moving(200)
    column = Video(name="clip")
    column.learn(frame["clip"])
    found = column.features(column.encode(frame["clip"]))
    values, way = found.values, frame["way"].to_numpy()
    across, down = (values[:, found.names.index(f"clip, middle {axis}, slope")] for axis in ("across", "down"))
    guess = np.where(
        np.abs(across) > np.abs(down), np.where(across > 0, "right", "left"), np.where(down > 0, "down", "up")
    )
    assert (guess == way).mean() > 0.95
    assert np.isnan(column.features(column.encode(pl.Series("clip", [None, None]))).values[:, 1:]).all()


def test_frames_become_a_sequence() -> None:
    front = FramesFront(ClipFront(100.0, 50.0), 1, 6)
    values = torch.randint(0, 255, (5, 9, 9, 1), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    x, lengths = front(RaggedTensor(values, torch.tensor([0, 3, 3, 5])))
    assert x.shape == (3, 3, 6)
    assert lengths.tolist() == [3, 0, 2]
    assert torch.allclose(x[2, :2], front.read((values[3:].permute(0, 3, 1, 2).float() - 100) / 50), atol=1e-5)
    nothing, none = front(RaggedTensor(values[:0], torch.tensor([0, 0])))
    assert nothing.shape == (1, 1, 6)
    assert none.tolist() == [0]


def test_a_network_learns_the_way() -> None:
    frame = moving(260)
    schema = Schema([Video(name="clip")], [Category(name="way")])
    schema.learn(frame)
    rows = schema.encode(frame, truth=True)
    given = work({"sold": "category"}, learning={"epochs": 8, "batch_size": 32}, networks={"convlstm": {"width": 12}})
    given.schema, given.metrics = schema, {"way": metrics.get("accuracy", "classification")}
    given.train, given.valid = rows.take(np.arange(200)), rows.take(np.arange(200, 260))
    member = Network("convlstm").fit(given)
    assert (member.predict(given.valid)["way"].argmax(axis=1) == given.valid.truth["way"]).mean() > 0.9
    other = Composition.build(schema, "gru", rows=200, options={"width": 4}).eval()
    assert other(to_tensors(given.valid))["way"].shape == (60, 1, 4)


def test_lists_of_pictures_are_read_as_a_set(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    cells, labels = [], []
    for row in range(40):
        bright = row % 2
        paths = [tmp_path / f"{row}-{each}.png" for each in range(1 + row % 3)]
        for path in paths:
            PIL.Image.fromarray(draw.integers(0, 60, (12, 10), np.uint8) + 150 * bright).save(path)
        cells.append([str(path) for path in paths])
        labels.append("light" if bright else "dark")
    frame = pl.DataFrame({"photos": cells, "label": labels})
    schema = Schema.claim(frame, targets=["label"])
    (column,) = schema.inputs
    assert column.type == "video"
    assert column.reason == "lists of 2 pictures, 10 x 12 pixels"
    schema.learn(frame)
    (part,) = column.parts
    assert part.network == "bag"
    assert np.diff(column.encode(frame["photos"])[0].offsets).tolist() == [len(cell) for cell in cells]
    assert column.show(cells[2]) == "3 pictures"
    unread = pl.Series("photos", [[str(tmp_path / "none.png")], [], None])
    assert column.malformed(unread).tolist() == [True, False, False]
    composed = Composition.build(schema, "bag", rows=40, encoding={"sense_width": 8})
    backwards = frame.with_columns(pl.col("photos").list.reverse())
    a, b = (composed.predict_numpy(schema.encode(each))["label"] for each in (frame, backwards))
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_lists_of_words_are_no_pictures() -> None:
    words = pl.Series("tags", [["a", "b"], ["b"]] * 20)
    with pytest.raises(ColumnRefused, match="does not end like"):
        Video.claim(words, name="tags")
