"""The closed surface z^2 = h(x, y), by marching cubes over the cells that it passes through and no others.

It is its own mirror image in z = 0, and a plane of grid nodes lies there: the half above is meshed and
mirrored, so no triangle has a part on both sides, and the rim's vertices are on z = 0 exactly. Along z a node
is inside only where the one below is, so the body has as many parts and holes as the inside nodes in the
plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.runtime.backends.relief.cubes import EDGES, table
from meshtwin.runtime.backends.relief.inflate import crossing

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLEAR = 0.03
"""Cells; no vertex comes nearer to a grid node, since two of one node's would fall together there."""


def _cells(layers: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """The cells that the surface passes through, as column (y, x), layer and case."""
    corners = [layers[y : y - 1 or None, x : x - 1 or None] for y in (0, 1) for x in (0, 1)]
    lowest = np.minimum.reduce(corners)
    highest = np.maximum.reduce(corners)
    first = np.maximum(lowest - 1, 0)
    count = (highest - first).ravel()
    column = np.repeat(np.arange(count.size), count)
    layer = np.arange(column.size) - np.repeat(np.cumsum(count) - count, count) + first.ravel()[column]
    y, x = np.divmod(column, layers.shape[1] - 1)
    case = np.zeros_like(layer)
    for bit, corner in enumerate(corners):
        top = corner.ravel()[column]
        case |= (top > layer).astype(np.int64) << bit
        case |= (top > layer + 1).astype(np.int64) << (bit + 4)
    return y, x, layer, case


def _crossed_edges(layers: NDArray[np.int64], depth: int) -> NDArray[np.int64]:
    """Triangles (n, 3) as the grid edges that their corners lie on.

    An edge's number is ((y * columns + x) * depth + layer) * 3 + axis, of its lower node.
    """
    y, x, layer, case = _cells(layers)
    starts, counts, triangles = table()
    number = counts[case]
    cell = np.repeat(np.arange(case.size), number)
    nth = np.arange(cell.size) - np.repeat(np.cumsum(number) - number, number)
    edges = triangles[starts[case[cell]] + nth].astype(np.int64)
    columns = layers.shape[1]
    base = np.array([corner for corner, _ in EDGES])
    offset = (((base >> 1 & 1) * columns + (base & 1)) * depth + (base >> 2 & 1)) * 3 + np.arange(12) // 4
    node = ((y * columns + x) * depth + layer) * 3
    return np.asarray(node[cell][:, None] + offset[edges])


def _positions(
    crossed: NDArray[np.int64], height: NDArray[np.float64], distance: NDArray[np.float64], depth: int
) -> NDArray[np.float64]:
    """The point (x, y, z) in cells where each grid edge is cut.

    Up the z axis that is sqrt(h) itself; across, h is linear between nodes, down to 0 at the outline.
    """
    rest, axis = np.divmod(crossed, 3)
    rest, layer = np.divmod(rest, depth)
    y, x = np.divmod(rest, height.shape[1])
    points = np.stack([x, y, layer], axis=1).astype(np.float64)
    here = height[y, x]
    up = axis == 2  # noqa: PLR2004  # x, y, z
    rise = np.sqrt(here[up]) - layer[up]
    points[up, 2] += np.clip(rise, CLEAR, 1 - CLEAR)
    for way, (dy, dx) in enumerate(((0, 1), (1, 0))):
        along = np.flatnonzero(axis == way)
        near = (y[along], x[along])
        far = (near[0] + dy, near[1] + dx)
        level = layer[along].astype(np.float64) ** 2
        flipped = height[far] > height[near]
        high = np.where(flipped, height[far], height[near])
        low = np.where(flipped, height[near], height[far])
        d_high = np.where(flipped, distance[far], distance[near])
        d_low = np.where(flipped, distance[near], distance[far])
        outline = low <= 0
        reach = crossing(np.where(outline, d_high, 1.0), np.where(outline, d_low, -1.0))
        t = np.where(outline, reach, 1.0) * (high - level) / (high - low)
        t = np.clip(t, CLEAR, 1 - CLEAR)
        points[along, way] += np.where(flipped, 1 - t, t)
    return points


def extract(
    height: NDArray[np.float64], distance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Vertices (n, 3), as x right, y down and z to the viewer in cells from node (0, 0), and faces (m, 3).

    Faces are counter-clockwise seen from outside once y points up.

    Args:
        height: (rows, columns), half the thickness squared in cells; 0 outside, so on the whole border.
        distance: (rows, columns), above 0 where `height` is; near the outline the distance to it.
    """
    inside = distance > 0
    # A rim node whose height is next to nothing would give a needle of a cell.
    height = np.where(inside, np.maximum(height, CLEAR), 0.0)
    layers = np.ceil(np.sqrt(height)).astype(np.int64)
    depth = int(layers.max()) + 1
    crossed = _crossed_edges(layers, depth)
    used, faces = np.unique(crossed, return_inverse=True)
    points = _positions(used, height, distance, depth)
    faces = faces.reshape(-1, 3)
    rim = points[:, 2] == 0
    mirror = np.where(rim, np.arange(len(points)), len(points) - np.cumsum(rim) + np.arange(len(points)))
    back = points[~rim] * (1.0, 1.0, -1.0)
    # The table's triangles are counter-clockwise with y down; turning y up turns them round.
    both = np.concatenate([faces[:, ::-1], mirror[faces]])
    return np.concatenate([points, back]), both.astype(np.int32)
