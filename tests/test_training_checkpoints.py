from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mapsto.errors import OptionError, RunError
from mapsto.training.checkpoints import Checkpoints, pack, unpack

leaves = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text()
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), trees, max_size=3))
def test_any_nest_comes_back(state):
    assert unpack(*pack(state)) == state


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_tensors_come_back_from_disk(tmp_path, dtype, shape):
    tensor = torch.ones(shape, dtype=dtype)
    checkpoints = Checkpoints(tmp_path / "net")
    checkpoints.save(5, {"state": {0: {"step": tensor}}})
    found = checkpoints.load()["state"][0]["step"]
    assert found.dtype == dtype
    assert found.shape == tensor.shape
    assert torch.equal(found, tensor)


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop])
def test_optimizer_states_come_back(tmp_path, optimizer):
    weight = torch.nn.Parameter(torch.randn(3, 4))
    first = optimizer([weight], lr=0.1)
    weight.square().sum().backward()
    first.step()
    Checkpoints(tmp_path).save(1, {"optimizer": first.state_dict()})
    second = optimizer([torch.nn.Parameter(weight.detach().clone())], lr=0.5)
    second.load_state_dict(Checkpoints(tmp_path).load()["optimizer"])
    assert str(first.state_dict()) == str(second.state_dict())


def test_the_last_two_stay_and_a_damaged_newest_falls_back(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.load() is None
    for step in (1, 2, 3):
        checkpoints.save(step, {"step": step})
    assert len(list(tmp_path.iterdir())) == 2
    assert checkpoints.load() == {"step": 3}
    newest = max(tmp_path.iterdir())
    newest.write_bytes(newest.read_bytes()[:-7])
    assert checkpoints.load() == {"step": 2}
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    with pytest.raises(RunError, match="no checkpoint"):
        checkpoints.load()


def test_an_object_in_a_state_is_refused():
    with pytest.raises(OptionError, match="got set"):
        pack({"a": {1, 2}})
