"""The game's own structure files, `.nbt`: structure blocks and `/place template` load them.

https://minecraft.wiki/w/Structure_file
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtwin.minecraft.voxel.blocks.grid import AIR
from meshtwin.minecraft.voxel.export.formats.fields import field, integer
from meshtwin.minecraft.voxel.export.formats.litematic import palette_entry, state_of
from meshtwin.minecraft.voxel.export.formats.nbt import write_nbt
from meshtwin.minecraft.voxel.export.formats.states import as_blocks, check_blocks, check_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.grid import Blocks
    from meshtwin.minecraft.voxel.export.formats.nbt import Compound

EDGE = 48
"""What a structure block loads and saves along each axis: https://minecraft.wiki/w/Structure_Block"""

RECORD = np.dtype([("pos", np.int32, (3,)), ("state", np.int32)])
"""One block of the file."""

MAX_BLOCKS = 2**31 - 1

LEVEL = 1
"""gzip's fastest: five times as fast on records so alike, for files a sixth larger."""


@dataclass(frozen=True, slots=True)
class StructurePart:
    """One file of a build that is split.

    `name` is its position among the parts, such as `0_0_1`; `offset` its lowest corner in the build, in
    blocks.
    """

    name: str
    offset: tuple[int, int, int]
    data: bytes


def write_structure(blocks: Blocks, *, data_version: int, air: bool = True) -> bytes:
    """A structure file of the whole build: the same bytes for the same arguments.

    `data_version` is the game's, such as 4189 for 1.21.4. Without `air` the file omits its cells of air,
    and blocks there in the world stay. A structure block takes EDGE blocks along each axis, `/place
    template` more; each block is 36 bytes before compression, so that a large build is better split.

    Raises:
        ValueError: the file would have more than MAX_BLOCKS blocks, or a state is invalid.
    """
    check_blocks(blocks)
    if blocks.cells.size > MAX_BLOCKS:
        raise ValueError(f"size {blocks.size}: a structure holds {MAX_BLOCKS} blocks at most; split it")
    return write_nbt(
        {
            "DataVersion": np.int32(data_version),
            "size": [np.int32(side) for side in blocks.size],
            "palette": [palette_entry(state) for state in blocks.states],
            "blocks": _records(blocks.cells, air=air),
            "entities": [],
        },
        level=LEVEL,
    )


def _records(cells: NDArray[np.uint16], *, air: bool) -> NDArray[Any] | list[Any]:
    """The blocks layer by layer, from the lowest: y, then z, then x."""
    layers = cells.transpose(1, 2, 0)
    y, z, x = np.nonzero(layers) if not air else np.indices(layers.shape, np.int32).reshape(3, -1)
    if not len(x):
        return []
    records = np.empty(len(x), RECORD)
    for axis, coordinates in enumerate((x, y, z)):
        records["pos"][:, axis] = coordinates
    records["state"] = layers[y, z, x] if not air else layers.reshape(-1)
    return records


def split_structure(
    blocks: Blocks, *, data_version: int, air: bool = True, edge: int = EDGE
) -> tuple[StructurePart, ...]:
    """Structure files of at most `edge` blocks along each axis, from the lowest corner; x changes slowest.

    Without `air` parts of air alone are omitted too.

    Raises:
        ValueError: `edge` is less than 1, or a state is invalid.
    """
    if edge < 1:
        raise ValueError(f"edge {edge}: expected 1 or more, {EDGE} for structure blocks")
    check_blocks(blocks)
    steps = [range(-(-side // edge)) for side in blocks.size]
    parts = []
    for position in itertools.product(*steps):
        low = [step * edge for step in position]
        x, y, z = (slice(start, start + edge) for start in low)
        cells = blocks.cells[x, y, z]
        if air or cells.any():
            part = as_blocks(cells, blocks.states)
            data = write_structure(part, data_version=data_version, air=air)
            parts.append(StructurePart("_".join(map(str, position)), (low[0], low[1], low[2]), data))
    return tuple(parts)


def structure_blocks(root: Compound) -> Blocks:
    """The blocks of a file's root compound; cells that it omits are AIR. Nothing else of it is read.

    Raises:
        ValueError: the file is not a valid structure, or too large to be read; says what is wrong.
    """
    sides = field(root, "size", list)
    size = tuple(int(side) for side in sides if isinstance(side, np.signedinteger))
    if len(size) != len(sides) or len(size) != 3:  # noqa: PLR2004  # x, y, z
        raise ValueError(f"'size' is {sides}: expected three integers")
    check_cells(size)
    palette = [AIR, *(state_of(entry) for entry in field(root, "palette", list))]
    found = root.get("blocks")
    records = (
        _uniform_records(found)
        if isinstance(found, np.ndarray)
        else _mixed_records(field(root, "blocks", list))
    )
    if len(records) and not ((records["pos"] >= 0) & (records["pos"] < size)).all():
        raise ValueError(f"a block lies outside of the size {size}")
    if len(records) and records["state"].min() < 0:
        raise ValueError(f"a block has state {records['state'].min()}: expected 0 or more")
    indices = np.zeros(size, np.uint32)
    indices[tuple(records["pos"].T)] = records["state"].astype(np.uint32) + 1
    return as_blocks(indices, palette)


def _uniform_records(rows: NDArray[Any]) -> NDArray[Any]:
    """Records of rows whose fields may come in another order, and with others."""
    types = {name: rows.dtype[name] for name in rows.dtype.names or ()}
    if types.get("pos") != RECORD["pos"] or types.get("state") != RECORD["state"]:
        raise ValueError(f"a block has {types}: expected pos, three integers, and state, an integer")
    records = np.empty(len(rows), RECORD)
    records["pos"], records["state"] = rows["pos"], rows["state"]
    return records


def _mixed_records(blocks: list[Any]) -> NDArray[Any]:
    """Records of blocks that are not all alike, as where some bring what is inside of them."""
    records = np.empty(len(blocks), RECORD)
    for index, block in enumerate(blocks):
        if not isinstance(block, dict):
            raise ValueError(f"block {index} is a {type(block).__name__}: expected a compound")  # noqa: TRY004  # the file is wrong
        position = field(block, "pos", list)
        if len(position) != 3 or not all(isinstance(value, np.int32) for value in position):  # noqa: PLR2004  # x, y, z
            raise ValueError(f"block {index} is at {position}: expected three integers")
        records[index] = (position, integer(block, "state"))
    return records
