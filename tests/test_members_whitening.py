"""Whitening by the scatter within classes."""

from __future__ import annotations

import numpy as np
import pytest

from mapsto.errors import ModelFileError
from mapsto.members.common.whitening import Whitening


def rows(width: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Twenty classes of ten rows; within a class they differ most in the last direction."""
    draw = np.random.default_rng(0)
    classes = np.repeat(np.arange(20), 10)
    spread = np.linspace(0.1, 3.0, width)
    return draw.normal(size=(20, width))[classes] + draw.normal(size=(200, width)) * spread, classes


def test_rows_of_a_class_scatter_alike_in_every_direction_but_for_the_ball():
    vectors, classes = rows()
    found = Whitening.learn(vectors, classes).apply(vectors)
    means = np.array([found[classes == each].mean(axis=0) for each in range(20)])
    scatter = np.linalg.eigvalsh(np.cov((found - means[classes]).T, bias=True))
    before = np.array([vectors[classes == each].mean(axis=0) for each in range(20)])
    raw = np.linalg.eigvalsh(np.cov((vectors - before[classes]).T, bias=True))
    assert raw.max() / raw.min() > 500
    assert scatter.max() / scatter.min() < raw.max() / raw.min() / 3
    assert scatter.max() < 1.5


def test_classes_are_told_apart_better():
    vectors, classes = rows()
    seen = classes < 10
    found = Whitening.learn(vectors[seen], classes[seen]).apply(vectors[~seen])

    def same_class_nearest(points: np.ndarray) -> float:
        unit = points / np.linalg.norm(points, axis=1, keepdims=True)
        cosine = unit @ unit.T
        np.fill_diagonal(cosine, -1)
        return float((classes[~seen][cosine.argmax(axis=1)] == classes[~seen]).mean())

    assert same_class_nearest(found) > same_class_nearest(vectors[~seen] - vectors[seen].mean(axis=0)) + 0.1


def test_wide_vectors_of_few_rows_are_brought_to_fewer_directions():
    vectors, classes = rows(width=3000)
    found = Whitening.learn(vectors, classes)
    assert found.directions.shape == (3000, 200)
    assert np.isfinite(found.apply(vectors)).all()


def test_single_rows_say_nothing_and_break_nothing():
    vectors, _ = rows()
    found = Whitening.learn(vectors, np.arange(200))
    assert np.isfinite(found.apply(vectors)).all()


def test_a_file_of_another_width_is_refused():
    vectors, classes = rows()
    arrays = Whitening.learn(vectors, classes).arrays()
    again = Whitening.from_arrays(arrays, 6)
    np.testing.assert_array_equal(again.apply(vectors), Whitening.learn(vectors, classes).apply(vectors))
    with pytest.raises(ModelFileError):
        Whitening.from_arrays(arrays, 7)
