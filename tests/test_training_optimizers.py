from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from mapsto.errors import OptionError
from mapsto.training import muon
from mapsto.training.muon import Muon, orthogonalized
from mapsto.training.optimizers import OPTIMIZERS, build, decay_groups


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 32), nn.Linear(32, 1))


def loss_after(name: str, steps: int, rate: float) -> tuple[float, float]:
    module = network()
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
    y = x.sum(1, keepdim=True)
    found = build(name, module, module.parameters(), rate=rate, weight_decay=0.0, momentum=0.9)
    losses = []
    for _ in range(steps):
        loss = (module(x) - y).square().mean()
        loss.backward()
        for optimizer in found:
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
    return losses[0], losses[-1]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_descends(name):
    first, last = loss_after(name, 80, 0.01)
    assert last < 0.5 * first


@pytest.mark.parametrize(
    "name, expected",
    [
        ("sgd", 1 - 0.1 * 2),
        ("momentum", 1 - 0.1 * 2),
        ("nesterov", 1 - 0.1 * (2 + 0.9 * 2)),
        ("adagrad", 1 - 0.1),
        ("rmsprop", 1 - 0.1 / math.sqrt(0.01)),
        ("adam", 1 - 0.1),
        ("adamw", 1 - 0.1),
    ],
)
def test_first_step_on_a_parabola(name, expected):
    module = nn.Linear(1, 1, bias=False)
    nn.init.ones_(module.weight)
    (optimizer,) = build(name, module, module.parameters(), rate=0.1, weight_decay=0.0, momentum=0.9)
    module.weight.square().sum().backward()
    optimizer.step()
    assert module.weight.item() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_only_matrices_decay():
    module = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2), nn.LayerNorm(2), nn.Conv1d(2, 2, 3))
    decaying, rest = decay_groups(module, module.parameters(), 0.1)
    names = {id(p): name for name, p in module.named_parameters()}
    assert {names[id(p)] for p in decaying["params"]} == {"1.weight", "3.weight"}
    assert rest["weight_decay"] == 0.0


def test_muon_takes_hidden_matrices_only():
    module = network()
    muon, adamw = build("muon", module, module.parameters(), rate=0.01, weight_decay=0.1, momentum=0.9)
    assert [p.shape for group in muon.param_groups for p in group["params"]] == [(32, 32)]
    assert sum(len(group["params"]) for group in adamw.param_groups) == 7


def test_muon_takes_a_kernel_for_the_matrix_that_it_is():
    kernel, matrix = (
        nn.Parameter(torch.linspace(-1, 1, 20 * 27).reshape(shape)) for shape in ((20, 3, 3, 3), (20, 27))
    )
    gradient = torch.randn(20, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    # As the gradients of convolutions over channels-last pictures lie.
    kernel.grad, matrix.grad = gradient.to(memory_format=torch.channels_last), gradient.flatten(1)
    for parameter in (kernel, matrix):
        Muon([parameter], lr=0.1).step()
    assert torch.equal(kernel.flatten(1), matrix)
    module = nn.Sequential(nn.Conv2d(3, 20, 3), nn.Conv2d(1, 20, 3), nn.Conv1d(20, 20, 3))
    muon, _ = build("muon", module, module.parameters(), rate=0.01, weight_decay=0.1, momentum=0.9)
    assert [p.shape for group in muon.param_groups for p in group["params"]] == [(20, 3, 3, 3)]


@pytest.mark.parametrize("shape", [(16, 16), (24, 60), (60, 24)])
def test_orthogonalized_is_near_the_polar_factor(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalized(matrix)
    assert torch.linalg.svdvals(found).sub(1).abs().max() < 0.5
    assert torch.linalg.svdvals(u.T @ found @ v.T).sub(1).abs().max() < 0.5
    assert torch.nn.functional.cosine_similarity(found.flatten(), (u @ v).flatten(), dim=0) > 0.95


def test_muon_agrees_with_pytorchs_own():
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    mine, theirs = (nn.Parameter(torch.linspace(-1, 1, 512).reshape(16, 32)) for _ in range(2))
    ours = Muon([mine], lr=0.02)
    reference = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    for seed in range(3):
        gradient = torch.randn(16, 32, generator=torch.Generator().manual_seed(seed))
        mine.grad, theirs.grad = gradient.clone(), gradient.clone()
        ours.step()
        reference.step()
    assert (mine - theirs).abs().max() < 0.02 * 0.2 * 32**0.5 * 0.1  # theirs computes in bfloat16


def test_wrong_settings_are_named():
    module = network()
    with pytest.raises(OptionError, match="expected one of sgd"):
        build("lion", module, module.parameters(), rate=0.1, weight_decay=0.0, momentum=0.9)
    with pytest.raises(OptionError, match="momentum above 0"):
        build("nesterov", module, module.parameters(), rate=0.1, weight_decay=0.0, momentum=0.0)
    with pytest.raises(OptionError, match="nothing to train"):
        build("sgd", module, [], rate=0.1, weight_decay=0.0, momentum=0.9)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_only_matrices_decay_whatever_the_optimizer(name):
    module = network()
    found = build(name, module, module.parameters(), rate=0.1, weight_decay=0.3, momentum=0.9)
    decay = {id(p): group["weight_decay"] for one in found for group in one.param_groups for p in group["params"]}
    names = {name: decay[id(p)] for name, p in module.named_parameters()}
    linear = [f"{at}.weight" for at, layer in enumerate(module) if isinstance(layer, nn.Linear)]
    assert names == {name: 0.3 if name in linear else 0.0 for name in names}


@pytest.mark.parametrize(("side", "kind"), [(32, torch.float32), (128, torch.bfloat16)])
def test_wide_matrices_are_orthogonalised_in_bfloat16_where_that_is_fast(monkeypatch, side, kind):
    seen = []
    monkeypatch.setattr(muon, "multiplies_bfloat16", lambda device: True)
    monkeypatch.setattr(muon, "orthogonalized", lambda matrix: seen.append(matrix.dtype) or matrix)
    layer = nn.Linear(side, side, bias=False)
    (optimizer,) = build("muon", layer, layer.parameters(), rate=0.1, weight_decay=0.0, momentum=0.9)
    layer(torch.ones(2, side)).sum().backward()
    optimizer.step()
    assert seen == [kind]
    assert layer.weight.dtype == torch.float32
