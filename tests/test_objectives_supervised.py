from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mapsto import losses
from mapsto.composition import Composition
from mapsto.members.common.teaching import _Teacher
from mapsto.objectives import OBJECTIVES
from mapsto.objectives.supervised import Goal, Supervised, mean_loss
from mapsto.recipe import Learning
from mapsto.training.batches import RowSource, to_batch, truths
from mapsto.training.contract import check_objective
from mapsto.training.loop import train
from mapsto.training.run import Run
from small_tables import encoded, work

BOTH = {"price": "number", "sold": "category"}


def objective(targets=BOTH, network="tabm", **changes) -> Supervised:
    teacher = _Teacher(work(targets, networks={network: {"width": 16}}, **changes), network, None)
    return teacher._objective(teacher._composition())


def test_contract():
    check_objective(objective, Learning(optimizer="adamw", learning_rate=1e-3, epochs=3), steps=6)


def test_listed():
    assert OBJECTIVES["supervised"] is Supervised


def test_learns_two_targets_of_different_tasks():
    found = objective()
    before = found.figures(found.valid)
    train(found, Learning(learning_rate=0.01, epochs=40, precision="float32"), Run(), "both")
    after = found.figures(found.valid)
    assert after["price"] < 0.5 * before["price"]
    assert after["sold"] > 0.9
    assert 0.5 < found.validate() < 1


def test_one_target_is_judged_by_its_own_metric():
    found = objective({"price": "number"})
    assert not found.higher_is_better
    assert found.validate() == found.figures(found.valid)["price"]
    found.valid = None
    assert found.validate() is None


def test_every_view_pays_its_own_loss():
    outputs = torch.tensor([[[0.0], [4.0]], [[1.0], [1.0]]])
    truth = torch.tensor([2.0, 1.0])
    each = losses.get("mse", "regression")
    assert mean_loss(each, outputs, truth, None) == pytest.approx(2.0)  # and not 0, as the mean of views would pay
    assert mean_loss(each, outputs, truth, torch.tensor([1.0, 3.0])) == pytest.approx(1.0)
    assert mean_loss(each, outputs, truth, torch.tensor([0.0, 0.0])) == 0


def test_views_and_rows_are_not_mixed_up():
    generator = torch.Generator().manual_seed(0)
    outputs, truth = torch.randn(5, 3, 4, generator=generator), torch.randint(0, 4, (5,), generator=generator)
    each = losses.get("cross-entropy", "classification")
    slow = torch.stack([each(outputs[:, view], truth) for view in range(3)]).mean()
    assert mean_loss(each, outputs, truth, None) == pytest.approx(slow.item())
    labels = torch.randint(0, 2, (5, 4), generator=generator).float()
    binary = losses.get("binary", "multilabel")
    slow = torch.stack([binary(outputs[:, view], labels) for view in range(3)]).mean()
    assert mean_loss(binary, outputs, labels, None) == pytest.approx(slow.item())


@pytest.mark.parametrize("network", ["perceptron", "tabm"])
def test_rows_without_truth_teach_nothing(network):
    schema, every = encoded({"sold": "category"}, rows=40)
    every.truth["sold"][:20] = -1
    gradients = []
    for rows in (every, every.take(np.arange(20, 40))):
        composition = Composition.build(schema, network, rows=40).eval()  # no dropout
        goals = [Goal(schema.targets[0], schema.targets[0].loss(None, {}), None)]
        source = RowSource(to_batch(rows, schema.targets, torch.device("cpu")), 100)
        total = []
        made = Supervised.__new__(Supervised)
        made.modules, made.source, made.goals = composition, source, goals
        made.step(source.batch(0, 0), lambda loss, group="main", total=total: total.append(loss))
        total[0].backward()
        gradients.append(torch.cat([p.grad.flatten() for p in composition.parameters()]))
    torch.testing.assert_close(*gradients)


def test_losses_that_are_told_are_those_of_whole_batches():
    found = objective()
    assert found.seen_and_unseen() is None
    rows, targets, device = found.valid, [goal.column for goal in found.goals], torch.device("cpu")
    rows.truth["sold"][::3] = -1  # missing cells count for nothing
    few = rows.take(np.arange(7))
    found.told = tuple((each, truths(each, targets, device)) for each in (rows, few))
    found.modules.eval()
    with torch.no_grad():
        whole = [float(np.mean([*found._losses(to_batch(each, targets, device)).values()])) for each in (rows, few)]
        assert found.seen_and_unseen() == pytest.approx(dict(zip(("seen", "unseen"), whole, strict=True)))


def test_every_gradient_is_present():
    found = objective()
    missing = []

    def update(loss: torch.Tensor, group: str = "main") -> None:
        loss.backward()
        missing.extend(name for name, p in found.modules.named_parameters() if p.grad is None)

    found.step(found.source.batch(0, 0), update)
    assert missing == []
    assert isinstance(found.modules, nn.Module)
