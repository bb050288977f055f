from __future__ import annotations

import io
import json
import re
import zipfile

import numpy as np
import pytest

from minecraft.voxel.build import Build
from minecraft.voxel.commands import Place, box_commands, forceloads, place_on
from minecraft.voxel.datapack import write_datapack
from minecraft.voxel.mcfunction import Limits, Rules, batches
from minecraft.voxel.versions import VERSIONS, WORLD_BORDER, parse_version
from tests.support.replay import RefusedError, World

OLD, STRICT, RENAMED, NEW = (parse_version(name) for name in ("1.20.1", "1.21.5", "1.21.11", "26.1"))
STATES = ("minecraft:air", "minecraft:stone", "minecraft:oak_log[axis=y]")
ORIGIN = Place(0, 0, 0, -64, 320)


def build_of(*boxes: list[int], size: tuple[int, int, int] = (20, 5, 20)) -> Build:
    return Build(size, STATES, np.array(boxes, np.int32).reshape(-1, 7))


TWO = build_of([0, 0, 0, 19, 0, 19, 1], [3, 1, 4, 3, 1, 4, 2])


def test_absolute_coordinates_and_whole_states() -> None:
    place = Place(-30, 64, 100, -64, 320)
    assert list(box_commands(TWO, place, OLD)) == [
        "fill -30 64 100 -11 64 119 minecraft:stone",
        "setblock -27 65 104 minecraft:oak_log[axis=y]",
    ]


@pytest.mark.documented("https://minecraft.wiki/w/Commands/setblock#History")
def test_strict_where_the_version_has_it() -> None:
    assert next(version.name for version in VERSIONS if version.strict) == "1.21.5"
    for line in box_commands(TWO, ORIGIN, STRICT):
        assert line.endswith(" strict")
    with pytest.raises(RefusedError, match="Incorrect argument"):
        World(strict=False, loaded={(0, 0)}).run(box_commands(TWO, ORIGIN, STRICT))


def test_the_clicked_block_stays() -> None:
    place = place_on((10, 63, -5), (5, 9, 4), OLD)
    assert (place.x, place.y, place.z) == (8, 64, -6)
    assert (place.min_y, place.max_y) == (-64, 320)
    assert place_on((0, 0, 0), (1, 1, 1), OLD, (0, 256)).max_y == 256


@pytest.mark.parametrize("corner", [(-1, -1), (0, 0), (15, 16), (-17, 33), (-4096, 70000)])
@pytest.mark.parametrize("side", [1, 16, 17, 256, 300])
def test_just_the_chunks_of_the_build_are_loaded_and_let_go(corner: tuple[int, int], side: int) -> None:
    place = Place(corner[0], 0, corner[1], -64, 320)
    world = World()
    world.run(forceloads((side, 1, side), place))
    columns = [range(first >> 4, ((first + side - 1) >> 4) + 1) for first in corner]
    assert world.loaded == {(x, z) for x in columns[0] for z in columns[1]}
    world.run(forceloads((side, 1, side), place, "remove"))
    assert not world.loaded


def test_without_its_chunks_the_game_refuses() -> None:
    with pytest.raises(RefusedError, match="That position is not loaded"):
        World().run(batches(TWO, ORIGIN, OLD, forceload=False))


def test_batches_keep_to_their_limits() -> None:
    many = build_of(*[[n % 20, 0, n // 20, n % 20, 0, n // 20, 1] for n in range(400)])
    by_count = batches(many, ORIGIN, OLD, limits=Limits(commands=33), forceload=False)
    assert [text.count("\n") for text in by_count] == [33] * 12 + [4]
    by_bytes = batches(many, ORIGIN, OLD, limits=Limits(bytes=500), forceload=False)
    assert max(map(len, by_bytes)) <= 500
    assert "".join(by_bytes) == "".join(by_count)


def test_game_rules_are_set_only_when_asked_and_by_their_names_then() -> None:
    assert "gamerule" not in "".join(batches(TWO, ORIGIN, RENAMED))
    rules = Rules(box_blocks=65536)
    old = "".join(batches(TWO, ORIGIN, OLD, rules=rules)).splitlines()
    assert old[0] == "gamerule commandModificationBlockLimit 65536"
    assert old[-2:] == [
        "gamerule commandModificationBlockLimit 32768",
        "gamerule maxCommandChainLength 65536",
    ]
    new = "".join(batches(TWO, ORIGIN, RENAMED, rules=rules)).splitlines()
    assert new[:2] == ["gamerule max_block_modifications 65536", "gamerule max_command_sequence_length 65536"]


@pytest.mark.parametrize(
    ("y", "height", "told"),
    [
        (100, 256, r"256 blocks high at y 100 .* put its lowest block at y -64 to 64"),
        (-65, 5, r"5 blocks high at y -65 .* put its lowest block at y -64 to 315"),
        (0, 385, r"385 blocks high: this world has room for 384"),
    ],
)
def test_too_high_says_where_it_would_fit(y: int, height: int, told: str) -> None:
    build = build_of([0, 0, 0, 0, 0, 0, 1], size=(1, height, 1))
    with pytest.raises(ValueError, match=told):
        batches(build, Place(0, y, 0, -64, 320), OLD)


def test_the_world_border() -> None:
    edge = Place(WORLD_BORDER - 19, 0, 0, -64, 320)
    assert batches(TWO, edge, OLD)
    with pytest.raises(ValueError, match=r"its lowest block may be at x -29999984 to 29999965"):
        batches(TWO, Place(WORLD_BORDER - 18, 0, 0, -64, 320), OLD)


def test_limits_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match=r"commands 65537: expected 1\.\.65536"):
        Limits(commands=65537)
    with pytest.raises(ValueError, match="bytes 0: expected 1 or more"):
        Limits(bytes=0)
    with pytest.raises(ValueError, match=r"fill 0 0 0.*expected at most 9"):
        batches(TWO, ORIGIN, OLD, limits=Limits(bytes=10))


def test_versions_sort_and_an_unknown_one_lists_the_known() -> None:
    assert [version.numbers for version in VERSIONS] == sorted(version.numbers for version in VERSIONS)
    assert NEW.numbers > RENAMED.numbers
    with pytest.raises(ValueError, match=r"game version '1\.8': expected one of 1\.20, .*26\.3"):
        parse_version("1.8")


def play(pack: bytes, world: World) -> int:
    """Run a pack's build function and what it schedules, a tick each; the ticks it took."""
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        texts = {name.rsplit("/", 1)[1][:-11]: archive.read(name).decode() for name in archive.namelist()[1:]}
    name, ticks = "build", 0
    while name:
        ticks += 1
        *lines, last = texts[name].splitlines()
        then = re.fullmatch(r"schedule function castle:(\w+) 1t", last)
        world.run(lines if then else [*lines, last])
        name = then[1] if then else ""
    assert ticks == len(texts)
    return ticks


def test_a_data_pack_places_the_build_a_batch_a_tick() -> None:
    world = World()
    pack = write_datapack(TWO, ORIGIN, OLD, namespace="castle", limits=Limits(commands=2))
    assert play(pack, world) == 4
    assert len(world.blocks) == 401
    assert not world.loaded
    assert pack == write_datapack(TWO, ORIGIN, OLD, namespace="castle", limits=Limits(commands=2))


@pytest.mark.documented("https://www.minecraft.net/en-us/article/minecraft-snapshot-25w31a")
@pytest.mark.parametrize(
    ("version", "formats", "folder"),
    [
        ("1.20.4", {"pack_format": 26}, "functions"),
        ("1.21.4", {"pack_format": 61}, "function"),
        ("1.21.11", {"min_format": [94, 1], "max_format": 94}, "function"),
        ("26.1", {"min_format": [101, 1], "max_format": 101}, "function"),
    ],
)
def test_a_data_pack_is_of_its_version(version: str, formats: dict[str, object], folder: str) -> None:
    pack = write_datapack(TWO, ORIGIN, parse_version(version))
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        said = json.loads(archive.read("pack.mcmeta"))["pack"]
        assert archive.namelist()[1] == f"data/meshtwin/{folder}/build.mcfunction"
    del said["description"]
    assert said == formats


def test_a_namespace_that_the_game_refuses() -> None:
    with pytest.raises(ValueError, match="namespace 'My Pack': expected"):
        write_datapack(TWO, ORIGIN, OLD, namespace="My Pack")
