"""What encoders see in a cell that are not taught here: a pretrained one in a text, a fixed look at a picture or at
a series.

Nothing of the target is in it, so it says as much of rows that are learned from as of others; what a network sees that
was taught on the same rows is trusted too much by whoever learns from it next (dev/LOG.md, "Hybrids"). It is turned to
its principal directions, of which a few hold most of what there is (Pearson, "On lines and planes of closest fit to
systems of points in space", 1901).

Shape legend: N rows, D width of an encoder, R directions kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import torch

from mapsto import networks
from mapsto.columns.common.parts import SensePart
from mapsto.composition import Composition
from mapsto.members.common import states, transfer
from mapsto.networks.folders import PREFIX, is_pretrained, resolve
from mapsto.tensors import Span, chunk, side_by_side, spans

if TYPE_CHECKING:
    from mapsto.columns.base import Column
    from mapsto.schema import Encoded, Schema

MOST = 384
"""Directions that are kept at most."""
_ROWS = 5_000
"""Rows that the directions are learned from; of more, so many spread evenly."""
_KEPT = 2**27
"""Bytes of what is seen that rows remember: the verdict's baseline and a member ask for the same."""
_FAR = 1e-3
"""Rounding of a length."""
_FAINT = 1e-6
"""Directions in which rows differ by less than this share of the most are not kept."""


def encoders(schema: Schema) -> dict[str, str]:
    """By input, the network that sees something in it untaught: the pretrained encoder that a text is cut for, or the
    fixed look of a picture's or a series' quick network.
    """
    found = {column.name: _encoder(column) for column in schema.inputs}
    return {name: network for name, network in found.items() if network}


def _encoder(column: Column) -> str:
    source: str | None = getattr(column, "pretrained", None)
    if source:
        return PREFIX + source
    quick = next((part.quick for part in column.parts if isinstance(part, SensePart) and part.quick), "")
    return quick if quick and networks.get(quick).fixed else ""


Options = Mapping[str, Mapping[str, Any]]
"""Of networks, by name, as the recipe gives them."""


def remembered(
    schema: Schema, encoded: Encoded, device: torch.device, options: Options, stop: Callable[[], bool] = lambda: False
) -> Encoded:
    """The rows, which remember what pretrained encoders see in them: read once for all who ask. Nothing of what was
    not read to the end when `stop` said so.
    """
    for column, network in encoders(schema).items():
        if is_pretrained(network):
            encoded = transfer.remembered(_built(schema, column, network, device, options), encoded, stop)
    return encoded


def seconds_to_read(schema: Schema, encoded: Encoded, device: torch.device, options: Options) -> float:
    """How long `remembered` will take, measured on a few rows."""
    return encoded.rows * sum(
        transfer.seconds_a_row(_built(schema, column, network, device, options), encoded)
        for column, network in encoders(schema).items()
        if is_pretrained(network)
    )


@dataclass(frozen=True)
class Look:
    """The encoder of one column, and the directions in which what it finds differs most."""

    column: str
    composition: Composition
    """Of that column alone; of its weights the encoder's are used, and are as they came."""
    middle: torch.Tensor
    """`(D,)`."""
    directions: torch.Tensor | None
    """`(D, R)`, of length 1, most first; None: what it finds is kept as it is."""

    @classmethod
    def learn(
        cls,
        schema: Schema,
        column: str,
        network: str,
        encoded: Encoded,
        most: int | None,
        device: torch.device,
        options: Options,
    ) -> Self:
        """Build the encoder, and find at most so many directions in these rows; None: none are looked for."""
        composition = _built(schema, column, network, device, options)
        if most is None:
            return cls(column, composition, torch.zeros(_reader(composition).width), None)
        some = np.unique(np.linspace(0, encoded.rows - 1, min(_ROWS, encoded.rows)).astype(np.int64))
        reader = _reader(composition)
        vectors = np.asarray(transfer.seen(composition, _block(encoded, reader.key).take(some)).blocks[reader.key])
        middle = vectors.mean(axis=0, dtype=np.float64)
        directions = _principal(vectors - middle, min(most, MOST))
        return cls(column, composition, *(torch.tensor(a, dtype=torch.float32) for a in (middle, directions)))

    @property
    def width(self) -> int:
        """R."""
        return _reader(self.composition).width if self.directions is None else self.directions.shape[1]

    def see(self, encoded: Encoded) -> np.ndarray:
        """Rows along the directions: `(N, R)` float32."""
        composition, device = self.composition.eval(), next(self.composition.parameters()).device
        reader = _reader(composition)
        memory = f"{reader.key}, {composition.to_json()['senses']}"
        if self.directions is None and memory in encoded.seen:
            return encoded.seen[memory]
        middle, directions = self.middle.to(device), None if self.directions is None else self.directions.to(device)
        found, known = np.empty((encoded.rows, self.width), np.float32), encoded.seen.get(reader.memory)
        # Vectors that are known take the place of the cells they were seen in (`SenseEncoder.forward`).
        rows = _block(encoded, reader.key) if known is None else replace(encoded, blocks={reader.key: known})

        def look(span: Span) -> None:
            block = chunk(rows, span, device)[reader.key]
            h_ND = (reader.place.see(block) if known is None else cast("torch.Tensor", block)).float()
            h_NR = h_ND if directions is None else (h_ND - middle) @ directions
            found[slice(*span)] = h_NR[: span[1] - span[0]].cpu().numpy()

        side_by_side(look, spans(rows, device, transfer.rows_at_once(composition, rows)), device)
        if self.directions is None and found.nbytes <= _KEPT:
            encoded.seen[memory] = found
        return found

    def to_state(self) -> states.State:
        """The composition, with weights where they came from elsewhere, and the directions."""
        fixed = _reader(self.composition).network.fixed
        arrays = states.prefixed("weights", {} if fixed else self.composition.arrays())
        if self.directions is not None:
            arrays |= {"middle": self.middle.numpy(), "directions": self.directions.numpy()}
        return {"column": self.column, "composition": self.composition.to_json()}, arrays

    @classmethod
    def from_state(cls, json: Any, arrays: Mapping[str, np.ndarray], schema: Schema) -> Self:
        """The inverse; the contents may be hostile."""
        column = states.entry(json, "column", str)
        states.require(column in {each.name for each in schema.inputs}, f"there is no input '{column}'")
        composition = Composition.from_json(states.entry(json, "composition", dict), _only(schema, column))
        readers = transfer.readers(composition)
        states.require(len(readers) == 1, f"no encoder that needs no teaching reads '{column}'")
        if not readers[0].network.fixed:
            composition.load(states.unprefixed("weights", arrays))
        if "directions" not in arrays:
            return cls(column, composition, torch.zeros(readers[0].width), None)
        middle = states.finite(arrays, "middle", (readers[0].width,))
        directions = states.finite(arrays, "directions", (readers[0].width, None))
        states.require(0 < directions.shape[1] <= MOST, f"expected 1 to {MOST} directions")
        lengths = np.sqrt(np.square(directions.astype(np.float64)).sum(axis=0))
        states.require(bool((abs(lengths - 1) < _FAR).all()), "directions are not of length 1")
        return cls(column, composition, *(torch.tensor(a, dtype=torch.float32) for a in (middle, directions)))


def _built(schema: Schema, column: str, network: str, device: torch.device, options: Options) -> Composition:
    own = options.get(resolve(network)[0])
    # How many rows there are matters to what is taught only.
    return Composition.build(_only(schema, column), network, rows=1, options=own).to(device).eval()


def _principal(apart: np.ndarray, most: int) -> np.ndarray:
    """At most so many principal directions of centred rows, `(D, R)`, most first."""
    few = len(apart) < apart.shape[1]
    spread, axes = np.linalg.eigh(apart @ apart.T if few else apart.T @ apart)
    kept = max(1, min(most, int((spread > _FAINT * spread[-1]).sum())))
    found = axes[:, ::-1][:, :kept]
    if few:
        found = apart.T @ found
        found /= np.maximum(np.sqrt(np.square(found).sum(axis=0)), np.finfo(np.float32).tiny)
    return np.ascontiguousarray(found)


def _reader(composition: Composition) -> transfer.Reader:
    (found,) = transfer.readers(composition)
    return found


def _only(schema: Schema, column: str) -> Schema:
    return schema.without({each.name for each in schema.inputs} - {column})


def _block(encoded: Encoded, key: str) -> Encoded:
    """Rows with this block alone."""
    return replace(encoded, blocks={key: encoded.blocks[key]}, truth={}, weight=None, features=None)
