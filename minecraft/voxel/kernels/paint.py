"""Finds the cells that triangles touch, and the colour in each.

A triangle is cut along the sides of the cells that it touches, and each piece is sampled: as many samples as
it has texels, two at most for each, and never more than DENSITY to a cell's face. Samples count by the area
they stand for, whichever way the triangle looks: a sheet of two sides counts twice, and triangles in the same
place share the cell. Triangles in a cell's neighbours never tint it. Those that are small enough are splatted
instead, unless their material has holes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.kernels.cells import add, most_cells, row_of
from meshtwin.minecraft.voxel.kernels.clip import CORNERS, between
from meshtwin.minecraft.voxel.kernels.compiled import compiled, inlined, inner
from meshtwin.minecraft.voxel.kernels.overlap import AXES, around, first_cell, last_cell, prepare, touches
from meshtwin.minecraft.voxel.kernels.shade import (
    DENSITY,
    FAINT,
    area_of,
    density_of,
    first_point,
    in_triangle,
    next_point,
    shade,
)
from meshtwin.minecraft.voxel.kernels.splat import CELLS, is_small, splat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.kernels.overlap import Box, Point
    from meshtwin.minecraft.voxel.kernels.shade import UVs

_LEAST_MASKED = 4
"""Samples of the smallest piece whose material has holes."""

_SLIVER = 1e-5
"""The area below which a piece whose material has holes does not count."""


@compiled
def paint(  # noqa: PLR0913, PLR0917 - compiled code has no records to pass
    positions: NDArray[np.float32],
    faces: NDArray[np.int32],
    lattice: NDArray[np.float64],
    uv: NDArray[np.float32],
    colors: NDArray[np.float32],
    pixels: NDArray[np.uint8],
    srgb_to_linear: NDArray[np.float32],
    sampler: NDArray[np.int64],
    factor: NDArray[np.float64],
    cutoff: float,
    index: NDArray[np.int32],
    flat_index: NDArray[np.int64],
    sums: NDArray[np.float64],
    count: int,
    start: int,
) -> tuple[int, int]:
    """Adds a primitive's triangles from `start` on; returns the next triangle, and how many cells there are.

    It stops before a triangle that may need more rows than are left. `lattice` is its centre and its
    scale. `uv`, `colors` and `pixels` are empty where there are none; `srgb_to_linear` (256,) is the linear
    light of each byte. `factor` (4,) and `cutoff` are the material's. For `index`, `flat_index` and `sums`
    see `cells`.
    """
    shape = index.shape
    axes, near, cuts = np.empty((AXES, 5)), np.empty(CELLS, np.int64), np.empty((5, CORNERS, 5))
    corner_colors = np.ones((3 if len(colors) else 0, 4))
    uvs = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    for face in range(start, len(faces)):
        i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
        a = _corner(positions, i, lattice, shape)
        b = _corner(positions, j, lattice, shape)
        c = _corner(positions, k, lattice, shape)
        box = around(a, b, c, shape)
        if count + most_cells(box) > len(flat_index):
            return face, count
        if len(uv):
            uvs = _uvs(uv, i, j, k)
        if len(colors):
            corner_colors[0], corner_colors[1], corner_colors[2] = colors[i], colors[j], colors[k]
        density = density_of(a, b, c, uvs, pixels)
        if cutoff == 0 and is_small(box):
            count = splat(
                a, b, c, box, axes, near, density,
                uvs, corner_colors, pixels, srgb_to_linear, sampler,
                factor, index, flat_index, sums, count,
            )  # fmt: skip
        else:
            count = _cut(
                a, b, c, box, axes, cuts, density,
                uvs, corner_colors, pixels, srgb_to_linear, sampler,
                factor, cutoff, index, flat_index, sums, count,
            )  # fmt: skip
    return len(faces), count


@inlined
def _corner(
    positions: NDArray[np.float32], vertex: int, lattice: NDArray[np.float64], shape: tuple[int, int, int]
) -> Point:
    return (
        (positions[vertex, 0] - lattice[0]) * lattice[3] + shape[0] * 0.5,
        (positions[vertex, 1] - lattice[1]) * lattice[3] + shape[1] * 0.5,
        (positions[vertex, 2] - lattice[2]) * lattice[3] + shape[2] * 0.5,
    )


@inlined
def _uvs(uv: NDArray[np.float32], i: int, j: int, k: int) -> UVs:
    return (
        float(uv[i, 0]), float(uv[i, 1]),
        float(uv[j, 0]), float(uv[j, 1]),
        float(uv[k, 0]), float(uv[k, 1]),
    )  # fmt: skip


@inlined
def _cut(  # noqa: C901, PLR0913, PLR0917 - three loops in each other, and as above
    a: Point,
    b: Point,
    c: Point,
    box: Box,
    axes: NDArray[np.float64],
    cuts: NDArray[np.float64],
    density: float,
    uvs: UVs,
    colors: NDArray[np.float64],
    pixels: NDArray[np.uint8],
    srgb_to_linear: NDArray[np.float32],
    sampler: NDArray[np.int64],
    factor: NDArray[np.float64],
    cutoff: float,
    index: NDArray[np.int32],
    flat_index: NDArray[np.int64],
    sums: NDArray[np.float64],
    count: int,
) -> int:
    """Adds a triangle piece by piece; returns how many cells there are then.

    `cuts` (5, CORNERS, 5) is room for the triangle, and for it cut to the cells of one x, of one x and y, and
    to one cell: corners in cells, and their barycentric coordinates.
    """
    rows = prepare(a, b, c, box, axes)
    _place(cuts, 0, a, 0.0, 0.0)
    _place(cuts, 1, b, 1.0, 0.0)
    _place(cuts, 2, c, 0.0, 1.0)
    for x in range(box[0], box[1] + 1):
        at_x, in_x, low_y, high_y = 0, 3, box[2], box[3]
        if box[0] != box[1]:
            at_x, in_x = 1, between(cuts, 0, 3, 0, x, 1)
            if in_x == 0:
                continue
            low_y, high_y = _span(cuts, 1, in_x, 1, box[2], box[3])
        for y in range(low_y, high_y + 1):
            at_y, in_y, low_z, high_z = at_x, in_x, box[4], box[5]
            if box[2] != box[3]:
                at_y, in_y = 2, between(cuts, at_x, in_x, 1, y, 2)
                if in_y == 0:
                    continue
            if at_y > 0:
                low_z, high_z = _span(cuts, at_y, in_y, 2, box[4], box[5])
            for z in range(low_z, high_z + 1):
                if not touches(axes, rows, x, y, z):
                    continue
                at_z, in_z = at_y, in_y
                if box[4] != box[5]:
                    at_z, in_z = 3, between(cuts, at_y, in_y, 2, z, 3)
                red, green, blue, weight = _sample(
                    cuts, at_z, in_z, density, uvs, colors, pixels, srgb_to_linear, sampler, factor, cutoff
                )
                if weight > 0 and in_z > 0:
                    row, count = row_of(index, flat_index, sums, count, x, y, z)
                    add(sums, row, red, green, blue, weight)
    return count


@inlined
def _place(cuts: NDArray[np.float64], corner: int, at: Point, b: float, c: float) -> None:
    cuts[0, corner, 0], cuts[0, corner, 1], cuts[0, corner, 2] = at
    cuts[0, corner, 3], cuts[0, corner, 4] = b, c


@inlined
def _span(
    polygons: NDArray[np.float64], at: int, corners: int, axis: int, first: int, last: int
) -> tuple[int, int]:
    """The first and the last cell that a polygon touches along an axis, of those from `first` to `last`."""
    least, most = polygons[at, 0, axis], polygons[at, 0, axis]
    for corner in range(1, corners):
        least, most = min(least, polygons[at, corner, axis]), max(most, polygons[at, corner, axis])
    return max(first_cell(least, last + 1), first), last_cell(most, last + 1)


@inner
def _sample(  # noqa: PLR0913, PLR0917 - compiled code has no records to pass
    polygons: NDArray[np.float64],
    at: int,
    corners: int,
    density: float,
    uvs: UVs,
    colors: NDArray[np.float64],
    pixels: NDArray[np.uint8],
    srgb_to_linear: NDArray[np.float32],
    sampler: NDArray[np.int64],
    factor: NDArray[np.float64],
    cutoff: float,
) -> tuple[float, float, float, float]:
    """A piece's red, green and blue, weighted, and the weight: 0 where all of it is below the cutoff."""
    red, green, blue, total = 0.0, 0.0, 0.0, 0.0
    coarse = density >= DENSITY
    for second in range(1, max(2, corners - 1)):
        # What is no more than a point or an edge is a triangle of no area.
        third = min(second + 1, corners - 1)
        second_or_last = min(second, third)
        area = area_of(
            _point(polygons, at, 0), _point(polygons, at, second_or_last), _point(polygons, at, third)
        )
        samples = max(1, int(area * density + 0.5))
        if cutoff > 0:
            # What only touches a cell can be a texel further on, even at the texture's other end.
            if area < _SLIVER:
                continue
            samples = max(samples, _LEAST_MASKED)
        weight = max(area, FAINT) / samples
        s, t = first_point(samples)
        for _ in range(samples):
            p, q = in_triangle(s, t)
            r = 1 - p - q
            b = r * polygons[at, 0, 3] + p * polygons[at, second_or_last, 3] + q * polygons[at, third, 3]
            c = r * polygons[at, 0, 4] + p * polygons[at, second_or_last, 4] + q * polygons[at, third, 4]
            seen = shade(1 - b - c, b, c, coarse, uvs, colors, pixels, srgb_to_linear, sampler)
            if seen[3] * factor[3] >= cutoff:
                red, green, blue = red + weight * seen[0], green + weight * seen[1], blue + weight * seen[2]
                total += weight
            s, t = next_point(s, t)
    return red * factor[0], green * factor[1], blue * factor[2], total


@inlined
def _point(polygons: NDArray[np.float64], at: int, corner: int) -> Point:
    return polygons[at, corner, 0], polygons[at, corner, 1], polygons[at, corner, 2]
