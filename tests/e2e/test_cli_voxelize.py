"""`meshtwin voxelize` as a person uses it: a GLB goes in, every file of a build comes out, or words."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from meshtwin.gltf.colored import write_colored_glb
from meshtwin.minecraft.voxel.export.document import read_document
from meshtwin.minecraft.voxel.export.formats.vox_read import read_vox
from tests.support.build_page import placed
from tests.support.builds import read_litematic, read_schem
from tests.support.shell import PICTURE, Shell, new_shell

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = {
    *("build.json.gz", "materials.csv", "preview.png", "preview.glb", "build.schem", "build.v3.schem"),
    *("build.litematic", "model.vox", "structures.zip"),
}


def pyramid(height: float = 1.0) -> bytes:
    """Blue, closed, one wide."""
    positions = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1], [0.5, height, 0.5]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 4, 1], [1, 4, 2], [2, 4, 3], [3, 4, 0]], np.int32)
    return write_colored_glb(positions, faces, np.tile(np.array([0.01, 0.01, 0.6, 1], np.float32), (5, 1)))


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = new_shell(tmp_path)
    (shell.folder / "pyramid.glb").write_bytes(pyramid())
    return shell


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_every_file_is_there_and_opens(shell: Shell) -> None:
    told = shell.json("voxelize", "pyramid.glb", "--size", "12", "--game", "1.20.1", "--kinds", "3")
    folder = shell.folder / "out" / "voxels" / "pyramid"
    made = files(folder)
    assert {name for name in made if not name.startswith(("commands/", "datapack-pyramid_"))} == WRITTEN
    assert len(list(folder.glob("datapack-pyramid_*.zip"))) == 1
    assert {str(shell.folder / path) for path in told["files"]} == {str(folder / name) for name in made}
    size = tuple(told["size"].values())
    assert max(size) == 12
    assert 1 <= told["kinds"] <= 3
    for blocks in (
        read_schem((folder / "build.schem").read_bytes()),
        read_schem((folder / "build.v3.schem").read_bytes()),
        read_litematic((folder / "build.litematic").read_bytes()),
    ):
        assert blocks.size == size
        assert int((blocks.cells != 0).sum()) == told["blocks"]
    document = read_document((folder / "build.json.gz").read_bytes())
    assert document.metadata == {"title": "pyramid", "game": "1.20.1"}
    assert (document.dimension, document.job_id) == ("minecraft:overworld", None)
    assert len(placed((folder / "build.json.gz").read_bytes())) == told["blocks"]
    assert int((read_vox((folder / "model.vox").read_bytes()).cells != 0).sum()) == told["blocks"]
    with Image.open(folder / "preview.png") as picture:
        picture.load()
    assert set(told["seconds"]) >= {"reading", "voxels", "blocks", "boxes", "files"}


def test_the_same_call_writes_the_same_bytes_whatever_was_built_there_before(shell: Shell) -> None:
    words = ("voxelize", "pyramid.glb", "--size", "8", "--order", "ground", "--clear-air", "--hollow", "1")
    second = shell.folder / "second"
    (second / "commands").mkdir(parents=True)
    for stale in ("commands/0017.mcfunction", "datapack-tower_00000000.zip"):
        (second / stale).write_text("of another build")
    (second / "notes.txt").write_text("mine")
    contents = []
    # The first in a process of its own, whose hashes are others.
    for name, run in (("first", shell.run), ("second", shell.here)):
        done = run(*words, "--rotation", "3", "--out", name)
        assert done.returncode == 0, done.stderr
        assert f"Preview: {name}/preview.png" in done.stderr
        folder = shell.folder / name
        contents.append({path: (folder / path).read_bytes() for path in files(folder)})
    assert contents[1].pop("notes.txt") == b"mine"
    assert contents[0] == contents[1]


def test_commands_are_where_the_anchor_says(shell: Shell) -> None:
    done = shell.here(
        *("voxelize", "pyramid.glb", "--size", "8", "--anchor", "1000,70,-2000", "--out", "there"),
        *("--dimension", "nether"),
        *("--palette", "minecraft:stone,minecraft:blue_wool", "--exclude", "minecraft:stone"),
    )
    assert done.returncode == 0, done.stderr
    text = "".join(path.read_text() for path in sorted((shell.folder / "there" / "commands").iterdir()))
    there = "execute in minecraft:the_nether run "
    commands = [line.removeprefix(there) for line in text.splitlines() if line.startswith(there)]
    boxes = [line.split() for line in commands if line.startswith(("fill", "setblock"))]
    assert boxes
    assert all(abs(int(words[1]) - 1000) <= 8 and abs(int(words[3]) + 2000) <= 8 for words in boxes)
    assert min(int(words[2]) for words in boxes) == 71
    assert "stone" not in text
    document = (shell.folder / "there" / "build.json.gz").read_bytes()
    assert read_document(document).dimension == "minecraft:the_nether"
    assert min(y for _, y, _ in placed(document)) == 71
    assert all(abs(x - 1000) <= 8 and abs(z + 2000) <= 8 for x, _, z in placed(document))


def test_hollow_is_the_default_and_solid_can_be_asked_for(shell: Shell) -> None:
    words = ("voxelize", "pyramid.glb", "--size", "12", "--out")
    usual, solid = shell.json(*words, "usual"), shell.json(*words, "solid", "--hollow", "0")
    assert usual["size"] == solid["size"]
    assert usual["blocks"] < solid["blocks"]


def bad_files(folder: Path) -> None:
    whole = pyramid()
    (folder / "empty.glb").write_bytes(b"")
    (folder / "half.glb").write_bytes(whole[: len(whole) // 2])
    (folder / "picture.glb").write_bytes(PICTURE.read_bytes())
    (folder / "text.glb").write_text("not a model")
    (folder / "nothing.glb").write_bytes(no_meshes())
    (folder / "folder.glb").mkdir()


def no_meshes() -> bytes:
    """A glTF without a single triangle."""
    document = json.dumps({"asset": {"version": "2.0"}}).encode()
    document += b" " * (-len(document) % 4)
    chunk = struct.pack("<II", len(document), 0x4E4F534A) + document
    return struct.pack("<III", 0x46546C67, 2, 12 + len(chunk)) + chunk


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["empty.glb"], "empty.glb"),
        (["half.glb"], "half.glb"),
        (["picture.glb"], "picture.glb"),
        (["text.glb"], "text.glb"),
        (["nothing.glb"], "no triangles"),
        (["folder.glb"], "folder.glb: no such file"),
        (["nowhere.glb"], "nowhere.glb: no such file"),
        (["pyramid.glb", "--size", "huge"], "size 'huge': expected small, medium, large or 8..256"),
        (["pyramid.glb", "--size", "257"], "257"),
        (["pyramid.glb", "--size", "-1"], "-1"),
        (["pyramid.glb", "--palette", "gray-scale"], "greyscale"),
        (["pyramid.glb", "--palette", "minecraft:ston,minecraft:dirt"], "did you mean stone"),
        (["pyramid.glb", "--game", "1.2.3.4"], "1.2.3.4"),
        (["pyramid.glb", "--anchor", "0,64"], "expected three whole numbers, x,y,z"),
        (["pyramid.glb", "--size", "8", "--anchor", "0,318,0"], "from y -64 to 319"),
        (["pyramid.glb", "--size", "8", "--anchor", "30000000,64,0"], "the world's border"),
        (["pyramid.glb", "--dimension", "The End"], "expected overworld, nether, end"),
        (["pyramid.glb", "--order", "sideways"], "sideways"),
        (["pyramid.glb", "--kinds", "0"], "kinds"),
        ([], "model"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_and_leaves_nothing(shell: Shell, arguments: list[str], words: str) -> None:
    bad_files(shell.folder)
    before = files(shell.folder)
    done = shell.here("voxelize", *arguments, "--json")
    assert done.returncode == 2, done.stderr
    assert words in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert files(shell.folder) == before
    assert not (shell.folder / "out").exists()


def test_a_place_that_cannot_be_written_is_said(shell: Shell) -> None:
    (shell.folder / "file").write_text("in the way")
    done = shell.here("voxelize", "pyramid.glb", "--size", "8", "--out", "file/out")
    assert done.returncode == 1, done.stderr
    assert "file/out" in done.stderr
    assert "Traceback" not in done.stderr
