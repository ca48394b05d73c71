"""Encoded rows as tensors: all of them, on the memory of their arrays, or a few at a time, on a device or on several
threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mapsto.columns.common.parts import Block, Ragged, Rows
from mapsto.networks.blocks.ragged import RaggedTensor, TensorBlock, TensorRows, take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mapsto.schema import Encoded

_CHUNK_ROWS = 1024
_CHUNK_BYTES = 2**18
_QUANTUM = 16
"""The rows computed together are a multiple of this."""


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


class _Memory:
    """The memory of an array, without its mark that it must not be written to."""

    def __init__(self, array: np.ndarray) -> None:
        found = array.__array_interface__
        self.__array_interface__ = {**found, "data": (found["data"][0], False)}
        self.array = array


def _shared(array: np.ndarray) -> Tensor:
    """A tensor on the memory of an array that may be read-only: rows are only ever gathered from it."""
    return torch.from_numpy(array if array.flags.writeable else np.asarray(_Memory(array)))


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array if array.flags.writeable else array.copy())


Span = tuple[int, int]
"""First row, last row + 1."""


def spans(encoded: Encoded, device: torch.device, rows_per_chunk: int | None = None) -> list[Span]:
    """All rows, a few at a time; fewer where a row is a picture or a clip, so that what a network makes of them stays
    in the processor's cache, and where several threads share them out. `rows_per_chunk`: so many, about.
    """
    if rows_per_chunk is None:
        arrays = [b.values if isinstance(b, Ragged) else b for b in encoded.blocks.values()]
        heavy = [array for array in arrays if array.ndim > 2]
        room = _CHUNK_BYTES if device.type == "cpu" else 64 * _CHUNK_BYTES
        rows_per_chunk = min(_CHUNK_ROWS, room * max(1, encoded.rows) // max(1, sum(b.nbytes for b in heavy)))
    if device.type == "cpu":
        share = -(-encoded.rows // (_QUANTUM * torch.get_num_threads())) * _QUANTUM
        rows_per_chunk = min(rows_per_chunk, share)
    step = max(_QUANTUM, rows_per_chunk // _QUANTUM * _QUANTUM)
    return [(start, min(start + step, encoded.rows)) for start in range(0, encoded.rows, step)]


def chunk(encoded: Encoded, span: Span, device: torch.device) -> dict[str, TensorBlock]:
    """The blocks of these rows on the device.

    The last row is repeated until their number is a multiple of a few: matrix products of very few rows add up in
    another order, and a row's outputs must not depend on how many rows there are.
    """
    start, stop = span
    rows = stop - start
    padded = torch.arange(rows + -rows % _QUANTUM).clamp_max(rows - 1)
    blocks = {key: _tensor_block(block, start, stop) for key, block in encoded.blocks.items()}
    if len(padded) > rows:
        blocks = {key: take(block, padded) for key, block in blocks.items()}
    return {key: block.to(device) for key, block in blocks.items()}


def side_by_side(function: Callable[[Span], None], each: list[Span], device: torch.device) -> None:
    """`function` of each span without gradients; on a processor as many at once as PyTorch has threads.

    Threads that share out the rows wait for each other less often than threads that share out every operation.
    """

    def called(span: Span) -> None:
        with torch.inference_mode():
            function(span)

    if device.type != "cpu":
        for span in each:
            called(span)
        return
    threads = min(torch.get_num_threads(), len(each))
    with threads_within(1):
        if threads <= 1:
            for span in each:
                called(span)
            return
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for _ in pool.map(called, each):
                pass


@contextmanager
def threads_within(count: int | None) -> Iterator[None]:
    """Let PyTorch's operations use `count` threads inside the block; None: as many as it does anyway.

    Sums are split differently for another count, so equal weights need equal threads. A thread of Python that computes
    for the first time while another is inside the block keeps the block's count.
    """
    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
