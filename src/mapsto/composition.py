"""Composition: encoders of the inputs, a network, a head for every target, as one module.

    blocks -> encoders -> x (B, F) or (B, T, D) -> network -> h (B, K, D) -> heads -> {target: (B, K, O)}

The network is one of ours by name, a class, or a user's own `nn.Module`. JSON and the schema rebuild a composition;
its weights are plain arrays.

Shape legend: B batch, F features, T tokens, D width, K views, O outputs of a target.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from mapsto import networks, senses
from mapsto.checked import inside
from mapsto.errors import DataError, ModelFileError, OptionError
from mapsto.networks import own
from mapsto.networks.base import DataSize, Encoder, Encoding, Layout, Network, NetworkConfig
from mapsto.networks.blocks.bounded import Bounded
from mapsto.networks.blocks.heads import EmbeddingHead, Head
from mapsto.networks.blocks.hide import HideColumns
from mapsto.networks.blocks.initialization import initialize
from mapsto.networks.blocks.pictures import PictureFront, moved
from mapsto.networks.blocks.ragged import TensorBlock
from mapsto.networks.folders import resolve
from mapsto.networks.own import AnyNetwork
from mapsto.tensors import Span, chunk, side_by_side, spans

if TYPE_CHECKING:
    from mapsto.schema import Encoded, Schema

MOST_EMBEDDED = 4096
"""Largest width of an embedding."""
OWN = "own"
"""Name in JSON of a network that the user brought."""

_BUILDING = threading.Lock()


class Composition(nn.Module):
    """Encoders, network and heads as one module. Made by `build` or `from_json`."""

    views: int
    """K, the predictors that the network holds at once; their predictions are to be averaged."""
    width: int
    """D, of what each of them sees before the heads."""
    feature_columns: list[str]
    """For every encoded feature (or token): the name of the column it comes from."""
    outputs: dict[str, int]
    """Width of each target's head."""

    def __init__(self, schema: Schema, network: AnyNetwork, json: dict[str, Any]) -> None:
        """`network`: the trunk; `json`: "network", "options", "encoding" and "senses", complete; see `build`.

        With "embedding" in it the one target has no classes to be told apart, but a place on a sphere of this width.
        """
        super().__init__()
        self._json = json
        layout = own.trunk_layout(network)
        encoding = Encoding.of(json["encoding"])
        encoders = _encoders(schema, json["senses"], layout, encoding)
        self.blocks, self.encoders = list(encoders), nn.ModuleList(encoders.values())
        self.feature_columns = [
            schema.parts[key][part].column
            for key, encoder in encoders.items()
            for part, count in encoder.spans
            for _ in range(count)
        ]
        if not self.feature_columns:
            raise OptionError("nothing of its columns is read")
        self.in_features = encoding.token_width if layout == "tokens" else len(self.feature_columns)
        position = {column: place for place, column in enumerate(dict.fromkeys(self.feature_columns))}
        columns = [position[column] for column in self.feature_columns]
        self.hide = HideColumns(columns, encoding.column_dropout)
        self.network = own.made(network, self.in_features, json["options"])
        if isinstance(self.network, Network):
            self.network.know_columns(columns)
        self.views, self.width = own.views_and_width(self.network, self.in_features)
        embedding = json.get("embedding")
        self.outputs = {target.name: embedding or target.out_features for target in schema.targets}
        kind = EmbeddingHead if embedding else Head
        self.heads = nn.ModuleList(kind(self.views, self.width, out) for out in self.outputs.values())

    @classmethod
    def build(
        cls,
        schema: Schema,
        network: str | AnyNetwork = "tabm",
        *,
        rows: int,
        options: Mapping[str, Any] | None = None,
        others: Mapping[str, Mapping[str, Any]] | None = None,
        encoding: Mapping[str, Any] | None = None,
        initialization: str = "default",
        embedding: int | None = None,
        seed: int = 0,
    ) -> Composition:
        """Compose a network for the columns of a learned schema, with new weights.

        Args:
            schema: which columns go in and which come out.
            network: a name, or "pretrained:..."; a class; or a module. A class that is no `Network` is called with the
                number of features;
                a module is copied and keeps its weights. Both read `(B, F)`.
            rows: training rows, from which defaults are derived.
            options: of the network's `Config` (or arguments of a class that has none); they win over the derived.
            others: options of the networks that stand beside it, by name (see `mapsto.senses`).
            encoding: see `mapsto.networks.base.Encoding`; wins over what the network likes.
            initialization: rule for the linear maps, see `networks.blocks.initialization`.
            embedding: width of the unit vectors that are learned in place of the target's classes; None: classes.
            seed: where the weights come from.

        Raises:
            DataError: the schema has no inputs or no targets.
            OptionError: no such network or option, or a module that cannot read the input or returns a wrong shape.
        """
        _check_columns(schema)
        if isinstance(network, str):
            network, implied = resolve(network)
            options = implied | dict(options or {})
        chosen = networks.get(network) if isinstance(network, str) else network
        readers, trunk = senses.split(schema, chosen)
        by_name = dict(others or {})
        if trunk is not chosen:
            by_name[str(getattr(chosen, "name", ""))] = options or {}
            options = by_name.get(senses.JOINING if len(senses.read(schema, readers)) > 1 else "linear")
        json = _complete(schema, trunk, readers, rows, dict(options or {}), by_name, dict(encoding or {}))
        json |= {} if embedding is None else {"embedding": embedding}
        with seeded(seed):
            made = cls(schema, trunk, json)
            if isinstance(chosen, type):
                initialize(made.network, initialization)
        for module in made.modules():
            if isinstance(module, Network):
                module.begin()
        return made

    def to_json(self) -> dict[str, Any]:
        """What `from_json` needs, besides schema and weights, to rebuild this module."""
        return copy.deepcopy(self._json)

    @classmethod
    def from_json(cls, json: dict[str, Any], schema: Schema, network: AnyNetwork | None = None) -> Composition:
        """Rebuild a composition from JSON that may be hostile, in eval mode; `load` then fills in the weights.

        Args:
            json: from `to_json`.
            schema: the schema it was built for.
            network: the user's own class or module, where it was one.

        Raises:
            ModelFileError: malformed, too large, or a network of the user's own that was not given.
        """
        _check_columns(schema)
        try:
            chosen = _chosen(json, network)
            json = json | {"senses": senses.checked(schema, json.get("senses", {}))}
            with seeded(0), Bounded():
                made = cls(schema, chosen, json).eval()
            if json["senses"]:
                made._try(schema)
            return made
        except OptionError as error:
            message = f"the model file describes a network that cannot be built: {error}"
            raise ModelFileError(message) from error

    def _try(self, schema: Schema) -> None:
        """Read one row without any cell: sizes that a file states must fit each other and the columns."""
        import polars as pl

        row = schema.encode(pl.DataFrame({column.name: [None] for column in schema.inputs}))
        try:
            self.features_numpy(row)
        except (RuntimeError, IndexError, ValueError) as error:
            message = f"the model file describes a network that does not fit its columns: {error}"
            raise ModelFileError(message) from error

    def arrays(self) -> dict[str, np.ndarray]:
        """The weights, by name."""
        return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in self.state_dict().items()}

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take the weights of `arrays`.

        Raises:
            ModelFileError: a weight is missing, unknown, of a wrong shape or type, or not finite.
        """
        expected = self.state_dict()
        if missing := sorted(expected.keys() ^ arrays.keys()):
            message = f"the weights do not fit the network: {len(missing)} differ in name, among them '{missing[0]}'."
            raise ModelFileError(message)
        for name, tensor in expected.items():
            _check_weight(name, arrays[name], tensor)
        self.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()}, strict=True)

    def encode(self, blocks: Mapping[str, TensorBlock]) -> Tensor:
        """A batch of blocks to what the network reads: `x_BF`, or `x_BTD`."""
        encoded = [encoder(blocks[key]) for key, encoder in zip(self.blocks, self.encoders, strict=True)]
        x: Tensor = self.hide(encoded[0] if len(encoded) == 1 else torch.cat(encoded, dim=1))
        return x

    def features(self, x: Tensor) -> Tensor:
        """The network's features `h_BKD` of encoded rows."""
        h: Tensor = self.network(x)
        return h.unsqueeze(1) if h.dim() == 2 else h

    def answer(self, x: Tensor) -> dict[str, Tensor]:
        """The raw outputs `(B, K, O)` of each target for encoded rows."""
        h_BKD = self.features(x)
        return {target: head(h_BKD) for target, head in zip(self.outputs, self.heads, strict=True)}

    def forward(self, blocks: Mapping[str, TensorBlock]) -> dict[str, Tensor]:
        """The raw outputs `(B, K, O)` of each target for a batch of blocks."""
        return self.answer(self.encode(blocks))

    def predict_numpy(
        self, encoded: Encoded, rows_per_chunk: int | None = None, *, once: bool = False
    ) -> dict[str, np.ndarray]:
        """Raw outputs of every row, float32 `(rows, K, O)` for each target, computed in chunks.

        Pictures are looked at several times, as they are, moved a little to and fro, and where they may be mirrored
        all of it mirrored: `(rows, 6 K, O)`. With `once` only as they are, which is how a network is judged while it
        learns.

        A row's outputs do not depend on the other rows: dropout is off, and chunks are padded (`tensors.chunk`). (On
        the processors tried they are equal to the last bit; other math libraries may differ by rounding.) Thread-safe
        in eval mode.
        """
        looks = [(0.0, False)] if once else [(move, way) for move in self._moves() for way in self._ways()]
        views = self.views * len(looks)
        found = {t: np.empty((encoded.rows, views, width), np.float32) for t, width in self.outputs.items()}

        def fill(rows: slice, own: slice, blocks: dict[str, TensorBlock]) -> None:
            for target, outputs in self(blocks).items():
                found[target][rows, own] = outputs[: rows.stop - rows.start].float().cpu().numpy()

        self._look_at(encoded, looks, fill, rows_per_chunk)
        return found

    def features_numpy(self, encoded: Encoded) -> np.ndarray:
        """What the network sees in every row before its heads, float32 `(rows, K, D)`; `(rows, 2 K, D)` where pictures
        may be mirrored.
        """
        looks = [(0.0, way) for way in self._ways()]
        found = np.empty((encoded.rows, self.views * len(looks), self.width), np.float32)

        def fill(rows: slice, own: slice, blocks: dict[str, TensorBlock]) -> None:
            h_BKD = self.features(self.encode(blocks))
            found[rows, own] = h_BKD[: rows.stop - rows.start].float().cpu().numpy()

        self._look_at(encoded, looks, fill)
        return found

    def _ways(self) -> list[bool]:
        """As pictures are, and where they may be, mirrored."""
        return [False, True] if self.mirrors == "yes" else [False]

    def _moves(self) -> list[float]:
        """Shares of their sides by which pictures are moved: half of what they were moved by in training."""
        most = max((front.augmentation.shift for front in self.pictures.values()), default=0.0)
        return [0.0, most / 2, -most / 2] if most else [0.0]

    def _look_at(
        self,
        encoded: Encoded,
        looks: list[tuple[float, bool]],
        fill: Callable[[slice, slice, dict[str, TensorBlock]], None],
        rows_per_chunk: int | None = None,
    ) -> None:
        """`fill(rows, views, blocks)` for chunk after chunk, each look at them by itself, in eval mode.

        A look moves pictures by a share of their sides, and mirrors them or not; its views are its own.
        """
        device, pictures = next(self.parameters()).device, self.pictures

        def each_look(span: Span) -> None:
            blocks = chunk(encoded, span, device)
            for number, (share, mirrored) in enumerate(looks):
                seen = dict(blocks)
                for key in pictures:
                    x_BHWC = cast("Tensor", blocks[key])
                    x_BHWC = moved(x_BHWC, share) if share else x_BHWC
                    seen[key] = x_BHWC.flip(2) if mirrored else x_BHWC
                fill(slice(*span), slice(number * self.views, (number + 1) * self.views), seen)

        training = self.training
        if training:
            self.eval()
        try:
            side_by_side(each_look, spans(encoded, device, rows_per_chunk), device)
        finally:
            if training:
                self.train()

    @property
    def mirrors(self) -> Literal["auto", "yes", "no"]:
        """Whether pictures are mirrored in training; "auto": that is still open. Without pictures, "no"."""
        if not self.pictures:
            return "no"
        found: Literal["auto", "yes", "no"] = Encoding.of(self._json["encoding"]).picture_flip  # type: ignore[assignment]
        return found

    def mirror(self, mirrored: bool) -> None:  # noqa: FBT001 - a setter
        """Settle it."""
        self._json["encoding"]["picture_flip"] = "yes" if mirrored else "no"
        for front in self.pictures.values():
            front.augmentation = replace(front.augmentation, flip=mirrored)

    def mirrored(self, encoded: Encoded) -> Encoded:
        """The rows with every picture mirrored, left to right."""
        blocks = dict(encoded.blocks)
        for key in self.pictures:
            blocks[key] = np.ascontiguousarray(np.asarray(blocks[key])[:, :, ::-1])
        return replace(encoded, blocks=blocks, features=None, seen={})

    @property
    def pictures(self) -> dict[str, PictureFront]:
        """The fronts of pictures by block."""
        fronts = {key: getattr(each, "front", None) for key, each in zip(self.blocks, self.encoders, strict=True)}
        return {key: front for key, front in fronts.items() if isinstance(front, PictureFront)}


def _check_columns(schema: Schema) -> None:
    if not schema.parts:
        message = "there is no column to learn from: every column is a target, or was left out. Give inputs=[...]."
        raise DataError(message)
    if not schema.targets:
        message = "there is no column to predict. Give target=..."
        raise DataError(message)


def _encoders(
    schema: Schema, readers: Mapping[str, Mapping[str, Any]], layout: Layout, encoding: Encoding
) -> dict[str, Encoder]:
    """The module that reads each block."""
    found: dict[str, Encoder] = {}
    read = senses.read(schema, readers)
    for key, parts in read.items():
        if key in readers:
            joined = len(read) > 1
            found[key] = senses.encoder(parts[0], readers[key], layout=layout, encoding=encoding, joined=joined)
            continue
        encoder = type(parts[0]).encoder(parts, layout=layout, options=encoding.to_json())
        if not isinstance(encoder, Encoder):
            message = f"{type(parts[0]).__name__}.encoder must return a mapsto.networks.base.Encoder, got {encoder!r}"
            raise TypeError(message)
        found[key] = encoder
    return found


def _complete(
    schema: Schema,
    chosen: AnyNetwork,
    names: dict[str, str],
    rows: int,
    options: dict[str, Any],
    others: dict[str, Mapping[str, Any]],
    encoding: dict[str, Any],
) -> dict[str, Any]:
    """Name and every option of the trunk, the encoding and the networks behind columns, derived where not given."""
    outputs = sum(target.out_features for target in schema.targets)
    regression = all(target.task == "regression" for target in schema.targets)
    parts = sum(len(each) for each in schema.parts.values())
    size = DataSize(rows, parts, outputs, regression)
    liked = senses.encoding(names, size)
    if not own.is_network_class(chosen):
        if options and isinstance(chosen, nn.Module):
            message = f"options {sorted(options)} were given for a module that is already made; set them there."
            raise OptionError(message)
        read_as = Encoding.of(liked | NetworkConfig.encoding(size) | encoding)
        readers = senses.complete(schema, names, size, others, read_as)
        return {"network": OWN, "options": options, "encoding": read_as.to_json(), "senses": readers}
    read_as = Encoding.of(liked | chosen.Config.encoding(size) | encoding)
    readers = senses.complete(schema, names, size, others, read_as)
    if chosen.layout == "tokens":
        options = {"token_width": encoding["token_width"]} | options if "token_width" in encoding else options
    else:
        with seeded(0):  # for their widths only
            encoders = _encoders(schema, readers, own.trunk_layout(chosen), read_as)
        size = replace(size, features=sum(encoder.out_features for encoder in encoders.values()))
    final = chosen.Config.for_data(size, **options).to_json()
    width = {"token_width": final["token_width"]} if chosen.layout == "tokens" else {}
    known = chosen.name if networks.NETWORKS.get(chosen.name) is chosen else OWN
    return {"network": known, "options": final, "encoding": read_as.to_json() | width, "senses": readers}


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw new weights from a seed and leave torch's own generator as it was."""
    with _BUILDING, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _chosen(json: Any, network: AnyNetwork | None) -> AnyNetwork:
    """The class that JSON names, or the user's own; the form of the JSON is checked."""
    names = {"network": str, "options": dict, "encoding": dict}
    if not isinstance(json, dict) or any(not isinstance(json.get(name), kind) for name, kind in names.items()):
        message = f"the model file must describe its network by {', '.join(names)}; got {str(json)[:200]}."
        raise ModelFileError(message)
    width = json.get("embedding", 1)
    if type(width) is not int or not 1 <= width <= MOST_EMBEDDED:
        message = f"the model file describes an embedding of width {width!r}; expected 1 to {MOST_EMBEDDED}."
        raise ModelFileError(message)
    if json["network"] != OWN:
        return networks.get(json["network"])
    if network is None:
        message = "this model holds a network of your own, which a file cannot carry: give it again as network=."
        raise ModelFileError(message)
    return network


def _check_weight(name: str, array: np.ndarray, tensor: Tensor) -> None:
    kind = str(tensor.dtype).removeprefix("torch.")
    inside(array, f"the weight '{name}'", kinds=kind, shape=tuple(tensor.shape))
