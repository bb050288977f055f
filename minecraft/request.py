"""A player's request, as the job's row holds it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from meshtwin.minecraft.voxel.export.dimensions import DIMENSION, OVERWORLD
from meshtwin.minecraft.voxel.options import BuildOptions

_DIMENSIONS = {"_nether": "minecraft:the_nether", "_the_end": "minecraft:the_end"}


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """A build to make, within the API's bounds.

    `anchor` is the block (x, y, z) that the build stands on; `image_key` the object of INPUT_BUCKET that
    takes the place of an image made from the prompt; `world` a dimension's identifier, or a world's name as
    servers have them.
    """

    prompt: str
    options: BuildOptions = field(default_factory=BuildOptions)
    anchor: tuple[int, int, int] | None = None
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
        """As the job's row holds it: the options are beside the other fields."""
        values = asdict(self)
        del values["options"]
        return json.dumps(values | self.options.to_dict(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The opposite of `to_json`; fields that are not known are ignored.

        Raises:
            OptionError: an option is out of its range.
        """
        values: dict[str, Any] = json.loads(text)
        known = {entry.name for entry in fields(cls)} - {"options"}
        given = {name: value for name, value in values.items() if name in known}
        if given.get("anchor") is not None:
            given["anchor"] = tuple(given["anchor"])
        return cls(**given, options=BuildOptions.from_dict(values))
