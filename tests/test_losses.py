"""Losses against torch's own or values worked out by hand; gradients at extremes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from mapsto import losses
from mapsto.errors import OptionError
from mapsto.losses import LOSSES

NEEDED = {"cost": {"costs": [[0.0, 1.0, 4.0], [5.0, 0.0, 1.0], [2.0, 2.0, 0.0]]}}


def make(name: str, **options: object) -> losses.Loss:
    return losses.get(name, LOSSES[name].task, **(NEEDED.get(name, {}) | options))


def data(name: str, rows: int = 50, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    task = LOSSES[name].task
    outputs = torch.randn(rows, 1 if task == "regression" else 3, generator=generator) * scale
    if task == "regression":
        return outputs, torch.randn(rows, generator=generator)
    if task == "classification":
        return outputs, torch.randint(0, 3, (rows,), generator=generator)
    return outputs, torch.randint(0, 2, (rows, 3), generator=generator).float()


@pytest.mark.parametrize("name", LOSSES)
def test_one_finite_value_a_row_with_finite_gradients_at_extremes(name: str) -> None:
    for scale in (0.0, 1.0, 100.0, 1e9):
        outputs, truth = data(name, scale=scale)
        outputs.requires_grad_()
        values = make(name)(outputs, truth)
        assert values.shape == (50,)
        assert values.isfinite().all()
        values.mean().backward()
        assert outputs.grad is not None
        assert outputs.grad.isfinite().all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_the_mean_is_that_of_the_rows(name: str, weighted: bool) -> None:
    options: dict[str, object] = {"class_weights": [0.5, 1.0, 4.0], "label_smoothing": 0.1}
    loss = make(name, **{key: options[key] for key in LOSSES[name].options if weighted and key in options})
    (outputs, truth), gradients = data(name), []
    for mean in (loss.mean, lambda *given: loss(*given).mean()):
        own = outputs.clone().requires_grad_()
        value = mean(own, truth)
        value.backward()
        gradients.append((value.detach(), own.grad))
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("name", LOSSES)
def test_a_better_output_costs_less(name: str) -> None:
    outputs, truth = data(name)
    if LOSSES[name].task == "regression":
        right = truth.unsqueeze(-1)
    elif LOSSES[name].task == "classification":
        right = F.one_hot(truth, 3).float() * 20
    else:
        right = (truth * 2 - 1) * 20
    halfway = (outputs + right) / 2
    loss = make(name)
    assert loss(right, truth).mean() < loss(halfway, truth).mean() < loss(outputs, truth).mean()


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "rmse"])
def test_a_row_counts_for_itself(name: str) -> None:
    outputs, truth = data(name)
    loss = make(name)
    torch.testing.assert_close(loss(outputs, truth)[7:9], loss(outputs[7:9], truth[7:9]))


def test_numbers_equal_torch() -> None:
    outputs, truth = data("mse")
    wide = truth.unsqueeze(-1)
    expected = {"mse": F.mse_loss, "mae": F.l1_loss}
    for name, function in expected.items():
        torch.testing.assert_close(make(name)(outputs, truth), function(outputs, wide, reduction="none").squeeze(-1))
    huber = F.huber_loss(outputs, wide, reduction="none", delta=0.5).squeeze(-1)
    torch.testing.assert_close(make("huber", delta=0.5)(outputs, truth), huber)


def test_rmse_has_the_value_and_the_gradient_of_the_root() -> None:
    outputs, truth = data("rmse")
    first, second = outputs.clone().requires_grad_(), outputs.clone().requires_grad_()
    value = make("rmse")(first, truth).mean()
    root = (second.squeeze(-1) - truth).square().mean().sqrt()
    torch.testing.assert_close(value, root)
    value.backward()
    root.backward()
    torch.testing.assert_close(first.grad, second.grad)


def test_rmse_of_perfect_outputs_is_zero_with_a_finite_gradient() -> None:
    truth = torch.tensor([1.0, 2.0])
    outputs = truth.unsqueeze(-1).clone().requires_grad_()
    value = make("rmse")(outputs, truth).mean()
    value.backward()
    assert value.item() == pytest.approx(0.0, abs=1e-9)
    assert (outputs.grad == 0).all()


def test_arctan_gives_up_on_outliers() -> None:
    values = make("arctan")(torch.tensor([[0.0], [1.0], [1e6]]), torch.zeros(3))
    torch.testing.assert_close(values, torch.tensor([0.0, math.pi / 4, math.pi / 2]))


def test_quantile_by_hand() -> None:
    values = make("quantile", quantile=0.9)(torch.tensor([[0.0], [3.0]]), torch.tensor([2.0, 2.0]))
    torch.testing.assert_close(values, torch.tensor([1.8, 0.1]))


@given(st.floats(0.05, 0.95), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_best_constant_under_pinball_is_the_quantile(level: float, seed: int) -> None:
    truth = torch.from_numpy(np.random.default_rng(seed).normal(size=201))  # float64: ties are told apart
    loss = losses.get("quantile", "regression", quantile=level)
    costs = torch.stack([loss(guess.expand(201, 1), truth).mean() for guess in truth])
    best = truth[costs.argmin()]
    assert (truth < best).double().mean() <= level + 1e-12
    assert (truth <= best).double().mean() >= level - 1e-12


def test_several_quantiles_have_an_output_each() -> None:
    outputs = torch.tensor([[1.0, 2.0, 3.0]])
    together = make("quantile", quantile=[0.1, 0.5, 0.9])(outputs, torch.tensor([2.5]))
    apart = [make("quantile", quantile=q)(outputs[:, [i]], torch.tensor([2.5])) for i, q in enumerate((0.1, 0.5, 0.9))]
    torch.testing.assert_close(together, torch.stack(apart).mean(0))


def test_cross_entropy_equals_torch() -> None:
    outputs, truth = data("cross-entropy")
    expected = F.cross_entropy(outputs, truth, reduction="none", label_smoothing=0.1)
    torch.testing.assert_close(make("cross-entropy", label_smoothing=0.1)(outputs, truth), expected)
    weights = torch.tensor([0.5, 1.0, 3.0])
    weighted = make("cross-entropy", class_weights=weights.numpy())(outputs, truth)
    torch.testing.assert_close(weighted, F.cross_entropy(outputs, truth, weight=weights, reduction="none"))


def test_focal_by_hand_and_as_cross_entropy() -> None:
    p = 0.8
    logits = torch.tensor([[math.log(p), math.log(1 - p)]])
    value = losses.get("focal", "classification", gamma=2.0)(logits, torch.tensor([0]))
    assert value.item() == pytest.approx(-((1 - p) ** 2) * math.log(p), rel=1e-5)
    outputs, truth = data("focal")
    torch.testing.assert_close(make("focal", gamma=0.0)(outputs, truth), make("cross-entropy")(outputs, truth))


def test_cost_by_hand() -> None:
    p = torch.tensor([[0.7, 0.2, 0.1]])
    assert make("cost")(p.log(), torch.tensor([1])).item() == pytest.approx(0.7 * 5 + 0.1 * 1, rel=1e-5)


def test_binary_equals_torch() -> None:
    outputs, truth = data("binary")
    weights = torch.tensor([1.0, 2.0, 0.5])
    expected = F.binary_cross_entropy_with_logits(outputs, truth, reduction="none", pos_weight=weights).mean(-1)
    torch.testing.assert_close(make("binary", class_weights=weights)(outputs, truth), expected)
    smooth = truth * 0.8 + 0.1
    expected = F.binary_cross_entropy_with_logits(outputs, smooth, reduction="none").mean(-1)
    torch.testing.assert_close(make("binary", label_smoothing=0.2)(outputs, truth), expected)


@pytest.mark.parametrize(
    ("name", "task", "options", "says"),
    [
        ("cross-entropi", "classification", {}, "did you mean 'cross-entropy'"),
        ("mse", "classification", {}, "is for regression, not for classification"),
        ("mse", "regression", {"delta": 1.0}, "no option 'delta'. Known: none"),
        ("huber", "regression", {"delta": -1.0}, "'delta' must be greater than 0"),
        ("huber", "regression", {"delta": float("nan")}, "'delta' must be greater than 0"),
        ("quantile", "regression", {"quantile": 1.0}, "between 0 and 1"),
        ("cost", "classification", {}, "needs costs"),
        ("cost", "classification", {"costs": [[1.0, 2.0]]}, "square matrix"),
        ("focal", "classification", {"class_weights": [1.0, -1.0]}, "not negative"),
        ("cross-entropy", "classification", {"label_smoothing": 1.0}, "less than 1"),
    ],
)
def test_wrong_names_and_options_are_named(name: str, task: str, options: dict[str, object], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        losses.get(name, task, **options)


def test_each_task_has_a_default() -> None:
    assert [losses.get(None, task).name for task in losses.DEFAULTS] == ["mse", "cross-entropy", "binary"]
