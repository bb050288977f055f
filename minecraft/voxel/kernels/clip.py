"""The part of a flat polygon between two planes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.minecraft.voxel.kernels.compiled import inner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CORNERS = 16
"""More corners than a triangle can have once it is cut by the six planes of a cell, rounding included."""


@inner
def cut(
    polygons: NDArray[np.float64],
    source: int,
    corners: int,
    axis: int,
    bound: float,
    side: float,
    target: int,
) -> int:
    """Keeps what is at or above `bound` along `axis` where `side` is 1, at or below it where `side` is -1.

    `polygons` is (n, CORNERS, 5): x, y, z, and what moves with them. The one at `target` is written from that
    at `source`, which has so many corners. Returns how many it has.
    """
    count = 0
    if corners == 0:
        return 0
    before = corners - 1
    was = (polygons[source, before, axis] - bound) * side
    for corner in range(corners):
        now = (polygons[source, corner, axis] - bound) * side
        if (was < 0) != (now < 0) and count < CORNERS:
            share = was / (was - now)
            for column in range(5):
                start = polygons[source, before, column]
                polygons[target, count, column] = start + (polygons[source, corner, column] - start) * share
            polygons[target, count, axis] = bound
            count += 1
        if now >= 0 and count < CORNERS:
            for column in range(5):
                polygons[target, count, column] = polygons[source, corner, column]
            count += 1
        before, was = corner, now
    return count


@inner
def between(
    polygons: NDArray[np.float64], source: int, corners: int, axis: int, low: float, target: int
) -> int:
    """What is in the cells that begin at `low` along `axis`; a hair more, to lose nothing that touches.

    The last of `polygons` is overwritten.
    """
    hair = 1e-6
    bottom, top, spare = low - hair, low + 1 + hair, len(polygons) - 1
    least, most = polygons[source, 0, axis], polygons[source, 0, axis]
    for corner in range(1, corners):
        at = polygons[source, corner, axis]
        least, most = min(least, at), max(most, at)
    if most <= top:
        return cut(polygons, source, corners, axis, bottom, 1.0, target)
    if least >= bottom:
        return cut(polygons, source, corners, axis, top, -1.0, target)
    count = cut(polygons, source, corners, axis, bottom, 1.0, spare)
    return cut(polygons, spare, count, axis, top, -1.0, target)
