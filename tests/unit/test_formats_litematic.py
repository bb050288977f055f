from __future__ import annotations

import gzip
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks
from meshtwin.minecraft.voxel.export.formats.bits import pack, unpack
from meshtwin.minecraft.voxel.export.formats.litematic import write_litematic
from meshtwin.minecraft.voxel.export.formats.nbt import Compound, read_nbt, write_nbt
from tests.support.builds import assert_same, build, builds, noise, read_litematic, words

LOG = build(np.array([[[1, 0]], [[2, 1]]]))


def region(cells: Any, position: tuple[int, int, int], size: tuple[int, int, int]) -> Compound:
    """A region of the file of a build, moved."""
    root: Any = read_nbt(write_litematic(build(np.array(cells)), data_version=4189))[1]
    made: Compound = root["Regions"]["build"]
    for name, values in (("Position", position), ("Size", size)):
        made[name] = dict(zip("xyz", map(np.int32, values), strict=True))
    return made


def file_of(**regions: Compound) -> bytes:
    return write_nbt({**read_nbt(write_litematic(LOG, data_version=4189))[1], "Regions": {**regions}})


@given(builds())
def test_what_is_written_is_read(blocks: Blocks) -> None:
    found = read_litematic(write_litematic(blocks, data_version=4189))
    assert_same(found, blocks)
    assert found.states == blocks.states


@given(st.integers(1, 300), st.integers(1, 16), st.integers(0, 2**32 - 1))
def test_bits_are_packed_across_longs(count: int, bits: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 1 << bits, count, np.uint16)
    longs = pack(values, bits)
    number = sum(value << (index * bits) for index, value in enumerate(values.tolist()))
    assert longs.tobytes() == number.to_bytes(len(longs) * 8, "little")
    assert len(longs) == -(-count * bits // 64)
    assert (unpack(longs, bits, count) == values).all()


def test_the_file_has_litematicas_fields() -> None:
    data = write_litematic(LOG, data_version=4189, name="log")
    root: Any = read_nbt(data)[1]
    assert (root["Version"], root["SubVersion"], root["MinecraftDataVersion"]) == (7, 1, 4189)
    assert root["Metadata"] == {
        "Name": "log",
        "Author": "",
        "Description": "",
        "RegionCount": 1,
        "TotalVolume": 4,
        "TotalBlocks": 3,
        "EnclosingSize": {"x": 2, "y": 1, "z": 2},
        "TimeCreated": 0,
        "TimeModified": 0,
    }
    (made,) = root["Regions"].values()
    assert made["Size"] == {"x": 2, "y": 1, "z": 2}
    assert made["BlockStatePalette"] == [
        {"Name": "minecraft:air"},
        {"Name": "minecraft:stone"},
        {"Name": "minecraft:oak_log", "Properties": {"axis": "y"}},
    ]
    # Two bits each, x fastest, then z: stone, log, air, stone.
    assert made["BlockStates"].tolist() == [0b01_00_10_01]


@pytest.mark.parametrize(
    ("states", "bits"), [(1, 2), (2, 2), (4, 2), (5, 3), (8, 3), (9, 4), (129, 8), (257, 9)]
)
def test_a_cell_has_the_bits_that_its_palette_needs(states: int, bits: int) -> None:
    blocks = build(np.arange(states).reshape(states, 1, 1))
    root: Any = read_nbt(write_litematic(blocks, data_version=4189))[1]
    assert len(root["Regions"]["build"]["BlockStates"]) == -(-states * bits // 64)
    assert_same(read_litematic(write_litematic(blocks, data_version=4189)), blocks)


@pytest.mark.parametrize(("data_version", "version"), [(3700, 6), (3701, 7), (4790, 7)])
def test_older_games_get_the_older_version(data_version: int, version: int) -> None:
    assert read_nbt(write_litematic(LOG, data_version=data_version))[1]["Version"] == version


def test_the_same_blocks_give_the_same_bytes() -> None:
    blocks = noise((7, 5, 3), 300)
    assert write_litematic(blocks, data_version=4189) == write_litematic(blocks, data_version=4189)


def test_regions_come_to_their_places() -> None:
    data = file_of(
        first=region([[[1]], [[1]]], (5, 5, 5), (2, 1, 1)),
        # A negative size runs away from its position: this one covers x = 3 and 4.
        second=region([[[2]], [[3]]], (4, 5, 5), (-2, 1, 1)),
        third=region([[[0]], [[4]]], (5, 5, 5), (2, 1, 1)),
    )
    found = words(read_litematic(data))[:, 0, 0].tolist()
    assert found == [
        "minecraft:oak_log[axis=y]",
        "minecraft:oak_log[axis=x]",
        "minecraft:stone",
        words(build(np.array([[[4]]])))[0, 0, 0],
    ]


def test_what_no_file_may_have_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a block"):
        write_litematic(Blocks(np.zeros((1, 0, 1), np.uint16), (AIR,)), data_version=4189)
    huge = Blocks(np.broadcast_to(np.uint16(0), (2048, 1024, 1024)), (AIR,))
    with pytest.raises(ValueError, match="2147483647 blocks at most; split"):
        write_litematic(huge, data_version=4189)


def broken(changes: Compound) -> bytes:
    return file_of(only={**region(LOG.cells, (0, 0, 0), LOG.size), **changes})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (broken({"BlockStates": np.zeros(2, np.int64)}), "2 longs for 4 cells of 2 bits: expected 1"),
        (broken({"BlockStates": np.zeros(1, np.int32)}), "expected a long array"),
        (broken({"BlockStates": np.array([-1], np.int64)}), "state 3; the palette has 3"),
        (broken({"BlockStatePalette": []}), "the palette has 0"),
        (broken({"BlockStatePalette": ["a"]}), "a palette entry is a str"),
        (broken({"BlockStatePalette": [{"Name": "A"}]}), "state 'A'"),
        (broken({"BlockStatePalette": [{"Name": "a", "Properties": {"b": np.int8(1)}}]}), "'b' is a int8"),
        (broken({"Size": {"x": np.int32(0), "y": np.int32(1), "z": np.int32(1)}}), "along x is 0"),
        (broken({"Size": {"x": np.int32(2**31 - 1), "y": np.int32(1), "z": np.int32(1)}}), "cells at most"),
        (broken({"Position": {}}), "'x' is missing"),
        (file_of(), "no region"),
        (write_nbt({}), "'Version' is missing"),
    ],
)
def test_files_that_contradict_themselves_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_litematic(data)


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_any_changed_byte_is_read_or_refused(at: int, value: int) -> None:
    raw = bytearray(gzip.decompress(write_litematic(LOG, data_version=1)))
    raw[at % len(raw)] = value
    try:
        read_litematic(gzip.compress(bytes(raw)))
    except ValueError:
        return
