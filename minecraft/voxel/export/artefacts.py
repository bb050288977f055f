"""Writes every file of a build."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

from meshtwin.gltf.colored import write_colored_glb
from meshtwin.minecraft.voxel.blocks.state_colors import srgb_colors
from meshtwin.minecraft.voxel.boxes.sections import to_sections
from meshtwin.minecraft.voxel.export.commands import check_fits, origin_on
from meshtwin.minecraft.voxel.export.datapack import EARLIEST, namespace_of, write_datapack
from meshtwin.minecraft.voxel.export.dimensions import OVERWORLD
from meshtwin.minecraft.voxel.export.document import Document, write_document
from meshtwin.minecraft.voxel.export.formats.litematic import write_litematic
from meshtwin.minecraft.voxel.export.formats.schem import write_schem
from meshtwin.minecraft.voxel.export.formats.structure import split_structure
from meshtwin.minecraft.voxel.export.formats.vox import write_vox
from meshtwin.minecraft.voxel.export.isometric import encode_png, isometric
from meshtwin.minecraft.voxel.export.materials import material_csv, material_list
from meshtwin.minecraft.voxel.export.mcfunction import Limits, batches
from meshtwin.minecraft.voxel.export.preview import preview_mesh
from meshtwin.minecraft.voxel.versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshtwin.minecraft.voxel.blocks.grid import Blocks
    from meshtwin.minecraft.voxel.engine import BuildResult
    from meshtwin.minecraft.voxel.export.commands import Origin
    from meshtwin.minecraft.voxel.versions import GameVersion

ANCHOR = (0, 63, 0)
"""The default block that a build stands on: about sea level, in the world's middle."""

MAX_BATCHES = 32
"""Files of commands at most, but for those that load chunks: a build's files are listed one by one."""

_BATCH_BYTES = 1 << 22
_MIN_COMMANDS = 1024


def artefacts(
    result: BuildResult,
    *,
    anchor: tuple[int, int, int] | None = None,
    dimension: str = OVERWORLD,
    title: str = "build",
    job_id: str | None = None,
    commands: bool = True,
) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file, the smallest and quickest first; the same build gives the same bytes.

    The build document, commands and data pack are for the block `anchor` of `dimension` that the build stands
    on; without `commands` there are neither commands nor a data pack. The data pack's file and functions are
    named for `title`: see `namespace_of`.

    Raises:
        ValueError: the build does not fit into the world there; check with `fits` beforehand.
    """
    game = parse_version(result.options.version)
    where = origin_on(anchor or ANCHOR, result.blocks.size, dimension)
    yield "build.json.gz", write_document(build_document(result, where, game, job_id=job_id, title=title))
    yield "materials.csv", material_csv(material_list(result.blocks)).encode()
    yield "preview.png", encode_png(isometric(result.blocks))
    yield "preview.glb", _preview(result.blocks)
    yield from schematics(result.blocks, game, title)
    if commands:
        yield from command_files(result, game, anchor or ANCHOR, dimension=dimension, title=title)


def fits(
    result: BuildResult, *, anchor: tuple[int, int, int] | None = None, dimension: str = OVERWORLD
) -> str | None:
    """None where the build fits on the block `anchor`, else a message with the reason and the fix."""
    try:
        check_fits(result.blocks.size, origin_on(anchor or ANCHOR, result.blocks.size, dimension))
    except ValueError as error:
        return str(error)
    return None


def build_document(
    result: BuildResult, where: Origin, game: GameVersion, *, job_id: str | None = None, title: str = "build"
) -> Document:
    """The build as a server places it."""
    corner = (where.x, where.y, where.z)
    return Document(
        size=result.blocks.size,
        origin=corner,
        dimension=where.dimension,
        data_version=game.data_version,
        states=result.blocks.states,
        sections=to_sections(result.blocks, corner, clear_air=result.options.clear_air),
        job_id=job_id,
        metadata={"title": title, "game": game.name},
    )


def schematics(blocks: Blocks, game: GameVersion, title: str) -> Iterator[tuple[str, bytes]]:
    """The build in other programs' formats."""
    data_version = game.data_version
    yield "build.schem", write_schem(blocks, data_version=data_version, version=2, name=title)
    yield "build.v3.schem", write_schem(blocks, data_version=data_version, version=3, name=title)
    yield "build.litematic", write_litematic(blocks, data_version=data_version, name=title)
    yield "model.vox", write_vox(blocks, srgb_colors(blocks.states))
    parts = split_structure(blocks, data_version=data_version, air=False)
    index = [{"name": part.name, "offset": part.offset} for part in parts]
    files = {f"{part.name}.nbt": part.data for part in parts} | {"parts.json": json.dumps(index).encode()}
    yield "structures.zip", _zipped(files)


def command_files(
    result: BuildResult,
    game: GameVersion,
    anchor: tuple[int, int, int],
    *,
    dimension: str = OVERWORLD,
    title: str = "build",
) -> Iterator[tuple[str, bytes]]:
    """The build as commands at an anchor, in files to be run in order, and as a data pack."""
    origin = origin_on(anchor, result.blocks.size, dimension)
    namespace = namespace_of(title, result.build, origin)
    most = max(_MIN_COMMANDS, -(-len(result.build.boxes) // MAX_BATCHES))
    texts = batches(
        result.build, origin, game, namespace=namespace, limits=Limits(commands=most, bytes=_BATCH_BYTES)
    )
    for number, text in enumerate(texts, start=1):
        yield f"commands/{number:04}.mcfunction", text.encode()
    yield f"datapack-{namespace}.zip", write_datapack(result.build, origin, game, namespace=namespace)


def _preview(blocks: Blocks) -> bytes:
    mesh = preview_mesh(blocks)
    assert mesh.colors is not None
    return write_colored_glb(mesh.positions, mesh.faces, mesh.colors)


def _zipped(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, EARLIEST), content)
    return target.getvalue()
