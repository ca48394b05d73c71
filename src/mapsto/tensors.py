"""Encoded rows as tensors: all of them, on the memory of their arrays, or a few at a time, on a device."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mapsto.columns.common.parts import Block, Ragged, Rows
from mapsto.networks.blocks.ragged import RaggedTensor, TensorBlock, TensorRows, take

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from mapsto.schema import Encoded

_CHUNK_ROWS = 1024
_CHUNK_BYTES = 2**18


def to_tensors(encoded: Encoded) -> dict[str, TensorBlock]:
    """The blocks of encoded rows as tensors that share their memory (read-only arrays are copied)."""
    return {
        key: TensorRows(_shared(block.array), _tensor(block.index))
        if isinstance(block, Rows)
        else _tensor_block(block, 0, encoded.rows)
        for key, block in encoded.blocks.items()
    }


def _tensor_block(block: Block, start: int, stop: int) -> TensorBlock:
    """Rows `start` to `stop` of a block as tensors."""
    if isinstance(block, Ragged):
        first, last = int(block.offsets[start]), int(block.offsets[stop])
        weights = None if block.weights is None else _tensor(block.weights[first:last])
        offsets = _tensor(block.offsets[start : stop + 1])
        return RaggedTensor(_tensor(block.values[first:last]), offsets - first if first else offsets, weights)
    return _tensor(block[start:stop])


def _shared(array: np.ndarray) -> Tensor:
    """A tensor on the memory of an array that may be read-only: rows are only ever gathered from it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(array)


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def chunks(
    encoded: Encoded, device: torch.device, rows_per_chunk: int | None = None
) -> Iterator[tuple[int, int, dict[str, TensorBlock]]]:
    """Rows a few at a time, on the device: first row, last row + 1, and their blocks.

    The blocks may hold more rows than that: the last one is repeated until their number is a multiple of a few, because
    matrix products of very few rows add up in another order. `rows_per_chunk`: None: fewer where a row is a picture, so
    that what a network makes of a chunk stays in the processor's cache.
    """
    quantum = max(16, 8 * torch.get_num_threads())
    if rows_per_chunk is None:
        heavy = [b for b in encoded.blocks.values() if not isinstance(b, Ragged) and b.ndim > 2]
        room = _CHUNK_BYTES if device.type == "cpu" else 64 * _CHUNK_BYTES
        rows_per_chunk = min(_CHUNK_ROWS, room * max(1, encoded.rows) // max(1, sum(b.nbytes for b in heavy)))
    step = max(quantum, rows_per_chunk // quantum * quantum)
    for start in range(0, encoded.rows, step):
        stop = min(start + step, encoded.rows)
        yield start, stop, _chunk(encoded, start, stop, quantum, device)


def _chunk(encoded: Encoded, start: int, stop: int, quantum: int, device: torch.device) -> dict[str, TensorBlock]:
    """Rows `start` to `stop`, the last one repeated until their number is a multiple of `quantum`."""
    rows = stop - start
    padded = torch.arange(rows + -rows % quantum).clamp_max(rows - 1)
    blocks = {key: _tensor_block(block, start, stop) for key, block in encoded.blocks.items()}
    if len(padded) > rows:
        blocks = {key: take(block, padded) for key, block in blocks.items()}
    return {key: block.to(device) for key, block in blocks.items()}
