"""Maps of a picture's pixels, finer than fields: of the network that counts most in the predictions.

Integrated gradients: on the straight line from the blanked picture (the mean of the training pictures) to the picture,
the gradient of the figure says at every point which pixels move it; summed along the line they add up to the
difference between the two, but for the error of summing in steps.

Grad-CAM: the last maps of a convolutional network say where in the picture it found what; each counts as much as the
figure rises with its mean. That is coarse, but about things rather than about single pixels. Its last step in the
paper, to leave out what is below 0, is left out here: what lowers the figure has a colour of its own.

Neither is better for all networks, so both are drawn, and that one is shown whose order of the pixels separates the
figure further by deletion and insertion (see `mapsto.explaining.deletion`): the figure of all members together.

Sundararajan, Taly & Yan, Axiomatic attribution for deep networks (ICML 2017); Selvaraju et al., Grad-CAM: visual
explanations from deep networks via gradient-based localization (ICCV 2017, arXiv 1610.02391).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mapsto.columns.common.insides import Inside, PictureInside
from mapsto.explaining.deletion import LEVELS, separation
from mapsto.explaining.gradients import STEPS, Figure, strongest_network

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import nn

    from mapsto.columns.base import Column
    from mapsto.explaining.game import Play
    from mapsto.fitted import Fitted
    from mapsto.schema import Encoded

    OfPixels = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

COST = 4.0 * STEPS + 4 * LEVELS
"""What both maps and comparing them cost, in predictions, for each target."""
_FINEST = 64
"""Pixels are blanked one by one to compare maps, in larger pictures fields of a grid of so many a side."""


@dataclass(frozen=True)
class Pixels:
    """What each pixel contributes, by the method that proved the more faithful for each target."""

    values: np.ndarray
    """`(height, width, targets)`; by integrated gradients in units of the network's figure, by Grad-CAM in none."""
    how: tuple[str, ...]
    """The method, for each target."""
    separation: dict[str, np.ndarray]
    """`(targets,)`: of each method that was tried, how far it separates the figure."""


@dataclass(frozen=True)
class Seen:
    """A cell in front of the network that reads it as pixels, and the figures as functions of those."""

    network: nn.Module
    own: torch.Tensor
    """`(1, C, H, W)`, as is `blank`."""
    blank: torch.Tensor
    figures: list[OfPixels]
    """For each target, of pictures `x_BCHW` and the column of the prediction `(B,)`."""


def pixel_map(
    fitted: Fitted, row: Encoded, column: Column, inside: Inside, chosen_T: np.ndarray, play: Callable[[Inside], Play]
) -> Pixels | None:
    """The more faithful map of a picture's pixels; None where the strongest member does not read the cell as pixels.

    Args:
        fitted: the model.
        row: the row, encoded.
        column: of the cell.
        inside: the cell.
        chosen_T: column of the prediction that is explained, for each target.
        play: makes the game of the cell's pieces.
    """
    seen = as_pixels(fitted, row, column, inside)
    if seen is None or not isinstance(inside, PictureInside):
        return None
    maps = {"integrated gradients": integrated_gradients(seen, chosen_T), "Grad-CAM": grad_cam(seen, chosen_T)}
    fine = replace(inside, most=min(_FINEST, max(inside.pixels.shape[:2])) ** 2)
    game, there = play(fine), {name: each for name, each in maps.items() if each is not None}
    apart = {name: separation(game, _of_pieces(fine, each)) for name, each in there.items()}
    best = [list(there)[which] for which in np.argmax(list(apart.values()), axis=0)]
    values = np.stack([there[name][:, :, target] for target, name in enumerate(best)], axis=-1)
    return Pixels(values, tuple(best), apart)


def as_pixels(fitted: Fitted, row: Encoded, column: Column, inside: Inside) -> Seen | None:
    """The cell in front of the strongest network; None where that is none, or does not read the cell as pixels."""
    import torch

    from mapsto.networks.blocks.pictures import PictureFront
    from mapsto.networks.blocks.ragged import take
    from mapsto.networks.blocks.senses import SenseEncoder
    from mapsto.tensors import to_tensors

    network = strongest_network(fitted)
    key = None if network is None else next((p.key for p in column.parts if p.key in network.blocks), None)
    if network is None or key is None or not isinstance(inside, PictureInside):
        return None
    encoder = network.encoders[network.blocks.index(key)]
    if not isinstance(encoder, SenseEncoder) or not isinstance(encoder.front, PictureFront):  # tiles are vectors
        return None
    nothing = inside.blanked(np.zeros((1, len(inside.pieces)), dtype=bool))
    blocks, blank = (to_tensors(end) for end in (row, fitted.schema.with_arrays(row, {column.name: nothing})))
    with torch.no_grad():
        own_BCHW, blank_BCHW = (encoder.front(each[key])[0] for each in (blocks, blank))

    def figure(target: Column) -> OfPixels:
        whole = Figure(network, target, fitted.temperatures.get(target.name, 1.0))

        def of_pixels(x_BCHW: torch.Tensor, chosen_B: torch.Tensor) -> torch.Tensor:
            same = torch.zeros(len(x_BCHW), dtype=torch.int64)
            rows = {name: take(block, same) for name, block in blocks.items()}
            return whole(network.encode(rows | {key: encoder.look(x_BCHW)}), chosen_B)

        return of_pixels

    return Seen(encoder.network, own_BCHW, blank_BCHW, [figure(target) for target in fitted.schema.targets])


def integrated_gradients(seen: Seen, chosen_T: np.ndarray) -> np.ndarray:
    """What each pixel contributes, `(height, width, targets)`; the sum is the figure less that of the blanked cell."""
    import torch
    from captum.attr import IntegratedGradients

    found = []
    for figure, chosen in zip(seen.figures, chosen_T.tolist(), strict=True):
        given = IntegratedGradients(figure).attribute(
            seen.own, baselines=seen.blank, additional_forward_args=(torch.tensor([chosen]),), n_steps=STEPS
        )
        found.append(given[0].sum(dim=0).detach().double().numpy())
    return np.stack(found, axis=-1)


def grad_cam(seen: Seen, chosen_T: np.ndarray) -> np.ndarray | None:
    """The last maps, weighted and brought to the size of the picture, `(height, width, targets)`, in no unit; None
    where the network makes no maps of several places.
    """
    import torch
    from torch.nn import functional as F

    last: list[torch.Tensor] = []

    def keep(module: nn.Module, given: object, made: object) -> None:
        if isinstance(made, torch.Tensor) and made.ndim == 4 and made.shape[2:].numel() > 1 and made.requires_grad:
            last[:] = [made]

    hooks = [module.register_forward_hook(keep) for module in seen.network.modules()]
    found = []
    try:
        with torch.enable_grad():
            for figure, chosen in zip(seen.figures, chosen_T.tolist(), strict=True):
                own_BCHW = seen.own.detach().clone().requires_grad_()
                said = figure(own_BCHW, torch.tensor([chosen])).sum()
                if not last:
                    return None
                slope_BCHW = torch.autograd.grad(said, last[0])[0]
                map_B1HW = (slope_BCHW.mean(dim=(2, 3), keepdim=True) * last[0]).sum(dim=1, keepdim=True)
                size = list(own_BCHW.shape[-2:])
                found.append(F.interpolate(map_B1HW.detach(), size, mode="bilinear")[0, 0].double().numpy())
    finally:
        for hook in hooks:
            hook.remove()
    return np.stack(found, axis=-1)


def _of_pieces(inside: PictureInside, values_HWT: np.ndarray) -> np.ndarray:
    """The sum over each piece, `(pieces, targets)`."""
    where, flat = inside.field_of.ravel(), values_HWT.reshape(-1, values_HWT.shape[2])
    return np.stack([np.bincount(where, weights=each) for each in flat.T], axis=1)
