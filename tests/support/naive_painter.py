"""The yardstick for boxes: a greedy painter in one axis order, the best of six."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.support.voxel_shapes import Cells

MOST = 32768


def count_boxes(cells: Cells) -> int:
    """How many boxes a greedy painter needs: states in falling frequency, a box grown from each first cell.

    A box may cross what a later state overwrites.
    """
    goal = np.pad(np.where(cells > 0, cells.astype(int), -1), 1, constant_values=-1)
    often = np.bincount(goal[goal > 0])
    states = np.argsort(-often, kind="stable")[: np.count_nonzero(often)]
    rank = np.full(often.size, -1)
    rank[states] = np.arange(states.size)
    ranks = np.where(goal > 0, rank[goal], -1)
    counts = []
    for axes in permutations(range(3)):
        turned = np.ascontiguousarray(ranks.transpose(axes))
        done = np.zeros(turned.shape, np.bool_)
        counts.append(sum(_paint(turned, done, state) for state in range(states.size)))
    return min(counts)


@njit(cache=True)
def _paint(ranks: NDArray[np.int64], done: NDArray[np.bool_], rank: int) -> int:
    count = 0
    for x, y, z in np.argwhere(ranks == rank):
        if done[x, y, z]:
            continue
        to_x, to_y, to_z = x + 1, y + 1, z + 1
        while to_z - z < MOST and ranks[x, y, to_z] >= rank:
            to_z += 1
        while (to_y - y + 1) * (to_z - z) <= MOST and (ranks[x, to_y, z:to_z] >= rank).all():
            to_y += 1
        while (to_x - x + 1) * (to_y - y) * (to_z - z) <= MOST and (
            ranks[to_x, y:to_y, z:to_z] >= rank
        ).all():
            to_x += 1
        for a in range(x, to_x):
            for b in range(y, to_y):
                for c in range(z, to_z):
                    if ranks[a, b, c] == rank:
                        done[a, b, c] = True
        count += 1
    return count
