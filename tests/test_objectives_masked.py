from __future__ import annotations

import pytest
import torch

from mapsto.composition import Composition
from mapsto.errors import OptionError
from mapsto.objectives.base import Batch
from mapsto.objectives.masked import MaskedCells, hide
from mapsto.recipe import Learning
from mapsto.training.batches import RowSource, to_batch
from mapsto.training.contract import check_objective
from mapsto.training.loop import train
from mapsto.training.run import Run
from small_tables import encoded


def objective(network: str = "tabm") -> MaskedCells:
    schema, every = encoded({"sold": "category"})
    composition = Composition.build(schema, network, rows=400, options={"width": 16})
    torch.manual_seed(0)  # the heads of the objective itself
    source = RowSource(to_batch(every, [], torch.device("cpu")), 64)
    return MaskedCells(composition, source, [part.size for part in schema.parts["codes"]])


def test_contract():
    check_objective(objective, Learning(learning_rate=1e-3, epochs=3), steps=6)


def test_cells_are_learned_from_other_cells():
    found = objective()
    before = {name: p.detach().clone() for name, p in found.composition.named_parameters()}
    history = train(found, Learning(learning_rate=0.01, epochs=20, precision="float32"), Run(), "masked")
    assert history.rows[-1]["losses"]["codes"] < history.rows[0]["losses"]["codes"]
    after = dict(found.composition.named_parameters())
    moved = {name.split(".")[0] for name, p in after.items() if not torch.equal(p, before[name])}
    assert moved == {"encoders", "network"}  # what is carried on; the targets' heads are left alone


def test_hidden_cells_are_missing_and_no_others():
    blocks = {"numbers": torch.ones(200, 3), "codes": torch.ones(200, 2, dtype=torch.int32)}
    seen, hidden = hide(blocks)
    assert torch.equal(seen["numbers"].isnan(), hidden["numbers"])
    assert torch.equal(seen["codes"] == 0, hidden["codes"])
    assert 0.2 < hidden["numbers"].float().mean() < 0.4
    assert not blocks["numbers"].isnan().any()


def test_nothing_to_hide_is_said():
    schema, _ = encoded({"sold": "category"})
    composition = Composition.build(schema, "tabm", rows=400)
    source = RowSource(Batch({"other": torch.zeros(10, 1)}), 10)
    with pytest.raises(OptionError, match="needs numbers or categories"):
        MaskedCells(composition, source, [])
