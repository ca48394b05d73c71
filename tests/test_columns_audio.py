"""Audio: reading recordings from anywhere, spectrograms, what networks and classical learners get."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
import torch

from conftest import shared_data
from mapsto.columns import Audio
from mapsto.columns.common import waves
from mapsto.columns.common.mel import centers, filters, spectrogram
from mapsto.columns.common.parts import Ragged
from mapsto.columns.common.sounds import MIDDLE, STEPS
from mapsto.columns.common.waves import header, readable, resampled, samples
from mapsto.composition import Composition
from mapsto.errors import ColumnRefused, DataError, OptionError
from mapsto.networks.base import Encoding
from mapsto.networks.blocks.frames import SoundFront, masked, placed
from mapsto.networks.blocks.ragged import RaggedTensor
from mapsto.schema import Schema
from mapsto.tensors import to_tensors


def tone(hertz: float, seconds: float = 0.5, rate: int = 8000) -> np.ndarray:
    found: np.ndarray = 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)
    return found


def coded(x: np.ndarray, rate: int = 8000, form: str = "WAV", kind: str | None = None) -> bytes:
    into = io.BytesIO()
    soundfile.write(into, x, rate, format=form, subtype=kind)
    return into.getvalue()


@cache
def digits(share: int = 10) -> pl.DataFrame:
    """Spoken digits of the Free Spoken Digit Dataset: every `share`-th recording."""
    with zipfile.ZipFile(shared_data("fsdd", "recordings.zip")) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".wav"))[::share]
        return pl.DataFrame(
            {"sound": [archive.read(name) for name in names], "digit": [name.split("/")[-1][0] for name in names]}
        )


@pytest.mark.parametrize(
    ("form", "kind", "tolerance"),
    [("WAV", "PCM_16", 1e-3), ("WAV", "FLOAT", 1e-6), ("WAV", "PCM_U8", 1e-2), ("FLAC", "PCM_24", 1e-5),
     ("AIFF", None, 1e-3), ("OGG", "VORBIS", 0.1), ("MP3", None, 0.2)],
)  # fmt: skip
def test_every_format_reads_alike(form: str, kind: str | None, tolerance: float, tmp_path: Path) -> None:
    x = tone(440, rate=16_000)
    data = coded(x, 16_000, form, kind)
    path = tmp_path / "sound.bin"
    path.write_bytes(data)
    for source in (data, str(path)):
        found = samples(source, 16_000, 9.0)[0]
        assert len(found) == pytest.approx(len(x), abs=2500 if form == "MP3" else 1)
        middle = slice(3000, 5000)
        error = min(
            np.abs(np.roll(found, -shift)[middle] - x[middle]).max() for shift in range(1300 if form == "MP3" else 1)
        )
        assert error < tolerance


def test_channels_are_averaged_and_time_is_cut() -> None:
    both = np.stack([tone(300), np.zeros(4000)], axis=1)
    assert samples(coded(both, kind="FLOAT"), 8000, 9.0)[0] == pytest.approx(tone(300) / 2, abs=1e-6)
    long = coded(np.tile(tone(300), 60), kind="FLOAT")
    assert len(samples(long, 8000, 1.0)[0]) <= 8000 + waves._BLOCK
    assert header(long, 1) == (8000, 30.0)


def test_resampling_keeps_low_tones_and_removes_high_ones() -> None:
    low, high = (resampled(tone(hertz, rate=16_000).astype(np.float32), 16_000, 8000) for hertz in (1000, 6000))
    assert len(low) == 4000
    assert np.abs(low[500:3500] - tone(1000)[500:3500]).max() < 0.01
    assert np.abs(high[500:3500]).max() < 0.01


def test_hostile_recordings_are_read_as_far_as_they_go() -> None:
    paths = sorted(shared_data("hostile").glob("*.wav"))
    cells = pl.Series(
        "x", [*map(str, paths), None, " ", str(shared_data("hostile", "not_an_image.png")), "/dev/zero", "/"]
    )
    column = Audio(name="x")
    column.learn(cells)
    (sounds,) = column.encode(cells)
    frames = dict(zip([path.stem for path in paths], np.diff(sounds.offsets).tolist(), strict=False))
    seconds = 8000 / 8000
    assert frames == {
        "header_only": 0,
        "zero_byte": 0,
        "wrong_length_too_long": round(seconds * 100) - 2,
        "wrong_length_ffffffff": round(seconds * 100) - 2,
        "wrong_length_odd_cut": round(4500 / 80) - 2,
    }
    assert column.malformed(cells).tolist() == [path.stem in ("header_only", "zero_byte") for path in paths] + [
        False, False, True, True, True]  # fmt: skip


def test_reading_allocates_by_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A header that claims 4 GB is read in blocks; a recording that breaks off later keeps what came before."""
    data = bytearray(coded(tone(300, 20.0)))
    data[40:44] = b"\xff\xff\xff\xff"
    assert len(samples(bytes(data), 8000, 60.0)[0]) == 160_000
    flac = coded(np.random.default_rng(0).normal(0, 0.1, 400_000), form="FLAC")
    cut = flac[: len(flac) // 2]
    assert 0 < len(samples(cut, 8000, 60.0)[0]) < 300_000
    assert readable(cut)


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"RIFF" + b"\xff" * 99, b"fLaC" + bytes(50), b"ID3" + bytes(500), bytes(9999)]
)
def test_bytes_that_are_no_recording_are_unreadable(data: bytes) -> None:
    assert not readable(data)
    with pytest.raises(waves.UNREADABLE):
        samples(data, 8000, 1.0)


def test_changed_bytes_never_crash() -> None:
    draw = np.random.default_rng(0)
    for form in ("WAV", "FLAC", "OGG", "MP3"):
        data = np.frombuffer(coded(tone(500, 0.2, 16_000), 16_000, form), dtype=np.uint8)
        for _ in range(25):
            bent = data.copy()
            bent[draw.integers(0, min(len(bent), 200), 4)] = draw.integers(0, 256, 4)
            source = bent[: draw.integers(1, len(bent) + 1)].tobytes()
            if readable(source):
                assert len(samples(source, 8000, 1.0)[0])


# -- spectrograms


@pytest.mark.parametrize("rate", [500, 8000, 16_000, 44_100])
@pytest.mark.parametrize("bands", [8, 64, 200])
def test_every_band_hears_and_its_own_tone_most(rate: int, bands: int) -> None:
    weights = filters(rate, bands)
    assert (weights.max(axis=0) > 0.3).all()
    assert weights.min() >= 0
    if rate >= 8000 and bands <= 64:
        for band in (0, bands // 2, bands - 1):
            found = spectrogram(tone(centers(rate, bands)[band], 0.3, rate).astype(np.float32), rate, bands)
            assert found.mean(axis=0).argmax() == band


def test_twice_the_amplitude_is_six_decibels() -> None:
    soft, loud = (spectrogram((scale * tone(700)).astype(np.float32), 8000, 40).max() for scale in (0.5, 1.0))
    assert loud - soft == pytest.approx(np.log(4), rel=1e-3)
    assert spectrogram(np.zeros(10, np.float32), 8000, 40).shape == (1, 40)


def test_bands_are_standardised_and_missing_rows_empty() -> None:
    frame = digits()
    column = Audio.claim(frame["sound"], name="sound")
    column.learn(frame["sound"])
    (sounds,) = column.encode(frame["sound"])
    assert isinstance(sounds, Ragged)
    levels = (sounds.values.astype(float) - MIDDLE) / STEPS
    assert np.abs(levels.mean(axis=0)).max() < 0.05
    assert np.abs(levels.std(axis=0) - 1).max() < 0.05
    assert column._rate == 8000
    (part,) = column.parts
    assert part.shape("picture", {}) == (1, 64, part.frames)
    assert np.diff(sounds.offsets).min() > 0


def test_samples_need_a_rate_and_read_like_files() -> None:
    x = tone(600)
    column = Audio(rate=8000, name="x")
    column.learn(pl.Series([x.tolist()] * 3))
    (given,) = column.encode(pl.Series([x.tolist()]))
    (file,) = column.encode(pl.Series([coded(x, kind="FLOAT")]))
    assert np.array_equal(given.values, file.values)
    whole = Audio(rate=8000, name="x")
    cells = pl.Series([np.rint(x * 32_767).astype(int).tolist()] * 3)
    whole.learn(cells)
    assert np.abs(whole._mean - column._mean).max() < 0.1
    assert Audio(name="x").malformed(cells).all()
    with pytest.raises(OptionError, match="rate"):
        Audio(rate=3)
    with pytest.raises(OptionError, match="bands"):
        Audio(bands=0)


def test_claims_recordings_only(tmp_path: Path) -> None:
    path = tmp_path / "a.WAV"
    path.write_bytes(coded(tone(400)))
    assert "0.5 s" in Audio.claim(pl.Series([str(path), f" {path} "]), name="x").reason
    for cells in (
        pl.Series(["words"]),
        pl.Series([b"no"]),
        pl.Series([[1.0]]),
        pl.Series([1]),
    ):
        with pytest.raises(ColumnRefused):
            Audio.claim(cells, name="x")
    with pytest.raises(DataError, match="no file of column 'x' was found"):
        Audio.claim(pl.Series(["nowhere/a.wav"]), name="x")


def test_features_separate_spoken_digits() -> None:
    from sklearn.ensemble import RandomForestClassifier

    frame = digits(5)
    column = Audio(name="sound")
    column.learn(frame["sound"])
    values = column.features(column.encode(frame["sound"])).values
    label, odd = frame["digit"].to_numpy(), np.arange(len(frame)) % 2 == 1
    forest = RandomForestClassifier(60, random_state=0, n_jobs=1).fit(values[odd], label[odd])
    assert (forest.predict(values[~odd]) == label[~odd]).mean() > 0.8


# -- the front


def rows_of(lengths: list[int], bands: int = 4) -> RaggedTensor:
    offsets = torch.tensor([0, *np.cumsum(lengths)])
    values = torch.randint(1, 255, (int(offsets[-1]), bands), generator=torch.Generator().manual_seed(0))
    return RaggedTensor(values.to(torch.uint8), offsets)


def test_a_picture_holds_the_middle_and_zeros_around() -> None:
    sound = rows_of([3, 0, 9])
    (x,) = SoundFront(5, MIDDLE, STEPS, Encoding().to_json()).eval()(sound)
    assert x.shape == (3, 1, 4, 5)
    expected = (sound.values.float() - MIDDLE) / STEPS
    assert torch.equal(x[0, 0, :, 1:4], expected[:3].T)
    assert not x[0, 0, :, [0, 4]].any()
    assert not x[1].any()
    assert torch.equal(x[2, 0], expected[3 + 2 : 3 + 7].T)


def test_a_sequence_is_padded() -> None:
    x, lengths = SoundFront(None, MIDDLE, STEPS, Encoding().to_json()).eval()(rows_of([3, 0, 9]))
    assert x.shape == (3, 9, 4)
    assert lengths.tolist() == [3, 0, 9]
    assert not x[0, 3:].any()


def test_training_varies_each_row_and_leaves_what_is_missing() -> None:
    front = SoundFront(20, MIDDLE, STEPS, Encoding().to_json()).train()
    sound = rows_of([10, 0, 10])
    sound = RaggedTensor(torch.cat([sound.values[:10], sound.values[:10]]), sound.offsets)
    torch.manual_seed(0)
    (x,) = front(sound)
    (again,) = front(sound)
    assert not torch.equal(x, again)
    assert not torch.equal(x[0], x[2])
    assert not x[1].any()
    torch.manual_seed(0)
    assert torch.equal(front(sound)[0], x)


def test_shifts_stay_within_their_share_and_masks_too() -> None:
    sound = rows_of([10] * 50)
    torch.manual_seed(1)
    _, there = placed(sound, 20, 0.1)
    first = there.float().argmax(dim=1)
    assert set(first.tolist()) == {3, 4, 5, 6, 7}
    hidden = (masked(torch.ones(200, 40, 30), 0.1, 1) == 0).all(dim=2).sum(dim=1)
    assert 0 < int(hidden.max()) <= 2 * 5
    assert not (masked(torch.ones(9, 40, 30), 0.1, 2) == 0).all(dim=1).all(dim=1).any()


def test_networks_read_it_as_picture_and_as_sequence() -> None:
    frame = digits(30)
    schema = Schema.claim(frame, targets=["digit"])
    schema.learn(frame)
    assert [column.type for column in schema.inputs] == ["audio"]
    blocks = to_tensors(schema.encode(frame))
    for name, options in (("resnet", {"width": 4}), ("gru", {"width": 4}), ("perceptron", {"width": 4})):
        made = Composition.build(schema, name, rows=len(frame), options=options).eval()
        assert made(blocks)["digit"].shape == (len(frame), 1, 10)
