from __future__ import annotations

import gzip
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks
from meshtwin.minecraft.voxel.export.formats.nbt import Compound, read_nbt, write_nbt
from meshtwin.minecraft.voxel.export.formats.schem import write_schem
from meshtwin.minecraft.voxel.export.formats.varint import decode_varints, encode_varints
from tests.support.builds import STATES, assert_same, build, builds, noise, read_schem, words

LOG = build(np.array([[[1, 0]], [[2, 1]]]))
"""Two along x, two along z."""


def edited(changes: Compound, version: int = 2) -> bytes:
    name, root = read_nbt(write_schem(LOG, data_version=4189, version=version))
    return write_nbt({**root, **changes}, name=name)


@pytest.mark.parametrize("version", [2, 3])
@given(blocks=builds())
def test_what_is_written_is_read(blocks: Blocks, version: int) -> None:
    found = read_schem(write_schem(blocks, data_version=4189, version=version))
    assert_same(found, blocks)
    assert found.states == blocks.states


def test_version_2_has_the_fields_of_its_page() -> None:
    data = write_schem(LOG, data_version=4189, name="log")
    name, root = read_nbt(data)
    assert name == "Schematic"
    assert (root["Version"], root["DataVersion"]) == (np.int32(2), np.int32(4189))
    assert [root[side] for side in ("Width", "Height", "Length")] == [2, 1, 2]
    assert isinstance(root["Width"], np.int16)
    assert np.array_equal(root["Offset"], [0, 0, 0])  # type: ignore[arg-type]  # an array
    assert root["Metadata"] == {"Name": "log", "WEOffsetX": 0, "WEOffsetY": 0, "WEOffsetZ": 0}
    assert root["Palette"] == {AIR: 0, "minecraft:stone": 1, "minecraft:oak_log[axis=y]": 2}
    assert root["PaletteMax"] == 3
    # x + z * Width: (0, 0, 0) stone, (1, 0, 0) log, (0, 0, 1) air, (1, 0, 1) stone.
    assert bytes(root["BlockData"]) == b"\x01\x02\0\x01"  # type: ignore[arg-type]  # an array


def test_version_3_has_the_fields_of_its_page() -> None:
    name, root = read_nbt(write_schem(LOG, data_version=4189, version=3))
    assert (name, list(root)) == ("", ["Schematic"])
    inner: Any = root["Schematic"]
    assert inner["Version"] == 3
    assert inner["Metadata"] == {}
    assert bytes(inner["Blocks"]["Data"]) == b"\x01\x02\0\x01"
    assert list(inner["Blocks"]) == ["Palette", "Data"]


def test_the_same_blocks_give_the_same_bytes() -> None:
    blocks = noise((7, 5, 3), 300)
    assert write_schem(blocks, data_version=4189) == write_schem(blocks, data_version=4189)


def test_sides_are_unsigned() -> None:
    blocks = Blocks(np.ones((65535, 1, 1), np.uint16), (AIR, "minecraft:stone"))
    assert read_nbt(write_schem(blocks, data_version=1))[1]["Width"] == -1
    assert_same(read_schem(write_schem(blocks, data_version=1)), blocks)


@given(hnp.arrays(np.uint16, st.integers(1, 50)))
def test_varints_are_seven_bits_a_byte(values: Any) -> None:
    expected = bytearray()
    for value in values.tolist():
        while value > 0x7F:
            expected.append(value & 0x7F | 0x80)
            value >>= 7  # noqa: PLW2901  # the definition
        expected.append(value)
    data = encode_varints(values)
    assert data.tobytes() == bytes(expected)
    assert (decode_varints(data, len(values)) == values).all()


def test_long_varints_are_read() -> None:
    data = np.frombuffer(b"\xff\xff\xff\xff\x0f\x05", np.int8)
    assert decode_varints(data, 2).tolist() == [2**32 - 1, 5]


def test_a_palette_may_come_in_any_order_with_gaps_and_short_names() -> None:
    palette: Compound = {"oak_log[axis=y]": np.int32(200), "stone": np.int32(7), "air": np.int32(3)}
    data = np.frombuffer(bytes([7, 0xC8, 1, 3, 7]), np.int8)
    found = read_schem(edited({"Palette": palette, "BlockData": data}))
    assert (words(found) == words(LOG)).all()


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (Blocks(np.zeros((65536, 1, 1), np.uint16), (AIR,)), r"\(65536, 1, 1\): at most 65535 .* split"),
        (Blocks(np.zeros((0, 1, 1), np.uint16), (AIR,)), "needs a block"),
        (Blocks(np.ones((1, 1, 1), np.uint16), (AIR, "Stone")), "'Stone': expected a block state"),
        (Blocks(np.ones((1, 1, 1), np.uint16), (AIR, "a[b=c,b=d]")), "a property is in it twice"),
        (Blocks(np.ones((1, 1, 1), np.uint16), (AIR, "a[b=c")), "expected a block state"),
    ],
)
def test_what_no_file_may_have_is_refused(blocks: Blocks, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_schem(blocks, data_version=4189)


def test_other_versions_are_refused() -> None:
    with pytest.raises(ValueError, match="version 1: expected 2 or 3"):
        write_schem(LOG, data_version=4189, version=1)
    with pytest.raises(ValueError, match="version 1: 2 and 3 can be read"):
        read_schem(edited({"Version": np.int32(1)}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Width": np.int16(3)}, "4 varints in 4 bytes: expected 6"),
        ({"Width": np.int16(0)}, "expected at least 1"),
        ({"Width": np.int16(-1), "Height": np.int16(-1), "Length": np.int16(-1)}, "cells at most"),
        ({"Width": "two"}, "'Width' is a str: expected"),
        ({"BlockData": np.frombuffer(b"\1\2\0\x81", np.int8)}, "3 varints"),
        ({"BlockData": np.frombuffer(b"\1\2\0" + b"\x80" * 5 + b"\1", np.int8)}, "6 bytes: 5 at most"),
        ({"BlockData": np.frombuffer(b"\1\2\0\3", np.int8)}, "state 3"),
        ({"BlockData": np.zeros(4, np.int32)}, "int32: expected a byte array"),
        ({"Palette": {}}, "not in the palette|the palette has 0"),
        ({"Palette": {"a": np.int32(0), "b": np.int32(0)}}, "same number"),
        ({"Palette": {"a": np.int32(0), "b": np.int32(9)}}, "not in the palette"),
        ({"Palette": {"A": np.int32(0), "b": np.int32(1), "c": np.int32(2)}}, "state 'A'"),
        ({"Palette": []}, "'Palette' is a list"),
    ],
)
def test_files_that_contradict_themselves_are_refused(changes: Compound, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_schem(edited(changes))


@pytest.mark.parametrize("field", ["Version", "Width", "Palette", "BlockData"])
def test_a_missing_field_is_named(field: str) -> None:
    name, root = read_nbt(write_schem(LOG, data_version=4189))
    del root[field]
    with pytest.raises(ValueError, match=f"'{field}' is missing"):
        read_schem(write_nbt(root, name=name))


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_any_changed_byte_is_read_or_refused(at: int, value: int) -> None:
    raw = bytearray(
        gzip.decompress(write_schem(build(np.arange(8).reshape(2, 2, 2), STATES), data_version=1))
    )
    raw[at % len(raw)] = value
    try:
        read_schem(gzip.compress(bytes(raw)))
    except ValueError:
        return
