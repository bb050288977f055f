"""Sections: each block in just one box, whatever the build and wherever it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from meshtwin.minecraft.voxel.boxes.cuboids import cuboids
from meshtwin.minecraft.voxel.boxes.sections import to_sections
from tests.support.voxel_shapes import SHAPES, as_blocks, ball, shell

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.grid import Blocks
    from meshtwin.minecraft.voxel.boxes.sections import Section
    from tests.support.voxel_shapes import Cells

Triple = tuple[int, int, int]
ORIGIN = (-37, 64, 101)
MOST_BOXES = 1.25
"""Of a shell, to those of commands, which may overlap and know no sections."""


@st.composite
def grids(draw: st.DrawFn) -> Cells:
    """Random cells, some of them blown up so that there are boxes to find."""
    sides = hnp.array_shapes(min_dims=3, max_dims=3, max_side=7)
    cells = draw(hnp.arrays(np.uint16, sides, elements=st.integers(0, 3), fill=st.sampled_from([0, 1])))
    for axis in range(3):
        cells = cells.repeat(draw(st.integers(1, 5)), axis)
    return np.ascontiguousarray(cells)


def written(blocks: Blocks, origin: Triple, sections: tuple[Section, ...]) -> NDArray[np.int64]:
    """The state of each cell, -1 where none is written; that none is written twice, nor one outside."""
    world = np.full(blocks.size, -1)
    for section in sections:
        corner = 16 * np.array(section.position) - origin
        assert section.boxes[:, :6].min() >= 0
        assert section.boxes[:, :6].max() < 16
        for x, y, z, to_x, to_y, to_z, state in section.boxes.tolist():
            first, last = corner + np.array([[x, y, z], [to_x, to_y, to_z]])
            assert (first >= 0).all()
            assert (first <= last).all()
            assert (last < blocks.size).all()
            part = world[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))]
            assert (part == -1).all()
            part[...] = state
    return world


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    cells=grids(),
    origin=st.tuples(st.integers(-40, 40), st.integers(-64, 200), st.integers(-40, 40)),
    clear_air=st.booleans(),
)
def test_each_cell_is_written_once(*, cells: Cells, origin: Triple, clear_air: bool) -> None:
    blocks = as_blocks(cells)
    sections = to_sections(blocks, origin, clear_air=clear_air)
    expected = blocks.cells.astype(int)
    if not clear_air:
        expected[expected == 0] = -1
    np.testing.assert_array_equal(written(blocks, origin, sections), expected)
    assert sum(section.blocks for section in sections) == np.count_nonzero(blocks.cells)
    assert sum(section.air for section in sections) == np.count_nonzero(expected == 0)


@pytest.mark.parametrize("name", sorted(SHAPES))
@pytest.mark.parametrize("hollow", [False, True])
def test_shapes_of_some_size_too(name: str, *, hollow: bool) -> None:
    cells = SHAPES[name](48)
    blocks = as_blocks(shell(cells) if hollow else cells)
    found = written(blocks, ORIGIN, to_sections(blocks, ORIGIN))
    np.testing.assert_array_equal(found, np.where(blocks.cells == 0, -1, blocks.cells.astype(int)))


def test_sections_rise_and_boxes_in_them_too() -> None:
    sections = to_sections(as_blocks(SHAPES["gull"](64)), ORIGIN)
    order = [(y, x, z) for x, y, z in (section.position for section in sections)]
    assert order == sorted(set(order))
    assert len({y for y, _, _ in order}) > 2
    for section in sections:
        corners = [(y, x, z) for x, y, z, *_ in section.boxes.tolist()]
        assert corners == sorted(set(corners))


def test_a_full_section_is_one_box() -> None:
    (section,) = to_sections(as_blocks(np.ones((16, 16, 16), np.uint16)), (-16, 64, 32))
    assert section.position == (-1, 4, 2)
    assert section.boxes.tolist() == [[0, 0, 0, 15, 15, 15, 1]]
    assert (section.blocks, section.air) == (4096, 0)


def test_nothing_but_air() -> None:
    blocks = as_blocks(np.zeros((3, 2, 4), np.uint16))
    assert to_sections(blocks, (0, 0, 0)) == ()
    (section,) = to_sections(blocks, (0, 0, 0), clear_air=True)
    assert section.boxes.tolist() == [[0, 0, 0, 2, 1, 3, 0]]
    assert (section.blocks, section.air) == (0, 24)


@pytest.mark.parametrize("shape", [ball, SHAPES["blob"]], ids=["ball", "blob"])
def test_shells_take_few_boxes(shape: Callable[[int], Cells]) -> None:
    blocks = as_blocks(shell(shape(64)))
    boxes = sum(len(section.boxes) for section in to_sections(blocks, ORIGIN))
    assert boxes <= MOST_BOXES * len(cuboids(blocks).boxes)
