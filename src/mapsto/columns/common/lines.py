"""What runs where in a picture: histograms of the directions of gradients, in a grid of cells.

Nothing is learned. Brightness and contrast do not matter, small moves hardly; what is left are the lines of a face or a
thing. Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005, here with the sign of the
gradient, and each cell normalised by itself.

Shape legend: N pictures, H height, W width, C channels.
"""

from __future__ import annotations

import numpy as np

from mapsto.columns.common.parts import Rows

_CELLS = 7
"""Along the longer side."""
_DIRECTIONS = 8
_CHUNK_PIXELS = 1 << 21


def lines(pictures: np.ndarray | Rows, *, mirrored: bool = False) -> np.ndarray:
    """uint8 `(N, H, W, C)` to float32 `(N, cells * 8)`; the square roots of the shares of each direction in each cell.

    With `mirrored` the mean of what a picture and its mirror image show.

    >>> ramp = np.arange(0, 256, 8, dtype=np.uint8)[None, None, :, None].repeat(32, axis=1)  # brighter to the right
    >>> lines(ramp).reshape(7, 7, 8)[3, 3].round(2).tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    rows, height, width, _ = pictures.shape
    down, across = _cells(height, max(height, width)), _cells(width, max(height, width))
    found = np.empty((rows, down.shape[0] * across.shape[0] * _DIRECTIONS), dtype=np.float32)
    step = max(1, _CHUNK_PIXELS // (height * width))
    for start in range(0, rows, step):
        grey_NHW = np.sqrt(pictures[start : start + step].mean(axis=3, dtype=np.float32))
        seen = _histograms(grey_NHW, down, across)
        found[start : start + step] = (seen + _histograms(grey_NHW[:, :, ::-1], down, across)) / 2 if mirrored else seen
    return found


def _histograms(grey_NHW: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    rise, run = np.gradient(grey_NHW, axis=(1, 2))
    turn = np.arctan2(rise, run) % (2 * np.pi) * (_DIRECTIONS / (2 * np.pi))
    length, low = np.hypot(rise, run), np.floor(turn)
    share = turn - low
    each = []
    for direction in range(_DIRECTIONS):
        # A direction between two counts for both, for the nearer one more.
        weight = np.where(low % _DIRECTIONS == direction, 1 - share, 0.0)
        weight += np.where((low + 1) % _DIRECTIONS == direction, share, 0.0)
        lower = np.tensordot((weight * length).astype(np.float32), down, axes=(1, 1))  # (N, W, cells down)
        each.append(np.tensordot(lower, across, axes=(1, 1)))
    cells = np.stack(each, axis=3)
    cells /= np.maximum(np.linalg.norm(cells, axis=3, keepdims=True), 1e-6)
    return np.asarray(np.sqrt(np.maximum(cells, 0.0)).reshape(len(grey_NHW), -1))


def _cells(length: int, longer: int) -> np.ndarray:
    """Which of a side's pixels lie in which cell, float32 `(cells, length)`."""
    count = max(1, min(length, round(_CELLS * length / longer)))
    cell = np.minimum(np.arange(length) * count // length, count - 1)
    return np.asarray(cell == np.arange(count)[:, None], dtype=np.float32)
