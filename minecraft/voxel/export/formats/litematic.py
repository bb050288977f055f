"""Litematica's schematics, `.litematic`.

The format has no specification: the mod's code says what it is.
https://github.com/maruohon/litematica, schematic/LitematicaSchematic.java and schematic/container
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meshtwin.minecraft.voxel.blocks.grid import AIR
from meshtwin.minecraft.voxel.export.formats.bits import pack, unpack
from meshtwin.minecraft.voxel.export.formats.fields import field, integer
from meshtwin.minecraft.voxel.export.formats.nbt import write_nbt
from meshtwin.minecraft.voxel.export.formats.states import (
    as_blocks,
    check_blocks,
    check_cells,
    join_state,
    split_state,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.grid import Blocks
    from meshtwin.minecraft.voxel.export.formats.nbt import Compound, Value

MAX_VOLUME = 2**31 - 1
"""Metadata counts blocks in an Int."""

LAST_VERSION_6 = 3700
"""The data version of Minecraft 1.20.4: Litematica for it and older games refuses version 7.

https://github.com/sakura-ryoko/litematica/issues/344
"""

VERSIONS = (6, 7)
FEWEST_BITS = 2
AXES = ("x", "y", "z")


def write_litematic(blocks: Blocks, *, data_version: int, name: str = "build") -> bytes:
    """A .litematic file of one region: the same bytes for the same arguments.

    `data_version` is the game's, such as 4189 for 1.21.4. Litematica's own version is 6 for games up to
    1.20.4 and 7 for later ones. The file has neither an author nor a time.

    Raises:
        ValueError: the build has more than MAX_VOLUME cells, or a state is invalid.
    """
    version = VERSIONS[data_version > LAST_VERSION_6]
    check_blocks(blocks)
    if blocks.cells.size > MAX_VOLUME:
        raise ValueError(
            f"size {blocks.size}: a .litematic holds {MAX_VOLUME} blocks at most; split the build"
        )
    metadata: Compound = {
        "Name": name,
        "Author": "",
        "Description": "",
        "RegionCount": np.int32(1),
        "TotalVolume": np.int32(blocks.cells.size),
        "TotalBlocks": np.int32(_count(blocks)),
        "EnclosingSize": _vector(blocks.size),
        "TimeCreated": np.int64(0),
        "TimeModified": np.int64(0),
    }
    return write_nbt(
        {
            "MinecraftDataVersion": np.int32(data_version),
            "Version": np.int32(version),
            "SubVersion": np.int32(1),
            "Metadata": metadata,
            "Regions": {name: _region(blocks)},
        }
    )


def _count(blocks: Blocks) -> int:
    """Cells that are not air: AIR is state 0."""
    return int(np.count_nonzero(blocks.cells))


def _region(blocks: Blocks) -> Compound:
    order = blocks.cells.transpose(1, 2, 0).reshape(-1)
    return {
        "Position": _vector((0, 0, 0)),
        "Size": _vector(blocks.size),
        "BlockStatePalette": [palette_entry(state) for state in blocks.states],
        "BlockStates": pack(order, bits_for(len(blocks.states))),
        "Entities": [],
        "TileEntities": [],
        "PendingBlockTicks": [],
        "PendingFluidTicks": [],
    }


def bits_for(states: int) -> int:
    """Bits of one cell where a palette has so many states."""
    return max(FEWEST_BITS, (states - 1).bit_length())


def palette_entry(state: str) -> Compound:
    """A block state as the game's own files have it: its name, and its properties where it has some.

    Raises:
        ValueError: it is not a block state.
    """
    name, properties = split_state(state)
    return {"Name": name, "Properties": dict(properties)} if properties else {"Name": name}


def state_of(entry: Value) -> str:
    """The block state of a palette's entry.

    Raises:
        ValueError: it is not a block state.
    """
    if not isinstance(entry, dict):
        raise ValueError(f"a palette entry is a {type(entry).__name__}: expected a compound")  # noqa: TRY004  # the file is wrong
    properties = field(entry, "Properties", dict) if "Properties" in entry else {}
    return join_state(field(entry, "Name", str), {key: field(properties, key, str) for key in properties})


def _vector(values: Sequence[int]) -> Compound:
    return {axis: np.int32(value) for axis, value in zip(AXES, values, strict=True)}


def litematic_blocks(root: Compound) -> Blocks:
    """The blocks of a file's root compound, all regions in the box that holds them; nothing else of it.

    A later region overwrites an earlier one where it has blocks.

    Raises:
        ValueError: the file is not a valid .litematic, or too large to be read; says what is wrong.
    """
    integer(root, "Version")
    regions = [field(field(root, "Regions", dict), name, dict) for name in field(root, "Regions", dict)]
    if not regions:
        raise ValueError("the file has no region")
    corners = np.array([_corners(region) for region in regions], np.int64)
    lowest = corners[:, 0].min(0)
    size = tuple(int(side) for side in corners[:, 1].max(0) - lowest)
    check_cells(size)
    states = {AIR: 0}
    indices = np.zeros(size, np.uint32)
    for region, (low, high) in zip(regions, corners - lowest, strict=True):
        x, y, z = (slice(int(start), int(end)) for start, end in zip(low, high, strict=True))
        _put(indices[x, y, z], region, states)
    return as_blocks(indices, list(states))


def _corners(region: Compound) -> tuple[list[int], list[int]]:
    """The lowest corner and the one past the highest: a size may be negative, away from its position."""
    low, high = [], []
    for axis in AXES:
        at, side = integer(field(region, "Position", dict), axis), integer(field(region, "Size", dict), axis)
        if side == 0:
            raise ValueError(f"a region's size along {axis} is 0")
        low.append(at if side > 0 else at + side + 1)
        high.append(at + side if side > 0 else at + 1)
    return low, high


def _put(cells: NDArray[np.uint32], region: Compound, states: dict[str, int]) -> None:
    """Write a region's cells into `cells`, (x, y, z), except air."""
    palette = [state_of(entry) for entry in field(region, "BlockStatePalette", list)]
    longs: NDArray[Any] = field(region, "BlockStates", np.ndarray)
    if longs.dtype != np.int64:
        raise ValueError(f"the block states are {longs.dtype}: expected a long array")
    x, y, z = cells.shape
    local = unpack(longs, bits_for(len(palette)), cells.size).reshape(y, z, x).transpose(2, 0, 1)
    if local.max() >= len(palette):
        raise ValueError(f"a cell has state {local.max()}; the palette has {len(palette)}")
    table = np.array([states.setdefault(state, len(states)) for state in palette], np.uint32)[local]
    np.copyto(cells, table, where=table != 0)
