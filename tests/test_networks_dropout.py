"""Dropout: a share of the units is silenced, the mean stays, and all of it follows from PyTorch's generator."""

from __future__ import annotations

import pytest
import torch

from mapsto.networks.blocks.dropout import Dropout, dropout

UNITS = 200_000


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3, 0.5, 0.95])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_silences_the_share_and_keeps_the_mean(share: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    y = dropout(torch.ones(UNITS, dtype=dtype), share)
    assert y.dtype == dtype
    silent = (y == 0).float().mean().item()
    spread = (share * (1 - share) / UNITS) ** 0.5
    assert abs(silent - share) < 1 / 512 + 4 * spread
    assert y.float().mean().item() == pytest.approx(1.0, abs=0.005 + 4 * spread / (1 - share))
    assert len(y.unique()) == 2


def test_units_are_silenced_independently_of_their_neighbours() -> None:
    """Eight of them share a draw; none may tell of another."""
    torch.manual_seed(0)
    silent = (dropout(torch.ones(UNITS), 0.5) == 0).float().view(-1, 8) - 0.5
    alike = silent.t() @ silent / len(silent)
    assert (alike - 0.25 * torch.eye(8)).abs().max() < 4 * 0.25 / len(silent) ** 0.5


def test_follows_from_the_generator_and_differs_between_calls() -> None:
    x = torch.ones(1_000)
    torch.manual_seed(1)
    first, second = dropout(x, 0.2), dropout(x, 0.2)
    torch.manual_seed(1)
    assert torch.equal(dropout(x, 0.2), first)
    assert not torch.equal(first, second)


def test_the_gradient_passes_where_the_unit_did() -> None:
    x = torch.randn(64, 32, requires_grad=True)
    y = dropout(x, 0.25)
    y.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad * x.detach(), y.detach())


@pytest.mark.parametrize(
    "x", [torch.ones(3, 5).t(), torch.ones(4, 1).expand(4, 7), torch.ones(0, 3), torch.tensor(2.0)]
)
def test_any_shape_is_kept_and_the_input_untouched(x: torch.Tensor) -> None:
    before = x.clone()
    assert dropout(x, 0.5).shape == x.shape
    assert torch.equal(x, before)


def test_shares_below_what_a_byte_tells_are_silenced_too() -> None:
    torch.manual_seed(0)
    silent = (dropout(torch.ones(UNITS), 0.001) == 0).float().mean().item()
    assert 0.0005 < silent < 0.0015


def test_the_layer_is_active_in_training_only() -> None:
    layer, x = Dropout(0.5), torch.ones(1_000)
    assert (layer(x) == 0).any()
    assert layer.eval()(x) is x
    assert Dropout(0.0)(x) is x


@pytest.mark.parametrize("share", [0.999, 1.0])
def test_nearly_all_or_all_may_be_silenced(share: float) -> None:
    torch.manual_seed(0)
    assert (dropout(torch.ones(UNITS), share) == 0).float().mean().item() > 0.998
