"""Connected components of cells, found over the runs of equal cells along z."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray


@compiled
def drop_parts(solid: NDArray[np.bool_], least: float) -> int:
    """Empties the components with fewer cells than `least` times the largest's; returns their number.

    A component's cells are connected through faces, edges or corners, as those of a connected surface are.
    """
    starts, low, high = _runs(solid)
    parent = np.arange(len(low) + 1).astype(np.int32)
    _join(solid.shape, starts, low, high, parent)
    cells = np.zeros(len(low), np.int64)
    for run in range(1, len(low)):
        cells[_root(parent, run)] += high[run] - low[run]
    bound = least * cells.max()
    dropped = 0
    for run in range(1, len(low)):
        dropped += 0 < cells[run] < bound
    size_x, size_y = solid.shape[0], solid.shape[1]
    for x in range(size_x):
        for y in range(size_y):
            for run in range(starts[x * size_y + y], starts[x * size_y + y + 1]):
                if cells[_root(parent, run)] < bound:
                    solid[x, y, low[run] : high[run]] = False
    return dropped


@compiled
def _runs(grid: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.int16]]:
    """Runs of solid cells: the first of each column, and where each starts and ends. Run 0 is unused."""
    size_x, size_y, size_z = grid.shape
    starts = np.empty(size_x * size_y + 1, np.int32)
    count = 1
    for x in range(size_x):
        for y in range(size_y):
            starts[x * size_y + y] = count
            before = False
            for z in range(size_z):
                now = grid[x, y, z]
                count += now and not before
                before = now
    starts[size_x * size_y] = count
    low, high = np.zeros(count, np.int16), np.zeros(count, np.int16)
    run = 0
    for x in range(size_x):
        for y in range(size_y):
            before = False
            for z in range(size_z):
                now = grid[x, y, z]
                if now:
                    if not before:
                        run += 1
                        low[run] = z
                    high[run] = z + 1
                before = now
    return starts, low, high


@compiled
def _root(parent: NDArray[np.int32], run: int) -> int:
    while parent[run] != run:
        parent[run] = parent[parent[run]]
        run = parent[run]
    return run


@compiled
def _unite(parent: NDArray[np.int32], one: int, other: int) -> None:
    a, b = _root(parent, one), _root(parent, other)
    parent[max(a, b)] = min(a, b)


@compiled
def _join(
    shape: tuple[int, int, int],
    starts: NDArray[np.int32],
    low: NDArray[np.int16],
    high: NDArray[np.int16],
    parent: NDArray[np.int32],
) -> None:
    """Unites neighbours through faces, edges and corners."""
    size_x, size_y = shape[0], shape[1]
    for x in range(size_x):
        for y in range(size_y):
            here = x * size_y + y
            if y > 0:
                _join_columns(starts, low, high, parent, here, here - 1)
            if x > 0:
                for other in range(max(0, y - 1), min(size_y, y + 2)):
                    _join_columns(starts, low, high, parent, here, (x - 1) * size_y + other)


@compiled
def _join_columns(
    starts: NDArray[np.int32],
    low: NDArray[np.int16],
    high: NDArray[np.int16],
    parent: NDArray[np.int32],
    column: int,
    other: int,
) -> None:
    a, b = starts[column], starts[other]
    while a < starts[column + 1] and b < starts[other + 1]:
        if low[a] <= high[b] and low[b] <= high[a]:
            _unite(parent, a, b)
        if high[a] < high[b]:
            a += 1
        else:
            b += 1
