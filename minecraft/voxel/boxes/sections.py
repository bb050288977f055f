"""Cuts blocks into sections of disjoint boxes, as a server places them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.boxes.partition import CELLS, NOTHING, SIDE, partition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.grid import Blocks


@dataclass(frozen=True, slots=True)
class Section:
    """What a build has in one of the world's cubes of SIDE blocks.

    `position` counts sections from the world's origin: its lowest corner is the block SIDE * position.
    `boxes` is (n, 7) int32: x1, y1, z1, x2, y2, z2, state, counted from this corner, so 0 to SIDE - 1, both
    corners inside the box, and `state` an index into the build's. No two boxes share a cell, and they come
    by y1, then x1, then z1.
    """

    position: tuple[int, int, int]
    boxes: NDArray[np.int32]

    @property
    def blocks(self) -> int:
        """How many blocks it has, without air."""
        return self._count(self.boxes[:, 6] > 0)

    @property
    def air(self) -> int:
        """How many cells it clears."""
        return self._count(self.boxes[:, 6] == 0)

    def _count(self, chosen: NDArray[np.bool_]) -> int:
        boxes = self.boxes[chosen]
        return int((boxes[:, 3:6] - boxes[:, :3] + 1).prod(axis=1).sum())


def to_sections(
    blocks: Blocks, origin: tuple[int, int, int], *, clear_air: bool = False
) -> tuple[Section, ...]:
    """The blocks where cell (0, 0, 0) is the world's block `origin`; by height, then x, then z.

    Each block is in just one box. Air is in none, or with `clear_air` in just one, too. Sections without a
    box are omitted.
    """
    found = (
        Section(position, boxes)
        for position in _positions(blocks.size, origin)
        if len(boxes := _boxes(_cells(blocks, origin, position, clear_air=clear_air)))
    )
    return tuple(found)


def _positions(size: tuple[int, int, int], origin: tuple[int, int, int]) -> Iterator[tuple[int, int, int]]:
    x, y, z = (
        range(first // SIDE, (first + extent - 1) // SIDE + 1)
        for first, extent in zip(origin, size, strict=True)
    )
    for at_y, at_x, at_z in product(y, x, z):
        yield at_x, at_y, at_z


def _cells(
    blocks: Blocks, origin: tuple[int, int, int], position: tuple[int, int, int], *, clear_air: bool
) -> NDArray[np.int32]:
    """The states of a section's cells, (SIDE, SIDE, SIDE) int32, NOTHING where nothing is to be placed."""
    cells = np.full((SIDE, SIDE, SIDE), NOTHING, np.int32)
    first = [SIDE * at - corner for at, corner in zip(position, origin, strict=True)]
    part = blocks.cells[tuple(slice(max(at, 0), at + SIDE) for at in first)]
    within = tuple(slice(max(-at, 0), max(-at, 0) + side) for at, side in zip(first, part.shape, strict=True))
    cells[within] = part
    if not clear_air:
        cells[cells == 0] = NOTHING
    return cells


def _boxes(cells: NDArray[np.int32]) -> NDArray[np.int32]:
    boxes = np.empty((CELLS, 7), np.int32)
    found = boxes[: partition(cells, boxes)]
    ordered: NDArray[np.int32] = found[np.lexsort((found[:, 2], found[:, 0], found[:, 1]))]
    return ordered
