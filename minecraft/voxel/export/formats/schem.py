"""Sponge schematics, `.schem`: what WorldEdit and its kin load.

Version 3: https://github.com/SpongePowered/Schematic-Specification/blob/master/versions/schematic-3.md
Version 2, the same with fewer levels and the root compound itself named Schematic:
https://github.com/SpongePowered/Schematic-Specification/blob/master/versions/schematic-2.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meshtwin.minecraft.voxel.export.formats.fields import field, integer
from meshtwin.minecraft.voxel.export.formats.nbt import write_nbt
from meshtwin.minecraft.voxel.export.formats.states import as_blocks, check_blocks, check_cells
from meshtwin.minecraft.voxel.export.formats.varint import decode_varints, encode_varints

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.grid import Blocks
    from meshtwin.minecraft.voxel.export.formats.nbt import Compound, Value

MAX_SIDE = 0xFFFF
"""Width, Height and Length are 16 bits, unsigned."""

VERSIONS = (2, 3)

_WORLDEDIT: Compound = {f"WEOffset{axis}": np.int32(0) for axis in "XYZ"}
"""WorldEdit takes a version 2 file's Offset for the world's coordinates, and these for the paster's.

https://github.com/EngineHub/WorldEdit, SpongeSchematicV1Reader.java
"""


def write_schem(blocks: Blocks, *, data_version: int, version: int = 2, name: str = "") -> bytes:
    """A .schem file: the same bytes for the same arguments.

    `data_version` is the game's, such as 4189 for 1.21.4: older files are converted when they are loaded.
    The lowest corner is pasted where the player stands. Version 2 is what most programs read; version 3 is
    what WorldEdit writes since 7.3: https://github.com/EngineHub/WorldEdit/pull/1750

    Raises:
        ValueError: `version` is neither 2 nor 3, the build is longer than MAX_SIDE, or a state is invalid.
    """
    if version not in VERSIONS:
        raise ValueError(f"version {version}: expected 2 or 3")
    check_blocks(blocks, longest=MAX_SIDE, fix="split the build")
    head = {"Version": np.int32(version), "DataVersion": np.int32(data_version)}
    palette: Compound = {state: np.int32(index) for index, state in enumerate(blocks.states)}
    data = encode_varints(blocks.cells.transpose(1, 2, 0).reshape(-1))
    if version == 2:  # noqa: PLR2004  # the number is its name
        body: Compound = {"PaletteMax": np.int32(len(palette)), "Palette": palette, "BlockData": data}
        metadata = {**_name(name), **_WORLDEDIT}
        return write_nbt({**head, "Metadata": metadata, **_extent(blocks), **body}, name="Schematic")
    body = {"Blocks": {"Palette": palette, "Data": data}}
    root = {**head, "Metadata": _name(name), **_extent(blocks), **body}
    return write_nbt({"Schematic": root})


def _name(name: str) -> Compound:
    return {"Name": name} if name else {}


def _extent(blocks: Blocks) -> Compound:
    sides = np.array(blocks.size, np.uint16).view(np.int16)
    return {"Width": sides[0], "Height": sides[1], "Length": sides[2], "Offset": np.zeros(3, np.int32)}


def schem_blocks(root: Compound) -> Blocks:
    """The blocks of a file's root compound, version 2 or 3; block entities, entities and biomes are ignored.

    Raises:
        ValueError: the file is not a valid .schem, or too large to be read; says what is wrong.
    """
    if isinstance(root.get("Schematic"), dict):
        root = field(root, "Schematic", dict)
    version = integer(root, "Version")
    if version not in VERSIONS:
        raise ValueError(f"a .schem file of version {version}: 2 and 3 can be read")
    x, y, z = (integer(root, side) & MAX_SIDE for side in ("Width", "Height", "Length"))
    check_cells((x, y, z))
    if version == 2:  # noqa: PLR2004  # the number is its name
        palette, octets = field(root, "Palette", dict), field(root, "BlockData", np.ndarray)
    else:
        inner = field(root, "Blocks", dict)
        palette, octets = field(inner, "Palette", dict), field(inner, "Data", np.ndarray)
    if octets.dtype != np.int8:
        raise ValueError(f"the block data are {octets.dtype}: expected a byte array")
    indices: NDArray[Any] = decode_varints(octets, x * y * z).reshape(y, z, x).transpose(2, 0, 1)
    return _ordered(indices, palette)


def _ordered(indices: NDArray[Any], palette: dict[str, Value]) -> Blocks:
    """Blocks from a palette whose numbers may come in any order, and may skip some."""
    numbers = {state: integer(palette, state) for state in palette}
    states = sorted(numbers, key=numbers.__getitem__)
    known = np.array([numbers[state] for state in states], np.int64)
    if len(set(numbers.values())) < len(numbers):
        raise ValueError("two states of the palette have the same number")
    if (known == np.arange(len(known))).all():
        return as_blocks(indices, states)
    positions = np.searchsorted(known, indices).clip(0, max(len(known) - 1, 0))
    if not len(known) or (known[positions] != indices).any():
        raise ValueError("a cell has a number that is not in the palette")
    return as_blocks(positions, states)
