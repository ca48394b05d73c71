"""Which network reads which column: pictures, texts, sounds and the like have one of their own before the trunk.

A network named for the whole model that reads one column (a `resnet`, an `lstm`) stands behind every column that it can
read, and a trunk joins the rest: nothing where that column is all there is, a perceptron otherwise. Any other network
is the trunk, and each such column is read by its part's usual network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mapsto import networks
from mapsto.columns.common.parts import Part, Sense, SensePart
from mapsto.errors import ModelFileError, OptionError
from mapsto.networks import own
from mapsto.networks.base import SENSES, DataSize, Encoding, Network
from mapsto.networks.blocks.senses import SenseEncoder

if TYPE_CHECKING:
    from mapsto.networks.base import Encoder, Layout
    from mapsto.networks.own import AnyNetwork
    from mapsto.schema import Schema

JOINING = "perceptron"
"""The trunk behind several columns, where the network that was asked for reads one."""

Parts = dict[str, list[Part]]
Readers = dict[str, dict[str, Any]]
"""In JSON, by block: the "network" that reads it and its "options"."""


def sense(network: AnyNetwork) -> Sense | None:
    """What a network reads of one column; None: it is a trunk."""
    return next((each for each in SENSES if each == own.layout(network)), None)


def split(schema: Schema, chosen: AnyNetwork) -> tuple[dict[str, str], AnyNetwork]:
    """The name of the network behind each block that has one, and the trunk.

    Raises:
        OptionError: `chosen` reads one kind of column, and there is none.
    """
    wanted, found = sense(chosen), dict[str, str]()
    for key, part in _sensed(schema):
        if wanted in part.senses and own.is_network_class(chosen):
            found[key] = chosen.name
        elif part.network:
            found[key] = part.network
    if wanted is None:
        return found, chosen
    if not own.is_network_class(chosen) or chosen.name not in found.values():
        message = f"the network {_name(chosen)!r} reads a {wanted}, and no column is one: " + _listed(schema)
        raise OptionError(message)
    return found, networks.get("linear" if len(read(schema, found)) == 1 else JOINING)


def read(schema: Schema, names: Mapping[str, Any]) -> Parts:
    """The blocks that are read: all, but of a column that a network reads none of its other parts, and vice versa."""
    sensed = {part.column for key, part in _sensed(schema) if key in names}
    found: Parts = {}
    for key, parts in schema.parts.items():
        kept = [p for p in parts if key in names or not (isinstance(p, SensePart) or p.column in sensed)]
        if kept and len(kept) < len(parts):
            message = f"the parts of {sorted(sensed)} share a block with other columns"
            raise TypeError(message)
        if kept:
            found[key] = parts
    return found


def encoding(names: Mapping[str, str], size: DataSize) -> dict[str, Any]:
    """How the networks behind columns like their cells; the trunk's own wishes come before theirs."""
    liked: dict[str, Any] = {}
    for name in names.values():
        liked |= networks.get(name).Config.encoding(size)
    return liked


def complete(
    schema: Schema,
    names: Mapping[str, str],
    size: DataSize,
    options: Mapping[str, Mapping[str, Any]],
    encoding: Encoding,
) -> Readers:
    """Every option of the networks behind columns, derived where not given. `options`: by name of the network."""
    found: Readers = {}
    for key, name in names.items():
        part, network = _part(schema, key), networks.get(name)
        shape = part.shape(_form(network, part), encoding.to_json())
        own_size = DataSize(size.rows, shape[-1], size.outputs, size.regression, shape)
        config = network.Config.for_data(own_size, **options.get(name, {}))
        found[key] = {"network": name, "options": config.to_json()}
    return found


def encoder(part: Part, entry: Mapping[str, Any], *, layout: Layout, encoding: Encoding, joined: bool) -> Encoder:
    """The module that reads a block with a network of its own."""
    network = networks.get(entry["network"])
    if not isinstance(part, SensePart):
        raise TypeError(f"{part!r} is read by no network of its own")
    form, options = _form(network, part), encoding.to_json()
    shape = part.shape(form, options)
    made: Network = network(
        shape[-3] if form in ("picture", "pixels", "clip") else shape[-1], network.Config.of(entry["options"])
    )
    return SenseEncoder(part.front(form, options), made, layout=layout, token_width=encoding.token_width, joined=joined)


def checked(schema: Schema, entries: Any) -> Readers:
    """The readers of a model file.

    Raises:
        ModelFileError: they do not fit the columns.
    """
    if not isinstance(entries, dict) or not all(_fits(schema, key, entry) for key, entry in entries.items()):
        message = f"the model file's networks behind columns do not fit its columns: {str(entries)[:200]}."
        raise ModelFileError(message)
    return entries


def _fits(schema: Schema, key: Any, entry: Any) -> bool:
    if key not in dict(_sensed(schema)) or not isinstance(entry, dict) or set(entry) != {"network", "options"}:
        return False
    name, options = entry["network"], entry["options"]
    if not isinstance(name, str) or name not in networks.NETWORKS or not isinstance(options, dict):
        return False
    return sense(networks.get(name)) in _part(schema, key).senses


def _form(network: AnyNetwork, part: SensePart) -> Sense:
    form = sense(network)
    if form is None or form not in part.senses:
        message = f"the network {_name(network)!r} cannot read {part.column!r}, which is a {' or '.join(part.senses)}."
        raise OptionError(message)
    return form


def _sensed(schema: Schema) -> list[tuple[str, SensePart]]:
    return [(key, p) for key, parts in schema.parts.items() for p in parts if isinstance(p, SensePart)]


def _part(schema: Schema, key: str) -> SensePart:
    return dict(_sensed(schema))[key]


def _name(network: AnyNetwork) -> str:
    return str(getattr(network, "name", network if isinstance(network, str) else type(network).__name__))


def _listed(schema: Schema) -> str:
    columns = ", ".join(f"{column.name!r} is a {column.type}" for column in schema.inputs[:8])
    return columns + (" ..." if len(schema.inputs) > 8 else "") + "."
