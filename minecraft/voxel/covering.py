"""Boxes that cover cells of one state, largest gain first: loops over cells, compiled.

Everything here thinks backwards, from the last box painted to the first: a cell that is covered already may
be crossed by any box chosen later, for that box is painted earlier and overwritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minecraft.voxel.build import MAX_BOX_BLOCKS
from minecraft.voxel.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUTSIDE = -1
"""Of Board.want: air, that no box may touch."""
ANYTHING = 0
"""Of Board.want: a cell that any state may cross."""

AXIS_ORDERS = np.array([(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)], np.int64)
BLOCKED = np.int64(1) << 32
"""A blocked cell's share in the sums; a wanted cell's is 1, so one number tells both counts of a box."""


class Board(NamedTuple):
    """A grid with a rim of air, flattened: cell (x, y, z) is at x * steps[0] + y * steps[1] + z * steps[2].

    `goal` is (n,) int16: OUTSIDE, ANYTHING or a state above 0; `want` is its copy, where each cell that is
    covered becomes ANYTHING. `bare` is (n,) uint8: 1 where a cell has to
    be covered by something still. `steps`, `low` and `high` are (3,) int64; boxes stay within `low` and
    `high`, both inclusive. `sums` is (n,) int64, scratch.
    """

    goal: NDArray[np.int16]
    want: NDArray[np.int16]
    bare: NDArray[np.uint8]
    steps: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    sums: NDArray[np.int64]


@compiled
def cover(board: Board, state: int, seeds: NDArray[np.int64], boxes: NDArray[np.int32], *, sure: bool) -> int:
    """Choose boxes of `state` until each of `seeds` (flat indices) is covered; the number of boxes.

    `boxes` is (at least as many as seeds, 7) int32, filled in: both corners, inclusive, and the state. The
    board is brought up to date. With `sure`, only those boxes are chosen that could not be better if all
    other states were covered already, and seeds may be left.
    """
    low, extent = _around(board, state, seeds)
    if extent[0] <= 0:
        return 0
    found = np.empty((seeds.size, 6), np.int32)
    gains = np.zeros(seeds.size, np.int64)
    ideal = np.zeros(seeds.size, np.int64)
    if sure:
        _sum_up(board, state, low, extent, True)
        _search(board, state, seeds, low, extent, found, ideal)
    _sum_up(board, state, low, extent, False)
    _search(board, state, seeds, low, extent, found, gains)
    gains[gains < ideal] = 0
    return _choose(board, state, seeds, found, gains, boxes)


@compiled
def fill(board: Board, state: int, seeds: NDArray[np.int64], boxes: NDArray[np.int32]) -> int:
    """As `cover`, but seed by seed: quick where cells are many and most anything will do."""
    low, extent = _around(board, state, seeds)
    if extent[0] <= 0:
        return 0
    found = np.empty((1, 6), np.int32)
    _sum_up(board, state, low, extent, False)
    count = 0
    for i in range(seeds.size):
        if board.want[seeds[i]] == state:
            _search(board, state, seeds[i : i + 1], low, extent, found, np.zeros(1, np.int64))
            boxes[count, 6] = state
            _take(board, state, found[0], boxes[count])
            count += 1
    return count


@compiled
def _around(
    board: Board, state: int, seeds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The corner and the extent of what is not yet covered of `seeds`: a box gains nothing beyond."""
    low, high = board.high.copy(), board.low - 1
    for seed in seeds:
        if board.want[seed] == state:
            rest = seed
            for axis in range(3):
                at = rest // board.steps[axis]
                rest -= at * board.steps[axis]
                low[axis] = min(low[axis], at)
                high[axis] = max(high[axis], at)
    return low, high - low + 1


@compiled
def _sum_up(board: Board, state: int, low: NDArray[np.int64], extent: NDArray[np.int64], whole: bool) -> None:
    """Prefix sums over the extent: cells that want `state`, and cells that block it (air alone, if whole)."""
    want, sums = board.want, board.sums
    row = extent[2] + 1
    page = row * (extent[1] + 1)
    sums[:page] = 0
    for x in range(1, extent[0] + 1):
        sums[x * page : x * page + row] = 0
        for y in range(1, extent[1] + 1):
            here = x * page + y * row
            sums[here] = 0
            running = np.int64(0)
            cell = (low[0] + x - 1) * board.steps[0] + (low[1] + y - 1) * board.steps[1] + low[2]
            for z in range(1, extent[2] + 1):
                kind = want[cell]
                cell += 1
                if kind == state:
                    running += 1
                elif kind < 0 or (kind > 0 and not whole):
                    running += BLOCKED
                to = here + z
                sums[to] = running + sums[to - row] + sums[to - page] - sums[to - row - page]


@compiled
def _inside(sums: NDArray[np.int64], extent: NDArray[np.int64], box: NDArray[np.int32]) -> int:
    """What `_sum_up` counted within a box, whose corners are relative to the extent's."""
    row = extent[2] + 1
    page = row * (extent[1] + 1)
    left, right = box[0] * page, (box[3] + 1) * page
    under, over = box[1] * row, (box[4] + 1) * row
    back, front = box[2], box[5] + 1
    return (  # type: ignore[no-any-return]  # an element of an int64 array
        sums[right + over + front]
        - sums[left + over + front]
        - sums[right + under + front]
        - sums[right + over + back]
        + sums[left + under + front]
        + sums[left + over + back]
        + sums[right + under + back]
        - sums[left + under + back]
    )


@compiled
def _blocks(box: NDArray[np.int32]) -> int:
    return (np.int64(box[3]) - box[0] + 1) * (box[4] - box[1] + 1) * (box[5] - box[2] + 1)  # type: ignore[no-any-return]


@compiled
def _stretch(sums: NDArray[np.int64], extent: NDArray[np.int64], box: NDArray[np.int32], axis: int) -> None:
    """Grow the box along one axis, both ways in turn, until something blocks it or it is at its largest."""
    slab = _blocks(box) // (box[3 + axis] - box[axis] + 1)
    room = MAX_BOX_BLOCKS // slab - (box[3 + axis] - box[axis] + 1)
    first, last = box[axis], box[3 + axis]
    up, down = True, True
    while room > 0 and (up or down):
        if up:
            up = bool(last + 1 < extent[axis])
            if up:
                box[axis] = box[3 + axis] = last + 1
                up = bool(_inside(sums, extent, box) < BLOCKED)
                if up:
                    last += 1
                    room -= 1
        if down and room > 0:
            down = bool(first > 0)
            if down:
                box[axis] = box[3 + axis] = first - 1
                down = bool(_inside(sums, extent, box) < BLOCKED)
                if down:
                    first -= 1
                    room -= 1
    box[axis], box[3 + axis] = first, last


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
    """For each seed not yet covered the best of six boxes around it, and the cells that it would cover."""
    box = np.empty(6, np.int32)
    for i in range(seeds.size):
        if board.want[seeds[i]] != state:
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
    """Take the box that covers most cells, over and over; a gain is counted anew when its turn comes.

    Candidates wait in one list per gain: `first` is its head, `after` the links.
    """
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
        if board.want[seeds[i]] != state:
            continue
        left = _left(board, state, found[i])
        if left < gain:
            after[i] = first[left]
            first[left] = i
            continue
        boxes[count, 6] = state
        _take(board, state, found[i], boxes[count])
        count += 1
    return count


@compiled
def _left(board: Board, state: int, box: NDArray[np.int32]) -> int:
    """How many cells in the box want the state still."""
    left = 0
    for x in range(box[0], box[3] + 1):
        for y in range(box[1], box[4] + 1):
            row = x * board.steps[0] + y * board.steps[1]
            for z in range(box[2], box[5] + 1):
                if board.want[row + z] == state:
                    left += 1
    return left


@compiled
def _take(board: Board, state: int, box: NDArray[np.int32], needed: NDArray[np.int32]) -> None:
    """Cover the cells of the box; `needed` becomes the extent of those where it may be of use.

    Those are cells of its state, covered before or not: some other box may turn out not to be needed.
    """
    needed[:3], needed[3:6] = box[3:], box[:3]
    for x in range(box[0], box[3] + 1):
        for y in range(box[1], box[4] + 1):
            row = x * board.steps[0] + y * board.steps[1]
            for z in range(box[2], box[5] + 1):
                if board.bare[row + z] == 0 and board.goal[row + z] != state:
                    continue
                needed[0], needed[3] = min(needed[0], x), max(needed[3], x)
                needed[1], needed[4] = min(needed[1], y), max(needed[4], y)
                needed[2], needed[5] = min(needed[2], z), max(needed[5], z)
                board.bare[row + z] = 0
                if board.want[row + z] == state:
                    board.want[row + z] = ANYTHING
