"""`meshtwin convert`: every direction, what is reported, and files that cannot be read."""

from __future__ import annotations

import gzip
import json
import struct
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks
from meshtwin.minecraft.voxel.blocks.palette import load_palette
from meshtwin.minecraft.voxel.export.convert import LoadedBuild, Target, format_of, load, save
from meshtwin.minecraft.voxel.export.document import read_document
from tests.support.builds import assert_same, build
from tests.support.shell import PICTURE, Shell, new_shell

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = (".schem", ".litematic", ".nbt", ".vox", ".json.gz")
STATES = (AIR, "minecraft:stone", "minecraft:red_wool", "minecraft:oak_log[axis=y]")
LISTED = "minecraft:stone,minecraft:red_wool,minecraft:oak_log"
DATA_VERSION = 3700
TARGET = Target(DATA_VERSION, "castle", (0, 63, 0), "minecraft:overworld")


def castle() -> Blocks:
    """With a block at each end, for a .vox has no room around it."""
    cells = np.random.default_rng(1).integers(0, len(STATES), (5, 4, 18))
    cells[0, 0, 0] = cells[-1, -1, -1] = 1
    return build(cells, STATES)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return new_shell(tmp_path)


def written(shell: Shell, name: str, blocks: Blocks) -> str:
    (shell.folder / name).write_bytes(save(blocks, format_of(name), TARGET))
    return name


def read(path: Path) -> LoadedBuild:
    return load(path.read_bytes(), format_of(path.name), load_palette(LISTED.split(",")))


@pytest.mark.parametrize(
    ("before", "after"), list(product(SUFFIXES, SUFFIXES)), ids=lambda suffix: suffix[1:]
)
def test_each_format_becomes_each_other(shell: Shell, before: str, after: str) -> None:
    blocks = castle()
    source = written(shell, f"castle{before}", blocks)
    done = shell.here("convert", source, f"copy{after}", "--palette", LISTED, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    found = read(shell.folder / f"copy{after}")
    assert_same(found.blocks, blocks)
    assert report["size"] == {"x": 5, "y": 4, "z": 18}
    assert (report["source"], report["target"]) == (source, f"copy{after}")
    assert report["blocks"] == sum(need["count"] for need in report["materials"]) == (blocks.cells > 0).sum()
    assert report["kinds"] == len(report["materials"]) == 3
    if after != ".vox":
        assert found.data_version == report["dataVersion"] == (4189 if before == ".vox" else DATA_VERSION)


def test_a_process_of_its_own_reports_without_writing(shell: Shell) -> None:
    source = written(shell, "castle.litematic", castle())
    before = sorted(shell.folder.iterdir())
    done = shell.run("convert", source)
    assert done.returncode == 0, done.stderr
    assert "5 x 4 x 18" in done.stdout
    assert "minecraft:red_wool" in done.stdout
    assert sorted(shell.folder.iterdir()) == before


def test_a_file_can_be_for_another_version_of_the_game(shell: Shell) -> None:
    source = written(shell, "castle.schem", castle())
    assert shell.json("convert", source, "new.nbt", "--game", "1.21.5")["dataVersion"] == 4325
    assert read(shell.folder / "new.nbt").data_version == 4325


def test_a_document_stands_where_it_is_asked_to(shell: Shell) -> None:
    source = written(shell, "castle.schem", castle())
    shell.json("convert", source, "there.json.gz", "--anchor", "100,70,-20", "--dimension", "nether")
    document = read_document((shell.folder / "there.json.gz").read_bytes())
    assert (document.origin, document.dimension) == ((98, 71, -28), "minecraft:the_nether")
    assert document.metadata == {"title": "there"}


def test_air_of_caves_is_air_and_counts_for_nothing(shell: Shell) -> None:
    cells = np.array([[[1, 2, 3]]])
    source = written(
        shell, "cave.nbt", build(cells, (AIR, "minecraft:cave_air", "minecraft:stone", STATES[2]))
    )
    report = shell.json("convert", source, "cave.litematic")
    assert (report["blocks"], report["kinds"]) == (2, 2)
    assert_same(
        read(shell.folder / "cave.litematic").blocks,
        build(np.array([[[0, 1, 2]]]), (AIR, "minecraft:stone", STATES[2])),
    )


def test_blocks_whose_colour_is_not_known_are_named(shell: Shell) -> None:
    states = (AIR, *(f"mod:thing_{number}" for number in range(5)))
    source = written(shell, "odd.nbt", build(np.arange(6).reshape(1, 1, 6), states))
    (note,) = shell.json("convert", source, "odd.vox")["notes"]
    assert note == "Grey, for their colours are not known: mod:thing_0, mod:thing_1, mod:thing_2 and 2 more."


def test_a_structure_that_no_structure_block_loads_is_pointed_out(shell: Shell) -> None:
    source = written(shell, "long.schem", build(np.ones((1, 1, 49), int), STATES))
    (note,) = shell.json("convert", source, "long.nbt")["notes"]
    assert "at most 48 blocks" in note


def bad_files(folder: Path) -> None:
    """Of other formats, cut off, and larger once unpacked than what is read."""
    whole = save(castle(), "schem", TARGET)
    (folder / "good.schem").write_bytes(whole)
    (folder / "half.schem").write_bytes(whole[: len(whole) // 2])
    (folder / "litematic.nbt").write_bytes(save(castle(), "litematic", TARGET))
    (folder / "picture.vox").write_bytes(PICTURE.read_bytes())
    (folder / "text.json.gz").write_bytes(gzip.compress(b"[]"))
    (folder / "bomb.schem").write_bytes(gzip.compress(bytes(300 << 20), 1))
    (folder / "bomb.json.gz").write_bytes(gzip.compress(b" " * (65 << 20), 1))
    size = struct.pack("<4sii3i", b"SIZE", 12, 0, 256, 256, 256)
    voxels = struct.pack("<4siii", b"XYZI", 2**31 - 1, 0, 2**29)
    head = struct.pack("<4si4sii", b"VOX ", 150, b"MAIN", 0, len(size + voxels))
    (folder / "bomb.vox").write_bytes(head + size + voxels)
    with (folder / "huge.litematic").open("wb") as file:
        file.truncate((256 << 20) + 1)
    (folder / "folder.vox").mkdir()
    (folder / "air.schem").write_bytes(save(build(np.zeros((2, 2, 2), int), STATES), "schem", TARGET))
    tall = build(np.ones((1, 400, 1), int), STATES)
    (folder / "tall.schem").write_bytes(save(tall, "schem", TARGET))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["half.schem"],
            "half.schem: the gzip file ends too soon: it was cut off; expected a Sponge schematic",
        ),
        (["litematic.nbt"], "litematic.nbt: 'size' is missing: expected a list; expected a structure file"),
        (["picture.vox"], "picture.vox: not a .vox file of version 150 or 200"),
        (["text.json.gz"], "text.json.gz: list: expected a JSON object"),
        (["bomb.schem"], "unpacks to more than 268435456 bytes"),
        (["bomb.json.gz"], "more than 67108864 bytes of JSON"),
        (["bomb.vox"], "bomb.vox: .vox: 2147483647 bytes at byte"),
        (["huge.litematic"], "huge.litematic: 268435457 bytes, expected at most 268435456"),
        (["folder.vox"], "folder.vox: no such file"),
        (["nowhere.schem"], "nowhere.schem: no such file"),
        (["good.schem", "good.zip"], "good.zip: expected a name that ends with one of .schem, .litematic"),
        (["good.txt"], "good.txt: expected a name that ends with one of .schem, .litematic"),
        (["air.schem", "air.vox"], "air.vox: the build is all air"),
        (["tall.schem", "tall.json.gz"], "tall.json.gz: a build 400 blocks high"),
        (["good.schem", "good.nbt", "--game", "1.8"], "--game '1.8': expected a version of the game"),
        (["good.schem", "good.nbt", "--anchor", "1,2"], "expected three whole numbers, x,y,z"),
        (["good.schem", "good.nbt", "--dimension", "The End"], "expected overworld, nether, end"),
        (["good.schem", "folder.vox"], "is a folder"),
        ([], "source"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_and_leaves_nothing(shell: Shell, arguments: list[str], words: str) -> None:
    bad_files(shell.folder)
    before = sorted(shell.folder.iterdir())
    done = shell.here("convert", *arguments, "--json")
    assert done.returncode == 2, done.stderr
    assert words in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert sorted(shell.folder.iterdir()) == before


def test_a_file_that_cannot_be_written_is_said(shell: Shell) -> None:
    source = written(shell, "castle.schem", castle())
    done = shell.here("convert", source, f"{'x' * 245}.nbt")
    assert done.returncode == 1, done.stderr
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
