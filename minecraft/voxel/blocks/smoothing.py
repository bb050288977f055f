"""Trades colour accuracy for longer runs of the same block."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.appearance import BlockAppearance

NEIGHBOURS = 6
_ROUNDS = 4


def smooth(
    cells: NDArray[np.uint16],
    where: NDArray[np.int32],
    appearance: BlockAppearance,
    points: NDArray[np.float32],
    views: NDArray[np.uint8],
    strength: float,
) -> None:
    """Change blocks in place so that neighbours agree more: a Potts model, by iterated conditional modes.

    `cells` (x, y, z) holds 1 + the block's index in `appearance`, 0 for invisible cells; `where` (n, 3) are
    the cells that may change, `points` and `views` theirs. A cell takes the block of a neighbour if that
    costs less than `strength` in distance for each neighbour that it then agrees with more. Its nearest block
    is always among the candidates, so none ends farther from its colour than its nearest block by more than
    NEIGHBOURS * `strength`.
    """
    if strength > 0:
        nearest = cells[tuple(where.T)]
        for _ in range(_ROUNDS):
            if not _round(cells, where, nearest, appearance.space, points, views, strength):
                break


@compiled
def _round(
    cells: NDArray[np.uint16],
    where: NDArray[np.int32],
    nearest: NDArray[np.uint16],
    space: NDArray[np.float32],
    points: NDArray[np.float32],
    views: NDArray[np.uint8],
    strength: float,
) -> int:
    """One pass in the order of `where`; how many cells changed."""
    around = np.empty(NEIGHBOURS, np.uint16)
    changed = 0
    for i in range(len(where)):
        x, y, z = where[i]
        _read_neighbours(cells, x, y, z, around)
        mine = cells[x, y, z]
        if mine == nearest[i] and _agreeing(around, mine) + _agreeing(around, 0) == NEIGHBOURS:
            continue
        look, point = space[views[i]], points[i]
        best, least = mine, _distance(look, point, mine) - strength * _agreeing(around, mine)
        for n in range(NEIGHBOURS + 1):
            other = nearest[i] if n == NEIGHBOURS else around[n]
            if not other or other == best:
                continue
            energy = _distance(look, point, other) - strength * _agreeing(around, other)
            if energy < least:
                best, least = other, energy
        if best != mine:
            cells[x, y, z] = best
            changed += 1
    return changed


@compiled
def _read_neighbours(cells: NDArray[np.uint16], x: int, y: int, z: int, around: NDArray[np.uint16]) -> None:
    around[0] = cells[x - 1, y, z] if x > 0 else 0
    around[1] = cells[x + 1, y, z] if x < cells.shape[0] - 1 else 0
    around[2] = cells[x, y - 1, z] if y > 0 else 0
    around[3] = cells[x, y + 1, z] if y < cells.shape[1] - 1 else 0
    around[4] = cells[x, y, z - 1] if z > 0 else 0
    around[5] = cells[x, y, z + 1] if z < cells.shape[2] - 1 else 0


@compiled
def _agreeing(around: NDArray[np.uint16], block: int) -> int:
    same = 0
    for n in range(NEIGHBOURS):
        same += around[n] == block
    return same


@compiled
def _distance(look: NDArray[np.float32], point: NDArray[np.float32], block: int) -> float:
    k = block - 1
    lightness, a, b = look[0, k] - point[0], look[1, k] - point[1], look[2, k] - point[2]
    return math.sqrt(lightness * lightness + a * a + b * b)
