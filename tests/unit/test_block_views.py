"""What one looks at: the isometric picture, the preview mesh, the material list."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtwin.minecraft.voxel.blocks.assign import assign_blocks
from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks
from meshtwin.minecraft.voxel.blocks.measured import BOTTOM, SIDE, TOP
from meshtwin.minecraft.voxel.blocks.palette import load_palette
from meshtwin.minecraft.voxel.blocks.state_colors import state_colors
from meshtwin.minecraft.voxel.export.isometric import encode_png, isometric
from meshtwin.minecraft.voxel.export.materials import material_csv, material_list
from meshtwin.minecraft.voxel.export.preview import preview_mesh
from meshtwin.minecraft.voxel.kernels.visibility import outside, visible_faces
from tests.support.voxels import sphere, torus

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

STATES = (AIR, "minecraft:red_concrete", "minecraft:lime_concrete", "minecraft:blue_concrete")
seeds = st.integers(0, 2**32 - 1)


def random_blocks(seed: int, shape: tuple[int, int, int] = (6, 5, 7)) -> Blocks:
    cells = np.random.default_rng(seed).choice(4, shape, p=[0.5, 0.2, 0.2, 0.1]).astype(np.uint16)
    cells.flat[:3] = (1, 2, 3)
    return Blocks(cells, STATES)


def of(rows: list[list[list[int]]]) -> Blocks:
    return Blocks(np.array(rows, np.uint16), STATES)


def hue(pixel: NDArray[np.uint8]) -> int:
    """Which of red, green and blue a pixel is most of: 1, 2, 3 as in STATES."""
    return int(pixel[:3].argmax()) + 1


def test_one_block_is_a_hexagon_of_three_shades() -> None:
    picture = isometric(of([[[1]]]), 400)
    height, width, _ = picture.shape
    assert height == 400
    assert width == pytest.approx(32 + 368 * np.sqrt(3) / 2, abs=2)
    top, left, right = picture[110, width // 2], picture[260, width // 3], picture[260, 2 * width // 3]
    assert top[0] > left[0] > right[0] > 0
    assert (picture[[0, 0, -1, -1], [0, -1, 0, -1], 3] == 0).all()
    hexagon = 3 * np.sqrt(3) / 2 * 184**2
    assert picture[:, :, 3].sum() / 255 == pytest.approx(hexagon, rel=0.01)


def test_front_is_on_the_left_and_x_on_the_right() -> None:
    corner = of([[[1, 2]], [[3, 0]]])
    picture = isometric(corner, 400)
    middle = picture.shape[0] // 2
    assert hue(picture[middle, 80]) == 2
    assert hue(picture[middle, -80]) == 3


def test_what_is_behind_is_not_seen() -> None:
    cells = np.ones((5, 5, 5), np.uint16)
    cells[1:4, 1:4, 1:4] = 2
    cells[0, 0, 0] = 3
    picture = isometric(Blocks(cells, STATES), 300)
    solid = picture[picture[:, :, 3] == 255]
    assert {hue(pixel) for pixel in solid} == {1}


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_each_pixel_shows_the_first_block_along_its_ray(seed: int) -> None:
    blocks = random_blocks(seed)
    picture = isometric(blocks, 500)
    opaque = picture[:, :, 3] == 255
    rows, columns = np.nonzero(opaque & (np.random.default_rng(seed).random(opaque.shape) < 0.001))
    x, y, z = np.nonzero(blocks.cells)
    corners = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1)
    across = (x[:, None] + corners[0] - z[:, None] - corners[2]) * np.sqrt(3) / 2
    down = (x[:, None] + corners[0] + z[:, None] + corners[2]) / 2 - y[:, None] - corners[1]
    span = max(np.ptp(across), np.ptp(down))
    right = across.min() + (columns + 0.5 - 16) * span / 468
    low = down.min() + (rows + 0.5 - 16) * span / 468
    agree = [
        hue(picture[row, column]) == _first(blocks, a, b)
        for row, column, a, b in zip(rows, columns, right, low, strict=True)
    ]
    # A pixel on an edge is of both its blocks.
    assert np.mean(agree) > 0.93


def _first(blocks: Blocks, across: float, down: float) -> int:
    """The state of the first block that a ray from far along (1, 1, 1) meets, stepped finely."""
    size = np.array(blocks.size)
    start = np.array([down + across / np.sqrt(3), 0, down - across / np.sqrt(3)])
    cells = np.floor(start + np.arange(20, -20, -0.01)[:, None]).astype(int)
    inside = cells[((cells >= 0) & (cells < size)).all(axis=1)]
    met = blocks.cells[tuple(inside.T)]
    return int(met[np.argmax(met > 0)]) if len(met) else 0


def test_pictures_are_as_large_as_asked_and_png(tmp_path: Path) -> None:
    picture = isometric(assign_blocks(torus(40), load_palette(), kinds=8))
    assert max(picture.shape[:2]) in {1000, 1001}
    path = tmp_path / "a picture.preview"
    path.write_bytes(encode_png(picture))
    back = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert back is not None
    assert (cv2.cvtColor(back, cv2.COLOR_BGRA2RGBA) == picture).all()


def test_there_must_be_something_to_show() -> None:
    with pytest.raises(ValueError, match="without a block"):
        isometric(of([[[0]]]))
    with pytest.raises(ValueError, match="pixels 10"):
        isometric(of([[[1]]]), 10)


@given(seeds, st.tuples(*[st.integers(2, 7)] * 3))
@settings(max_examples=30, deadline=None)
def test_preview_covers_each_state_s_seen_faces_just_once(seed: int, shape: tuple[int, int, int]) -> None:
    blocks = random_blocks(seed, shape)
    where = np.argwhere(blocks.cells > 0).astype(np.int32)
    faces = visible_faces(blocks.cells > 0, where)
    expected = np.bincount(blocks.cells[tuple(where.T)], np.bitwise_count(faces), 4)
    mesh = preview_mesh(blocks)
    assert mesh.colors is not None
    shape_ = trimesh.Trimesh(mesh.positions, mesh.faces, process=False)
    states = mesh.colors[mesh.faces[:, 0], :3].argmax(axis=1) + 1
    assert np.allclose(np.bincount(states, shape_.area_faces, 4), expected)
    assert shape_.volume == pytest.approx(np.count_nonzero(~outside(blocks.cells > 0)))


def test_preview_merges_a_wall_and_stands_on_the_middle_of_its_floor() -> None:
    mesh = preview_mesh(Blocks(np.ones((4, 3, 6), np.uint16), STATES[:2]))
    assert mesh.faces.shape == (12, 3)
    assert mesh.positions.min(axis=0).tolist() == [-2, 0, -3]
    assert mesh.positions.max(axis=0).tolist() == [2, 3, 3]
    assert trimesh.Trimesh(mesh.positions, mesh.faces).is_watertight


def test_preview_has_the_colours_of_the_faces() -> None:
    mesh = preview_mesh(Blocks(np.ones((1, 1, 1), np.uint16), (AIR, "minecraft:oak_log[axis=y]")))
    assert mesh.colors is not None
    log = load_palette(["oak_log"]).colors[0]
    corners = mesh.positions[mesh.faces]
    upright = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 1]
    for faces, kind in ((upright > 0, TOP), (upright < 0, BOTTOM), (upright == 0, SIDE)):
        assert np.allclose(mesh.colors[mesh.faces[faces].ravel(), :3], log[kind])
    assert (mesh.colors[:, 3] == 1).all()


def test_preview_of_nothing_is_empty() -> None:
    mesh = preview_mesh(of([[[0]]]))
    assert mesh.positions.shape == (0, 3)
    assert mesh.faces.shape == (0, 3)


def test_states_never_measured_have_a_colour_too() -> None:
    colors = state_colors([AIR, "minecraft:oak_log[axis=x]", "minecraft:lever[face=wall]", "mod:thing"])
    assert colors.shape == (4, 3, 3)
    assert not colors[0].any()
    assert (colors[1] == colors[1, 0]).all()
    assert (colors[2:] == 0.25).all()


def test_materials_add_up_and_fill_stacks_and_boxes() -> None:
    cells = np.zeros((10, 20, 20), np.uint16)
    cells.flat[:1729], cells.flat[1729:1794], cells.flat[1794:1800] = 1, 2, 3
    blocks = Blocks(
        cells, (AIR, "minecraft:white_wool", "minecraft:oak_log[axis=y]", "minecraft:oak_log[axis=x]")
    )
    needs = material_list(blocks)
    found = [(need.block, need.count, need.stacks, need.shulker_boxes, need.tool) for need in needs]
    assert found == [
        ("minecraft:white_wool", 1729, 28, 2, "shears"),
        ("minecraft:oak_log", 71, 2, 1, "axe"),
    ]
    rows = list(csv.DictReader(material_csv(needs).splitlines()))
    assert rows[-1] == {"block": "total", "count": "1800", "stacks": "30", "shulker_boxes": "2", "tool": ""}


def test_materials_count_every_block_of_a_build() -> None:
    blocks = assign_blocks(sphere(20), load_palette("survival-cheap"))
    needs = material_list(blocks)
    assert sum(need.count for need in needs) == np.count_nonzero(blocks.cells)
    assert [need.count for need in needs] == sorted((need.count for need in needs), reverse=True)
