"""From scores to probabilities of all classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.members.common import states


def probabilities(totals: np.ndarray) -> np.ndarray:
    """Logistic of one score, `(rows, 1)` to `(rows, 2)`, or softmax of several; computed without overflow.

    >>> probabilities(np.array([[0.0]]))
    array([[0.5, 0.5]])
    """
    if totals.shape[1] == 1:
        totals = np.concatenate([np.zeros_like(totals), totals], axis=1)
    shifted = np.exp(totals - totals.max(axis=1, keepdims=True))
    # A running sum: what a row adds up to must not depend on how many rows there are.
    return np.asarray(shifted / np.cumsum(shifted, axis=1)[:, -1:])


def all_classes(found: np.ndarray, present: np.ndarray, classes: int, rows: int) -> np.ndarray:
    """Probabilities of the classes that occurred in training as float32 probabilities of all.

    A class that never occurred gets 1 / (training rows + classes): rare, but not impossible.
    """
    absent = classes - len(present)
    if not absent:
        return found.astype(np.float32)
    each = 1 / (rows + classes)
    full = np.full((len(found), classes), each, dtype=np.float32)
    full[:, present] = found * (1 - absent * each)
    return full


def saved_present(json: Any, classes: int) -> np.ndarray:
    """The codes of the classes that occurred in training, from a saved state; empty for numbers."""
    found = states.entry(json, "present", list)
    states.require(all(type(code) is int and 0 <= code < classes for code in found), "a class does not exist")
    states.require(found == sorted(set(found)), "classes are not in order")
    states.require(bool(found) or not classes, "no class is known")
    return np.array(found, dtype=np.int64)
