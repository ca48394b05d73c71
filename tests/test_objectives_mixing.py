"""Pictures mixed in pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import mapsto
from mapsto.errors import OptionError
from mapsto.objectives.mixing import mixed


def pictures(rows: int = 40) -> torch.Tensor:
    """Each of one colour, its number."""
    return torch.arange(rows, dtype=torch.uint8).view(-1, 1, 1, 1).expand(rows, 20, 30, 1).contiguous()


@pytest.mark.parametrize("seed", range(20))
def test_cutmix_takes_from_the_partner_what_the_share_says(seed: int) -> None:
    torch.manual_seed(seed)
    x = pictures()
    blocks, partner, share = mixed({"p": x, "other": x}, ["p"], "cutmix")
    found = blocks["p"]
    own = torch.arange(40).view(-1, 1, 1, 1)
    assert ((found == own) | (found == partner.view(-1, 1, 1, 1))).all()
    strangers = partner != torch.arange(40)
    kept = (found == own)[strangers].float().mean(dim=(1, 2, 3))
    torch.testing.assert_close(kept, torch.full_like(kept, share))
    assert blocks["other"] is x
    assert (x == own).all()


def test_mixup_blends_by_the_share() -> None:
    torch.manual_seed(0)
    x = pictures() * 6
    blocks, partner, share = mixed({"p": x}, ["p"], "mixup")
    expected = share * x.float() + (1 - share) * x[partner].float()
    assert (blocks["p"].float() - expected).abs().max() <= 0.5
    assert 0 <= share <= 1


@pytest.mark.parametrize("how", ["mixup", "cutmix"])
def test_digits_are_learned_from_mixtures(how: str) -> None:
    digits = load_digits()
    images, labels = (np.kron(digits.images, np.ones((2, 2))) * 15).astype(np.uint8), digits.target.astype(str)
    rows, test = ({"image": images[part], "digit": labels[part]} for part in (slice(1300), slice(1300, None)))
    model = mapsto.fit(rows, target="digit", network="lenet", test=test, progress=False, threads=1,
                       recipe={"learning": {"mixing": how, "epochs": 12}})  # fmt: skip
    assert model.recipe.learning.mixing == how
    assert model.evaluate(test)["digit"]["accuracy"] > 0.9


def test_what_is_no_picture_is_not_mixed() -> None:
    digits = load_digits()
    rows = {
        "image": (digits.images[:400] * 15).astype(np.uint8),
        "ink": digits.images[:400].sum(axis=(1, 2)),
        "digit": digits.target[:400].astype(str),
    }
    with pytest.raises(OptionError, match="mixing='cutmix' mixes pictures"):
        mapsto.fit(rows, target="digit", network="lenet", progress=False, recipe={"learning": {"mixing": "cutmix"}})
