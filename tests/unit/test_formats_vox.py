from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.minecraft.voxel.blocks.grid import Blocks
from meshtwin.minecraft.voxel.export.formats.colors import Color, nearest, reduce_colors
from meshtwin.minecraft.voxel.export.formats.vox import write_vox
from meshtwin.minecraft.voxel.export.formats.vox_read import read_vox
from tests.support.builds import STATES, assert_same, build, builds

COLORS: dict[str, Color] = {
    state: (index % 7 * 40, index // 7 % 7 * 40, index // 49 * 36) for index, state in enumerate(STATES[1:])
}
"""A colour of its own for each state."""

STONE = build(np.ones((1, 1, 1), np.int64))


def chunk(kind: bytes, content: bytes = b"", children: bytes = b"") -> bytes:
    return struct.pack("<4sii", kind, len(content), len(children)) + content + children


def file_of(*chunks: bytes) -> bytes:
    return struct.pack("<4si", b"VOX ", 150) + chunk(b"MAIN", b"", b"".join(chunks))


def words(**pairs: str) -> bytes:
    data = struct.pack("<i", len(pairs))
    for word in (word for pair in pairs.items() for word in pair):
        data += struct.pack("<i", len(word)) + word.encode()
    return data


SIZE = chunk(b"SIZE", struct.pack("<3i", 1, 1, 1))
XYZI = chunk(b"XYZI", struct.pack("<i4B", 1, 0, 0, 0, 1))
RGBA = chunk(b"RGBA", bytes([9, 8, 7, 255]) + bytes(1020))


def transform(node: int, child: int, hidden: str = "0", **frame: str) -> bytes:
    content = struct.pack("<i", node) + words(_hidden=hidden) + struct.pack("<iiii", child, -1, 0, 1)
    return chunk(b"nTRN", content + words(**frame))


def group(node: int, *children: int) -> bytes:
    return chunk(b"nGRP", struct.pack(f"<iii{len(children)}i", node, 0, len(children), *children))


def shape(node: int, model: int) -> bytes:
    return chunk(b"nSHP", struct.pack("<iiiii", node, 0, 1, model, 0))


@given(builds(longest=7))
def test_what_is_written_is_read(blocks: Blocks) -> None:
    few = Blocks(blocks.cells % 200, blocks.states[:200])
    if not few.cells.any():
        return
    grid = read_vox(write_vox(few, COLORS))
    solid = few.cells > 0
    table = np.array([(0, 0, 0), *(COLORS[state] for state in few.states[1:])])
    # A file without a scene has the size of its model: the whole build's.
    assert grid.cells.shape == few.size
    assert ((grid.cells > 0) == solid).all()
    assert (grid.palette[grid.cells[solid] - 1] == table[few.cells[solid]]).all()


@given(builds(longest=7))
def test_blocks_come_back_from_their_colors(blocks: Blocks) -> None:
    cells = build(np.maximum(blocks.cells % 200, 1))
    assert_same(read_vox(write_vox(cells, COLORS)).to_blocks(COLORS), cells)


def test_the_bytes_are_those_of_the_page() -> None:
    data = write_vox(build(np.array([[[1, 0]], [[0, 2]]])), {STATES[1]: (1, 2, 3), STATES[2]: (4, 5, 6)})
    assert data[:20] == struct.pack("<4si4sii", b"VOX ", 150, b"MAIN", 0, len(data) - 20)
    assert data[20:44] == chunk(b"SIZE", struct.pack("<3i", 2, 2, 1))
    # (0, 0, 0) is nearest to the south there: y = 1; (1, 0, 1) is y = 0.
    assert data[44:68] == chunk(b"XYZI", struct.pack("<i8B", 2, 0, 1, 0, 1, 1, 0, 0, 2))
    assert data[68:80] == struct.pack("<4sii", b"RGBA", 1024, 0)
    assert data[80:88] == bytes([1, 2, 3, 255, 4, 5, 6, 255])
    assert len(data) == 80 + 1024


def test_up_is_up() -> None:
    data = write_vox(build(np.array([[[1], [2]]])), COLORS)
    voxels = data[data.index(b"XYZI") + 16 :]
    assert (voxels[2], voxels[6]) == (0, 1)


def test_long_builds_are_models_in_a_scene() -> None:
    cells = np.zeros((300, 2, 513), np.int64)
    cells[0, 0, 0], cells[255, 1, 255], cells[256, 0, 256], cells[299, 1, 512] = 1, 2, 3, 4
    blocks = build(cells)
    data = write_vox(blocks, COLORS)
    assert data.count(b"XYZI") == data.count(b"nSHP") == 4
    assert_same(read_vox(data).to_blocks({state: COLORS[state] for state in blocks.states[1:]}), blocks)


def test_the_same_blocks_give_the_same_bytes() -> None:
    blocks = build(np.arange(300).reshape(3, 10, 10))
    assert write_vox(blocks, COLORS) == write_vox(blocks, COLORS)


def test_near_colors_share_where_there_are_too_many() -> None:
    blocks = build(np.arange(307).reshape(307, 1, 1))
    grid = read_vox(write_vox(blocks, COLORS))
    assert len(np.unique(grid.cells[1:])) == 255
    shown = grid.palette[grid.cells[1:, 0, 0] - 1].astype(int)
    wanted = np.array([COLORS[state] for state in blocks.states[1:]])
    # Neighbours are 36 or 40 apart: none is further from its own than that.
    assert np.linalg.norm(shown - wanted, axis=1).max() <= 40
    assert (shown == wanted).all(1).mean() > 0.6


@given(st.integers(1, 120), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_colors_are_reduced_to_as_many_as_asked(count: int, most: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    colors = random.integers(0, 256, (count, 3), np.uint8)
    few, which = reduce_colors(colors, random.integers(1, 10**8, count), most)
    distinct = len(np.unique(colors, axis=0))
    assert len(few) == min(distinct, most)
    if distinct <= most:
        assert (few[which] == colors).all()


def test_the_nearest_color_is_the_first_of_equals() -> None:
    among = np.array([[0, 0, 0], [255, 255, 255], [0, 0, 0]], np.uint8)
    assert nearest(np.array([[3, 3, 3], [250, 255, 200]], np.uint8), among).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("blocks", "colors", "message"),
    [
        (build(np.zeros((1, 1, 1), np.int64)), COLORS, "all air"),
        (STONE, {}, "no colour for minecraft:stone: give"),
        (build(np.arange(9).reshape(9, 1, 1)), {}, "and 5 more"),
        (STONE, {STATES[1]: (0, 256, 0)}, r"\(0, 256, 0\) of minecraft:stone"),
    ],
)
def test_what_no_file_may_have_is_refused(blocks: Blocks, colors: dict[str, Color], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_vox(blocks, colors)


def test_a_file_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshtwin.minecraft.voxel.export.formats.vox.MAX_BYTES", 8 * 27)
    assert write_vox(build(np.ones((3, 3, 3), np.int64)), COLORS)
    with pytest.raises(ValueError, match="hollow the build"):
        write_vox(build(np.ones((3, 3, 4), np.int64)), COLORS)


def test_a_scene_from_elsewhere_is_read() -> None:
    scene = [
        transform(0, 1),
        group(1, 2, 4, 6),
        transform(2, 3, _t="5 -1 0", _r="4"),
        shape(3, 0),
        transform(4, 3, _t="6 -1 1"),
        transform(6, 3, hidden="1", _t="900 0 0"),
    ]
    grid = read_vox(file_of(SIZE, XYZI, *scene, chunk(b"LAYR", b"x"), RGBA))
    assert np.argwhere(grid.cells).tolist() == [[0, 0, 0], [1, 1, 0]]
    assert grid.palette[0].tolist() == [9, 8, 7]


def test_no_colors_to_choose_from() -> None:
    with pytest.raises(ValueError, match="at least one state"):
        read_vox(write_vox(STONE, COLORS)).to_blocks({})


BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "4 bytes at byte 0"),
    "another file": (b"RIFF" + bytes(20), "not a .vox file"),
    "another version": (struct.pack("<4si", b"VOX ", 77) + chunk(b"MAIN"), "150 or 200"),
    "no main": (struct.pack("<4si", b"VOX ", 150) + chunk(b"PACK"), "expected MAIN"),
    "cut": (file_of(SIZE, XYZI, RGBA)[:-1], "cut off"),
    "longer": (file_of(SIZE, XYZI, RGBA) + b"x", "cut off"),
    "no palette": (file_of(SIZE, XYZI), "no palette"),
    "no model": (file_of(RGBA), "no model"),
    "voxels first": (file_of(XYZI, SIZE, RGBA), "without a size"),
    "a size of nothing": (file_of(chunk(b"SIZE", bytes(12)), XYZI, RGBA), r"\(0, 0, 0\)"),
    "too long": (file_of(chunk(b"SIZE", struct.pack("<3i", 257, 1, 1)), XYZI, RGBA), r"1\.\.256"),
    "outside": (file_of(SIZE, chunk(b"XYZI", struct.pack("<i4B", 1, 1, 0, 0, 1)), RGBA), "outside"),
    "few voxels": (file_of(SIZE, chunk(b"XYZI", struct.pack("<i", 2**29 - 1)), RGBA), "bytes at byte 4"),
    "less than none": (file_of(SIZE, chunk(b"XYZI", struct.pack("<i", -1)), RGBA), "-4 bytes"),
    "a short palette": (file_of(SIZE, XYZI, chunk(b"RGBA", bytes(4))), "1024 bytes"),
    "a circle": (file_of(SIZE, XYZI, RGBA, transform(0, 1), group(1, 0)), "deeper than"),
    "a crowd": (file_of(SIZE, XYZI, RGBA, transform(0, 1), group(1, *[1] * 50)), "deeper than"),
    "no such node": (file_of(SIZE, XYZI, RGBA, transform(0, 7)), "no node 7"),
    "no such model": (file_of(SIZE, XYZI, RGBA, transform(0, 1), shape(1, 1)), "model 1 of 1"),
    "a turn": (file_of(SIZE, XYZI, RGBA, transform(0, 1, _r="40"), shape(1, 0)), r"rotates its model \(40\)"),
    "no place": (file_of(SIZE, XYZI, RGBA, transform(0, 1, _t="1 x 3"), shape(1, 0)), "'1 x 3'"),
    "far apart": (
        file_of(
            SIZE, XYZI, RGBA, group(0, 1, 2), transform(1, 3), transform(2, 3, _t="9 9 99999999"), shape(3, 0)
        ),
        "cells at most",
    ),
    "twice": (file_of(SIZE, XYZI, RGBA, group(0), group(0)), "two nodes"),
}


@pytest.mark.parametrize("case", BAD)
def test_files_that_contradict_themselves_are_refused(case: str) -> None:
    data, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        read_vox(data)


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_any_changed_byte_is_read_or_refused(at: int, value: int) -> None:
    cells = np.zeros((257, 1, 1), np.int64)
    cells[0], cells[256] = 1, 2
    raw: Any = bytearray(write_vox(build(cells), COLORS))
    raw[at % len(raw)] = value
    try:
        read_vox(bytes(raw))
    except ValueError:
        return
