from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from meshtwin.minecraft.voxel.boxes.build import Build
from meshtwin.minecraft.voxel.export.commands import (
    Origin,
    box_commands,
    load_chunks,
    origin_on,
    release_chunks,
)
from meshtwin.minecraft.voxel.export.datapack import namespace_of, write_datapack
from meshtwin.minecraft.voxel.export.mcfunction import Limits, batches
from meshtwin.minecraft.voxel.versions import VERSIONS, WORLD_BORDER, parse_version
from tests.support.replay import OVERWORLD, RefusedError, Server, World

OLD, STRICT, RENAMED, NEW = (parse_version(name) for name in ("1.20.1", "1.21.5", "1.21.11", "26.1"))
STATES = ("minecraft:air", "minecraft:stone", "minecraft:oak_log[axis=y]")
ORIGIN = Origin(0, 0, 0, -64, 320)


def build_of(*boxes: list[int], size: tuple[int, int, int] = (20, 5, 20)) -> Build:
    return Build(size, STATES, np.array(boxes, np.int32).reshape(-1, 7))


TWO = build_of([0, 0, 0, 19, 0, 19, 1], [3, 1, 4, 3, 1, 4, 2])


def test_absolute_coordinates_and_whole_states() -> None:
    place = Origin(-30, 64, 100, -64, 320)
    assert list(box_commands(TWO, place, OLD)) == [
        "execute in minecraft:overworld run fill -30 64 100 -11 64 119 minecraft:stone",
        "execute in minecraft:overworld run setblock -27 65 104 minecraft:oak_log[axis=y]",
    ]


@pytest.mark.documented("https://minecraft.wiki/w/Commands/setblock#History")
def test_strict_where_the_version_has_it() -> None:
    assert next(version.name for version in VERSIONS if version.strict) == "1.21.5"
    for line in box_commands(TWO, ORIGIN, STRICT):
        assert line.endswith(" strict")
    with pytest.raises(RefusedError, match="Incorrect argument"):
        World(strict=False, loaded={(0, 0)}).run(box_commands(TWO, ORIGIN, STRICT))


def test_the_clicked_block_stays() -> None:
    assert origin_on((10, 63, -5), (5, 9, 4)) == Origin(8, 64, -6, -64, 320, "minecraft:overworld")


@pytest.mark.documented("https://minecraft.wiki/w/Altitude")
@pytest.mark.parametrize(
    ("said", "name", "heights"),
    [
        ("overworld", "minecraft:overworld", (-64, 320)),
        ("nether", "minecraft:the_nether", (0, 256)),
        ("minecraft:the_end", "minecraft:the_end", (0, 256)),
        ("a_pack:moon/far_side", "a_pack:moon/far_side", (-64, 320)),
    ],
)
def test_a_dimension_has_its_name_and_heights(said: str, name: str, heights: tuple[int, int]) -> None:
    place = origin_on((0, 0, 0), (1, 1, 1), said)
    assert (place.dimension, place.min_y, place.max_y) == (name, *heights)
    with pytest.raises(ValueError, match="dimension 'The Nether': expected overworld, nether, end"):
        origin_on((0, 0, 0), (1, 1, 1), "The Nether")


@pytest.mark.parametrize("corner", [(-1, -1), (0, 0), (15, 16), (-17, 33), (-4096, 70000)])
@pytest.mark.parametrize("side", [1, 16, 17, 256, 300])
def test_just_the_chunks_of_the_build_are_loaded_and_let_go(corner: tuple[int, int], side: int) -> None:
    place = Origin(corner[0], 0, corner[1], -64, 320)
    world, size = World(), (side, 1, side)
    columns = [range(first >> 4, ((first + side - 1) >> 4) + 1) for first in corner]
    chunks = {(x, z) for x in columns[0] for z in columns[1]}
    theirs = {chunk for chunk in chunks if sum(chunk) % 3 == 0} | {(9999, 9999)}
    world.loaded |= theirs
    server = Server({place.dimension: world})
    for area in load_chunks(size, place, "a"):
        server.run("\n".join(area))
    assert world.loaded == chunks | theirs
    server.run("\n".join(release_chunks(size, place, "a")))
    assert world.loaded == theirs
    assert not server.notes


@pytest.mark.documented("https://minecraft.wiki/w/Commands/forceload")
@pytest.mark.parametrize("first", ["castle", "tower"])
def test_a_build_that_is_done_keeps_what_another_one_still_needs(first: str) -> None:
    """Two builds in some of the same chunks, of which one was kept loaded by somebody else."""
    world = World(loaded={(1, 1)})
    places = {"castle": Origin(0, 0, 0, -64, 320), "tower": Origin(16, 0, 16, -64, 320)}
    server, size = Server({OVERWORLD: world}), (32, 1, 32)
    for name, place in places.items():
        for area in load_chunks(size, place, name):
            server.run("\n".join(area))
    (second,) = places.keys() - {first}
    server.run("\n".join(release_chunks(size, places[first], first)))
    x, z = places[second].x >> 4, places[second].z >> 4
    assert world.loaded == {(x, z), (x, z + 1), (x + 1, z), (x + 1, z + 1)} | {(1, 1)}
    server.run("\n".join(release_chunks(size, places[second], second)))
    assert world.loaded == {(1, 1)}
    assert not server.notes


def test_without_its_chunks_the_game_refuses() -> None:
    with pytest.raises(RefusedError, match="That position is not loaded"):
        World().run(box_commands(TWO, ORIGIN, OLD))


def test_batches_keep_to_their_limits() -> None:
    many = build_of(*[[n % 20, 0, n // 20, n % 20, 0, n // 20, 1] for n in range(400)])
    by_count = batches(many, ORIGIN, OLD, namespace="a", limits=Limits(commands=33))
    assert [text.count("\n") for text in by_count] == [9, *[33] * 12, 4, 12]
    by_bytes = batches(many, ORIGIN, OLD, namespace="a", limits=Limits(bytes=500))
    assert max(map(len, by_bytes)) <= 500
    assert "".join(by_bytes) == "".join(by_count)


@pytest.mark.parametrize(
    ("y", "height", "told"),
    [
        (100, 256, r"256 blocks high at y 100 .* put its lowest block at y -64 to 64"),
        (-65, 5, r"5 blocks high at y -65 .* put its lowest block at y -64 to 315"),
        (0, 385, r"385 blocks high: minecraft:overworld has room for 384"),
    ],
)
def test_too_high_says_where_it_would_fit(y: int, height: int, told: str) -> None:
    build = build_of([0, 0, 0, 0, 0, 0, 1], size=(1, height, 1))
    with pytest.raises(ValueError, match=told):
        batches(build, Origin(0, y, 0, -64, 320), OLD, namespace="a")


def test_the_world_border() -> None:
    edge = Origin(WORLD_BORDER - 19, 0, 0, -64, 320)
    assert batches(TWO, edge, OLD, namespace="a")
    with pytest.raises(ValueError, match=r"its lowest block may be at x -29999984 to 29999965"):
        batches(TWO, Origin(WORLD_BORDER - 18, 0, 0, -64, 320), OLD, namespace="a")


def test_limits_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match=r"commands 65537: expected 1\.\.65536"):
        Limits(commands=65537)
    with pytest.raises(ValueError, match="bytes 0: expected 1 or more"):
        Limits(bytes=0)
    with pytest.raises(ValueError, match=r"execute in .*expected at most 9"):
        batches(TWO, ORIGIN, OLD, namespace="a", limits=Limits(bytes=10))


def test_versions_sort_and_an_unknown_one_lists_the_known() -> None:
    assert [version.numbers for version in VERSIONS] == sorted(version.numbers for version in VERSIONS)
    assert NEW.numbers > RENAMED.numbers
    with pytest.raises(ValueError, match=r"game version '1\.8': expected one of 1\.20, .*26\.3"):
        parse_version("1.8")


@pytest.mark.documented("https://minecraft.wiki/w/Commands/schedule")
@pytest.mark.parametrize("player_in", ["minecraft:overworld", "minecraft:the_nether"])
@pytest.mark.parametrize("dimension", ["minecraft:overworld", "minecraft:the_nether", "minecraft:the_end"])
def test_a_data_pack_builds_in_its_dimension_wherever_it_is_run(dimension: str, player_in: str) -> None:
    place = origin_on((0, 0, 0), TWO.size, dimension)
    worlds = {f"minecraft:{name}": World() for name in ("overworld", "the_nether", "the_end")}
    server = Server(worlds)
    pack = write_datapack(TWO, place, OLD, namespace="castle", limits=Limits(commands=4))
    # Notes and load, two boxes, release and tidying up: three commands a tick, and the fourth that goes on.
    assert server.run_function(server.add_pack(pack), player_in) == 8
    assert {name: len(world.blocks) for name, world in worlds.items() if world.blocks} == {dimension: 401}
    assert not any(world.loaded for world in worlds.values())
    assert not server.notes
    assert pack == write_datapack(TWO, place, OLD, namespace="castle", limits=Limits(commands=4))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("castle", TWO, ORIGIN), ("tower", TWO, ORIGIN)),
        (("castle", TWO, ORIGIN), ("castle", build_of([0, 0, 0, 3, 0, 3, 2]), ORIGIN)),
        (("castle", TWO, ORIGIN), ("castle", TWO, Origin(64, 0, 0, -64, 320))),
    ],
)
def test_packs_of_two_builds_are_in_one_world(
    first: tuple[str, Build, Origin], second: tuple[str, Build, Origin]
) -> None:
    server = Server({"minecraft:overworld": World()})
    names = []
    for title, build, place in (first, second):
        namespace = namespace_of(title, build, place)
        assert namespace.startswith(title)
        names.append(server.add_pack(write_datapack(build, place, OLD, namespace=namespace)))
    for name, (_, build, place) in zip(names, (first, second), strict=True):
        world = server.worlds["minecraft:overworld"] = World()
        server.run_function(name, "minecraft:overworld")
        expected = World(loaded={(x, z) for x in range(6) for z in range(6)})
        expected.run(box_commands(build, place, OLD))
        assert world.blocks == expected.blocks


@pytest.mark.parametrize(
    "title", ["A Red Dragon!", "\u7ea2\u8272\u7684\u9f99", "\U0001f409", "", "x" * 300, "..", "minecraft"]
)
def test_any_title_gives_a_namespace_that_the_game_takes(title: str) -> None:
    namespace = namespace_of(title, TWO, ORIGIN)
    assert namespace not in {"minecraft", title}
    assert write_datapack(TWO, ORIGIN, OLD, namespace=namespace)


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
    pack = write_datapack(TWO, ORIGIN, parse_version(version), namespace="castle")
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        said = json.loads(archive.read("pack.mcmeta"))["pack"]
        assert archive.namelist()[1] == f"data/castle/{folder}/build.mcfunction"
    del said["description"]
    assert said == formats


def test_a_namespace_that_the_game_refuses() -> None:
    with pytest.raises(ValueError, match="namespace 'My Pack': expected"):
        write_datapack(TWO, ORIGIN, OLD, namespace="My Pack")
