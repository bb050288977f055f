"""A build as commands of the game, at a place in the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minecraft.voxel.versions import WORLD_BORDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minecraft.voxel.build import Build
    from minecraft.voxel.versions import GameVersion

MAX_FORCELOAD_CHUNKS = 256
"""What one `/forceload` may add: https://minecraft.wiki/w/Commands/forceload."""
FORCELOAD_SIDE = 16
CHUNK = 16
MAX_CHAIN_COMMANDS = 65536
"""What one tick may run through functions by default, the game rule of GameVersion.chain_rule:
https://minecraft.wiki/w/Game_rule."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a build goes: the block of its lowest corner, and the world's heights.

    `x`, `y`, `z` are the block that cell (0, 0, 0) becomes. The world has room from `min_y` up to, and
    without, `max_y`.
    """

    x: int
    y: int
    z: int
    min_y: int
    max_y: int


def place_on(
    clicked: tuple[int, int, int],
    size: tuple[int, int, int],
    version: GameVersion,
    heights: tuple[int, int] | None = None,
) -> Place:
    """The place of a build that stands on the block somebody clicked, centred over it.

    The clicked block stays: the build's lowest layer is the one above. `heights` are the world's min_y and
    max_y where they are not the overworld's.
    """
    min_y, max_y = heights or (version.min_y, version.max_y)
    x, y, z = clicked
    return Place(x - (size[0] - 1) // 2, y + 1, z - (size[2] - 1) // 2, min_y, max_y)


def check_place(size: tuple[int, int, int], place: Place) -> None:
    """ValueError, with where it would fit: a build of this size is not wholly within the world there."""
    height, room = size[1], place.max_y - place.min_y
    if height > room:
        raise ValueError(
            f"a build {height} blocks high: this world has room for {room}; choose a smaller size"
        )
    if place.y < place.min_y or place.y + height > place.max_y:
        raise ValueError(
            f"a build {height} blocks high at y {place.y} would reach to y {place.y + height - 1}: this world"
            f" is from y {place.min_y} to {place.max_y - 1}; put its lowest block at y {place.min_y} to"
            f" {place.max_y - height}"
        )
    for axis, first, extent in (("x", place.x, size[0]), ("z", place.z, size[2])):
        if first < -WORLD_BORDER or first + extent - 1 > WORLD_BORDER:
            raise ValueError(
                f"a build {extent} blocks along {axis} at {axis} {first}: the world's border is at"
                f" {-WORLD_BORDER} and {WORLD_BORDER}; its lowest block may be at {axis} {-WORLD_BORDER} to"
                f" {WORLD_BORDER - extent + 1}"
            )


def box_commands(build: Build, place: Place, version: GameVersion) -> Iterator[str]:
    """One `fill` or `setblock` a box, in order, with absolute coordinates.

    ValueError: the build does not fit into the world there.
    """
    check_place(build.size, place)
    mode = " strict" if version.strict else ""
    words = [f"{state}{mode}" for state in build.states]
    dx, dy, dz = place.x, place.y, place.z
    for x, y, z, to_x, to_y, to_z, state in build.boxes.tolist():
        first = f"{x + dx} {y + dy} {z + dz}"
        if (x, y, z) == (to_x, to_y, to_z):
            yield f"setblock {first} {words[state]}"
        else:
            yield f"fill {first} {to_x + dx} {to_y + dy} {to_z + dz} {words[state]}"


def forceloads(size: tuple[int, int, int], place: Place, word: str = "add") -> list[str]:
    """`forceload` commands for every chunk that the build is in, at most MAX_FORCELOAD_CHUNKS each.

    They take block coordinates, not those of chunks. `word` is add or remove.
    """
    chunks_x = range(place.x // CHUNK, (place.x + size[0] - 1) // CHUNK + 1, FORCELOAD_SIDE)
    chunks_z = range(place.z // CHUNK, (place.z + size[2] - 1) // CHUNK + 1, FORCELOAD_SIDE)
    side = FORCELOAD_SIDE * CHUNK
    commands = []
    for x in chunks_x:
        for z in chunks_z:
            first_x, first_z = max(x * CHUNK, place.x), max(z * CHUNK, place.z)
            last_x = min(x * CHUNK + side, place.x + size[0]) - 1
            last_z = min(z * CHUNK + side, place.z + size[2]) - 1
            commands.append(f"forceload {word} {first_x} {first_z} {last_x} {last_z}")
    return commands
