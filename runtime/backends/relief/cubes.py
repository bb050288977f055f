"""Marching cubes' table, worked out rather than copied.

Lorensen and Cline, Marching Cubes, 1987 (https://doi.org/10.1145/37402.37422). On a face whose inside corners
lie diagonally across, they are always kept apart, so that the two cells beside it agree and the surface is
closed. No triangle's edge inside a cell lies in a face of it: two cells would otherwise be able to draw the
same one, and four triangles would meet there.

Corner c lies at (c & 1, c >> 1 & 1, c >> 2 & 1) as x, y, z. Edge e runs along axis e // 4.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Triangle = tuple[int, int, int]

EDGES: tuple[tuple[int, int], ...] = tuple(
    (corner, corner | 1 << axis) for axis in range(3) for corner in range(8) if not corner >> axis & 1
)
"""The two corners of each of the twelve edges, the lower first."""

_EDGE_OF = {frozenset(ends): number for number, ends in enumerate(EDGES)}


def _faces() -> list[tuple[int, ...]]:
    """The corners of each face, counter-clockwise seen from outside the cell."""
    faces: list[tuple[int, ...]] = []
    for axis in range(3):
        u, v = 1 << (axis + 1) % 3, 1 << (axis + 2) % 3
        ring = (0, u, u | v, v)
        faces.append(ring[::-1])
        faces.append(tuple(corner | 1 << axis for corner in ring))
    return faces


_FACES = _faces()
_EDGES_OF_FACE = [
    frozenset(_EDGE_OF[frozenset((ring[i], ring[(i + 1) % 4]))] for i in range(4)) for ring in _FACES
]


def _loops(case: int) -> list[list[int]]:
    """The closed lines, as edges crossed in order, in which the surface cuts the cell's faces."""
    following: dict[int, int] = {}
    for ring in _FACES:
        for i in range(4):
            if case >> ring[i] & 1 or not case >> ring[(i + 1) % 4] & 1:
                continue
            end = i + 1
            while case >> ring[(end + 1) % 4] & 1:
                end += 1
            entry = _EDGE_OF[frozenset((ring[i], ring[(i + 1) % 4]))]
            leave = _EDGE_OF[frozenset((ring[end % 4], ring[(end + 1) % 4]))]
            following[entry] = leave
    loops = []
    while following:
        first, edge = following.popitem()
        loop = [first]
        while edge != first:
            loop.append(edge)
            edge = following.pop(edge)
        loops.append(loop)
    return loops


def _in_one_face(a: int, b: int) -> bool:
    return any(a in edges and b in edges for edges in _EDGES_OF_FACE)


def _triangulated(loop: list[int], chord: bool) -> list[Triangle] | None:
    """Triangles that fill a loop, or None where each way has a chord in a face.

    `chord`: whether the line from the last edge to the first is a chord of a larger loop.
    """
    if chord and _in_one_face(loop[-1], loop[0]):
        return None
    if len(loop) == 2:  # noqa: PLR2004  # a line has nothing to fill
        return []
    for apex in range(1, len(loop) - 1):
        before = _triangulated(loop[: apex + 1], apex > 1)
        after = _triangulated(loop[apex:], apex < len(loop) - 2)
        if before is not None and after is not None:
            return [*before, (loop[0], loop[apex], loop[-1]), *after]
    return None


@cache
def table() -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int8]]:
    """For each of the 256 cases (bit c: corner c is inside) its triangles, counter-clockwise from outside.

    Returns:
        The first triangle of each case (257,), how many it has (256,), and all triangles (n, 3) as edges.
    """
    starts, counts, triangles = [0], [], []
    for case in range(256):
        own: list[Triangle] = []
        for loop in _loops(case):
            filled = _triangulated(loop, chord=False)
            if filled is None:
                raise AssertionError(f"case {case}: the loop {loop} has no triangulation")
            own.extend(filled)
        triangles.extend(own)
        counts.append(len(own))
        starts.append(len(triangles))
    return (
        np.array(starts, dtype=np.int32),
        np.array(counts, dtype=np.int32),
        np.array(triangles, dtype=np.int8),
    )
