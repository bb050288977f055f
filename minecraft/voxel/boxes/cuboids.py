"""Blocks as few boxes, painted one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from meshtwin.minecraft.voxel.boxes.build import Build
from meshtwin.minecraft.voxel.boxes.covering import MOST_STATES, OUTSIDE, Board, cover, fill
from meshtwin.minecraft.voxel.boxes.pruning import prune
from meshtwin.minecraft.voxel.options import Order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.grid import Blocks

CLEARING_SIDE = 32
"""Boxes that clear are cubes of this side: just MAX_BOX_BLOCKS, and at most 9 chunks each."""
LARGE = 2**20
TILE = 128
"""Beyond LARGE solid cells boxes are searched for within cubes of this side, whose sums fit into a cache."""
MANY = 2**15
"""Beyond so many cells of one state in a tile the box for each is the best at hand, not the best of all."""
EAGER = 40_000
"""The most cells to be seen whose boxes are searched for twice, which finds about 2 % fewer boxes in twice
the time: more would take too long to wait for."""
LAYERS = 4
"""Layers that are built at a time for those who watch it grow."""
MAX_TILES = 2**10
"""More than there are along an axis."""


class Task(NamedTuple):
    """What there is to cover of one state, as flat indices: cells that are seen, by tile, and all others."""

    state: int
    total: int
    shown: list[NDArray[np.int64]]
    hidden: NDArray[np.int64]


def cuboids(blocks: Blocks, *, order: Order = Order.ANY, clear_air: bool = False) -> Build:
    """Boxes that leave a world with just these blocks, each at most MAX_BOX_BLOCKS.

    Air is never touched. Later boxes overwrite earlier ones, so the order counts.

    With Order.GROUND the boxes of LAYERS layers come before any that is higher. `clear_air` puts boxes of air
    first, over the whole extent and from the top down.

    ValueError: more than 32,767 states.
    """
    if len(blocks.states) > MOST_STATES:
        raise ValueError(f"{len(blocks.states)} states: expected at most {MOST_STATES}")
    goal = np.pad(blocks.cells.astype(np.int16), 1)
    solid = goal > 0
    goal[~solid] = OUTSIDE
    shown = solid[1:-1, 1:-1, 1:-1] & ~_surrounded(solid)
    painted = _painted(goal, shown, blocks.size[1] if order is Order.ANY else LAYERS)
    cleared = _clearing(blocks.size) if clear_air else np.empty((0, 7), np.int32)
    return Build(blocks.size, blocks.states, np.concatenate([cleared, painted]))


def _surrounded(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether all six neighbours are solid; of the grid without its rim."""
    inner = (slice(1, -1),) * 3
    hidden = np.ones([side - 2 for side in solid.shape], np.bool_)
    for axis in range(3):
        for side in (slice(None, -2), slice(2, None)):
            hidden &= solid[(*inner[:axis], side, *inner[axis + 1 :])]
    return hidden


def _painted(goal: NDArray[np.int16], shown: NDArray[np.bool_], layers: int) -> NDArray[np.int32]:
    """Boxes in painting order, those of `layers` layers at a time: no slab's box reaches into another.

    Boxes are searched for from the cells that are `shown`, of the grid without its rim: most of the others
    are covered with them.
    """
    shape = np.array(goal.shape)
    steps = np.array([shape[1] * shape[2], shape[2], 1], np.int64)
    flat = goal.ravel()
    low, high = np.ones(3, np.int64), shape - 2
    seen = np.zeros_like(goal)
    np.copyto(seen[1:-1, 1:-1, 1:-1], goal[1:-1, 1:-1, 1:-1], where=shown)
    board = Board(seen.ravel(), flat.copy(), steps, low, high, np.empty(flat.size, np.int64))
    tile = TILE if np.count_nonzero(flat != OUTSIDE) > LARGE else int(shape.max())
    turns = 2 if np.count_nonzero(shown) <= EAGER else 1
    backwards = [np.empty((0, 7), np.int32)]
    for bottom in reversed(range(1, int(shape[1]) - 1, layers)):
        low[1], high[1] = bottom, min(bottom + layers, int(shape[1]) - 1) - 1
        slab = goal[1:-1, bottom : int(high[1]) + 1, 1:-1]
        tasks = _tasks(board, slab, shown[:, bottom - 1 : int(high[1])], tile)
        backwards += _coloured(board, tasks, turns)
    boxes = np.concatenate(backwards)
    kept = prune(flat, steps, boxes)
    painted: NDArray[np.int32] = boxes[kept][::-1]
    painted[:, :6] -= 1
    return painted


def _tasks(board: Board, slab: NDArray[np.int16], shown: NDArray[np.bool_], tile: int) -> list[Task]:
    """What there is to cover in a slab without its rim, the rarest state first."""
    shown_by_state, hidden_by_state = (
        _by_state(slab[chosen], _places(board, chosen)) for chosen in (shown, (slab > 0) & ~shown)
    )
    none = np.empty((0, 3), np.int64)
    tasks = []
    for state in shown_by_state.keys() | hidden_by_state.keys():
        seen, unseen = shown_by_state.get(state, none), hidden_by_state.get(state, none)
        tiles = [cells @ board.steps for cells in _by_tile(seen, tile)]
        tasks.append(Task(state, len(seen) + len(unseen), tiles, unseen @ board.steps))
    return sorted(tasks, key=lambda task: (task.total, task.state))


def _places(board: Board, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The chosen cells of the slab as x, y and z of the board."""
    places: NDArray[np.int64] = np.argwhere(chosen) + np.array([1, board.low[1], 1])
    return places


def _by_state(states: NDArray[np.int16], places: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    ordered = np.argsort(states, kind="stable")
    found, starts = np.unique(states[ordered], return_index=True)
    return dict(zip(found.tolist(), np.split(places[ordered], starts[1:]), strict=True)) if len(found) else {}


def _by_tile(places: NDArray[np.int64], tile: int) -> list[NDArray[np.int64]]:
    """The places of each cube of side `tile` that has some, in their order."""
    x, y, z = (places // tile).T
    key = (x * MAX_TILES + y) * MAX_TILES + z
    ordered = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[ordered], prepend=-1))
    return np.split(places[ordered], starts)[1:]


def _coloured(board: Board, tasks: list[Task], turns: int) -> list[NDArray[np.int32]]:
    """The boxes of some layers, the last painted first.

    Rare states are painted over common ones: the boxes of a common state are large and may run on beneath
    those of a rare one, which would gain little by it. In all turns but the last only those boxes are taken
    that no other order could make better.
    """
    boxes = []
    for turn in reversed(range(turns)):
        for task in tasks:
            for seeds in task.shown:
                if len(seeds) > MANY:
                    boxes += [_fill(board, task.state, seeds)] if turn == 0 else []
                    continue
                found = np.empty((len(seeds), 7), np.int32)
                boxes.append(found[: cover(board, task.state, seeds, found, sure=turn > 0)])
            if turn == 0:
                boxes.append(_fill(board, task.state, task.hidden))
    return boxes


def _fill(board: Board, state: int, cells: NDArray[np.int64]) -> NDArray[np.int32]:
    """Boxes for those of the cells that are in none yet."""
    seeds = cells[board.want[cells] == state]
    found = np.empty((len(seeds), 7), np.int32)
    return found[: fill(board, state, seeds, found)]


def _clearing(size: tuple[int, int, int]) -> NDArray[np.int32]:
    """Boxes of air over the whole extent, the topmost first."""
    sides = [np.arange(0, extent, CLEARING_SIDE) for extent in size]
    y, x, z = (corner.ravel() for corner in np.meshgrid(sides[1][::-1], sides[0], sides[2], indexing="ij"))
    first = np.stack([x, y, z], axis=1)
    last = np.minimum(first + CLEARING_SIDE, size) - 1
    return np.column_stack([first, last, np.zeros(len(first), np.int64)]).astype(np.int32)
