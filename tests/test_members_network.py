from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from mapsto.errors import ModelFileError, OptionError
from mapsto.members.network import Network
from mapsto.training import loop
from mapsto.training.run import Run
from small_tables import work

SMALL = {"networks": {name: {"width": 16} for name in ("tabm", "perceptron", "residual")}}
PRICE = {"price": "number"}
BOTH = {"price": "number", "sold": "category"}


def fitted(targets=BOTH, architecture="tabm", epochs=15, **changes) -> tuple[Network, object]:
    given = work(targets, learning={"epochs": epochs} | changes.pop("learning", {}), **{**SMALL, **changes})
    return Network(architecture).fit(given), given


@pytest.mark.parametrize("architecture", ["linear", "perceptron", "residual", "tabm"])
def test_learns_better_than_naive(architecture):
    member, given = fitted(BOTH, architecture)
    predictions = member.predict(given.valid)
    for target in given.schema.targets:
        truth, metric = given.valid.truth[target.name], given.metrics[target.name]
        naive = metric(truth, target.naive(truth, len(truth)))
        assert metric.sign * metric(truth, predictions[target.name]) > metric.sign * naive
    assert predictions["sold"].sum(axis=1) == pytest.approx(1.0)
    assert predictions["price"].shape == (100, 1)


def test_same_seed_same_weights():
    first, second = (fitted(PRICE)[0].composition.arrays() for _ in range(2))
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


def test_saved_and_loaded_predicts_the_same():
    member, given = fitted()
    state, arrays = member.to_state()
    again = Network.from_state(json.loads(json.dumps(state)), arrays, given.schema)
    for name, values in member.predict(given.valid).items():
        np.testing.assert_array_equal(values, again.predict(given.valid)[name])
    assert again.learning == member.learning
    assert again.learning.optimizer is not None


def test_damaged_state_is_refused():
    member, given = fitted(PRICE, epochs=1)
    state, arrays = member.to_state()
    name = next(iter(arrays))
    for broken, weights in (
        ({}, arrays),
        (state | {"architecture": 3}, arrays),
        (state | {"learning": {"epochs": -1}}, arrays),
        (state, {k: v for k, v in arrays.items() if k != name}),
        (state, arrays | {name: np.full_like(arrays[name], np.nan)}),
    ):
        with pytest.raises(ModelFileError):
            Network.from_state(broken, weights, given.schema)


def test_a_row_is_predicted_alike_alone_and_among_others():
    member, given = fitted(PRICE)
    together = member.predict(given.valid, threads=1)["price"]
    alone = member.predict(given.valid.take(np.array([7])), threads=1)["price"]
    np.testing.assert_allclose(alone[0], together[7], rtol=1e-6)


def test_given_settings_win_and_derived_ones_are_shown():
    member, given = fitted(PRICE, epochs=2, learning={"optimizer": "sgd", "loss": "huber"})
    assert member.learning.optimizer == "sgd"
    assert member.learning.epochs == 2
    assert None not in (member.learning.learning_rate, member.learning.batch_size, member.learning.schedule)
    (event,) = [event for event in given.run.events if event["kind"] == "learning"]
    assert event["settings"]["batch_size"] == member.learning.batch_size
    with pytest.raises(OptionError):
        fitted(PRICE, epochs=1, learning={"loss": "focal"})


def test_class_weights_raise_the_rare_class():
    plain, given = fitted({"sold": "category"}, epochs=8)
    balanced, _ = fitted({"sold": "category"}, epochs=8, learning={"class_weights": "balanced"})
    rare = int(np.bincount(given.train.truth["sold"]).argmin())
    assert balanced.predict(given.valid)["sold"][:, rare].mean() > plain.predict(given.valid)["sold"][:, rare].mean()


def test_without_validation_rows_it_learns_for_a_fixed_length():
    given = work(PRICE, learning={"epochs": 3}, **SMALL)
    given.valid = None
    member = Network("tabm").fit(given)
    assert all(row["figure"] is None for row in member.history)


class Own(nn.Module):
    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.map = nn.Linear(in_features, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.map(x))


def test_a_users_own_module():
    given = work(PRICE, learning={"epochs": 40, "learning_rate": 0.01})
    member = Network("own", Own).fit(given)
    assert given.metrics["price"](given.valid.truth["price"], member.predict(given.valid)["price"]) < 60
    with pytest.raises(ModelFileError, match="give it again"):
        Network.from_state(*member.to_state(), given.schema)


def test_rows_without_a_target_are_pretrained_on_and_judged():
    given = work({"sold": "category"}, rows=800, learning={"epochs": 4, "pretrain": True}, **SMALL)
    given.train.truth["sold"][:400] = -1
    member = Network("tabm").fit(given)
    (note,) = [note for note in member.notes if "pretraining" in note.text]
    assert "on 600 rows was" in note.text
    assert {"tabm/end", "tabm, pretraining/end", "tabm, pretrained/end"} <= given.run.decisions.keys()
    assert member.learning.pretrain is True


class Killed(BaseException):
    pass


def test_killed_and_resumed_ends_with_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    whole, _ = fitted(PRICE, epochs=6)

    def kill(event: dict) -> None:
        if event["kind"] == "progress" and event["step"] == 11:
            raise Killed

    with pytest.raises(Killed):
        fitted(PRICE, epochs=6, run=Run(tmp_path, progress=kill))
    resumed, given = fitted(PRICE, epochs=6, run=Run(tmp_path, resume=True))
    assert any(event["kind"] == "resumed" for event in given.run.events)
    for name, array in whole.composition.arrays().items():
        np.testing.assert_array_equal(array, resumed.composition.arrays()[name])


def test_predicting_imports_no_training_code():
    code = """
import sys, numpy as np
from small_tables import encoded
from mapsto.composition import Composition
from mapsto.members.network import Network
from mapsto.recipe import Learning
schema, rows = encoded({"sold": "category"}, rows=50)
built = Composition.build(schema, "tabm", rows=50)
state = {"architecture": "tabm", "composition": built.to_json(), "learning": Learning().model_dump()}
Network.from_state(state, built.arrays(), schema).predict(rows)
found = [name for name in sys.modules if name.startswith("mapsto.training") and name != "mapsto.training.run"]
sys.exit(", ".join(set(found) - {"mapsto.training"}) or 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=__file__.rpartition("/")[0], check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
