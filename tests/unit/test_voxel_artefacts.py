"""Every file of a build, read by other eyes than those that wrote it."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

from fixtures import meshes
from meshtwin.minecraft.voxel.blocks.grid import AIR
from meshtwin.minecraft.voxel.engine import BuildResult, build_model
from meshtwin.minecraft.voxel.export.artefacts import ANCHOR, MAX_BATCHES, artefacts, command_files, fits
from meshtwin.minecraft.voxel.export.commands import origin_on
from meshtwin.minecraft.voxel.export.document import read_document
from meshtwin.minecraft.voxel.export.formats.nbt import read_nbt
from meshtwin.minecraft.voxel.export.formats.structure import StructurePart
from meshtwin.minecraft.voxel.export.formats.vox_read import read_vox
from meshtwin.minecraft.voxel.options import BuildOptions
from meshtwin.minecraft.voxel.versions import parse_version
from tests.support.build_page import placed, schema
from tests.support.builds import assert_same, join_structures, read_litematic, read_schem, words
from tests.support.glbs import model_of
from tests.support.gltf_check import check_glb
from tests.support.replay import OVERWORLD, Cell, Server, World

ROOT = Path(__file__).parents[2]
VERSION = "1.21.5"
FILES = {
    *("build.json.gz", "materials.csv", "preview.png", "preview.glb", "build.schem", "build.v3.schem"),
    *("build.litematic", "model.vox", "structures.zip"),
}
PACK = re.compile(r"datapack-(a_build_[0-9a-f]{8})\.zip")


BUILDS = {
    "chess": BuildOptions(size=56),
    "bowl": BuildOptions(size=20, hollow=0),
    "parts": BuildOptions(size=20, hollow=0, clear_air=True),
    "sphere": BuildOptions(size=24, hollow=2),
}
"""Flat and of many materials, longer than a structure block takes; open; in pieces; a thick shell."""


@pytest.fixture(scope="module", params=BUILDS)
def made(request: pytest.FixtureRequest) -> BuildResult:
    options = replace(BUILDS[request.param], version=VERSION)
    return build_model(model_of(meshes.SOUND[request.param]()), options)


@pytest.fixture(scope="module")
def files(made: BuildResult) -> dict[str, bytes]:
    found = list(artefacts(made, title="a build"))
    assert len({name for name, _ in found}) == len(found)
    return dict(found)


def _assert_stands(world: World, made: BuildResult, anchor: tuple[int, int, int]) -> None:
    """The world has the build's blocks, each one, and nothing else."""
    _assert_same_cells(world.blocks, made, anchor)
    assert not world.loaded
    assert min(y for _, y, _ in world.blocks) == anchor[1] + 1


def _assert_same_cells(found: dict[Cell, str], made: BuildResult, anchor: Cell) -> None:
    """The blocks by their places are the build's, and air is named where the build clears its room."""
    place = origin_on(anchor, made.blocks.size)
    names = words(made.blocks)
    written = np.argwhere((made.blocks.cells > 0) | made.options.clear_air).tolist()
    assert found == {(x + place.x, y + place.y, z + place.z): str(names[x, y, z]) for x, y, z in written}


def _pack(files: dict[str, bytes]) -> str:
    (name,) = (name for name in files if name.startswith("datapack"))
    return name


def test_all_files_are_there(files: dict[str, bytes]) -> None:
    commands = [name for name in files if name.startswith("commands/")]
    pack = _pack(files)
    assert PACK.fullmatch(pack)
    assert set(files) - set(commands) - {pack} == FILES
    assert commands == [f"commands/{number:04}.mcfunction" for number in range(1, len(commands) + 1)]
    # One loads the chunks, one lets go of them.
    assert 3 <= len(commands) <= MAX_BATCHES + 2


def test_another_process_makes_the_same_bytes() -> None:
    script = (
        "import hashlib, fixtures.meshes as m\n"
        "from tests.support.glbs import model_of\n"
        "from meshtwin.minecraft.voxel.engine import build_model\n"
        "from meshtwin.minecraft.voxel.options import BuildOptions\n"
        "from meshtwin.minecraft.voxel.export.artefacts import artefacts\n"
        "made = build_model(model_of(m.chess()), BuildOptions(size=20, kinds=6, dither=0.5))\n"
        "for name, data in artefacts(made):\n"
        "    print(name, hashlib.sha256(data).hexdigest())\n"
    )
    here = build_model(model_of(meshes.chess()), BuildOptions(size=20, kinds=6, dither=0.5))
    expected = [f"{name} {hashlib.sha256(data).hexdigest()}" for name, data in artefacts(here)]
    there = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "17", "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert there.stdout.splitlines() == expected


def test_the_document_has_the_blocks_of_the_schematic_and_says_where(
    made: BuildResult, files: dict[str, bytes]
) -> None:
    data = files["build.json.gz"]
    schema().validate(json.loads(gzip.decompress(data)))
    document, schematic = read_document(data), read_schem(files["build.schem"])
    place = origin_on(ANCHOR, schematic.size)
    assert (document.origin, document.dimension) == ((place.x, place.y, place.z), OVERWORLD)
    assert (document.size, document.job_id) == (schematic.size, None)
    assert document.data_version == read_nbt(files["build.schem"])[1]["DataVersion"]
    assert document.metadata == {"title": "a build", "game": VERSION}
    world = placed(data)
    _assert_same_cells(world, made, ANCHOR)
    names = words(schematic)
    solid = {cell: state for cell, state in world.items() if state != AIR}
    assert solid == {
        (x + place.x, y + place.y, z + place.z): names[x, y, z]
        for x, y, z in np.argwhere(schematic.cells > 0).tolist()
    }
    assert sum(section.blocks for section in document.sections) == len(solid)
    assert sum(section.air for section in document.sections) == len(world) - len(solid)


def test_the_document_is_for_the_place_and_job_asked_for(made: BuildResult) -> None:
    anchor = (-117, 300, 4099)
    found = artefacts(made, anchor=anchor, dimension="end", job_id="5f0c", commands=False)
    data = dict(found)["build.json.gz"]
    document = read_document(data)
    assert (document.dimension, document.job_id) == ("minecraft:the_end", "5f0c")
    _assert_same_cells(placed(data), made, anchor)


def test_schematics_read_back(made: BuildResult, files: dict[str, bytes]) -> None:
    assert_same(read_schem(files["build.schem"]), made.blocks)
    assert_same(read_schem(files["build.v3.schem"]), made.blocks)
    assert_same(read_litematic(files["build.litematic"]), made.blocks)


def test_structure_files_read_back(made: BuildResult, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(files["structures.zip"])) as archive:
        index = json.loads(archive.read("parts.json"))
        parts = [
            StructurePart(part["name"], tuple(part["offset"]), archive.read(f"{part['name']}.nbt"))
            for part in index
        ]
        assert len(archive.namelist()) == len(parts) + 1
    joined = join_structures(parts)
    assert_same(joined, made.blocks)


def test_files_name_the_version_that_they_are_for(files: dict[str, bytes]) -> None:
    wanted = parse_version(VERSION).data_version
    assert read_nbt(files["build.schem"])[1]["DataVersion"] == wanted
    assert read_nbt(files["build.litematic"])[1]["MinecraftDataVersion"] == wanted


def test_voxels_have_the_blocks_colours(made: BuildResult, files: dict[str, bytes]) -> None:
    grid = read_vox(files["model.vox"])
    assert grid.cells.shape == made.blocks.size
    assert ((grid.cells > 0) == (made.blocks.cells > 0)).all()
    assert len(made.blocks.states) <= 256
    colors = {}
    for state in range(1, len(made.blocks.states)):
        used = np.unique(grid.cells[made.blocks.cells == state])
        assert len(used) == 1
        colors[state] = grid.palette[used[0] - 1]
    if "minecraft:white_concrete" in made.blocks.states:
        assert colors[made.blocks.states.index("minecraft:white_concrete")].min() > 190


def test_commands_build_it_on_the_anchor(made: BuildResult) -> None:
    world, anchor = World(strict=True), (-117, 20, 4099)
    found = command_files(made, parse_version(VERSION), anchor)
    world.run(data.decode() for name, data in found if name.startswith("commands/"))
    _assert_stands(world, made, anchor)


def test_commands_are_on_the_usual_anchor_where_none_is_named(
    made: BuildResult, files: dict[str, bytes]
) -> None:
    world = World(strict=True)
    world.run(data.decode() for name, data in files.items() if name.startswith("commands/"))
    _assert_stands(world, made, ANCHOR)


def test_the_data_pack_builds_the_same(made: BuildResult, files: dict[str, bytes]) -> None:
    world = World(strict=True)
    server = Server({OVERWORLD: world})
    first = server.add_pack(files[_pack(files)])
    assert first.removesuffix(":build") == PACK.fullmatch(_pack(files))[1]  # type: ignore[index]
    server.run_function(first, OVERWORLD)
    _assert_stands(world, made, ANCHOR)


def test_all_commands_are_for_the_dimension_asked_for(made: BuildResult) -> None:
    world = World(min_y=0, max_y=256, strict=True)
    found = command_files(made, parse_version(VERSION), ANCHOR, dimension="nether")
    commands = [data.decode() for name, data in found if name.startswith("commands/")]
    world.run(commands, dimension="minecraft:the_nether")
    _assert_stands(world, made, ANCHOR)
    assert "from y 0 to 255" in (fits(made, anchor=(0, -2, 0), dimension="nether") or "")


def test_the_picture_shows_something(files: dict[str, bytes]) -> None:
    data = files["preview.png"]
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert data.startswith(b"\x89PNG")
    assert picture is not None
    assert picture.shape[2] == 4
    assert max(picture.shape[:2]) == 1000
    shown = picture[..., 3] > 0
    assert 0.1 < shown.mean() < 0.95
    assert not shown[[0, -1]].any()
    assert not shown[:, [0, -1]].any()
    assert len(np.unique(picture[shown][:, :3] @ (1, 256, 65536))) > 20


def test_the_mesh_to_look_at_is_closed_around_all_blocks(made: BuildResult, files: dict[str, bytes]) -> None:
    assert check_glb(files["preview.glb"]) == []
    (found,) = model_of(files["preview.glb"]).primitives
    corners = found.positions[found.faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
    assert normals.sum(axis=0) == pytest.approx([0, 0, 0], abs=1e-6)
    # By Gauss, what faces enclose that look outwards.
    volume = (normals * corners.mean(axis=1)).sum() / 3
    filled = ndimage.binary_fill_holes(made.blocks.cells > 0)
    assert volume == pytest.approx(np.count_nonzero(filled), rel=1e-6)
    assert tuple(np.ptp(found.positions, axis=0)) == made.blocks.size


def test_materials_are_what_is_placed(made: BuildResult, files: dict[str, bytes]) -> None:
    *rows, total = csv.DictReader(io.StringIO(files["materials.csv"].decode()))
    world = World(strict=True)
    world.run(data.decode() for name, data in files.items() if name.startswith("commands/"))
    for blocks in (world.blocks, placed(files["build.json.gz"])):
        counts = Counter(state.partition("[")[0] for state in blocks.values() if state != AIR)
        assert {row["block"]: int(row["count"]) for row in rows} == counts
    for row in rows:
        assert int(row["stacks"]) == -(-int(row["count"]) // 64)
    assert total["block"] == "total"
    assert sum(int(row["count"]) for row in rows) == int(total["count"])
    assert int(total["count"]) == np.count_nonzero(made.blocks.cells)
    assert sum(int(row["stacks"]) for row in rows) == int(total["stacks"])


@pytest.mark.parametrize(
    ("anchor", "message"),
    [
        ((0, 318, 0), "put its lowest block at y -64 to"),
        ((0, -66, 0), "put its lowest block at y -64 to"),
        ((29_999_984, 63, 0), "the world's border is at"),
        ((0, 63, -29_999_984), "the world's border is at"),
    ],
)
def test_what_has_no_room_is_refused_in_words(
    made: BuildResult, anchor: tuple[int, int, int], message: str
) -> None:
    words_of = fits(made, anchor=anchor)
    assert words_of is not None
    assert message in words_of
    with pytest.raises(ValueError, match=re.escape(words_of)):
        list(command_files(made, parse_version(VERSION), anchor))


def test_what_has_room_fits(made: BuildResult) -> None:
    assert fits(made) is None
    assert fits(made, anchor=(0, -65, 0)) is None
    assert fits(made, anchor=(0, 319 - made.blocks.size[1], 0)) is None
