from __future__ import annotations

import gzip
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks
from meshtwin.minecraft.voxel.export.formats.nbt import Compound, read_nbt, write_nbt
from meshtwin.minecraft.voxel.export.formats.structure import (
    split_structure,
    write_structure,
)
from tests.support.builds import assert_same, build, builds, join_structures, noise, read_structure, words

LOG = build(np.array([[[1, 0]], [[2, 1]]]))


def edited(changes: Compound) -> bytes:
    return write_nbt({**read_nbt(write_structure(LOG, data_version=4189))[1], **changes})


def ints(*values: int) -> list[Any]:
    return [np.int32(value) for value in values]


@pytest.mark.parametrize("air", [True, False])
@given(blocks=builds())
def test_what_is_written_is_read(blocks: Blocks, air: bool) -> None:
    assert_same(read_structure(write_structure(blocks, data_version=4189, air=air)), blocks)


@given(builds(longest=5), st.integers(1, 6))
def test_what_is_split_comes_together(blocks: Blocks, edge: int) -> None:
    parts = split_structure(blocks, data_version=4189, edge=edge)
    assert len({part.name for part in parts}) == len(parts)
    assert all(max(read_structure(part.data).size) <= edge for part in parts)
    assert_same(join_structures(parts), blocks)


def test_the_file_has_the_games_fields() -> None:
    root: Any = read_nbt(write_structure(LOG, data_version=4189))[1]
    assert root["DataVersion"] == 4189
    assert root["size"] == [2, 1, 2]
    assert root["palette"] == [
        {"Name": "minecraft:air"},
        {"Name": "minecraft:stone"},
        {"Name": "minecraft:oak_log", "Properties": {"axis": "y"}},
    ]
    assert root["blocks"]["pos"].tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 1]]
    assert root["blocks"]["state"].tolist() == [1, 2, 0, 1]
    assert root["entities"] == []


def test_air_may_be_left_out() -> None:
    root: Any = read_nbt(write_structure(LOG, data_version=4189, air=False))[1]
    assert root["blocks"]["state"].tolist() == [1, 2, 1]
    empty = build(np.zeros((2, 2, 2), np.int64))
    assert_same(read_structure(write_structure(empty, data_version=4189, air=False)), empty)


def test_parts_have_names_and_offsets() -> None:
    blocks = noise((50, 48, 97), 20)
    parts = split_structure(blocks, data_version=4189)
    assert [(part.name, part.offset) for part in parts] == [
        ("0_0_0", (0, 0, 0)),
        ("0_0_1", (0, 0, 48)),
        ("0_0_2", (0, 0, 96)),
        ("1_0_0", (48, 0, 0)),
        ("1_0_1", (48, 0, 48)),
        ("1_0_2", (48, 0, 96)),
    ]
    assert read_structure(parts[5].data).size == (2, 48, 1)
    assert_same(join_structures(parts), blocks)


def test_parts_of_air_may_be_left_out() -> None:
    cells = np.zeros((3, 3, 3), np.int64)
    cells[2, 2, 2] = 1
    parts = split_structure(build(cells), data_version=4189, air=False, edge=2)
    assert [part.offset for part in parts] == [(2, 2, 2)]
    assert words(join_structures(parts))[2, 2, 2] == "minecraft:stone"


def test_the_same_blocks_give_the_same_bytes() -> None:
    blocks = noise((7, 5, 3), 300)
    assert write_structure(blocks, data_version=4189) == write_structure(blocks, data_version=4189)
    assert split_structure(blocks, data_version=1, edge=3) == split_structure(blocks, data_version=1, edge=3)


def test_blocks_with_contents_are_read() -> None:
    blocks: list[Any] = [
        {"pos": ints(1, 0, 0), "state": np.int32(1), "nbt": {"id": "minecraft:chest"}},
        {"pos": ints(0, 0, 1), "state": np.int32(2)},
    ]
    found = words(read_structure(edited({"blocks": blocks})))
    assert found[1, 0, 0] == "minecraft:stone"
    assert found[0, 0, 1] == "minecraft:oak_log[axis=y]"
    assert found[0, 0, 0] == AIR


def test_fields_of_a_block_come_in_any_order() -> None:
    rows = np.array([(1, [1, 0, 0])], [("state", np.int32), ("pos", np.int32, (3,))])
    assert words(read_structure(edited({"blocks": rows})))[1, 0, 0] == "minecraft:stone"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": ints(2, 1)}, "expected three integers"),
        ({"size": [np.float32(1)] * 3}, "expected three integers"),
        ({"size": ints(0, 1, 2)}, "expected at least 1"),
        ({"size": ints(2**31 - 1, 1, 1)}, "cells at most"),
        ({"size": ints(1, 1, 1)}, r"outside of the size \(1, 1, 1\)"),
        ({"palette": []}, "the palette has"),
        ({"palette": ["a"]}, "a palette entry is a str"),
        ({"blocks": "none"}, "'blocks' is a str"),
        ({"blocks": ["none"]}, "block 0 is a str"),
        ({"blocks": [{"pos": ints(0, 0), "state": np.int32(0), "s": "s"}]}, "block 0 is at"),
        ({"blocks": [{"pos": ints(0, 0, 0), "s": "s"}]}, "'state' is missing"),
        ({"blocks": np.array([([0, 0, 0], -1)], [("pos", "i4", (3,)), ("state", "i4")])}, "state -1"),
        ({"blocks": np.array([([0, 0, -1], 0)], [("pos", "i4", (3,)), ("state", "i4")])}, "outside"),
        ({"blocks": np.array([([0, 0, 0], 3)], [("pos", "i4", (3,)), ("state", "i4")])}, "the palette has"),
        ({"blocks": np.array([([0, 0, 0], 0)], [("pos", "f4", (3,)), ("state", "i4")])}, "three integers"),
    ],
)
def test_files_that_contradict_themselves_are_refused(changes: Compound, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_structure(edited(changes))


def test_what_no_file_may_have_is_refused() -> None:
    with pytest.raises(ValueError, match="edge 0: expected 1 or more"):
        split_structure(LOG, data_version=4189, edge=0)
    huge = Blocks(np.broadcast_to(np.uint16(0), (2048, 1024, 1024)), (AIR,))
    with pytest.raises(ValueError, match="2147483647 blocks at most; split"):
        write_structure(huge, data_version=4189)


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_any_changed_byte_is_read_or_refused(at: int, value: int) -> None:
    raw = bytearray(gzip.decompress(write_structure(LOG, data_version=1)))
    raw[at % len(raw)] = value
    try:
        read_structure(gzip.compress(bytes(raw)))
    except ValueError:
        return
