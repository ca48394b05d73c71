"""Rocket: many fixed convolution kernels, and for how much of a series the answer of each is above a threshold.

Nothing of it is learned. All 84 kernels of nine steps that hold three twos and six minus ones slide over the series and
over its differences, each with many gaps between its steps, so that they answer to shapes of every length. What is kept
of a kernel is at how many steps, as a share of the usual length, its answer lies above a threshold, for a few
thresholds, and how far its answers lie apart. A linear model on these thousands of numbers learns in seconds what takes
networks minutes, and from a few dozen series; nothing quick is known to be stronger on them (Middlehurst et al.,
"Bake off redux", DMKD 38, 2024).
Papers: Dempster, Petitjean & Webb, "ROCKET", DMKD 34 (2020), arXiv 1910.13051; Dempster, Schmidt & Webb, "MiniRocket",
KDD 2021, arXiv 2012.08791; differences as in MultiRocket (Tan et al., DMKD 36, 2022). Here thresholds are in deviations
of a kernel's own answers to the series, so that no training rows have to be asked, and shares do not tell loud from
quiet, which the deviations do; and numbers are rounded so that all sums are exact: a share does not depend on the rows
beside.

Shape legend: B batch, L length, C channels, K kernels, Q thresholds, F features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mapsto.networks.base import DataSize, Network, NetworkConfig, Sense, option
from mapsto.networks.blocks.dropout import Dropout
from mapsto.networks.blocks.layers import OverBatch
from mapsto.networks.blocks.passes import passes
from mapsto.networks.blocks.sequences import present

_REACH = 9
"""Steps of a kernel."""
_TWOS = 3
_MANY_CHANNELS = 9
"""Channels that a kernel reads at most."""
_DRAWN = 32
"""Channels that are drawn for a kernel, to keep the first few that differ."""
_FINE, _FARTHEST = 256.0, 2.0**16
"""Parts of a row's root mean square to which steps are rounded, and where they are cut: 12 of nine channels add up to
less than 2 ** 24, which float32 still holds."""
_QUIET = 1e-3
"""Added to deviations: less is silence. A channel's own deviation is 1."""
_USUAL = 48
"""Thresholds of all gaps together, about: of short series, which have few gaps, each kernel has more."""
_AT_ONCE = 2**19
"""Answers of kernels in memory at once."""
_GOLDEN = (math.sqrt(5) + 1) / 2
_RARE = 0.02
"""Thresholds lie where a normal answer is above with a probability between this and 1 less it."""


class Kernels(nn.Module):
    """All kernels with one gap: which channels each reads, and its thresholds."""

    taken: Tensor
    channels: Tensor
    thresholds: Tensor

    def __init__(self, in_features: int, gap: int, thresholds: int, usual: int, number: int) -> None:
        """`usual`: steps of a series; `number`: of this look among all, from which its draws follow."""
        super().__init__()
        self.gap, self.usual = gap, usual
        places = torch.tensor(list(combinations(range(_REACH), _TWOS)))
        weights = torch.full((len(places), 1, _REACH), -1.0).scatter_(2, places[:, None], 2.0)
        self.register_buffer("taken", weights, persistent=False)
        # NumPy promises that this generator draws the same in every version, so files need not hold what it drew.
        draw, read = np.random.RandomState(number), np.zeros((len(places), in_features), np.float32)
        most = math.log2(min(in_features, _MANY_CHANNELS) + 1)
        for kernel in read:
            count, among = int(2 ** draw.uniform(0.0, most)), draw.randint(0, in_features, _DRAWN)
            kernel[list(dict.fromkeys(among.tolist()))[:count]] = 1.0
        self.register_buffer("channels", torch.from_numpy(read), persistent=False)
        count = len(places) * thresholds
        share = (torch.arange(1, count + 1, dtype=torch.float64) + number * count) * _GOLDEN % 1
        deviations = torch.special.ndtri(share.clamp(_RARE, 1 - _RARE)).view(len(places), thresholds)
        self.register_buffer("thresholds", deviations, persistent=False)

    def forward(self, x_BCL: Tensor, lengths_B: Tensor, unit_B: Tensor) -> Tensor:
        """`x_BCL` of whole numbers of `unit_B`, 0 behind each row's length -> `h_BF`: shares, then deviations."""
        reach = self.gap * (_REACH // 2)
        if x_BCL.shape[1] == 1:
            answer_BKL = F.conv1d(x_BCL, self.taken, padding=reach, dilation=self.gap)
        else:
            mixed_BKL = self.channels @ x_BCL
            answer_BKL = F.conv1d(mixed_BKL, self.taken, padding=reach, dilation=self.gap, groups=len(self.taken))
        answer_BKL = answer_BKL * present(lengths_B, answer_BKL.shape[2])[:, None]
        steps_B1 = lengths_B.clamp_min(1)[:, None].double()
        apart_BK = (answer_BKL.square().sum(2, dtype=torch.float64) / steps_B1).sqrt()
        absent_B1 = answer_BKL.shape[2] - lengths_B[:, None]
        found, above_BKL = [], torch.empty_like(answer_BKL)
        for deviations_K in self.thresholds.unbind(1):
            # Answers are whole numbers: halves between them are never met.
            threshold_BK = (apart_BK * deviations_K).floor() + 0.5
            torch.gt(answer_BKL, threshold_BK.float()[..., None], out=above_BKL)
            counted_BK = above_BKL.sum(2) - absent_B1 * (threshold_BK < 0)
            # Of the usual length, not of the own: how long a series is tells as much as what is in it.
            found.append((counted_BK / self.usual).float())
        return torch.cat([*found, (apart_BK * unit_B[:, None] + _QUIET).log().float()], dim=1)


class Rocket(Network):
    """`look`: shares and deviations of all kernels, on the series and on its differences. `read`: the same, normalised.

    >>> import torch
    >>> network = Rocket(2, Rocket.Config(steps=30, gaps=2, thresholds=1)).eval()
    >>> network(torch.zeros(5, 30, 2), torch.tensor([30, 12, 5, 1, 0])).shape
    torch.Size([5, 672])
    """

    name: ClassVar[str] = "rocket"
    layout: ClassVar[Sense] = "steps"
    fixed: ClassVar[bool] = True

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Length of the series, gaps, thresholds, and what is silenced in training."""

        steps: int = option(100, low=1, high=2**20, doc="that a series usually has; kernels reach over at most so many")
        gaps: int = option(16, low=1, high=32, doc="at most, from 1 to the length, evenly in their logarithm")
        thresholds: int = option(4, low=1, high=64, doc="of each kernel (Q)")
        dropout: float = option(0.3, low=0.0, high=0.95, doc="share of features silenced in training")

        @classmethod
        def derived(cls, size: DataSize) -> dict[str, Any]:
            """The usual length, and as many thresholds as make some thousand features of any length."""
            if not size.shape:
                return {}
            gaps = len(_gaps(size.shape[0], 16))
            return {"steps": size.shape[0], "thresholds": max(2, min(16, round(_USUAL / gaps)))}

        @classmethod
        def learning(cls, size: DataSize) -> dict[str, Any]:
            """AdamW at a low rate: thousands of features of one size add up."""
            learning = {"optimizer": "adamw", "learning_rate": 3e-4, "weight_decay": 0.05, "batch_size": 64}
            return learning | {"epochs": passes(size.rows, 7, most=40)}

    def __init__(self, in_features: int, config: Config) -> None:
        """`in_features`: channels."""
        super().__init__(in_features, config)
        found = _gaps(config.steps, config.gaps)
        self.plain, self.differences = (
            nn.ModuleList(
                Kernels(in_features, gap, config.thresholds, config.steps, first + place)
                for place, gap in enumerate(found)
            )
            for first in (0, len(found))
        )
        self.kernels = math.comb(_REACH, _TWOS)
        self.seen_features = 2 * len(found) * self.kernels * (config.thresholds + 1)
        self.normalised = OverBatch(self.seen_features, affine=False)
        self.silence = Dropout(config.dropout)
        self.out_features = self.seen_features

    def look(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """`x_BLC, lengths_B -> h_BF`."""
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            step = max(1, _AT_ONCE // (self.kernels * x.shape[1]))
            parts = zip(torch.split(x.float(), step), torch.split(lengths, step), strict=True)
            return torch.cat([self._look(*part) for part in parts])

    def _look(self, x_BLC: Tensor, lengths_B: Tensor) -> Tensor:
        x_BCL = (x_BLC * present(lengths_B, x_BLC.shape[1])[..., None]).transpose(1, 2)
        fewer_B = (lengths_B - 1).clamp_min(0)
        apart_BCL = F.pad(x_BCL.diff(dim=2), (0, 1)) * present(fewer_B, x_BCL.shape[2])[:, None]
        found = []
        for each_BCL, steps_B, looks in (
            (x_BCL, lengths_B, self.plain), (apart_BCL, fewer_B, self.differences)
        ):  # fmt: skip
            whole_BCL, unit_B = _whole(each_BCL, steps_B)
            found += [kernels(whole_BCL, steps_B, unit_B) for kernels in looks]
        return torch.cat(found, dim=1)

    def read(self, h_BF: Tensor) -> Tensor:
        """`h_BF -> h_BF`."""
        h_BF = self.silence(self.normalised(h_BF))
        return h_BF

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """`x_BLC, lengths_B -> h_BF`."""
        return self.read(self.look(x, lengths))


def _gaps(steps: int, most: int) -> list[int]:
    """Between the steps of a kernel, rising, until it spans the series.

    >>> _gaps(100, 16), _gaps(5, 16)
    ([1, 2, 3, 4, 5, 6, 7, 8, 10, 12], [1])
    """
    widest = math.log2(max(1.0, (steps - 1) / (_REACH - 1)))
    return sorted({int(2 ** (widest * place / max(1, most - 1))) for place in range(most)})


def _whole(x_BCL: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
    """Each row in whole numbers of a unit, a part of its root mean square: sums of them are exact in any order. And the
    units, `(B,)`.
    """
    numbers_B = lengths_B.clamp_min(1) * x_BCL.shape[1]
    size_B = (x_BCL.double().square().sum(dim=(1, 2)) / numbers_B).sqrt()
    unit_B = size_B.clamp_min(torch.finfo(torch.float32).tiny) / _FINE
    return (x_BCL / unit_B[:, None, None]).float().nan_to_num(0.0).clamp(-_FARTHEST, _FARTHEST).round(), unit_B
