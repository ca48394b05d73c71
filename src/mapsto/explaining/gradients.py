"""Integrated gradients: what each column contributes to the prediction of one single network.

On the straight line from a background row to the row explained, the gradient of the figure says at every point which
encoded features move it; summed along the line, and over the features that a column became, that is the column's
contribution. The line runs between encoded rows, where categories are vectors, too. Contributions are averaged over
several background rows, so that together they add up to the figure minus the background's mean, but for the error of
summing in steps.

Sundararajan, Taly and Yan, Axiomatic attribution for deep networks (ICML 2017); averaged over a background: Erion et
al., Improving performance of deep learning models with axiomatic attribution priors and expected gradients (2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mapsto.members.network import Network

if TYPE_CHECKING:
    import torch

    from mapsto.columns.base import Column
    from mapsto.composition import Composition
    from mapsto.explaining.game import Game
    from mapsto.fitted import Fitted
    from mapsto.schema import Encoded

STEPS = 32
"""Points on each line."""
DRAWS = 16
"""Background rows for each row, when time allows."""
_COST = 4.0
"""What a point costs, in predictions: forwards, backwards, and no batch as large."""
_BATCH = 2048


def single_network(fitted: Fitted) -> Composition | None:
    """The network that alone makes the predictions, if it is one and its outputs can be followed to user units."""
    return strongest_network(fitted) if len(fitted.ensemble.shares()) == 1 else None


def strongest_network(fitted: Fitted) -> Composition | None:
    """The network that counts most in the predictions, if nothing else counts more; likewise."""
    shares = fitted.ensemble.shares()
    member = fitted.ensemble.members[fitted.ensemble.names.index(max(shares, key=lambda name: shares[name]))]
    if not isinstance(member, Network) or any(
        _line(t) is None for t in fitted.schema.targets if t.task == "regression"
    ):
        return None
    return member.composition


def integrated_gradients(
    fitted: Fitted, composition: Composition, game: Game, encoded: Encoded, reserve: float
) -> tuple[np.ndarray, int]:
    """Contributions `(rows, columns, targets)` and the number of background rows behind each.

    Args:
        fitted: the model.
        composition: its network.
        game: the rows to explain.
        encoded: the same rows.
        reserve: rows for whose prediction time has to be left.
    """
    import torch
    from captum.attr import IntegratedGradients

    points = _COST * STEPS * game.rows * len(game.question.targets)
    draws = int(np.clip(game.pace.rows(reserve) / points, 1, DRAWS))
    others = game.draw(draws, fitted.recipe.seed)
    rows = np.repeat(np.arange(game.rows), draws)
    own, background = (_encode(composition, one) for one in (encoded, game.background_rows))
    column_of = _columns(fitted, composition)
    found = np.zeros((game.rows, game.columns, len(game.question.targets)))
    for place, target in enumerate(fitted.schema.targets):
        method = IntegratedGradients(Figure(composition, target, fitted.temperatures.get(target.name, 1.0)))
        chosen = torch.from_numpy(game.question.chosen[:, place])
        for at in range(0, len(rows), _BATCH):
            part, other = (torch.from_numpy(each[at : at + _BATCH]) for each in (rows, others.ravel()))
            given = method.attribute(
                own[part],
                baselines=background[other],
                additional_forward_args=(chosen[part],),
                n_steps=STEPS,
                internal_batch_size=max(_BATCH, len(part)),
            )
            features = given.sum(dim=2) if given.dim() == 3 else given
            shares = features.detach().double().numpy() @ column_of / draws
            np.add.at(found[:, :, place], rows[at : at + _BATCH], shares)
    return found, draws


class Figure:
    """The figure explained as a function of encoded rows that gradients can follow, with calibration."""

    def __init__(self, composition: Composition, target: Column, temperature: float) -> None:
        self.composition, self.target, self.temperature = composition, target, temperature
        self.line = _line(target) if target.task == "regression" else None

    def __call__(self, x: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """`x_BF` or `x_BTD`, and the output that is asked for of each row: the figures `(B,)`."""
        import torch

        outputs_BKO = self.composition.answer(x)[self.target.name]
        if self.line is not None:
            intercept, slope = self.line
            return outputs_BKO.mean(dim=1)[:, 0] * slope + intercept
        if self.target.task == "multilabel":
            calibrated = (outputs_BKO.sigmoid().mean(dim=1).clamp(1e-12, 1 - 1e-7).logit() / self.temperature).sigmoid()
        else:
            p_BO = outputs_BKO.softmax(dim=-1).mean(dim=1).clamp_min(1e-12)
            calibrated = (p_BO.log() / self.temperature).softmax(dim=-1)
        return torch.gather(calibrated, 1, chosen[:, None])[:, 0]


def _line(target: Column) -> tuple[float, float] | None:
    """Intercept and slope of a number's link; None where it is no straight line."""
    at = target.link(np.array([[0.0], [1.0], [2.0]]))[:, 0]
    straight = np.isclose(at[2] - at[1], at[1] - at[0], rtol=1e-6)
    return (float(at[0]), float(at[1] - at[0])) if straight else None


def _encode(composition: Composition, encoded: Encoded) -> torch.Tensor:
    import torch

    from mapsto.tensors import to_tensors

    with torch.no_grad():
        return composition.encode(to_tensors(encoded))


def _columns(fitted: Fitted, composition: Composition) -> np.ndarray:
    """Which column each encoded feature (or token) belongs to: 0 or 1, `(features, columns)`."""
    names = np.array([column.name for column in fitted.schema.inputs])
    return np.asarray(np.array(composition.feature_columns)[:, None] == names, dtype=np.float64)
