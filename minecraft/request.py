"""What a player asks for, as the job keeps it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from meshtwin.minecraft.voxel.blocks.versions import DEFAULT_VERSION
from meshtwin.minecraft.voxel.export.dimensions import DIMENSION, OVERWORLD
from meshtwin.minecraft.voxel.voxelize.size import SIZES

PALETTES = ("default", "wool-concrete-terracotta", "survival-cheap", "greyscale", "creative")
"""Those of `meshtwin.minecraft.voxel.blocks.palette`, by name: what checks a request need not load that."""

_DIMENSIONS = {"_nether": "minecraft:the_nether", "_the_end": "minecraft:the_end"}


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """A build to make, within the API's bounds.

    `size` is the longest side in blocks; `anchor` the block (x, y, z) at which it is to stand; `palette` a
    name or block ids; `hollow` the shell's thickness in blocks, 0 for solid; `rotation` quarter turns;
    `image_key` the object of INPUT_BUCKET that takes the place of a picture made from the prompt; `world` a
    dimension's identifier, or a world's name as servers have them.
    """

    prompt: str
    size: int = SIZES["medium"]
    anchor: tuple[int, int, int] | None = None
    palette: str | tuple[str, ...] = "default"
    exclude: tuple[str, ...] = ()
    hollow: int = 1
    rotation: int = 0
    smoothing: float | None = None
    kinds: int | None = None
    min_part: float = 0.0
    dither: float = 0.0
    order: str = "any"
    clear_air: bool = False
    version: str = DEFAULT_VERSION
    seed: int | None = None
    image_key: str | None = None
    player_uuid: str = ""
    player_name: str = ""
    world: str = ""

    @property
    def dimension(self) -> str:
        """The dimension of `world`, whose commands are to build there.

        Servers call a world's Nether and End by its own name and `_nether` or `_the_end`, and the overworld
        as its owner likes.
        """
        if DIMENSION.fullmatch(self.world):
            return self.world
        endings = (dimension for name, dimension in _DIMENSIONS.items() if self.world.endswith(name))
        return next(endings, OVERWORLD)

    def to_json(self) -> str:
        """As the job's row holds it."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The opposite of `to_json`."""
        known = {entry.name for entry in fields(cls)}
        values: dict[str, Any] = {name: value for name, value in json.loads(text).items() if name in known}
        for name in ("anchor", "palette", "exclude"):
            if isinstance(values.get(name), list):
                values[name] = tuple(values[name])
        return cls(**values)
