"""What lies between a column of pictures and its network."""

from __future__ import annotations

import pytest
import torch

from mapsto.errors import OptionError
from mapsto.networks.base import Encoding
from mapsto.networks.blocks.pictures import Augmentation, PictureFront, erased, relit, rotated, shifted

BYTES = torch.randint(1, 256, (64, 12, 10, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def front(**augmentation: float) -> PictureFront:
    return PictureFront([100.0, 120.0, 140.0], [50.0, 60.0, 70.0], Augmentation(**augmentation))


def test_standardised_and_channels_last() -> None:
    (x,) = front(flip=True, shift=0.2, erase=0.5, rotate=30, brightness=0.3).eval()(BYTES)
    assert x.shape == (64, 3, 12, 10)
    assert x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(x[:, 1], (BYTES[..., 1].float() - 120) / 60)


@pytest.mark.parametrize("training", [True, False])
def test_a_missing_picture_is_the_mean_one(*, training: bool) -> None:
    every = BYTES.clone()
    every[5] = 0
    (x,) = front(flip=True, shift=0.2, erase=0.5, rotate=30, brightness=0.3).train(training)(every)
    assert (x[5] == 0).all()
    assert (x[6] != 0).any()


def test_flips_half_of_the_pictures() -> None:
    found = shifted(BYTES, 0.0, flip=True)
    flipped = (found == BYTES.flip(2)).flatten(1).all(1)
    assert torch.equal(flipped, ~(found == BYTES).flatten(1).all(1))
    assert 15 < int(flipped.sum()) < 49


def test_shifts_by_whole_pixels_and_mirrors_the_rim() -> None:
    line = torch.arange(1, 11, dtype=torch.uint8).view(1, 1, 10, 1).expand(200, 3, 10, 1)
    found = shifted(line, 0.2, flip=False)[:, 0, :, 0]
    expected = {
        tuple(row.tolist())
        for row in torch.tensor(
            [[3, 2, *range(1, 9)], [2, *range(1, 10)], [*range(1, 11)], [*range(2, 11), 9], [*range(3, 11), 9, 8]]
        )
    }
    assert {tuple(row.tolist()) for row in found} == expected


def test_rotation_keeps_the_middle_and_turns_by_at_most_so_much() -> None:
    x = torch.zeros(100, 1, 33, 33)
    x[:, :, 16, 8:25] = 1.0
    found = rotated(x, 20.0)
    assert found[:, 0, 16, 16].min() > 0.9
    assert found[:, 0, 16, 24].min() < 0.1
    rows = found[:, 0, :, 23].argmax(dim=1) - 16
    assert rows.abs().max() <= 3
    assert rows.unique().numel() > 4
    torch.testing.assert_close(rotated(x, 0.0), x, atol=1e-4, rtol=0)


def test_erased_is_a_rectangle_of_at_most_so_much() -> None:
    gone = (erased(torch.ones(200, 1, 20, 30), 0.25) == 0)[:, 0]
    share = gone.float().mean(dim=(1, 2))
    assert share.max() <= 0.25 + 0.05
    assert share.max() > 0.15
    rows, columns = gone.any(dim=2), gone.any(dim=1)
    assert torch.equal(gone, rows[:, :, None] & columns[:, None, :])
    assert (rows.int().diff(dim=1).abs().sum(dim=1) <= 2).all(), "without holes"


def test_light_is_linear_in_each_picture() -> None:
    found = []
    for value in (1.0, 0.0):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            found.append(relit(torch.full((50, 3, 4, 4), value), 0.5))
    slope, offset = found
    assert (offset.flatten(1).std(dim=1) < 1e-6).all()
    assert offset.abs().max() <= 0.5
    assert (slope - offset - 1).abs().max() <= 0.5 + 1e-6
    assert slope.flatten(1)[:, 0].unique().numel() > 40


def test_repeats_with_the_seed() -> None:
    made = front(flip=True, shift=0.2, erase=0.5, rotate=30, brightness=0.3).train()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first = made(BYTES)[0]
        torch.manual_seed(3)
        assert torch.equal(first, made(BYTES)[0])
        assert not torch.equal(first, made(BYTES)[0])


def test_chosen_by_the_encoding() -> None:
    usual = Encoding().to_json()
    assert not Augmentation.chosen(usual).flip
    assert Augmentation.chosen(usual | {"picture_flip": "yes"}).flip
    assert Augmentation.chosen(usual | {"picture_erase": 0.3}).erase == 0.3
    with pytest.raises(OptionError, match="picture_shift"):
        Augmentation.chosen(usual | {"picture_shift": 3.0})
