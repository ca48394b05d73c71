"""Small copies of pictures: their main components."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from mapsto.columns.common.thumbnails import Thumbnails

DIGITS = (load_digits().images * 15).astype(np.uint8)[..., None]


@pytest.mark.parametrize("rows", [40, 300])
def test_components_are_those_of_the_pictures(rows: int) -> None:
    """Fewer pictures than numbers, and more."""
    found = Thumbnails.learn(DIGITS[:rows]).features(DIGITS)[0][:, 1:]
    theirs = PCA(32).fit(DIGITS[:rows].reshape(rows, -1) / 255).transform(DIGITS.reshape(len(DIGITS), -1) / 255)
    np.testing.assert_allclose(np.abs(found[:, :20]), np.abs(theirs[:, :20]), atol=1e-3)


@pytest.mark.parametrize("rows", [2, 20, 100])
@pytest.mark.parametrize("level", [0, 200])
def test_pictures_that_are_all_alike_have_no_components(rows: int, level: int) -> None:
    found = Thumbnails.learn(np.full((rows, 8, 8, 1), level, np.uint8))
    assert not found.directions.any()


def test_no_noise_stands_for_what_is_not_there() -> None:
    found = Thumbnails.learn(np.tile(DIGITS[:3], (100, 1, 1, 1)))
    assert found.directions.any(axis=0).tolist() == [True, True, *[False] * 30]
