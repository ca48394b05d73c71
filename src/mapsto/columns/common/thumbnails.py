"""Pictures as a few dozen numbers: mean colours, and the main directions in which small copies of them differ.

Small copies of faces, clothes or digits lie near a subspace of few dimensions; where a picture lies in it is enough
for classical learners to find their way ("eigenfaces", Turk and Pentland, J. Cognitive Neuroscience 3, 1991).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mapsto.columns.common.state import State

_SIDE = 16
_MOST = 32
_CHUNK = 1024
_NOTHING = 1e-6
"""A direction of less than this share of the largest spread is rounding noise, and so is less than its square a number:
it is left at 0."""


@dataclass(frozen=True)
class Thumbnails:
    """`centre`: the mean small copy, float32 `(numbers,)`; `directions`: float32 `(numbers, components)`."""

    centre: np.ndarray
    directions: np.ndarray

    @classmethod
    def learn(cls, pictures: np.ndarray) -> Thumbnails:
        """Principal components of pictures, uint8 `(rows, height, width, channels)`."""
        small = _small(pictures)
        centre = small.mean(axis=0) if len(small) else np.zeros(small.shape[1], np.float32)
        width = min(_MOST, len(small) - 1, small.shape[1] - 1)
        if width < 1:
            return cls(centre, np.zeros((len(centre), 0), np.float32))
        return cls(centre, _principal(small - centre, width))

    def features(self, pictures: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """float32 `(rows, n)`, NaN for missing pictures, and what each number is."""
        channels, width = pictures.shape[-1], self.directions.shape[1]
        found = np.empty((len(pictures), channels + width), dtype=np.float32)
        for start in range(0, len(pictures), _CHUNK):
            small = _small(pictures[start : start + _CHUNK])
            rows = found[start : start + _CHUNK]
            rows[:, :channels] = small.reshape(len(small), -1, channels).mean(axis=1)
            rows[:, channels:] = (small - self.centre) @ self.directions
            rows[~small.any(axis=1)] = np.nan
        colours = ["brightness"] if channels == 1 else ["red", "green", "blue"]
        return found, [*colours, *(f"component {number + 1}" for number in range(width))]

    def middle(self, height: int, width: int, channels: int) -> np.ndarray:
        """The mean small copy at the size of the pictures, uint8 `(height, width, channels)`."""
        down, across = (_areas(side) for side in (height, width))
        small = self.centre.reshape(len(down), len(across), channels)
        weights = [each / each.sum(axis=0) for each in (down, across)]
        found = np.einsum("ih,jw,ijc->hwc", *weights, small)
        return np.asarray(np.clip(np.rint(found * 255), 0, 255), dtype=np.uint8)

    @classmethod
    def from_state(cls, state: State, height: int, width: int, channels: int) -> Thumbnails:
        """Read and checked: the sizes are those of pictures of this size."""
        numbers = min(_SIDE, height) * min(_SIDE, width) * channels
        centre = state.array("centre", "float32", (numbers,))
        directions = state.array("directions", "float32", (numbers, None), longest=_MOST)
        return cls(centre, directions)

    def arrays(self) -> dict[str, np.ndarray]:
        """What `from_state` reads."""
        return {"centre": self.centre, "directions": self.directions}


def _principal(rows: np.ndarray, width: int) -> np.ndarray:
    """The directions in which centred rows differ most, float32 `(numbers, width)`; the largest entry is positive."""
    if len(rows) <= rows.shape[1]:
        _, lengths, across = np.linalg.svd(rows, full_matrices=False)
        spread, directions = lengths[:width] ** 2, across[:width].T
    else:  # the products of the numbers with each other are fewer
        rising, across = np.linalg.eigh((rows.T @ rows).astype(np.float64))
        spread, directions = rising[::-1][:width], across[:, ::-1][:, :width]
    largest = directions[np.abs(directions).argmax(axis=0), np.arange(width)]
    there = spread > np.maximum(_NOTHING * spread[0], _NOTHING**2 * rows.size)
    return np.ascontiguousarray(directions * np.sign(largest) * there, dtype=np.float32)


def _small(pictures: np.ndarray) -> np.ndarray:
    """Small copies by area, in [0, 1], float32 `(rows, numbers)`."""
    rows, height, width, channels = pictures.shape
    down, across = _areas(height), _areas(width)
    found = np.empty((rows, len(down), len(across), channels), dtype=np.float32)
    for start in range(0, rows, _CHUNK):
        chunk = pictures[start : start + _CHUNK].astype(np.float32) / 255
        lower = np.tensordot(chunk, down, axes=(1, 1))  # (rows, width, channels, small height)
        found[start : start + _CHUNK] = np.tensordot(lower, across, axes=(1, 1)).transpose(0, 2, 3, 1)
    return found.reshape(rows, len(down) * len(across) * channels)


def _areas(length: int) -> np.ndarray:
    """The share of each of `length` pixels in each of at most `_SIDE` equal stretches, float32 `(stretches, length)`.

    >>> _areas(24)[:2, :3].astype(float).round(2).tolist()
    [[0.67, 0.33, 0.0], [0.0, 0.33, 0.67]]
    """
    stretches = min(_SIDE, length)
    edges = np.linspace(0, length, stretches + 1)[:, None]
    pixel = np.arange(length)
    inside = np.minimum(edges[1:], pixel + 1) - np.maximum(edges[:-1], pixel)
    shares: np.ndarray = (np.maximum(inside, 0) / (length / stretches)).astype(np.float32)
    return shares
