from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from meshtwin.minecraft.voxel.blocks.grid import AIR, Blocks
from meshtwin.minecraft.voxel.boxes.build import MAX_BOX_BLOCKS
from meshtwin.minecraft.voxel.boxes.cuboids import LAYERS, cuboids
from meshtwin.minecraft.voxel.export.commands import Origin
from meshtwin.minecraft.voxel.export.mcfunction import Limits, batches
from meshtwin.minecraft.voxel.options import Order
from meshtwin.minecraft.voxel.versions import parse_version
from tests.support.replay import World
from tests.support.voxel_shapes import SHAPES, as_blocks, shell

if TYPE_CHECKING:
    from meshtwin.minecraft.voxel.boxes.build import Build
    from tests.support.voxel_shapes import Cells

OLD = parse_version("1.21.4")
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def grids(draw: st.DrawFn) -> Cells:
    """Random cells, some of them blown up so that there is an inside."""
    sides = hnp.array_shapes(min_dims=3, max_dims=3, max_side=6)
    cells = draw(hnp.arrays(np.uint16, sides, elements=st.integers(0, 3), fill=st.sampled_from([0, 1])))
    grown = draw(st.integers(1, 4))
    return cells.repeat(grown, 0).repeat(grown, 1).repeat(grown, 2)


def check_world(world: World, blocks: Blocks, place: Origin, *, left: str | None) -> None:
    """Each cell has its state, inside too, and those of air are untouched, or `left`."""
    for (x, y, z), index in np.ndenumerate(blocks.cells):
        there = world.blocks.get((x + place.x, y + place.y, z + place.z))
        assert there == (blocks.states[index] if index else left)
    assert len(world.blocks) == (blocks.cells.size if left else np.count_nonzero(blocks.cells))


@few
@given(
    cells=grids(),
    order=st.sampled_from(Order),
    clear_air=st.booleans(),
    corner=st.tuples(st.integers(-40, 40), st.integers(-64, 200), st.integers(-40, 40)),
)
def test_the_world_is_the_grid(
    *,
    cells: Cells,
    order: Order,
    clear_air: bool,
    corner: tuple[int, int, int],
) -> None:
    blocks = as_blocks(cells)
    build = cuboids(blocks, order=order, clear_air=clear_air)
    place = Origin(*corner, -64, 320)
    world = World()
    world.run(batches(build, place, OLD, namespace="a", limits=Limits(commands=7)))
    check_world(world, blocks, place, left=AIR if clear_air else None)
    assert not world.loaded


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_shapes_of_some_size_too(name: str, order: Order) -> None:
    cells = SHAPES[name](40)
    for blocks in (as_blocks(cells), as_blocks(shell(cells))):
        wanted = np.where(blocks.cells == 0, -1, blocks.cells.astype(int))
        np.testing.assert_array_equal(paint(cuboids(blocks, order=order)), wanted)


def paint(build: Build) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    painted = np.full(build.size, -1)
    for x, y, z, to_x, to_y, to_z, state in build.boxes.tolist():
        painted[x : to_x + 1, y : to_y + 1, z : to_z + 1] = state
    return painted


def test_no_box_is_larger_than_one_fill() -> None:
    boxes = cuboids(as_blocks(np.ones((70, 40, 50), np.uint16)), clear_air=True).boxes
    sides = boxes[:, 3:6] - boxes[:, :3] + 1
    assert sides.prod(axis=1).max() <= MAX_BOX_BLOCKS
    assert len(boxes) <= 2 * 12


def test_a_dot_on_a_wall_is_painted_over_it() -> None:
    cells = np.ones((9, 9, 1), np.uint16)
    cells[4, 4, 0] = 2
    assert len(cuboids(as_blocks(cells)).boxes) == 2


def test_from_the_ground_it_rises() -> None:
    build = cuboids(as_blocks(SHAPES["gull"](32)), order=Order.GROUND)
    slabs = build.boxes[:, 1] // LAYERS
    assert (np.diff(slabs) >= 0).all()
    np.testing.assert_array_equal(build.boxes[:, 4] // LAYERS, slabs)


def test_clearing_comes_first_and_from_the_top() -> None:
    build = cuboids(as_blocks(np.ones((40, 70, 33), np.uint16)), clear_air=True)
    air = build.boxes[:, 6] == 0
    cleared = np.flatnonzero(air)
    assert cleared.tolist() == list(range(len(cleared)))
    assert (np.diff(build.boxes[air, 1]) <= 0).all()
    sides = build.boxes[air, 3:6] - build.boxes[air, :3] + 1
    assert sides.prod(axis=1).sum() == 40 * 70 * 33


def test_nothing_but_air() -> None:
    empty = Blocks(np.zeros((3, 2, 4), np.uint16), (AIR,))
    assert cuboids(empty).boxes.shape == (0, 7)
    assert cuboids(empty, clear_air=True).boxes.tolist() == [[0, 0, 0, 2, 1, 3, 0]]


def test_the_same_blocks_give_the_same_boxes() -> None:
    blocks = as_blocks(SHAPES["statue"](24))
    np.testing.assert_array_equal(cuboids(blocks).boxes, cuboids(blocks).boxes)
