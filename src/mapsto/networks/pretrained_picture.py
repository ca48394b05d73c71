"""A pretrained encoder of pictures: what a network learned from a million photographs, kept and adapted.

Edges, textures and shapes are the same in all photographs, so an encoder that was trained to tell a thousand things
apart brings them to tasks with few pictures. Pictures are scaled to the size and the colours that it was trained with,
read with the encoder as it is at first, and then all of it is tuned with rates that fall towards the input.
Papers: Yosinski et al., "How transferable are features in deep neural networks?", arXiv 1411.1792; Dosovitskiy et al.,
"An image is worth 16x16 words", arXiv 2010.11929; Howard & Ruder, arXiv 1801.06146; Kumar et al., arXiv 2202.10054.

Shape legend: B batch, C channels, H height, W width, T patches, D width out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from mapsto.errors import OptionError
from mapsto.networks.base import Sense, option
from mapsto.networks.blocks import encoders
from mapsto.networks.blocks.pretrained import PretrainedConfig, PretrainedNetwork
from mapsto.networks.folders import PICTURES, find

_SIDE = 224
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's photographs: what is meant where a folder does not say."""
_AT_ONCE = 32
_FIXED = ("deit", "vit")
"""Families whose encoders read one size only."""


class PretrainedPicture(PretrainedNetwork):
    """Pixels to one vector a picture: the first token of a transformer that has one, else the mean over all places."""

    name: ClassVar[str] = "pretrained-picture"
    layout: ClassVar[Sense] = "pixels"

    mean: Tensor
    deviation: Tensor

    @dataclass(frozen=True, kw_only=True)
    class Config(PretrainedConfig):
        """Which encoder, what it wants pictures to be like, and how fast its layers learn."""

        height: int = option(_SIDE, low=1, high=1024, doc="of the pictures it reads; ours are scaled")
        width: int = option(_SIDE, low=1, high=1024, doc="of the pictures it reads")
        mean: str = option(" ".join(map(str, _MEAN)), doc="of each colour, 0 to 1, taken away")
        deviation: str = option(" ".join(map(str, _DEVIATION)), doc="of each colour, by which it is divided then")

        @classmethod
        def described(cls, source: str) -> dict[str, Any]:
            """Description, size and colours."""
            folder = find(source)
            own, prepared = folder.config, folder.json("preprocessor_config.json")
            size = prepared.get("crop_size") or prepared.get("size") or {}
            if own["model_type"] in _FIXED:
                height, width = _pair(own.get("image_size", _SIDE))
            elif isinstance(size, int):
                height, width = _pair(size)
            else:
                side = size.get("shortest_edge") or own.get("image_size") or _SIDE
                height, width = size.get("height", side), size.get("width", side)
            colours = {"mean": prepared.get("image_mean", _MEAN), "deviation": prepared.get("image_std", _DEVIATION)}
            first = own["model_type"] in ("deit", "dinov2", "vit")
            found = {"height": height, "width": width, "pooling": "first" if first else "mean"}
            found |= {name: " ".join(map(str, each)) for name, each in colours.items()}
            return found | {"model": encoders.described(folder)}

    def __init__(self, in_features: int, config: Config) -> None:
        """`in_features`: channels, 1 or 3.

        Raises:
            OptionError: the description is missing, malformed or too large, or reads no pictures in colour.
        """
        super().__init__(in_features, config)
        self.encoder: Any = encoders.built(config.model, PICTURES)
        self.source, self.pooling, self.rate, self.decay = config.source, config.pooling, config.rate, config.decay
        own = self.encoder.config
        self.size = (config.height, config.width)
        fits = own.model_type not in _FIXED or self.size == _pair(own.image_size)
        if own.num_channels != len(_MEAN) or in_features not in (1, len(_MEAN)) or not fits:
            message = (
                f"an encoder of {own.num_channels} channels cannot read pictures of {in_features} channels, scaled to "
                f"{config.height} x {config.width}"
            )
            raise OptionError(message)
        for name, text in (("mean", config.mean), ("deviation", config.deviation)):
            self.register_buffer(name, torch.tensor(_colours(name, text)).view(3, 1, 1), persistent=False)
        sizes = getattr(own, "hidden_sizes", None)
        self.out_features = sizes[-1] if sizes else own.hidden_size

    def forward(self, x: Tensor) -> Tensor:
        """`x_BCHW` of colours from 0 to 1 `-> h_BD`, standardised."""
        step = len(x) if self.training else _AT_ONCE
        found_BD = torch.cat([self._read(some) for some in torch.split(x, max(1, step))])
        return F.layer_norm(found_BD, found_BD.shape[1:])

    def _read(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = x_BCHW.expand(-1, 3, -1, -1)
        if x_BCHW.shape[-2:] != self.size:
            x_BCHW = F.interpolate(x_BCHW, self.size, mode="bilinear", antialias=True, align_corners=False)
        h: Tensor = self.encoder(pixel_values=(x_BCHW - self.mean) / self.deviation).last_hidden_state
        if h.ndim == 4:
            return h.mean(dim=(2, 3))
        return h[:, 0] if self.pooling == "first" else h.mean(dim=1)


def _pair(side: Any) -> tuple[int, int]:
    """Height and width from one number or two."""
    height, width = (side, side) if isinstance(side, int) else tuple(side)
    return height, width


def _colours(name: str, text: str) -> list[float]:
    """Three numbers; deviations are above 0."""
    try:
        found = [float(each) for each in text.split()]
    except ValueError:
        found = []
    if len(found) != len(_MEAN) or not all(abs(each) <= 1000 and (name == "mean" or each > 1e-6) for each in found):
        message = f"pretrained-picture: {name} must be three numbers, for red, green and blue; got {text[:100]!r}"
        raise OptionError(message)
    return found
