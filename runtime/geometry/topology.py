"""A mesh's topology: watertight or not, how many bodies, how many holes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.runtime.geometry.weld import weld

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.runtime.geometry.mesh import Mesh, TexturedMesh


@dataclass(frozen=True, slots=True)
class Topology:
    """Of a mesh with the vertices at one position taken as one, so that texture seams do not count as cuts.

    `watertight`: every edge has exactly two faces. `consistent`: neighbours run along their edge in opposite
    directions. `bodies`: pieces joined over edges. `euler`: vertices - edges + faces, 2 for each closed body
    less 2 for each hole through it. `volume` is signed, positive when closed and counter-clockwise seen from
    outside.
    """

    watertight: bool
    consistent: bool
    bodies: int
    euler: int
    volume: float


def describe(mesh: Mesh | TexturedMesh) -> Topology:
    """The topology of `mesh`; faces that two or three corners of which coincide are left out."""
    index, _ = weld(mesh.vertices)
    faces = index[mesh.faces]
    a, b, c = faces.T
    real = (a != b) & (b != c) & (c != a)
    faces = faces[real]
    if not len(faces):
        return Topology(watertight=False, consistent=False, bodies=0, euler=0, volume=0.0)
    ends = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2)
    forward = ends[:, 0] < ends[:, 1]
    low, high = np.where(forward, *ends.T), np.where(forward, *ends.T[::-1])
    order = np.argsort(low * np.int64(index.max() + 1) + high, kind="stable")
    low, high, forward = low[order], high[order], forward[order]
    same = (low[1:] == low[:-1]) & (high[1:] == high[:-1])
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    counts = np.diff(np.append(starts, len(order)))
    return Topology(
        watertight=bool((counts == 2).all()),  # noqa: PLR2004  # the two sides of an edge
        consistent=_consistent(forward, starts, counts),
        bodies=_bodies(len(faces), order // 3, same),
        euler=len(np.unique(faces)) - len(starts) + len(faces),
        volume=_volume(mesh.vertices, mesh.faces[real]),
    )


def _consistent(forward: NDArray[np.bool_], starts: NDArray[np.intp], counts: NDArray[np.intp]) -> bool:
    """Whether every edge is walked at most once in each direction."""
    there = np.add.reduceat(forward.astype(np.int64), starts)
    return bool(((there <= 1) & (counts - there <= 1)).all())


def _bodies(faces: int, owner: NDArray[np.intp], same: NDArray[np.bool_]) -> int:
    """How many groups of faces there are that share edges: each is known by its first face.

    A few passes: in each, all but the first of some neighbours join one that comes before them.
    """
    one, other = owner[:-1][same], owner[1:][same]
    first = np.arange(faces)
    while len(one):
        np.minimum.at(first, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(nearer := first[first], first):
            first = nearer
        one, other = first[one], first[other]
        apart = one != other
        one, other = one[apart], other[apart]
    return int((first == np.arange(faces)).sum())


def _volume(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> float:
    points = vertices.astype(np.float64)
    points -= points[faces[0, 0]]  # near the origin the terms cancel least
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)
