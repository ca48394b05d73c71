from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mapsto.errors import OptionError
from mapsto.networks.base import DataSize
from mapsto.networks.convnet import Convnet


def test_by_hand() -> None:
    network = Convnet(2, Convnet.Config(height=8, width=12, stages=2, filters=3, hidden=5)).eval()
    x = torch.randn(4, 2, 8, 12)
    first, second, last = network.stages[0], network.stages[3], network.connected[1]
    h = F.max_pool2d(F.relu(F.conv2d(x, first.weight, first.bias, padding=1)), 2)
    h = F.max_pool2d(F.relu(F.conv2d(h, second.weight, second.bias, padding=1)), 2)
    assert h.shape == (4, 6, 2, 3)
    torch.testing.assert_close(network(x), F.relu(F.linear(h.flatten(1), last.weight, last.bias)))


@pytest.mark.parametrize(
    ("shape", "stages"), [((1, 28, 28), 3), ((3, 32, 32), 3), ((3, 8, 8), 1), ((1, 112, 92), 4), ((3, 128, 128), 5)]
)
def test_stages_follow_the_size(shape: tuple[int, ...], stages: int) -> None:
    config = Convnet.Config.for_data(DataSize(1_000, 1, 10, shape=shape))
    assert config.stages == stages
    assert Convnet(shape[0], config)(torch.zeros(2, *shape)).shape == (2, config.hidden)


def test_too_many_stages_are_refused() -> None:
    with pytest.raises(OptionError, match="4 stages need sides of 16"):
        Convnet.Config(height=15, stages=4)
