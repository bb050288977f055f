"""Turns blocks into few boxes, painted one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from meshtwin.minecraft.voxel.boxes.build import Build
from meshtwin.minecraft.voxel.boxes.covering import MAX_STATES, OUTSIDE, Board, cover, cover_greedily
from meshtwin.minecraft.voxel.boxes.pruning import prune
from meshtwin.minecraft.voxel.options import Order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.grid import Blocks

CLEARING_SIDE = 32
"""Boxes that clear are cubes of this side: just MAX_BOX_BLOCKS, and at most 9 chunks each."""
TILED_FROM_CELLS = 2**20
TILE_SIDE = 128
"""From TILED_FROM_CELLS solid cells on, boxes are searched within cubes of this side, whose sums fit into a
cache."""
GREEDY_FROM_SEEDS = 2**15
"""From this number of cells of one state in a tile on, boxes are chosen seed by seed, not the best of all."""
TWO_PASS_UP_TO = 40_000
"""The most visible cells for a search in two passes, which finds about 2 % fewer boxes in twice the time."""
LAYERS = 4
"""Layers that are built at a time with Order.GROUND."""
MAX_TILES = 2**10
"""More than there are along an axis."""


class Task(NamedTuple):
    """The cells of one state, as flat indices: the visible ones by tile, and the interior ones."""

    state: int
    total: int
    visible: list[NDArray[np.int64]]
    interior: NDArray[np.int64]


def cuboids(blocks: Blocks, *, order: Order = Order.ANY, clear_air: bool = False) -> Build:
    """Boxes that produce exactly these blocks, each at most MAX_BOX_BLOCKS.

    Air is never touched. Later boxes overwrite earlier ones, so the order counts.

    With Order.GROUND the boxes of LAYERS layers come before any that is higher. `clear_air` puts boxes of air
    first, over the whole extent and from the top down.

    ValueError: more than 32,767 states.
    """
    if len(blocks.states) > MAX_STATES:
        raise ValueError(f"{len(blocks.states)} states: expected at most {MAX_STATES}")
    target = np.pad(blocks.cells.astype(np.int16), 1)
    solid = target > 0
    target[~solid] = OUTSIDE
    visible = solid[1:-1, 1:-1, 1:-1] & ~_surrounded(solid)
    painted = _painted(target, visible, blocks.size[1] if order is Order.ANY else LAYERS)
    cleared = _clearing(blocks.size) if clear_air else np.empty((0, 7), np.int32)
    return Build(blocks.size, blocks.states, np.concatenate([cleared, painted]))


def _surrounded(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether all six neighbours are solid; of the grid without its rim."""
    inner = (slice(1, -1),) * 3
    interior = np.ones([side - 2 for side in solid.shape], np.bool_)
    for axis in range(3):
        for side in (slice(None, -2), slice(2, None)):
            interior &= solid[(*inner[:axis], side, *inner[axis + 1 :])]
    return interior


def _painted(target: NDArray[np.int16], visible: NDArray[np.bool_], layers: int) -> NDArray[np.int32]:
    """Boxes in painting order, those of `layers` layers at a time: no slab's box reaches into another.

    Boxes start from the `visible` cells of the grid without its rim: they cover most of the others.
    """
    shape = np.array(target.shape)
    steps = np.array([shape[1] * shape[2], shape[2], 1], np.int64)
    flat = target.ravel()
    low, high = np.ones(3, np.int64), shape - 2
    seen = np.zeros_like(target)
    np.copyto(seen[1:-1, 1:-1, 1:-1], target[1:-1, 1:-1, 1:-1], where=visible)
    board = Board(seen.ravel(), flat.copy(), steps, low, high, np.empty(flat.size, np.int64))
    tile = TILE_SIDE if np.count_nonzero(flat != OUTSIDE) > TILED_FROM_CELLS else int(shape.max())
    passes = 2 if np.count_nonzero(visible) <= TWO_PASS_UP_TO else 1
    backwards = [np.empty((0, 7), np.int32)]
    for bottom in reversed(range(1, int(shape[1]) - 1, layers)):
        low[1], high[1] = bottom, min(bottom + layers, int(shape[1]) - 1) - 1
        slab = target[1:-1, bottom : int(high[1]) + 1, 1:-1]
        tasks = _tasks(board, slab, visible[:, bottom - 1 : int(high[1])], tile)
        backwards += _boxes_of_layers(board, tasks, passes)
    boxes = np.concatenate(backwards)
    needed = prune(flat, steps, boxes)
    painted: NDArray[np.int32] = boxes[needed][::-1]
    painted[:, :6] -= 1
    return painted


def _tasks(board: Board, slab: NDArray[np.int16], visible: NDArray[np.bool_], tile: int) -> list[Task]:
    """The tasks of a slab without its rim, the rarest state first."""
    shown_by_state, hidden_by_state = (
        _by_state(slab[chosen], _coordinates(board, chosen)) for chosen in (visible, (slab > 0) & ~visible)
    )
    none = np.empty((0, 3), np.int64)
    tasks = []
    for state in shown_by_state.keys() | hidden_by_state.keys():
        seen, unseen = shown_by_state.get(state, none), hidden_by_state.get(state, none)
        tiles = [cells @ board.steps for cells in _by_tile(seen, tile)]
        tasks.append(Task(state, len(seen) + len(unseen), tiles, unseen @ board.steps))
    return sorted(tasks, key=lambda task: (task.total, task.state))


def _coordinates(board: Board, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The chosen cells of the slab as x, y and z of the board."""
    coordinates: NDArray[np.int64] = np.argwhere(chosen) + np.array([1, board.low[1], 1])
    return coordinates


def _by_state(states: NDArray[np.int16], coordinates: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    ordered = np.argsort(states, kind="stable")
    found, starts = np.unique(states[ordered], return_index=True)
    return (
        dict(zip(found.tolist(), np.split(coordinates[ordered], starts[1:]), strict=True))
        if len(found)
        else {}
    )


def _by_tile(coordinates: NDArray[np.int64], tile: int) -> list[NDArray[np.int64]]:
    """The coordinates in each non-empty cube of side `tile`, in their order."""
    x, y, z = (coordinates // tile).T
    key = (x * MAX_TILES + y) * MAX_TILES + z
    ordered = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[ordered], prepend=-1))
    return np.split(coordinates[ordered], starts)[1:]


def _boxes_of_layers(board: Board, tasks: list[Task], passes: int) -> list[NDArray[np.int32]]:
    """The boxes of some layers, the last painted first.

    Rare states are painted over common ones: the boxes of a common state are large and may continue beneath
    those of a rare one, which would gain little by it. In all passes but the last, only boxes that no other
    order could improve are taken.
    """
    boxes = []
    for pass_ in reversed(range(passes)):
        for task in tasks:
            for seeds in task.visible:
                if len(seeds) > GREEDY_FROM_SEEDS:
                    boxes += [_cover_rest(board, task.state, seeds)] if pass_ == 0 else []
                    continue
                found = np.empty((len(seeds), 7), np.int32)
                boxes.append(found[: cover(board, task.state, seeds, found, optimal_only=pass_ > 0)])
            if pass_ == 0:
                boxes.append(_cover_rest(board, task.state, task.interior))
    return boxes


def _cover_rest(board: Board, state: int, cells: NDArray[np.int64]) -> NDArray[np.int32]:
    """Boxes for the cells that are in none yet."""
    seeds = cells[board.remaining[cells] == state]
    found = np.empty((len(seeds), 7), np.int32)
    return found[: cover_greedily(board, state, seeds, found)]


def _clearing(size: tuple[int, int, int]) -> NDArray[np.int32]:
    """Boxes of air over the whole extent, the topmost first."""
    sides = [np.arange(0, extent, CLEARING_SIDE) for extent in size]
    y, x, z = (corner.ravel() for corner in np.meshgrid(sides[1][::-1], sides[0], sides[2], indexing="ij"))
    first = np.stack([x, y, z], axis=1)
    last = np.minimum(first + CLEARING_SIDE, size) - 1
    return np.column_stack([first, last, np.zeros(len(first), np.int64)]).astype(np.int32)
