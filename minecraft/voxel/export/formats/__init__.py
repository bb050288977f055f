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
    """A kind of file: its suffix, its name, and the program that opens it."""

    suffix: str
    title: str
    opened_by: str


FORMATS: Mapping[str, Format] = {
    "schem": Format(".schem", "Sponge schematic", "WorldEdit and its kin"),
    "litematic": Format(".litematic", "Litematica schematic", "Litematica"),
    "structure": Format(".nbt", "structure file", "the game itself"),
    "vox": Format(".vox", "voxel model", "MagicaVoxel"),
    "document": Format(".json.gz", "build document", "meshtwin"),
}
"""By the name of the module that writes it."""
