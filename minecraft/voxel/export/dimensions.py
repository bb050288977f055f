"""Dimensions of a world: how commands name one, and how high one can build there."""

from __future__ import annotations

import re
from dataclasses import dataclass

OVERWORLD = "minecraft:overworld"

_HEIGHTS = {OVERWORLD: (-64, 320), "minecraft:the_nether": (0, 256), "minecraft:the_end": (0, 256)}
"""Of each of the game's own the lowest block, and one above the highest, since 1.18. The nether's bedrock
roof is at y 127, and one can build above it: https://minecraft.wiki/w/Altitude."""
_SHORT = {"overworld": OVERWORLD, "nether": "minecraft:the_nether", "the_nether": "minecraft:the_nether"}
_SHORT |= {"end": "minecraft:the_end", "the_end": "minecraft:the_end"}
DIMENSION = re.compile(r"[a-z0-9_.-]+:[a-z0-9_./-]+")
"""An identifier: https://minecraft.wiki/w/Identifier#Legal_characters"""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One can build from `min_y` up to, and without, `max_y`; `name` is what `execute in` takes."""

    name: str
    min_y: int
    max_y: int


def parse_dimension(name: str) -> Dimension:
    """A dimension by its identifier; the game's own also by `overworld`, `nether` and `end`.

    One that a data pack or a server adds is taken to be as high as the overworld.

    ValueError: it is not an identifier.
    """
    full = _SHORT.get(name, name)
    if DIMENSION.fullmatch(full) is None:
        raise ValueError(
            f"dimension {name!r}: expected overworld, nether, end, or an identifier such as minecraft:the_end"
        )
    return Dimension(full, *_HEIGHTS.get(full, _HEIGHTS[OVERWORLD]))
