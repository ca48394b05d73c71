"""The part of a large picture that networks read as a set of pictures: an overview, and tiles at full sharpness.

A picture that is shrunk until it fits a network loses what is small in it. Cut into tiles it loses nothing, and every
tile is read by the same small network; where in the picture a tile was does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from mapsto.columns.common.parts import Sense
from mapsto.columns.common.pictures import PicturePart

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class TilesPart(PicturePart):
    """A picture a row, as large as all tiles; what is read are `1 + tiles * tiles` pictures of the size of a tile."""

    tiles: int = 2
    """In a row, and rows of tiles; they divide height and width."""
    senses: ClassVar[tuple[Sense, ...]] = ("sequence",)
    network: ClassVar[str] = "bag"
    quick: ClassVar[str] = ""

    def shape(self, sense: Sense, options: dict[str, Any]) -> tuple[int, ...]:
        """`(pictures of the set, width of a picture's vector)`."""
        return 1 + self.tiles**2, options["sense_width"]

    def front(self, sense: Sense, options: dict[str, Any]) -> nn.Module:
        """Standardised and varied as a whole, then cut (`networks/blocks/tiles.py`)."""
        from mapsto.networks.blocks.pictures import Augmentation, PictureFront
        from mapsto.networks.blocks.tiles import TilesFront

        whole = PictureFront(self.mean, self.deviation, Augmentation.chosen(options))
        return TilesFront(whole, self.tiles, self.channels, options["sense_width"])
