"""Compiled loops that cover the cells of one state with boxes, largest gain first.

Boxes are chosen in reverse, from the last painted to the first: a cell that is covered already may be crossed
by any box chosen later, for that box is painted earlier and overwritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from meshtwin.minecraft.voxel.boxes.build import MAX_BOX_BLOCKS
from meshtwin.minecraft.voxel.kernels.compiled import compiled, inlined, inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUTSIDE = -1
"""In Board.remaining: air, which no box may touch."""
ANYTHING = 0
"""In Board.remaining: a covered cell, which any state may cross."""
MAX_STATES = 2**15 - 1
"""The greatest state of a cell."""

AXIS_ORDERS = np.array([(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)], np.int64)
KEY_BITS = 9
"""Bits of a coordinate: a grid with its rim has at most 258 cells along an axis."""
BLOCKED = np.int64(1) << 32
"""A blocked cell's weight in the sums; a remaining cell's is 1, so one number has both counts of a box."""


class Board(NamedTuple):
    """A grid with a rim of air, flattened: cell (x, y, z) is at x * steps[0] + y * steps[1] + z * steps[2].

    `remaining` is (n,) int16: OUTSIDE, or the state that a cell still needs, which becomes ANYTHING once the
    cell is covered. `visible` is (n,) int16, too: the states of visible cells at the start, ANYTHING for
    others. `steps`, `low` and `high` are (3,) int64; boxes stay within `low` and `high`, both inclusive.
    `sums` is (n,) int64, scratch.
    """

    visible: NDArray[np.int16]
    remaining: NDArray[np.int16]
    steps: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    sums: NDArray[np.int64]


@compiled
def cover(
    board: Board, state: int, seeds: NDArray[np.int64], boxes: NDArray[np.int32], *, optimal_only: bool
) -> int:
    """Choose boxes of `state` until each of `seeds` (flat indices, rising) is covered; the number of boxes.

    `boxes` is (at least as many as seeds, 7) int32, filled in: both corners, inclusive, and the state. The
    board is updated. With `optimal_only`, only those boxes are chosen that could not be better if all other
    states were covered already, and seeds may remain.
    """
    low, extent = _bounds_of_remaining(board, state, seeds)
    if extent[0] <= 0:
        return 0
    found = np.empty((seeds.size, 6), np.int32)
    gains = np.zeros(seeds.size, np.int64)
    ideal = np.zeros(seeds.size, np.int64)
    if optimal_only:
        _sum_up(board, state, low, extent, True)
        _search(board, state, seeds, low, extent, found, ideal)
    _sum_up(board, state, low, extent, False)
    _search(board, state, seeds, low, extent, found, gains)
    gains[gains < ideal] = 0
    return _choose(board, state, seeds, found, gains, boxes)


@compiled
def cover_greedily(board: Board, state: int, seeds: NDArray[np.int64], boxes: NDArray[np.int32]) -> int:
    """As `cover`, but seed by seed: fast for many cells."""
    low, extent = _bounds_of_remaining(board, state, seeds)
    if extent[0] <= 0:
        return 0
    found = np.empty((1, 6), np.int32)
    _sum_up(board, state, low, extent, False)
    count = 0
    for i in range(seeds.size):
        if board.remaining[seeds[i]] == state:
            _search(board, state, seeds[i : i + 1], low, extent, found, np.zeros(1, np.int64))
            boxes[count, 6] = state
            _take(board, state, found[0], boxes[count])
            count += 1
    return count


@compiled
def _bounds_of_remaining(
    board: Board, state: int, seeds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The corner and the extent of the remaining `seeds`: a box gains nothing beyond."""
    low, high = board.high.copy(), board.low - 1
    for seed in seeds:
        if board.remaining[seed] == state:
            rest = seed
            for axis in range(3):
                at = rest // board.steps[axis]
                rest -= at * board.steps[axis]
                low[axis] = min(low[axis], at)
                high[axis] = max(high[axis], at)
    return low, high - low + 1


@inner
def _sum_up(board: Board, state: int, low: NDArray[np.int64], extent: NDArray[np.int64], ideal: bool) -> None:
    """Prefix sums over the extent: cells that need `state`, and cells that block it (air alone, if ideal)."""
    remaining, sums, steps = board.remaining, board.sums, board.steps
    row = extent[2] + 1
    page = row * (extent[1] + 1)
    sums[:page] = 0
    max_clear = MAX_STATES if ideal else ANYTHING
    for x in range(1, extent[0] + 1):
        now, before = sums[x * page : (x + 1) * page], sums[(x - 1) * page : x * page]
        now[:row] = 0
        for y in range(1, extent[1] + 1):
            cell = (low[0] + x - 1) * steps[0] + (low[1] + y - 1) * steps[1] + low[2]
            kinds = remaining[cell : cell + extent[2]]
            line, under = now[y * row : (y + 1) * row], now[(y - 1) * row : y * row]
            line[0] = 0
            running = np.int64(0)
            for z in range(len(kinds)):
                kind = kinds[z]
                blocked = (kind < 0) | ((kind > max_clear) & (kind != state))
                running += np.int64(kind == state) + (np.int64(blocked) << 32)
                line[z + 1] = running + under[z + 1]
        for i in range(page):
            now[i] += before[i]


@inlined
def _before(sums: NDArray[np.int64], corners: tuple[int, int, int, int], offset: int) -> int:
    """The counts of `_sum_up` from the extent's start to a plane, by the cross-section's corners there."""
    return (  # type: ignore[no-any-return]  # an element of an int64 array
        sums[corners[0] + offset]
        - sums[corners[1] + offset]
        - sums[corners[2] + offset]
        + sums[corners[3] + offset]
    )


@inner
def _inside(sums: NDArray[np.int64], extent: NDArray[np.int64], box: NDArray[np.int32]) -> int:
    """The counts of `_sum_up` within a box, whose corners are relative to the extent's."""
    row = extent[2] + 1
    page = row * (extent[1] + 1)
    left, right = box[0] * page, (box[3] + 1) * page
    under, over = box[1] * row, (box[4] + 1) * row
    corners = (right + over, left + over, right + under, left + under)
    return _before(sums, corners, box[5] + 1) - _before(sums, corners, box[2])


@inner
def _blocks(box: NDArray[np.int32]) -> int:
    return (np.int64(box[3]) - box[0] + 1) * (box[4] - box[1] + 1) * (box[5] - box[2] + 1)  # type: ignore[no-any-return]


@inner
def _stretch(sums: NDArray[np.int64], extent: NDArray[np.int64], box: NDArray[np.int32], axis: int) -> None:
    """Grow the box along one axis, both ways in turn, until it is blocked or has its maximum size."""
    row = extent[2] + 1
    page = row * (extent[1] + 1)
    step, step_u, step_v = (page, row, 1) if axis == 0 else (row, 1, page) if axis == 1 else (1, page, row)
    u, v = (axis + 1) % 3, (axis + 2) % 3
    low_u, high_u = box[u] * step_u, (box[3 + u] + 1) * step_u
    low_v, high_v = box[v] * step_v, (box[3 + v] + 1) * step_v
    corners = (high_u + high_v, low_u + high_v, high_u + low_v, low_u + low_v)
    first, last = int(box[axis]), int(box[3 + axis])
    slab = (np.int64(box[3 + u]) - box[u] + 1) * (box[3 + v] - box[v] + 1)
    room = MAX_BOX_BLOCKS // slab - (last - first + 1)
    up = _free(sums, corners, (last + 1) * step, step, min(room, extent[axis] - 1 - last))
    down = _free(sums, corners, first * step, -step, min(room, first))
    if up + down > room:
        # Both in turn, the upper first, until the room is used up.
        up = max(min(up, (room + 1) // 2), room - down)
        down = room - up
    box[axis], box[3 + axis] = first - down, last + up


@inlined
def _free(
    sums: NDArray[np.int64], corners: tuple[int, int, int, int], start: int, step: int, most: int
) -> int:
    """How many slabs, at most `most`, have nothing that blocks them: in steps that double, then halve."""
    at_start = _before(sums, corners, start)
    free, jump = 0, 1
    blocked = most + 1
    while free < most and blocked > most:
        ahead = min(free + jump, most)
        if abs(_before(sums, corners, start + ahead * step) - at_start) < BLOCKED:
            free, jump = ahead, 2 * jump
        else:
            blocked = ahead
    while blocked - free > 1 and free < most:
        middle = (free + blocked) // 2
        if abs(_before(sums, corners, start + middle * step) - at_start) < BLOCKED:
            free = middle
        else:
            blocked = middle
    return free


@compiled
def _search(
    board: Board,
    state: int,
    seeds: NDArray[np.int64],
    low: NDArray[np.int64],
    extent: NDArray[np.int64],
    found: NDArray[np.int32],
    gains: NDArray[np.int64],
) -> None:
    """For each remaining seed the best of six boxes around it, and the cells that it would cover."""
    box = np.empty(6, np.int32)
    for i in range(seeds.size):
        if board.remaining[seeds[i]] != state:
            continue
        most: int = 0
        for order in range(6):
            rest = seeds[i]
            for axis in range(3):
                at = rest // board.steps[axis]
                rest -= at * board.steps[axis]
                box[axis] = box[3 + axis] = at - low[axis]
            for turn in range(3):
                _stretch(board.sums, extent, box, AXIS_ORDERS[order, turn])
            gain, blocks = _inside(board.sums, extent, box), _blocks(box)
            if gain > gains[i] or (gain == gains[i] and blocks > most):
                gains[i], most = gain, blocks
                for axis in range(3):
                    found[i, axis] = box[axis] + low[axis]
                    found[i, 3 + axis] = box[3 + axis] + low[axis]


@compiled
def _choose(
    board: Board,
    state: int,
    seeds: NDArray[np.int64],
    found: NDArray[np.int32],
    gains: NDArray[np.int64],
    boxes: NDArray[np.int32],
) -> int:
    """Take the box that covers most cells, repeatedly; a gain is recounted when its turn comes.

    Candidates are in one linked list per gain: `first` is its head, `after` the links.
    """
    rows = np.empty((seeds.size, 2), np.int32)
    for i in range(seeds.size):
        rows[i, 0] = seeds[i] % board.steps[0] // board.steps[1]
        rows[i, 1] = seeds[i] % board.steps[1]
    shared = _merge(found, gains)
    first = np.full(gains.max() + 1, -1, np.int64)
    after = np.full(seeds.size, -1, np.int64)
    for i in range(seeds.size - 1, -1, -1):
        after[i] = first[gains[i]]
        first[gains[i]] = i
    count = 0
    gain = first.size - 1
    while gain > 0:
        i = first[gain]
        if i < 0:
            gain -= 1
            continue
        first[gain] = after[i]
        if not shared[i] and board.remaining[seeds[i]] != state:
            continue
        still = _count_remaining(board, state, seeds, rows, found[i])
        if still < gain:
            after[i] = first[still]
            first[still] = i
            continue
        boxes[count, 6] = state
        _take(board, state, found[i], boxes[count])
        count += 1
    return count


@compiled
def _merge(found: NDArray[np.int32], gains: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of candidates with the same box one keeps its gain; which of them stand for others too."""
    keys = np.zeros(len(found), np.int64)
    for i in range(len(found)):
        if gains[i] > 0:
            for side in range(6):
                keys[i] = keys[i] << KEY_BITS | found[i, side]
    shared = np.zeros(len(found), np.bool_)
    ordered = np.argsort(keys)
    last = ordered[0]
    for i in ordered[1:]:
        if keys[i] == keys[last]:
            gains[i], shared[last] = 0, True
        else:
            last = i
    return shared


@inner
def _count_remaining(
    board: Board, state: int, seeds: NDArray[np.int64], rows: NDArray[np.int32], box: NDArray[np.int32]
) -> int:
    """How many of the seeds in the box still need the state; `rows` (n, 2) is their y and z."""
    steps = board.steps
    left = 0
    for i in range(
        np.searchsorted(seeds, box[0] * steps[0] + box[1] * steps[1] + box[2]),
        np.searchsorted(seeds, box[3] * steps[0] + box[4] * steps[1] + box[5] + 1),
    ):
        y, z = rows[i, 0], rows[i, 1]
        if box[1] <= y <= box[4] and box[2] <= z <= box[5] and board.remaining[seeds[i]] == state:
            left += 1
    return left


@inner
def _take(board: Board, state: int, box: NDArray[np.int32], needed: NDArray[np.int32]) -> None:
    """Cover the cells of the box; `needed` becomes the extent of those where it may be useful.

    Those are cells of its state, and of the visible ones also those covered before: another box may turn out
    not to be needed. Interior cells are too many for that.
    """
    for side in range(6):
        needed[side] = box[(side + 3) % 6]
    remaining, visible, steps = board.remaining, board.visible, board.steps
    for x in range(box[0], box[3] + 1):
        for y in range(box[1], box[4] + 1):
            start, end = x * steps[0] + y * steps[1] + box[2], x * steps[0] + y * steps[1] + box[5] + 1
            kinds, seen = remaining[start:end], visible[start:end]
            first, last = len(kinds), -1
            for z in range(len(kinds)):
                if seen[z] == state or kinds[z] == state:
                    first, last = min(first, z), z
                    if kinds[z] == state:
                        kinds[z] = ANYTHING
            if last >= 0:
                needed[0], needed[3] = min(needed[0], x), max(needed[3], x)
                needed[1], needed[4] = min(needed[1], y), max(needed[4], y)
                needed[2], needed[5] = min(needed[2], box[2] + first), max(needed[5], box[2] + last)
