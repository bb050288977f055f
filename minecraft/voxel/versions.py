"""Versions of the game, and what of its commands and data packs differs between them."""

from __future__ import annotations

from dataclasses import dataclass

WORLD_BORDER = 29_999_984
"""The farthest that a block may be from the origin, east, west, north and south.

https://minecraft.wiki/w/World_border
"""


@dataclass(frozen=True, slots=True)
class GameVersion:
    """One release of Java Edition.

    `strict`: `fill` and `setblock` take the mode `strict`, which leaves neighbours alone. `pack_format` is a
    data pack's (major, minor); from major 82 on pack.mcmeta gives a range of formats instead of one.
    `function_folder` is that of a data pack's functions.
    """

    name: str
    data_version: int
    pack_format: tuple[int, int]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The name's numbers, which sort as the versions do: 26.1 after 1.21.11."""
        return tuple(int(part) for part in self.name.split("."))

    @property
    def strict(self) -> bool:
        """From 1.21.5 on: https://minecraft.wiki/w/Commands/setblock#History."""
        return self.numbers >= (1, 21, 5)

    @property
    def ranged_pack_format(self) -> bool:
        """From 25w31a on: https://www.minecraft.net/en-us/article/minecraft-snapshot-25w31a."""
        return self.pack_format >= (82, 0)

    @property
    def function_folder(self) -> str:
        """Singular from 1.21 on: https://minecraft.wiki/w/Data_pack#History."""
        return "function" if self.numbers >= (1, 21) else "functions"


VERSIONS = tuple(
    GameVersion(*known)
    for known in (
        ("1.20", 3463, (15, 0)),
        ("1.20.1", 3465, (15, 0)),
        ("1.20.2", 3578, (18, 0)),
        ("1.20.3", 3698, (26, 0)),
        ("1.20.4", 3700, (26, 0)),
        ("1.20.5", 3837, (41, 0)),
        ("1.20.6", 3839, (41, 0)),
        ("1.21", 3953, (48, 0)),
        ("1.21.1", 3955, (48, 0)),
        ("1.21.2", 4080, (57, 0)),
        ("1.21.3", 4082, (57, 0)),
        ("1.21.4", 4189, (61, 0)),
        ("1.21.5", 4325, (71, 0)),
        ("1.21.6", 4435, (80, 0)),
        ("1.21.7", 4438, (81, 0)),
        ("1.21.8", 4440, (81, 0)),
        ("1.21.9", 4554, (88, 0)),
        ("1.21.10", 4556, (88, 0)),
        ("1.21.11", 4671, (94, 1)),
        ("26.1", 4786, (101, 1)),
        ("26.1.1", 4788, (101, 1)),
        ("26.1.2", 4790, (101, 1)),
        ("26.2", 4903, (107, 1)),
        ("26.3", 5023, (121, 0)),
    )
)
"""The releases that are known, oldest first.

Data versions: https://github.com/PrismarineJS/minecraft-data (data/pc/common/protocolVersions.json). Data
pack formats: https://minecraft.wiki/w/Pack_format and each release's own version.json.
"""

DEFAULT_VERSION = "1.21.4"


def parse_version(name: str) -> GameVersion:
    """The release of this name, such as 1.21.4 or 26.1.

    ValueError: not a known one; the message lists those.
    """
    for version in VERSIONS:
        if version.name == name.strip():
            return version
    known = ", ".join(version.name for version in VERSIONS)
    raise ValueError(f"game version {name!r}: expected one of {known}")
