"""The part of a flat polygon between two planes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minecraft.voxel.compiled import compiled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CORNERS = 16
"""More corners than a triangle can have once it is cut by the six planes of a cell, rounding included."""


@compiled
def cut(
    polygon: NDArray[np.float64],
    corners: int,
    axis: int,
    bound: float,
    side: float,
    out: NDArray[np.float64],
) -> int:
    """Keeps what is at or above `bound` along `axis` where `side` is 1, at or below it where `side` is -1.

    Polygons are (CORNERS, 5): x, y, z, and what moves with them. Returns how many corners `out` has.
    """
    count = 0
    if corners == 0:
        return 0
    before = corners - 1
    was = (polygon[before, axis] - bound) * side
    for corner in range(corners):
        now = (polygon[corner, axis] - bound) * side
        if (was < 0) != (now < 0) and count < CORNERS:
            share = was / (was - now)
            for column in range(5):
                start = polygon[before, column]
                out[count, column] = start + (polygon[corner, column] - start) * share
            out[count, axis] = bound
            count += 1
        if now >= 0 and count < CORNERS:
            for column in range(5):
                out[count, column] = polygon[corner, column]
            count += 1
        before, was = corner, now
    return count


@compiled
def between(
    polygon: NDArray[np.float64],
    corners: int,
    axis: int,
    low: float,
    spare: NDArray[np.float64],
    out: NDArray[np.float64],
) -> int:
    """What is in the cells that begin at `low` along `axis`; a hair more, to lose nothing that touches."""
    hair = 1e-6
    bottom, top = low - hair, low + 1 + hair
    least, most = polygon[0, axis], polygon[0, axis]
    for corner in range(1, corners):
        least, most = min(least, polygon[corner, axis]), max(most, polygon[corner, axis])
    if most <= top:
        return cut(polygon, corners, axis, bottom, 1.0, out)
    if least >= bottom:
        return cut(polygon, corners, axis, top, -1.0, out)
    return cut(spare, cut(polygon, corners, axis, bottom, 1.0, spare), axis, top, -1.0, out)
