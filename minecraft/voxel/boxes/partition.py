"""Compiled loops over rows of bits that partition the cells of one section into disjoint boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.kernels.compiled import compiled, inlined, inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 16
"""Of a section, in blocks: https://minecraft.wiki/w/Chunk_format."""
CELLS = SIDE**3
NOTHING = -1
"""A cell that no box may have."""

_LAST = SIDE - 1
_ROW = 2**SIDE - 1
_NEIGHBOURS = 6
_ORDERS = np.array([(2, 1, 0), (2, 0, 1), (1, 2, 0), (1, 0, 2), (0, 2, 1), (0, 1, 2)], np.int64)


@compiled
def partition(states: NDArray[np.int32], boxes: NDArray[np.int32]) -> int:
    """Cover each cell that has a state by exactly one box of that state; returns the number of boxes.

    `states` is (SIDE, SIDE, SIDE) int32, indexed [x, y, z], a state or NOTHING; it is overwritten. `boxes` is
    (CELLS, 7) int32, filled in: both corners, inclusive, and the state.
    """
    rows = np.empty((SIDE, SIDE), np.int64)
    stacks = np.empty((_NEIGHBOURS + 1, CELLS), np.int32)
    heights = np.empty(_NEIGHBOURS + 1, np.int64)
    best = np.empty(6, np.int32)
    count = 0
    for x in range(SIDE):
        for y in range(SIDE):
            for z in range(SIDE):
                state = states[x, y, z]
                if state == NOTHING:
                    continue
                _take_out(states, state, rows)
                start = count
                count = _cover(rows, stacks, heights, best, boxes, count)
                boxes[start:count, 6] = state
    return count


@inner
def _take_out(states: NDArray[np.int32], state: int, rows: NDArray[np.int64]) -> None:
    """Move the cells of a state to `rows`, where bit z of row (x, y) is cell (x, y, z)."""
    for x in range(SIDE):
        for y in range(SIDE):
            row = 0
            for z in range(SIDE):
                if states[x, y, z] == state:
                    states[x, y, z] = NOTHING
                    row |= 1 << z
            rows[x, y] = row


@compiled
def _cover(
    rows: NDArray[np.int64],
    stacks: NDArray[np.int32],
    heights: NDArray[np.int64],
    best: NDArray[np.int32],
    boxes: NDArray[np.int32],
    count: int,
) -> int:
    """Take the largest box around the cell with the fewest neighbours, until no cell is left.

    Such cells are corners and tips, whose boxes leave the fewest fragments. There is a stack of cells for
    each number of neighbours; a cell is pushed again as it loses some. `heights` are the stacks'.
    """
    box = np.empty(6, np.int32)
    box[:3], box[3:] = 0, _LAST
    heights[:] = 0
    _push(rows, box, stacks, heights)
    fewest = 0
    while fewest <= _NEIGHBOURS:
        if heights[fewest] == 0:
            fewest += 1
            continue
        heights[fewest] -= 1
        cell = stacks[fewest, heights[fewest]]
        x, y, z = cell >> 8, cell >> 4 & _LAST, cell & _LAST
        if rows[x, y] >> z & 1 == 0:
            continue
        _search(rows, x, y, z, box, best)
        _remove(rows, best)
        for side in range(6):
            boxes[count, side] = best[side]
        count += 1
        _push_around(rows, best, box, stacks, heights)
        fewest = 0
    return count


@inner
def _push(
    rows: NDArray[np.int64], box: NDArray[np.int32], stacks: NDArray[np.int32], heights: NDArray[np.int64]
) -> None:
    """Push each remaining cell of the box onto the stack of its number of neighbours."""
    for x in range(box[0], box[3] + 1):
        for y in range(box[1], box[4] + 1):
            row = rows[x, y]
            if row == 0:
                continue
            for z in range(box[2], box[5] + 1):
                if row >> z & 1:
                    near = (row << 1 >> z & 1) + (row >> z >> 1 & 1)
                    near += (rows[x - 1, y] >> z & 1) if x > 0 else 0
                    near += (rows[x + 1, y] >> z & 1) if x < _LAST else 0
                    near += (rows[x, y - 1] >> z & 1) if y > 0 else 0
                    near += (rows[x, y + 1] >> z & 1) if y < _LAST else 0
                    stacks[near, heights[near]] = x << 8 | y << 4 | z
                    heights[near] += 1


@inner
def _push_around(
    rows: NDArray[np.int64],
    box: NDArray[np.int32],
    slab: NDArray[np.int32],
    stacks: NDArray[np.int32],
    heights: NDArray[np.int64],
) -> None:
    """Push the cells beside a removed box onto the stacks again; `slab` is scratch."""
    for axis in range(3):
        for at in (box[axis] - 1, box[3 + axis] + 1):
            if 0 <= at <= _LAST:
                for side in range(6):
                    slab[side] = box[side]
                slab[axis] = slab[3 + axis] = at
                _push(rows, slab, stacks, heights)


@inner
def _search(
    rows: NDArray[np.int64], x: int, y: int, z: int, box: NDArray[np.int32], best: NDArray[np.int32]
) -> None:
    """`best` becomes the largest of six boxes around a cell; `box` is scratch."""
    largest = 0
    for order in range(6):
        box[0], box[1], box[2] = x, y, z
        box[3], box[4], box[5] = x, y, z
        for turn in range(3):
            _stretch(rows, box, _ORDERS[order, turn])
        volume = (box[3] - box[0] + 1) * (box[4] - box[1] + 1) * (box[5] - box[2] + 1)
        if volume > largest:
            largest = volume
            for side in range(6):
                best[side] = box[side]


@inner
def _stretch(rows: NDArray[np.int64], box: NDArray[np.int32], axis: int) -> None:
    """Grow the box along one axis, both ways, as far as its cells go."""
    low, high = box[axis], box[3 + axis]
    if axis == 2:  # noqa: PLR2004  # z, along which rows lie
        row = _ROW
        for x in range(box[0], box[3] + 1):
            for y in range(box[1], box[4] + 1):
                row &= rows[x, y]
        while low > 0 and row >> (low - 1) & 1:
            low -= 1
        while high < _LAST and row >> (high + 1) & 1:
            high += 1
    else:
        while low > 0 and _has(rows, box, axis, low - 1):
            low -= 1
        while high < _LAST and _has(rows, box, axis, high + 1):
            high += 1
    box[axis], box[3 + axis] = low, high


@inlined
def _bits(box: NDArray[np.int32]) -> int:
    """A row's bits that are in the box."""
    return (2 << box[5]) - (1 << box[2])  # type: ignore[no-any-return]  # an element of an int32 array


@inlined
def _has(rows: NDArray[np.int64], box: NDArray[np.int32], axis: int, at: int) -> bool:
    """Whether all cells of the box's slab, moved to `at` along x or y, remain."""
    bits = _bits(box)
    across = 1 - axis
    for other in range(box[across], box[3 + across] + 1):
        row = rows[at, other] if axis == 0 else rows[other, at]
        if row & bits != bits:
            return False
    return True


@inner
def _remove(rows: NDArray[np.int64], box: NDArray[np.int32]) -> None:
    bits = _bits(box)
    for x in range(box[0], box[3] + 1):
        for y in range(box[1], box[4] + 1):
            rows[x, y] &= ~bits
