"""Builds from any of the formats to any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks
from meshtwin.minecraft.voxel.blocks.state_colors import is_measured, srgb_colors
from meshtwin.minecraft.voxel.boxes.sections import to_sections
from meshtwin.minecraft.voxel.export.commands import check_fits, origin_on
from meshtwin.minecraft.voxel.export.document import (
    MAX_SIDE,
    MAX_STATES,
    Document,
    document_blocks,
    read_document,
    write_document,
)
from meshtwin.minecraft.voxel.export.formats import FORMATS
from meshtwin.minecraft.voxel.export.formats.litematic import litematic_blocks, write_litematic
from meshtwin.minecraft.voxel.export.formats.nbt import read_nbt
from meshtwin.minecraft.voxel.export.formats.schem import schem_blocks, write_schem
from meshtwin.minecraft.voxel.export.formats.states import as_blocks
from meshtwin.minecraft.voxel.export.formats.structure import EDGE, structure_blocks, write_structure
from meshtwin.minecraft.voxel.export.formats.vox import write_vox
from meshtwin.minecraft.voxel.export.formats.vox_read import read_vox

if TYPE_CHECKING:
    from meshtwin.minecraft.voxel.blocks.palette import Palette
    from meshtwin.minecraft.voxel.export.formats.nbt import Compound

MAX_FILE_BYTES = 256 << 20
"""Of a file before it is unpacked; what it may unpack to is for its reader to say."""

_NBT_BLOCKS = {"schem": schem_blocks, "litematic": litematic_blocks, "structure": structure_blocks}
_OTHER_AIR = frozenset({"minecraft:cave_air", "minecraft:void_air", "minecraft:structure_void"})
"""Invisible, and not counted as blocks; files saved from a world have them."""
_NAMED = 3


@dataclass(frozen=True, slots=True)
class LoadedBuild:
    """The blocks of a file, and the game's data version that it names: None where it names none."""

    blocks: Blocks
    data_version: int | None


@dataclass(frozen=True, slots=True)
class Target:
    """The content of a file besides the blocks.

    `anchor` is the block that a build document stands on, in `dimension`.
    """

    data_version: int
    title: str
    anchor: tuple[int, int, int]
    dimension: str


def format_of(name: str) -> str:
    """The format of a file by its name, one of `FORMATS`.

    Raises:
        ValueError: the name ends in none of theirs.
    """
    for kind, known in FORMATS.items():
        if name.lower().endswith(known.suffix):
            return kind
    suffixes = ", ".join(known.suffix for known in FORMATS.values())
    raise ValueError(f"{name}: expected a name that ends with one of {suffixes}")


def load(data: bytes, kind: str, palette: Palette) -> LoadedBuild:
    """The build in a file of the format `kind`; a voxel model takes the nearest blocks of the palette.

    Raises:
        ValueError: the file is damaged, of another format, or too large; says what is wrong.
    """
    if kind == "vox":
        return LoadedBuild(read_vox(data).to_blocks(srgb_colors(palette.states)), None)
    if kind == "document":
        document = read_document(data)
        return LoadedBuild(document_blocks(document), document.data_version)
    _, root = read_nbt(data)
    return LoadedBuild(_without_other_air(_NBT_BLOCKS[kind](root)), _data_version(root))


def _data_version(root: Compound) -> int | None:
    inner = root.get("Schematic")
    for compound in (inner if isinstance(inner, dict) else {}, root):
        for name in ("DataVersion", "MinecraftDataVersion"):
            value = compound.get(name)
            if isinstance(value, np.signedinteger) and value > 0:
                return int(value)
    return None


def save(blocks: Blocks, kind: str, target: Target) -> bytes:
    """The build as a file of the format `kind`; the same arguments give the same bytes.

    Raises:
        ValueError: the build is too large for the format, or for the world at a document's anchor.
    """
    if kind == "schem":
        return write_schem(blocks, data_version=target.data_version, name=target.title)
    if kind == "litematic":
        return write_litematic(blocks, data_version=target.data_version, name=target.title)
    if kind == "structure":
        return write_structure(blocks, data_version=target.data_version)
    if kind == "vox":
        return write_vox(blocks, srgb_colors(blocks.states))
    return write_document(_document(blocks, target))


def _document(blocks: Blocks, target: Target) -> Document:
    if max(blocks.size) > MAX_SIDE or len(blocks.states) > MAX_STATES:
        raise ValueError(
            f"size {blocks.size} with {len(blocks.states)} block states: a build document has at most "
            f"{MAX_SIDE} along each axis and {MAX_STATES} states"
        )
    origin = origin_on(target.anchor, blocks.size, target.dimension)
    check_fits(blocks.size, origin)
    corner = (origin.x, origin.y, origin.z)
    return Document(
        size=blocks.size,
        origin=corner,
        dimension=origin.dimension,
        data_version=target.data_version,
        states=blocks.states,
        sections=to_sections(blocks, corner),
        metadata={"title": target.title},
    )


def _without_other_air(blocks: Blocks) -> Blocks:
    """The build with cave air, void air and structure voids as plain air."""
    if not _OTHER_AIR & set(blocks.states):
        return blocks
    return as_blocks(blocks.cells, [AIR if state in _OTHER_AIR else state for state in blocks.states])


def notes(blocks: Blocks, kind: str) -> list[str]:
    """Notes for the user about the build as a file of the format `kind`."""
    if kind == "structure" and max(blocks.size) > EDGE:
        return [f"A structure block loads at most {EDGE} blocks along each axis; /place template loads more."]
    unknown = sorted({state.partition("[")[0] for state in blocks.states[1:] if not is_measured(state)})
    if kind == "vox" and unknown:
        named = ", ".join(unknown[:_NAMED]) + (
            f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        )
        return [f"Grey, for their colours are not known: {named}."]
    return []
