"""Which faces of a grid's cells are visible from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEFT, RIGHT, DOWN, UP, BACK, FRONT = 1, 2, 4, 8, 16, 32
"""Bits of a set of faces: towards -x, +x, -y, +y, -z, +z."""

_BITS = 64
_ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def outside(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Empty cells that are connected to the outside of the grid through faces."""
    size_x, size_y, size_z = solid.shape
    words = -(-size_z // _BITS)
    padded = np.zeros((size_x, size_y, words * _BITS), np.bool_)
    padded[:, :, :size_z] = ~solid
    air = np.packbits(padded, axis=2, bitorder="little").view("<u8").astype(np.uint64, copy=False)
    reached = np.zeros_like(air)
    _flood(air, reached, size_z)
    bits = np.unpackbits(reached.astype("<u8", copy=False).view(np.uint8), axis=2, bitorder="little")
    return bits[:, :, :size_z].view(np.bool_)


def visible_faces(solid: NDArray[np.bool_], cells: NDArray[np.int32]) -> NDArray[np.uint8]:
    """For each of `cells` (n, 3), the set of its faces that are towards the outside: (n,) bits.

    A face to a closed cavity is not visible; one at the border of the grid is.
    """
    seen = np.empty(len(cells), np.uint8)
    _look(outside(solid), np.ascontiguousarray(cells), seen)
    return seen


@compiled
def _flood(air: NDArray[np.uint64], reached: NDArray[np.uint64], size_z: int) -> None:
    """Rows along z as words of 64 cells; a word with something new in it goes on the heap, to be spread."""
    words = air.shape[2]
    heap = np.empty((air.size, 3), np.int32)
    waiting = np.zeros(air.shape, np.bool_)
    count = 0
    last = np.uint64(1) << np.uint64((size_z - 1) % _BITS)
    for x in range(air.shape[0]):
        for y in range(air.shape[1]):
            rim = x in (0, air.shape[0] - 1) or y in (0, air.shape[1] - 1)
            for w in range(words):
                seed = _ALL if rim else np.uint64(w == 0) | np.uint64(w == words - 1) * last
                count = _reach(air, reached, seed, (x, y, w), (heap, waiting, count))
    while count:
        count -= 1
        x, y, w = heap[count]
        waiting[x, y, w] = False
        here = reached[x, y, w]
        for step in (-1, 1):
            if 0 <= x + step < air.shape[0]:
                count = _reach(air, reached, here, (x + step, y, w), (heap, waiting, count))
            if 0 <= y + step < air.shape[1]:
                count = _reach(air, reached, here, (x, y + step, w), (heap, waiting, count))
            if 0 <= w + step < words:
                far = np.uint64(_BITS - 1)
                seed = here >> far if step > 0 else here << far
                count = _reach(air, reached, seed, (x, y, w + step), (heap, waiting, count))


@compiled
def _reach(
    air: NDArray[np.uint64],
    reached: NDArray[np.uint64],
    seed: np.uint64,
    word: tuple[int, int, int],
    heaped: tuple[NDArray[np.int32], NDArray[np.bool_], int],
) -> int:
    """Mark the air of a word that the seeds touch, along the word; how many words then wait."""
    heap, waiting, count = heaped
    free = air[word]
    new = seed & free & ~reached[word]
    if not new:
        return count
    up, down, way_up, way_down = new, new, free, free
    for step in (np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(8), np.uint64(16), np.uint64(32)):
        up |= way_up & (up << step)
        way_up &= way_up << step
        down |= way_down & (down >> step)
        way_down &= way_down >> step
    reached[word] |= up | down
    if not waiting[word]:
        waiting[word] = True
        heap[count, 0] = word[0]
        heap[count, 1] = word[1]
        heap[count, 2] = word[2]
        count += 1
    return count


@compiled
def _look(air: NDArray[np.bool_], cells: NDArray[np.int32], seen: NDArray[np.uint8]) -> None:
    size_x, size_y, size_z = air.shape
    for i in range(len(cells)):
        x, y, z = cells[i]
        faces = 0
        if x == 0 or air[x - 1, y, z]:
            faces |= LEFT
        if x == size_x - 1 or air[x + 1, y, z]:
            faces |= RIGHT
        if y == 0 or air[x, y - 1, z]:
            faces |= DOWN
        if y == size_y - 1 or air[x, y + 1, z]:
            faces |= UP
        if z == 0 or air[x, y, z - 1]:
            faces |= BACK
        if z == size_z - 1 or air[x, y, z + 1]:
            faces |= FRONT
        seen[i] = faces
