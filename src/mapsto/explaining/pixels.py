"""Integrated gradients of a picture's pixels: a finer map than fields, where one single network makes the predictions.

On the straight line from the blanked picture (the mean of the training pictures) to the picture, the gradient of the
figure says at every point which pixels move it; summed along the line they add up to the difference between the two,
but for the error of summing in steps.

Sundararajan, Taly & Yan, Axiomatic attribution for deep networks (ICML 2017).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapsto.explaining.gradients import STEPS, Figure, single_network

if TYPE_CHECKING:
    import torch

    from mapsto.columns.base import Column
    from mapsto.columns.common.insides import Inside
    from mapsto.composition import Composition
    from mapsto.fitted import Fitted
    from mapsto.schema import Encoded

COST = 4.0 * STEPS
"""What a map costs, in predictions, for each target."""


def pixel_map(fitted: Fitted, row: Encoded, column: Column, inside: Inside, chosen_T: np.ndarray) -> np.ndarray | None:
    """What each pixel contributes, `(height, width, targets)`; None where no single network reads the cell as pixels.

    Args:
        fitted: the model.
        row: the row, encoded.
        column: of the cell.
        inside: the cell.
        chosen_T: column of the prediction that is explained, for each target.
    """
    network = single_network(fitted)
    key = None if network is None else next((p.key for p in column.parts if p.key in network.blocks), None)
    if network is None or key is None or inside.kind != "picture":
        return None
    blank = inside.blanked(np.zeros((1, len(inside.pieces)), dtype=bool))
    return _gradients(fitted, network, key, [row, fitted.schema.with_arrays(row, {column.name: blank})], chosen_T)


def _gradients(
    fitted: Fitted, network: Composition, key: str, ends: list[Encoded], chosen_T: np.ndarray
) -> np.ndarray | None:
    import torch
    from captum.attr import IntegratedGradients

    from mapsto.composition import to_tensors
    from mapsto.networks.blocks.ragged import take
    from mapsto.networks.blocks.senses import SenseEncoder

    encoder = network.encoders[network.blocks.index(key)]
    if not isinstance(encoder, SenseEncoder):
        return None
    blocks, blank = (to_tensors(end) for end in ends)
    with torch.no_grad():
        own_BCHW, blank_BCHW = (encoder.front(each[key])[0] for each in (blocks, blank))
    found = []
    for target, chosen in zip(fitted.schema.targets, chosen_T.tolist(), strict=True):
        figure = Figure(network, target, fitted.temperatures.get(target.name, 1.0))

        def of_pixels(x_BCHW: torch.Tensor, chosen_B: torch.Tensor, figure: Figure = figure) -> torch.Tensor:
            same = torch.zeros(len(x_BCHW), dtype=torch.int64)
            rows = {name: take(block, same) for name, block in blocks.items()}
            return figure(network.encode(rows | {key: encoder.network(x_BCHW)}), chosen_B)

        given = IntegratedGradients(of_pixels).attribute(
            own_BCHW, baselines=blank_BCHW, additional_forward_args=(torch.tensor([chosen]),), n_steps=STEPS
        )
        found.append(given[0].sum(dim=0).detach().double().numpy())
    return np.stack(found, axis=-1)
