"""A build as commands of the game, at an origin in the world."""

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
class Origin:
    """Where a build is placed: the block of its lowest corner, and the dimension with its heights.

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
        """The prefix of each command, so that it does not depend on who runs it.

        A scheduled function runs as the server, in the overworld, wherever it was scheduled from:
        https://minecraft.wiki/w/Commands/schedule.
        """
        return f"execute in {self.dimension} run "


def origin_on(
    clicked: tuple[int, int, int], size: tuple[int, int, int], dimension: str = OVERWORLD
) -> Origin:
    """The origin of a build that stands on the clicked block, centred over it.

    The clicked block stays: the build's lowest layer is the one above.

    ValueError: `dimension` is not one; see `parse_dimension`.
    """
    known = parse_dimension(dimension)
    x, y, z = clicked
    corner = (x - (size[0] - 1) // 2, y + 1, z - (size[2] - 1) // 2)
    return Origin(*corner, known.min_y, known.max_y, known.name)


def check_fits(size: tuple[int, int, int], origin: Origin) -> None:
    """Raise ValueError, with where it would fit, unless a build of this size is within the world there."""
    height, room = size[1], origin.max_y - origin.min_y
    if height > room:
        raise ValueError(
            f"a build {height} blocks high: {origin.dimension} has room for {room}; choose a smaller size"
        )
    if origin.y < origin.min_y or origin.y + height > origin.max_y:
        raise ValueError(
            f"a build {height} blocks high at y {origin.y} would reach to y {origin.y + height - 1}:"
            f" {origin.dimension} is from y {origin.min_y} to {origin.max_y - 1}; put its lowest block at"
            f" y {origin.min_y} to {origin.max_y - height}"
        )
    for axis, first, extent in (("x", origin.x, size[0]), ("z", origin.z, size[2])):
        if first < -WORLD_BORDER or first + extent - 1 > WORLD_BORDER:
            raise ValueError(
                f"a build {extent} blocks along {axis} at {axis} {first}: the world's border is at"
                f" {-WORLD_BORDER} and {WORLD_BORDER}; its lowest block may be at {axis} {-WORLD_BORDER} to"
                f" {WORLD_BORDER - extent + 1}"
            )


def box_commands(build: Build, origin: Origin, version: GameVersion) -> Iterator[str]:
    """One `fill` or `setblock` a box, in order, with absolute coordinates.

    ValueError: the build does not fit into the world there.
    """
    check_fits(build.size, origin)
    mode = " strict" if version.strict else ""
    arguments = [f"{state}{mode}" for state in build.states]
    dx, dy, dz = origin.x, origin.y, origin.z
    for x, y, z, to_x, to_y, to_z, state in build.boxes.tolist():
        first = f"{x + dx} {y + dy} {z + dz}"
        if (x, y, z) == (to_x, to_y, to_z):
            yield f"{origin.run}setblock {first} {arguments[state]}"
        else:
            yield f"{origin.run}fill {first} {to_x + dx} {to_y + dy} {to_z + dz} {arguments[state]}"


def load_chunks(size: tuple[int, int, int], origin: Origin, namespace: str) -> list[list[str]]:
    """Commands that load every chunk that the build is in, for areas of at most MAX_FORCELOAD_CHUNKS.

    `forceload` takes block coordinates, not those of chunks. Before an area is loaded, each of its chunks is
    recorded in a command storage that all builds share, for `release_chunks`: which builds need it, by their
    `namespace`, and whether it was force-loaded before the first of them: a query succeeds for just those.
    https://minecraft.wiki/w/Commands/forceload, https://minecraft.wiki/w/Commands/data
    """
    areas = []
    storage = _storage(origin)
    for spans in product(*(_spans(*side, FORCELOAD_SIDE * CHUNK) for side in _sides(size, origin))):
        (x, to_x), (z, to_z) = spans
        notes = []
        for (chunk_x, _), (chunk_z, _) in product(*(_spans(*span, CHUNK) for span in spans)):
            chunk = f'{storage} chunks."{_chunk(chunk_x, chunk_z)}"'
            notes.append(
                f"execute in {origin.dimension} unless data storage {chunk}.by[0] store success"
                f" storage {chunk}.kept byte 1 run forceload query {chunk_x} {chunk_z}"
            )
            notes.append(
                f'execute unless data storage {chunk}.by[{{of:"{namespace}"}}]'
                f' run data modify storage {chunk}.by append value {{of:"{namespace}"}}'
            )
        areas.append([*notes, f"{origin.run}forceload add {x} {z} {to_x} {to_z}"])
    return areas


def release_chunks(size: tuple[int, int, int], origin: Origin, namespace: str) -> list[str]:
    """Commands after which the build's chunks are kept loaded only where others need them.

    Those are builds that are placed at the same time, and whoever force-loaded them before `load_chunks`.
    """
    releases = []
    for (x, _), (z, _) in product(*(_spans(*side, CHUNK) for side in _sides(size, origin))):
        chunk = f'{_storage(origin)} chunks."{_chunk(x, z)}"'
        nobody = f"unless data storage {chunk}.by[0]"
        nobody_else = f"{nobody} unless data storage {chunk}{{kept:1b}}"
        releases += [
            f'data remove storage {chunk}.by[{{of:"{namespace}"}}]',
            f"execute in {origin.dimension} {nobody_else} run forceload remove {x} {z}",
            f"execute {nobody} run data remove storage {chunk}",
        ]
    return releases


def _storage(origin: Origin) -> str:
    """The command storage in which all builds of a dimension record its chunks."""
    return f"createbuild:forceload/{origin.dimension.replace(':', '/')}"


def _chunk(x: int, z: int) -> str:
    """A chunk's own name, whichever of its blocks is named."""
    return f"{x // CHUNK},{z // CHUNK}"


def _sides(size: tuple[int, int, int], origin: Origin) -> tuple[tuple[int, int], tuple[int, int]]:
    """The build's first and last block along x, and along z."""
    return (origin.x, origin.x + size[0] - 1), (origin.z, origin.z + size[2] - 1)


def _spans(first: int, last: int, step: int) -> list[tuple[int, int]]:
    """The blocks from `first` to `last`, split at chunk borders, at most `step` in a span."""
    starts = [first, *range((first // CHUNK) * CHUNK + step, last + 1, step)]
    return list(zip(starts, [*(start - 1 for start in starts[1:]), last], strict=True))
