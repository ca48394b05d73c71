"""Learning with a pretrained encoder: read every row once with the encoder as it is, learn heads; then tune all of it.

What a frozen encoder finds in a row never changes, so it is computed once and kept (`seen`), and heads learn from it
in seconds. So it is with what a network looks at before there is anything to learn (`Network.fixed`). Whether tuning
the encoder as well is worth its time is said by the data's size, or by a measurement where time is limited; validation
rows say whether its result is kept.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import nn

from mapsto.columns.common.parts import Block, Ragged
from mapsto.networks.base import Network
from mapsto.networks.blocks.pictures import Augmentation
from mapsto.networks.blocks.pretrained import PretrainedNetwork
from mapsto.networks.blocks.senses import SenseEncoder
from mapsto.tensors import Span, chunk, side_by_side, spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mapsto.composition import Composition
    from mapsto.recipe import Learning
    from mapsto.schema import Encoded

_HEAD_BATCH, _HEAD_STEPS, _HEAD_PASSES = 64, 1_500, 20
"""Heads are learned with at least so many steps, and so many passes over the rows."""
READING = 0.45
"""Share of a limited time that reading all rows once may take; of more rows, some are left out."""
HEADS = 0.1
_TRIAL_ROWS, _WARM_ROWS = 64, 4
_BACK = 3.0
"""A step of tuning a row takes so many times the time of reading it."""
_WORTH = 0.3
_FEWEST = 1_500
"""Tuning is not begun for less than these passes over the rows, and this number of rows."""
_MOST_WORK = 3e13
"""Products of weights and places that are tuned without a limit of time: about ten minutes on a few cores."""
_PLACES = 64
"""Places of a picture that a weight meets, about."""
_LOOK_BYTES = 2**16
"""Of pictures, at once, where a look makes much of little: what it makes stays in the processor's cache."""
_MOST_SEEN = 2**29
"""Bytes of what is looked at once and kept."""


class Reader(NamedTuple):
    """A pretrained encoder, or a network that begins with a fixed look, in its place."""

    key: str
    """Of the block that it reads."""
    place: SenseEncoder
    network: Network

    @property
    def memory(self) -> str:
        """Where what it sees is kept (`Encoded.seen`), if it is as it came; a fixed look is quicker than memory."""
        network = self.network
        return f"{self.key}, {network.source}, {network.pooling}" if isinstance(network, PretrainedNetwork) else ""

    @property
    def width(self) -> int:
        """Of what it finds."""
        return self.network.seen_features if self.network.fixed else self.network.out_features


def readers(composition: Composition) -> list[Reader]:
    """The pretrained encoders of a composition, and the networks that begin with a fixed look."""
    return [
        Reader(key, place, place.network)
        for key, place in zip(composition.blocks, composition.encoders, strict=True)
        if isinstance(place, SenseEncoder)
        and isinstance(place.network, Network)
        and (place.network.fixed or isinstance(place.network, PretrainedNetwork))
    ]


def looks_once(composition: Composition, learning: Learning, rows: int) -> bool:
    """Whether training sees the same in a row each time, and what it sees in so many fits in memory."""
    found = readers(composition)
    fixed = bool(found) and all(each.network.fixed for each in found)
    still = composition.mirrors == "no" and learning.mixing == "none"
    still = still and all(front.augmentation == Augmentation() for front in composition.pictures.values())
    return fixed and still and rows * 4 * sum(each.width for each in found) <= _MOST_SEEN


@contextmanager
def aside(composition: Composition) -> Iterator[None]:
    """Inside the block the composition is without its pretrained encoders and what stands before them: it reads what
    they found, and training copies and keeps heads only.
    """
    found = readers(composition)
    fronts = [each.place.front for each in found]
    for each in found:
        each.place.front, each.place.network = nn.Identity(), nn.Identity()
    try:
        yield
    finally:
        for each, front in zip(found, fronts, strict=True):
            each.place.front, each.place.network = front, each.network


def seen(composition: Composition, encoded: Encoded, stop: Callable[[], bool] = lambda: False) -> Encoded:
    """The rows with what the encoders, as they came, find in them in the place of the blocks that they read; of no use
    where `stop` said so.
    """
    composition.eval()
    blocks: dict[str, Block] = dict(encoded.blocks)
    blocks |= {each.key: encoded.seen[each.memory] for each in readers(composition) if each.memory in encoded.seen}
    found = [each for each in readers(composition) if each.memory not in encoded.seen]
    if not found:
        return replace(encoded, blocks=blocks, features=None, seen={})
    blocks |= {each.key: np.empty((encoded.rows, each.width), np.float32) for each in found}
    device = next(composition.parameters()).device

    def look(span: Span) -> None:
        if stop():
            return
        here = chunk(encoded, span, device)
        for each in found:
            h_BD = each.place.see(here[each.key])[: span[1] - span[0]]
            blocks[each.key][slice(*span)] = h_BD.float().cpu().numpy()  # type: ignore[index]

    side_by_side(look, spans(encoded, device, rows_at_once(composition, encoded)), device)
    return replace(encoded, blocks=blocks, features=None, seen={})


def remembered(composition: Composition, encoded: Encoded, stop: Callable[[], bool] = lambda: False) -> Encoded:
    """The rows, which remember what the pretrained encoders of a composition see in them, as they came; unchanged where
    `stop` said so before all were read.
    """
    new = {each.memory: each.key for each in readers(composition) if each.memory and each.memory not in encoded.seen}
    if not new:
        return encoded
    blocks = seen(composition, encoded, stop).blocks
    if stop():
        return encoded
    return replace(encoded, seen=encoded.seen | {memory: np.asarray(blocks[key]) for memory, key in new.items()})


def rows_at_once(composition: Composition, encoded: Encoded) -> int | None:
    """How many rows are looked at together; None: as many as in prediction."""
    looked = [encoded.blocks[each.key] for each in readers(composition) if each.network.fixed]
    size = sum(block.nbytes for block in looked if not isinstance(block, Ragged))
    return max(1, _LOOK_BYTES * encoded.rows // size) if size else None


def head_settings(learning: Learning, rows: int) -> Learning:
    """How heads are learned on what the frozen encoder found in so many rows: cheap, so until they have settled."""
    passes = max(_HEAD_PASSES, _HEAD_STEPS * _HEAD_BATCH // max(1, rows))
    settings = {"batch_size": _HEAD_BATCH, "epochs": passes, "patience": passes, "learning_rate": 1e-3}
    return learning.model_copy(update={**settings, "weight_decay": 0.01})


def seconds_a_row(composition: Composition, encoded: Encoded) -> float:
    """How long reading a row takes, measured on a few that are spread evenly."""
    some = encoded.take(np.linspace(0, encoded.rows - 1, min(_TRIAL_ROWS, encoded.rows)).astype(np.int64))
    some.seen = {}
    seen(composition, some.take(np.arange(min(_WARM_ROWS, some.rows))))  # the first time, much is set up
    start = time.perf_counter()
    seen(composition, some)
    return (time.perf_counter() - start) / some.rows


def work(composition: Composition, encoded: Encoded) -> float:
    """Products of weights and places in reading all rows once, about."""
    total = 0.0
    for each in readers(composition):
        block = encoded.blocks[each.key]
        places = len(block.values) if isinstance(block, Ragged) else _PLACES * len(block)
        total += places * (each.network.weights if isinstance(each.network, PretrainedNetwork) else 0)
    return total


def soon_seen(composition: Composition, rows: Encoded, judging: int, deadline: float) -> bool:
    """Whether reading all rows, and those that judge, leaves enough of the time until `deadline` to learn from them."""
    seconds = (rows.rows + judging) * seconds_a_row(composition, rows)
    return seconds <= READING * (deadline - time.monotonic())


def plan(
    composition: Composition, rows: Encoded, valid: Encoded | None, learning: Learning, deadline: float | None
) -> dict[str, Any]:
    """How many rows are read, and how long the encoder is tuned: None: as long as planned; 0: not at all.

    Args:
        composition: with pretrained encoders.
        rows: to learn from.
        valid: rows that choose.
        learning: settings of tuning.
        deadline: by `time.monotonic`, for all of it; None: no limit, and nothing is measured.
    """
    if deadline is None:
        tuned = work(composition, rows) * (learning.epochs or 1) <= _MOST_WORK
        return {"rows": rows.rows, "tune": None if tuned else 0.0}
    measured, limit = seconds_a_row(composition, rows), max(0.0, deadline - time.monotonic())
    judging = 0 if valid is None else valid.rows
    if all(each.memory in rows.seen for each in readers(composition)):
        most, reading = rows.rows, 0.0
    else:
        most = max(1, min(rows.rows, int(READING * limit / measured) - judging))
        reading = (most + judging) * measured
    left = (1 - HEADS) * limit - reading
    fewest = min(max(_WORTH * most, _FEWEST), most * (learning.epochs or 1))
    return {"rows": most, "tune": left if left >= _BACK * measured * fewest else 0.0}
