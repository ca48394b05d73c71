"""Scales for numbers. Each rises with its input, so that trees see the same order before and after."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    from mapsto.columns.common.state import State

ScalingName = Literal["robust", "standard", "minmax", "quantile"]
LIMIT = 1e150
"""Larger magnitudes cannot be squared or divided safely in float64; such cells count as unreadable."""
_FAR = 1e9
_BEND = 3.0
_KNOTS = 1000
_DISTANT = 2.0**12
"""Widths from 0 at which numbers of 32 bits begin to tell neighbours apart badly: a 4,096th of what they can."""


@dataclass(frozen=True)
class Scaling:
    """User units to scaled units and back.

    * robust: median 0, interquartile range 1, then clipped smoothly to (-3, 3) by `x / sqrt(1 + (x / 3)^2)`, as in
      RealMLP (Holzmüller et al., NeurIPS 2024, arXiv 2407.04491);
    * standard: mean 0, standard deviation 1;
    * minmax: 0 to 1 on training rows;
    * quantile: by rank to the normal distribution, flat beyond the training range.
    """

    how: ScalingName = "robust"
    center: float = 0.0
    scale: float = 1.0
    knots: np.ndarray = field(default_factory=lambda: np.zeros((2, 0)))
    """`(2, n)` float64, for "quantile": values and their normal scores, both rising."""
    offset: float = 0.0
    """What `units` takes away: the middle of numbers that lie close together far from 0, such as milliseconds since
    1970 within an hour, of which 32 bits would tell few apart; else 0, for ratios mean something.
    """

    @classmethod
    def learn(cls, x: np.ndarray, how: ScalingName) -> Scaling:
        """From finite float64 training values; of none, the identity."""
        if not len(x):
            return cls(how)
        low, q25, middle, q75, high = (float(q) for q in np.quantile(x, [0, 0.25, 0.5, 0.75, 1]))
        width = _width(q75 - q25 or (high - low) / 2)
        offset = middle if abs(middle) > _DISTANT * width else 0.0
        if how == "quantile":
            return cls(how, knots=_normal_scores(x), offset=offset)
        if how == "standard":
            return cls(how, float(x.mean()), _width(float(x.std())), offset=offset)
        if how == "minmax":
            return cls(how, low, _width(high - low), offset=offset)
        return cls(how, middle, width, offset=offset)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """float64 in user units to float32 in scaled units; NaN stays."""
        if self.how == "quantile":
            if not self.knots.shape[1]:
                return np.asarray(np.clip(x, -_FAR, _FAR), dtype=np.float32)
            return np.where(np.isnan(x), np.nan, np.interp(x, *self.knots)).astype(np.float32)
        z = np.clip((x - self.center) / self.scale, -_FAR, _FAR)
        if self.how == "robust":
            z /= np.sqrt(1 + (z / _BEND) ** 2)
        return z.astype(np.float32)

    def units(self, z: np.ndarray) -> np.ndarray:
        """Scaled units back to user units less `offset`, float32: for learners that read flat numbers."""
        if self.how == "quantile":
            return _float32(np.interp(z, self.knots[1], self.knots[0]) - self.offset) if self.knots.shape[1] else z
        x = z.astype(np.float64)
        if self.how == "robust":
            edge = np.float32(_BEND * (1 - 1e-7))
            y = np.clip(x, -edge, edge) / _BEND
            x = _BEND * y / np.sqrt(1 - y * y)
        return _float32(x * self.scale + (self.center - self.offset))

    def to_json(self) -> dict[str, Any]:
        """All but the knots."""
        return {"scaling": self.how, "center": self.center, "scale": self.scale, "offset": self.offset}

    @classmethod
    def from_state(cls, state: State) -> Scaling:
        """The inverse of `to_json`, with the array "knots" where it has any."""
        how = state.text("scaling", allowed=get_args(ScalingName))
        knots = np.zeros((2, 0))
        if how == "quantile":
            knots = state.array("knots", "float64", (2, None), longest=_KNOTS)
            if (np.diff(knots, axis=1) < 0).any():
                raise state.refusal("knots", "knots that fall", "rising knots")
        scale = state.number("scale", low=1 / LIMIT, high=10 * LIMIT)
        center = state.number("center", low=-LIMIT, high=LIMIT)
        # Files of earlier versions know no offset: what their members learned is in units from 0.
        offset = state.number("offset", low=-LIMIT, high=LIMIT) if "offset" in state.json else 0.0
        return cls(how, center, scale, knots, offset)  # type: ignore[arg-type]


def _float32(x: np.ndarray) -> np.ndarray:
    """As float32; what is too large for it becomes its largest."""
    most = float(np.finfo(np.float32).max)
    return np.asarray(np.clip(x, -most, most), dtype=np.float32)


def _width(found: float) -> float:
    """A width to divide by: 1 where there is none, and none so small that the quotient overflows."""
    return max(found, 1 / LIMIT) if found else 1.0


def _normal_scores(x: np.ndarray) -> np.ndarray:
    """Up to `_KNOTS` quantiles of `x` with the normal score of each; ties take the mean score."""
    ranks = np.linspace(0, 1, min(len(x), _KNOTS))
    edge = 0.5 / len(x)
    normal = NormalDist()
    scores = np.array([normal.inv_cdf(rank) for rank in np.clip(ranks, edge, 1 - edge)])
    values, place = np.unique(np.quantile(x, ranks), return_inverse=True)
    return np.stack([values, np.bincount(place, weights=scores) / np.bincount(place)])
