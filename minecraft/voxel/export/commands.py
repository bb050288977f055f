"""A build as commands of the game, at a place in the world."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from meshtwin.minecraft.voxel.export.dimensions import OVERWORLD, parse_dimension
from meshtwin.minecraft.voxel.versions import WORLD_BORDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshtwin.minecraft.voxel.boxes.build import Build
    from meshtwin.minecraft.voxel.versions import GameVersion

MAX_FORCELOAD_CHUNKS = 256
"""What one `/forceload` may add: https://minecraft.wiki/w/Commands/forceload."""
FORCELOAD_SIDE = 16
CHUNK = 16
MAX_CHAIN_COMMANDS = 65536
"""What one tick may run through functions by default, the game rule maxCommandChainLength, from 1.21.11 on
max_command_sequence_length: https://minecraft.wiki/w/Game_rule."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a build goes: the block of its lowest corner, and the dimension with its heights.

    `x`, `y`, `z` are the block that cell (0, 0, 0) becomes. The dimension has room from `min_y` up to, and
    without, `max_y`.
    """

    x: int
    y: int
    z: int
    min_y: int
    max_y: int
    dimension: str = OVERWORLD

    @property
    def run(self) -> str:
        """What comes before each command, so that it does not depend on who runs it.

        A scheduled function runs as the server, in the overworld, wherever the one was that scheduled it:
        https://minecraft.wiki/w/Commands/schedule.
        """
        return f"execute in {self.dimension} run "


def place_on(clicked: tuple[int, int, int], size: tuple[int, int, int], dimension: str = OVERWORLD) -> Place:
    """The place of a build that stands on the block somebody clicked, centred over it.

    The clicked block stays: the build's lowest layer is the one above.

    ValueError: `dimension` is not one; see `parse_dimension`.
    """
    known = parse_dimension(dimension)
    x, y, z = clicked
    corner = (x - (size[0] - 1) // 2, y + 1, z - (size[2] - 1) // 2)
    return Place(*corner, known.min_y, known.max_y, known.name)


def check_place(size: tuple[int, int, int], place: Place) -> None:
    """ValueError, with where it would fit: a build of this size is not wholly within the world there."""
    height, room = size[1], place.max_y - place.min_y
    if height > room:
        raise ValueError(
            f"a build {height} blocks high: {place.dimension} has room for {room}; choose a smaller size"
        )
    if place.y < place.min_y or place.y + height > place.max_y:
        raise ValueError(
            f"a build {height} blocks high at y {place.y} would reach to y {place.y + height - 1}:"
            f" {place.dimension} is from y {place.min_y} to {place.max_y - 1}; put its lowest block at"
            f" y {place.min_y} to {place.max_y - height}"
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
            yield f"{place.run}setblock {first} {words[state]}"
        else:
            yield f"{place.run}fill {first} {to_x + dx} {to_y + dy} {to_z + dz} {words[state]}"


def load_chunks(size: tuple[int, int, int], place: Place, namespace: str) -> list[list[str]]:
    """Commands that load every chunk that the build is in, for areas of at most MAX_FORCELOAD_CHUNKS.

    `forceload` takes block coordinates, not those of chunks. Before an area is loaded, each of its chunks is
    noted in a command storage that all builds share, for `release_chunks`: which builds need it, by their
    `namespace`, and whether somebody else kept it loaded before the first of them: a query succeeds for just
    those. https://minecraft.wiki/w/Commands/forceload, https://minecraft.wiki/w/Commands/data
    """
    areas = []
    storage = _storage(place)
    for spans in product(*(_spans(*side, FORCELOAD_SIDE * CHUNK) for side in _sides(size, place))):
        (x, to_x), (z, to_z) = spans
        notes = []
        for (chunk_x, _), (chunk_z, _) in product(*(_spans(*span, CHUNK) for span in spans)):
            chunk = f'{storage} chunks."{_chunk(chunk_x, chunk_z)}"'
            notes.append(
                f"execute in {place.dimension} unless data storage {chunk}.by[0] store success"
                f" storage {chunk}.kept byte 1 run forceload query {chunk_x} {chunk_z}"
            )
            notes.append(
                f'execute unless data storage {chunk}.by[{{of:"{namespace}"}}]'
                f' run data modify storage {chunk}.by append value {{of:"{namespace}"}}'
            )
        areas.append([*notes, f"{place.run}forceload add {x} {z} {to_x} {to_z}"])
    return areas


def release_chunks(size: tuple[int, int, int], place: Place, namespace: str) -> list[str]:
    """Commands after which the build's chunks are kept loaded only where others need them.

    Those are the builds that are placed at the same time, and whoever kept them loaded before `load_chunks`.
    """
    releases = []
    for (x, _), (z, _) in product(*(_spans(*side, CHUNK) for side in _sides(size, place))):
        chunk = f'{_storage(place)} chunks."{_chunk(x, z)}"'
        nobody = f"unless data storage {chunk}.by[0]"
        nobody_else = f"{nobody} unless data storage {chunk}{{kept:1b}}"
        releases += [
            f'data remove storage {chunk}.by[{{of:"{namespace}"}}]',
            f"execute in {place.dimension} {nobody_else} run forceload remove {x} {z}",
            f"execute {nobody} run data remove storage {chunk}",
        ]
    return releases


def _storage(place: Place) -> str:
    """Where all builds of a dimension note its chunks."""
    return f"createbuild:forceload/{place.dimension.replace(':', '/')}"


def _chunk(x: int, z: int) -> str:
    """A chunk's own name, whichever of its blocks is named."""
    return f"{x // CHUNK},{z // CHUNK}"


def _sides(size: tuple[int, int, int], place: Place) -> tuple[tuple[int, int], tuple[int, int]]:
    """The build's first and last block along x, and along z."""
    return (place.x, place.x + size[0] - 1), (place.z, place.z + size[2] - 1)


def _spans(first: int, last: int, step: int) -> list[tuple[int, int]]:
    """The blocks from `first` to `last`, parted where a chunk begins, at most `step` in a part."""
    starts = [first, *range((first // CHUNK) * CHUNK + step, last + 1, step)]
    return list(zip(starts, [*(start - 1 for start in starts[1:]), last], strict=True))
