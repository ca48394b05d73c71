from __future__ import annotations

import pytest
import torch

from mapsto.networks.base import DataSize
from mapsto.networks.hog import HOG


def ramp(to_the_right: float, downwards: float) -> torch.Tensor:
    """Square roots of brightness that rise by so much a pixel."""
    place = torch.arange(20.0)
    return (0.5 + to_the_right * place + downwards * place[:, None]).square().expand(1, 1, 20, 20)


@pytest.mark.parametrize(
    ("right", "down", "expected"), [(0.01, 0.0, 0), (0.01, 0.01, 1), (0.0, 0.01, 2), (-0.01, 0.0, 4), (0.0, -0.01, 6)]
)
def test_gradients_count_for_the_direction_they_point_to(right: float, down: float, expected: int) -> None:
    network = HOG(1, HOG.Config(height=20, width=20, cells=5))
    much, share = network.look(ramp(right, down))[0, :400].view(2, 8, 25)
    inside = [6, 7, 8, 11, 12, 13, 16, 17, 18]
    assert (much[:, inside].argmax(dim=0) == expected).all()
    assert (share[expected, inside] > 0.9).all()


def test_shares_do_not_depend_on_contrast() -> None:
    network = HOG(1, HOG.Config(height=20, width=20, cells=5))
    faint, harsh = (network.look(ramp(step, step / 2))[0, 200:400] for step in (0.005, 0.02))
    torch.testing.assert_close(faint, harsh, atol=0.05, rtol=0)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 112, 92), (3, 8, 30), (3, 128, 64), (3, 8, 1024)])
def test_the_grid_follows_the_size(shape: tuple[int, int, int]) -> None:
    config = HOG.Config.for_data(DataSize(1_000, 3, 10, shape=shape), hidden=6)
    network = HOG(shape[0], config).eval()
    x = torch.rand(3, *shape, requires_grad=True)
    assert network.look(x).shape == (3, network.seen_features)
    network(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_black_pictures_have_finite_gradients() -> None:
    x = torch.zeros(2, 1, 28, 28, requires_grad=True)
    HOG(1, HOG.Config(height=28, width=28)).look(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_a_row_that_is_left_alone_can_be_learned_from() -> None:
    network = HOG(1, HOG.Config(height=28, width=28, hidden=8))
    assert network(torch.rand(1, 1, 28, 28)).isfinite().all()
