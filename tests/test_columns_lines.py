"""What runs where in a picture."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from mapsto.columns.common.lines import lines
from mapsto.columns.common.parts import Rows

DIGITS = np.kron(load_digits().images, np.ones((3, 3)))[..., None].astype(np.uint8) * 15


def test_brightness_and_contrast_do_not_matter():
    ramp = np.linspace(20, 120, 24, dtype=np.uint8)[None, None, :, None].repeat(24, axis=1)
    np.testing.assert_allclose(lines(ramp), lines(ramp * 2), atol=0.15)


def test_a_mirrored_picture_has_the_same_lines_where_that_is_asked():
    turned = np.ascontiguousarray(DIGITS[:50, :, ::-1])
    np.testing.assert_allclose(lines(DIGITS[:50], mirrored=True), lines(turned, mirrored=True), atol=1e-6)
    assert np.abs(lines(DIGITS[:50]) - lines(turned)).max() > 0.3


def test_rows_do_not_depend_on_their_company():
    whole = lines(DIGITS)
    np.testing.assert_allclose(lines(DIGITS[7:8]), whole[7:8], atol=1e-6)
    index = np.array([5, 900, 3])
    np.testing.assert_allclose(lines(Rows(DIGITS, index)), whole[index], atol=1e-6)


def test_an_empty_picture_has_none():
    found = lines(np.zeros((2, 30, 20, 3), np.uint8))
    assert found.shape == (2, 7 * 5 * 8)
    assert (found == 0).all()


def test_digits_are_nearest_to_their_like():
    found = lines(DIGITS)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    likeness = found[:500] @ found[500:].T
    truth = load_digits().target
    assert (truth[500:][likeness.argmax(axis=1)] == truth[:500]).mean() > 0.9
