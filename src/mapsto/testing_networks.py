"""The contract of a network as laws that anyone can run on theirs: `check_network(MyNetwork)`."""

from __future__ import annotations

import json as json_text
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from mapsto.columns.common.parts import BagPart, CodePart, Layout, NumberPart, Part, Ragged, Sense, SensePart
from mapsto.schema import Encoded, Schema

if TYPE_CHECKING:
    import polars as pl
    import torch
    from torch import nn

    from mapsto.composition import Composition
    from mapsto.networks.base import Network

OUTPUTS = {"price": 1, "kind": 3}
SENSES: tuple[Sense, ...] = ("picture", "pixels", "sequence", "steps", "subwords", "tree", "clip")
TASKS = {"price": "regression", "kind": "classification"}


@dataclass(frozen=True)
class _Target:
    name: str
    out_features: int
    task: str


@dataclass
class _Columns:
    """What a composition asks of a schema: three numbers (two with bins), two categories, a bag, two targets."""

    parts: dict[str, list[Part]] = field(
        default_factory=lambda: {
            "numbers": [
                NumberPart("a", (-1.0, 0.0, 1.0)),
                NumberPart("b", (-2.0, -1.0, 0.0, 0.5, 2.0), jumps=True),
                NumberPart("c"),
            ],
            "codes": [CodePart("d", 4), CodePart("e", 40)],
            "bag:f": [BagPart("f", 12)],
        }
    )
    targets: list[_Target] = field(
        default_factory=lambda: [_Target(name, out, TASKS[name]) for name, out in OUTPUTS.items()]
    )
    inputs: tuple[()] = ()

    def encode(self, frame: pl.DataFrame) -> Encoded:
        """One row without any cell."""
        ((key, (part, *_)),) = self.parts.items()
        found = _sensed(np.random.default_rng(0), 1, part.form, missing=1.0)  # type: ignore[attr-defined]
        return Encoded(1, {key: found})


@dataclass(frozen=True)
class _Seen(SensePart):
    """Pictures of 16 x 16, or sequences, clips and trees of up to 9, as networks get them."""

    form: Sense = "picture"
    group: ClassVar[str] = "seen"
    senses: ClassVar[tuple[Sense, ...]] = SENSES

    def shape(self, sense: Sense, options: dict[str, Any]) -> tuple[int, ...]:
        """What `_sensed` draws."""
        shapes: dict[str, tuple[int, ...]] = {
            "picture": (3, 16, 16), "pixels": (3, 16, 16), "sequence": (6, 5), "steps": (6, 5), "subwords": (6, 20),
            "clip": (4, 3, 8, 8), "tree": (9, 3, 5),
        }  # fmt: skip
        return shapes[sense]

    def front(self, sense: Sense, options: dict[str, Any]) -> nn.Module:
        """Pads, or takes the values as they are."""
        from torch import nn

        from mapsto.networks.blocks.ragged import RaggedTensor, padded
        from mapsto.networks.blocks.trees import Forest

        class Front(nn.Module):
            def forward(self, block: Any) -> tuple[Any, ...]:
                if not isinstance(block, RaggedTensor):
                    return (block,)
                if sense != "tree":
                    values, lengths = padded(block)
                    return (values.long() if sense == "subwords" else values, lengths)
                values_ND, (up_N, height_N, judgements_N) = block.values[:, :5], block.values[:, 5:].long().unbind(1)
                return (Forest.of(values_ND, up_N, height_N, block.offsets, judgements_N),)

        return Front()


def sample_columns(form: Layout | Sense = "flat") -> Schema:
    """Columns of every form that trunks read, and two targets; or one column that a network reads as `form`."""
    if form in ("flat", "tokens"):
        return cast("Schema", _Columns())
    return cast("Schema", _Columns({"seen:g": [_Seen("g", form=cast("Sense", form))]}))


def sample_rows(rows: int, *, form: Layout | Sense = "flat", missing: float = 0.2, seed: int = 0) -> Encoded:
    """Random encoded rows of `sample_columns`, with truth; `missing`: share of cells that are."""
    draw = np.random.default_rng([seed, rows])
    if form not in ("flat", "tokens"):
        known: dict[str, np.ndarray] = {
            "price": draw.normal(size=rows).astype(np.float32),
            "kind": draw.integers(0, 3, rows),
        }
        return Encoded(rows, {"seen:g": _sensed(draw, rows, form, missing)}, known)
    numbers = draw.normal(size=(rows, 3)).astype(np.float32)
    numbers[draw.random(numbers.shape) < missing] = np.nan
    codes = np.stack([draw.integers(1, size, rows) for size in (4, 40)], axis=1).astype(np.int32)
    codes[draw.random(codes.shape) < missing] = 0
    lengths = draw.integers(1, 5, rows) * (draw.random(rows) >= missing)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = draw.integers(0, 12, offsets[-1]).astype(np.int32)
    bag = Ragged(values, offsets, draw.random(offsets[-1]).astype(np.float32) + 0.5)
    truth: dict[str, np.ndarray] = {
        "price": draw.normal(size=rows).astype(np.float32),
        "kind": draw.integers(0, 3, rows),
    }
    return Encoded(rows, {"numbers": numbers, "codes": codes, "bag:f": bag}, truth)


def _sensed(draw: np.random.Generator, rows: int, form: str, missing: float) -> np.ndarray | Ragged:
    """Cells as a network's front would give them; a missing picture is 0, a missing sequence empty."""
    there = draw.random(rows) >= missing
    if form in ("picture", "pixels"):
        size = (rows, 3, 16, 16)
        found: np.ndarray = draw.normal(size=size) if form == "picture" else draw.random(size)
        return (found * there[:, None, None, None]).astype(np.float32)
    lengths = draw.integers(1, 10, rows) * there
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    if form == "subwords":
        return Ragged(draw.integers(0, 20, offsets[-1]).astype(np.int32), offsets)
    each = (3, 8, 8) if form == "clip" else (5,)
    values = draw.normal(size=(offsets[-1], *each)).astype(np.float32)
    if form == "tree":
        up, height = _random_trees(draw, lengths)
        values = np.column_stack([values, up, height, draw.integers(-1, 3, len(up))]).astype(np.float32)
    return Ragged(values, offsets)


def _random_trees(draw: np.random.Generator, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places back to the parent, and height, of the nodes of random trees in preorder."""
    ups, heights = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for length in lengths[lengths > 0].tolist():
        parent, path = np.zeros(length, np.int64), [0]
        for node in range(1, length):
            path = path[: draw.integers(1, len(path) + 1)]
            parent[node] = path[-1]
            path.append(node)
        height = np.zeros(length, np.int64)
        for node in range(length - 1, 0, -1):
            height[parent[node]] = max(height[parent[node]], height[node] + 1)
        ups.append(np.arange(length) - parent)
        heights.append(height)
    return np.concatenate(ups), np.concatenate(heights)


def check_network(network: type[Network], **options: Any) -> None:
    """Run every law of a network on a class: shape, gradients, learning, files, missing cells, low precision.

    Args:
        network: a subclass of `mapsto.networks.base.Network`.
        **options: of its `Config`; what is not given is derived.

    Raises:
        AssertionError: it breaks a law; the message says which.
    """
    from mapsto.composition import Composition

    columns = sample_columns(network.layout)

    def rows(count: int, **given: Any) -> Encoded:
        return sample_rows(count, form=network.layout, **given)

    made, again = (Composition.build(columns, network, rows=5_000, options=options, seed=1).eval() for _ in range(2))
    _check_shape(made, rows)
    _check_repeats(made, again, rows)
    _check_rows_apart(made, rows)
    _check_fixed(made, rows)
    _check_gradients(made, rows)
    _check_file(made, network, rows)
    _check_bfloat16(made, rows)
    quiet, calm = _quiet(network) | options, {"column_dropout": 0.0}
    _check_overfits(Composition.build(columns, network, rows=5_000, options=quiet, encoding=calm, seed=2), rows)


Rows = Callable[..., Encoded]
"""Draws so many random rows."""


def _law(name: str, *, holds: bool) -> None:
    if not holds:
        message = f"the network breaks a law: {name}"
        raise AssertionError(message)


def _quiet(network: type[Network]) -> dict[str, Any]:
    """Its options with all dropout off."""
    config = network.Config().to_json()
    return dict.fromkeys((n for n in config if "dropout" in n or n == "stochastic_depth"), 0.0)


def _same(first: dict[str, np.ndarray], second: dict[str, np.ndarray], tolerance: float = 0.0) -> bool:
    return all(np.allclose(first[name], second[name], rtol=0, atol=tolerance) for name in first)


def _check_fixed(made: Composition, sample: Rows) -> None:
    """Of networks that begin with a fixed look."""
    import torch

    from mapsto.networks.blocks.senses import SenseEncoder
    from mapsto.tensors import chunk

    blocks = chunk(sample(7), (0, 7), torch.device("cpu"))
    for key, place in zip(made.blocks, made.encoders, strict=True):
        if isinstance(place, SenseEncoder) and getattr(place.network, "fixed", False):
            seen, width = place.see(blocks[key]), place.network.seen_features
            _law(f"look gives (rows, {width})", holds=seen.shape == (len(blocks[key]), width))
            _law("look has nothing to learn", holds=not seen.requires_grad)
            _law("forward is read(look(...))", holds=bool((place(seen) == place(blocks[key])).all()))


def _check_shape(made: Composition, sample: Rows) -> None:
    found = made.predict_numpy(sample(7))
    shapes = {name: array.shape for name, array in found.items()}
    _law(
        f"outputs are (rows, views, width), got {shapes}",
        holds=shapes == {n: (7, made.views, o) for n, o in OUTPUTS.items()},
    )
    _law("outputs are finite where cells are missing", holds=all(np.isfinite(a).all() for a in found.values()))
    nothing = made.predict_numpy(sample(7, missing=1.0))
    _law("outputs are finite where all cells are missing", holds=all(np.isfinite(a).all() for a in nothing.values()))
    _law("no rows give no rows", holds=all(len(array) == 0 for array in made.predict_numpy(sample(0)).values()))


def _check_repeats(made: Composition, again: Composition, sample: Rows) -> None:
    rows = sample(20)
    _law("eval mode is deterministic", holds=_same(made.predict_numpy(rows), made.predict_numpy(rows)))
    _law("the seed decides the weights", holds=_same(made.predict_numpy(rows), again.predict_numpy(rows)))


def _check_rows_apart(made: Composition, sample: Rows) -> None:
    rows, order = sample(77), np.random.default_rng(3).permutation(77)
    whole, mixed = made.predict_numpy(rows), made.predict_numpy(rows.take(order))
    _law(
        "a row's outputs do not depend on its place", holds=_same({n: a[order] for n, a in whole.items()}, mixed, 1e-6)
    )
    single = made.predict_numpy(rows.take(np.array([13])))
    _law(
        "a row's outputs do not depend on other rows",
        holds=_same({n: a[13:14] for n, a in whole.items()}, single, 1e-6),
    )


def _loss(made: Composition, rows: Encoded) -> torch.Tensor:
    import torch
    from torch.nn import functional as F

    from mapsto.tensors import to_tensors

    outputs = made(to_tensors(rows))
    price, kind = (torch.from_numpy(rows.truth[name]) for name in OUTPUTS)
    views = made.views
    return F.mse_loss(outputs["price"][..., 0], price[:, None].expand(-1, views)) + F.cross_entropy(
        outputs["kind"].flatten(0, 1), kind.repeat_interleave(views)
    )


def _check_gradients(made: Composition, sample: Rows) -> None:
    made.train()
    _loss(made, sample(64)).backward()  # type: ignore[no-untyped-call]
    for name, parameter in made.named_parameters():
        gradient = parameter.grad
        _law(f"'{name}' has a gradient", holds=gradient is not None)
        _law(f"the gradient of '{name}' is finite", holds=gradient is not None and bool(gradient.isfinite().all()))
    made.zero_grad()
    made.eval()


def _check_file(made: Composition, network: type[Network], sample: Rows) -> None:
    from safetensors.numpy import load, save

    from mapsto.composition import Composition

    text = json_text.dumps(made.to_json())
    loaded = Composition.from_json(json_text.loads(text), sample_columns(network.layout), network=network)
    loaded.load(load(save(made.arrays())))
    rows = sample(33)
    _law("a saved network predicts the same", holds=_same(made.predict_numpy(rows), loaded.predict_numpy(rows)))
    _law("its description does not change", holds=loaded.to_json() == made.to_json())


def _check_bfloat16(made: Composition, sample: Rows) -> None:
    import torch

    from mapsto.tensors import to_tensors

    blocks = to_tensors(sample(64))
    with torch.inference_mode():
        exact = made(blocks)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = made(blocks)
    for name, outputs in exact.items():
        apart = float((outputs - rough[name].float()).abs().mean() / outputs.abs().mean())
        _law(f"bfloat16 is close to float32, '{name}' differs by {apart:.1%}", holds=apart < 0.05)


def _check_overfits(made: Composition, sample: Rows) -> None:
    import torch

    rows = sample(32, seed=5, missing=0.0)
    made.train()
    optimizer = torch.optim.Adam(made.parameters(), lr=0.01)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        loss = _loss(made, rows)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    _law(f"it learns 32 rows by heart: loss {losses[0]:.3f} -> {losses[-1]:.3f}", holds=losses[-1] < 0.1 * losses[0])
