"""Coincident vertices merged, and smooth normals over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

UP_FRONT = np.array([0, 0, 1], np.float32)
"""The normal of a vertex that no face with an area has; glTF wants every normal of unit length."""


SHORTEST = 1e-30
"""A sum of normals shorter than this, where the largest face's is 1, has no direction."""


def weld(vertices: NDArray[np.float32]) -> tuple[NDArray[np.intp], int]:
    """The index of each vertex's position among the distinct positions, and how many of these there are.

    Vertices share an index when their positions are equal as numbers. Indices count from 0 in no particular
    order, the same for the same vertices.
    """
    if not len(vertices):
        return np.zeros(0, np.intp), 0
    x, y, z = vertices.T
    order = np.lexsort((x, y, z))
    ordered = vertices[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    index = np.empty(len(order), np.intp)
    index[order] = np.cumsum(new) - 1
    return index, int(np.count_nonzero(new))


def face_normals(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """(m, 3) normals as long as twice the face's area, 0 for a face without one."""
    a, b, c = (vertices[faces[:, corner]].astype(np.float64) for corner in range(3))
    return np.asarray(np.cross(b - a, c - a))


def smooth_normals(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """(n, 3) unit normals: the faces around a position, weighted by area, for all vertices there."""
    index, count = weld(vertices)
    of_faces = face_normals(vertices, faces)
    size = np.abs(of_faces).max(initial=0)
    of_faces /= size or 1.0  # keeps squares of very small and very large meshes within range
    corners = index[faces]
    summed = np.zeros((count, 3))
    for axis in range(3):
        for corner in range(3):
            summed[:, axis] += np.bincount(corners[:, corner], of_faces[:, axis], minlength=count)
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    unit = np.divide(summed, length, out=np.zeros_like(summed), where=length > SHORTEST)
    unit[length[:, 0] <= SHORTEST] = UP_FRONT
    return np.asarray(unit[index], np.float32)
