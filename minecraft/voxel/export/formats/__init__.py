"""Files of builds: what each is for, and the module that writes and reads it.

    schem      write_schem, schem_blocks                             Sponge .schem, versions 2 and 3
    litematic  write_litematic, litematic_blocks                     Litematica's .litematic
    structure  write_structure, split_structure, structure_blocks    the game's structure .nbt
    vox        write_vox; vox_read: read_vox                         MagicaVoxel's .vox
    document   write_document, read_document (`..document`)          the build document, .json.gz

Nothing is imported here, so that a program that names the formats does not load them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: its ending, what it is, what opens it, and what one file holds."""

    suffix: str
    title: str
    opened_by: str
    limit: str


FORMATS: Mapping[str, Format] = {
    "schem": Format(".schem", "Sponge schematic", "WorldEdit and its kin", "65535 along each axis"),
    "litematic": Format(".litematic", "Litematica schematic", "Litematica", "2147483647 blocks"),
    "structure": Format(
        ".nbt", "structure file", "the game itself", "48 along each axis in a structure block"
    ),
    "vox": Format(".vox", "voxel model", "MagicaVoxel", "255 colours"),
    "document": Format(".json.gz", "build document", "servers", "4096 along each axis"),
}
"""By the name of the module that writes it."""
