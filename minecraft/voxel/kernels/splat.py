"""Adds a small triangle without cutting it: each sample counts for the cell that it is in.

Of many small triangles the cells get their share of the area all the same, in a third of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.minecraft.voxel.kernels.cells import add, row_of
from meshtwin.minecraft.voxel.kernels.compiled import inlined
from meshtwin.minecraft.voxel.kernels.overlap import prepare, touches
from meshtwin.minecraft.voxel.kernels.shade import (
    DENSITY,
    FAINT,
    area_of,
    first_point,
    in_triangle,
    next_point,
    shade,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.kernels.overlap import Box, Point
    from meshtwin.minecraft.voxel.kernels.shade import UVs

CELLS = 8
"""Two along each axis."""

_LEAST, _LEAST_AREA = 3, 0.125
"""Samples of a triangle that is in more cells than one, and the area, in cells' faces, from which it has so
many: of smaller ones there are enough for chance to share them out."""

_FAINT_STILL = 1e-6
"""The weight from which on faint samples would change nothing."""


@inlined
def is_small(box: Box) -> bool:
    """Whether there are two cells along each axis at most."""
    small: bool = box[1] - box[0] <= 1 and box[3] - box[2] <= 1 and box[5] - box[4] <= 1
    return small


@inlined
def splat(  # noqa: PLR0913, PLR0917 - compiled code has no records to pass
    a: Point,
    b: Point,
    c: Point,
    box: Box,
    axes: NDArray[np.float64],
    near: NDArray[np.int64],
    density: float,
    uvs: UVs,
    colors: NDArray[np.float64],
    pixels: NDArray[np.uint8],
    srgb_to_linear: NDArray[np.float32],
    sampler: NDArray[np.int64],
    factor: NDArray[np.float64],
    index: NDArray[np.int32],
    flat_index: NDArray[np.int64],
    sums: NDArray[np.float64],
    count: int,
) -> int:
    """Adds the triangle to the cells of `box`, which is small; returns how many cells there are then.

    `near` (CELLS,) is room for their rows. Every cell that is touched gets a sample that stands for no area.
    """
    rows = prepare(a, b, c, box, axes)
    cells = 0
    for x in range(box[0], box[1] + 1):
        for y in range(box[2], box[3] + 1):
            for z in range(box[4], box[5] + 1):
                near[cells] = -1
                if touches(axes, rows, x, y, z):
                    near[cells], count = row_of(index, flat_index, sums, count, x, y, z)
                cells += 1
    area = area_of(a, b, c)
    samples = max(_LEAST if cells > 1 and area > _LEAST_AREA else 1, int(area * density + 0.5))
    weight = area / samples
    coarse = density >= DENSITY
    size_y, size_z = box[3] - box[2] + 1, box[5] - box[4] + 1
    all_red, all_green, all_blue = 0.0, 0.0, 0.0
    s, t = first_point(samples)
    for _ in range(samples):
        q, r = in_triangle(s, t)
        p = 1 - q - r
        red, green, blue, _ = shade(p, q, r, coarse, uvs, colors, pixels, srgb_to_linear, sampler)
        red, green, blue = red * factor[0], green * factor[1], blue * factor[2]
        all_red, all_green, all_blue = all_red + red, all_green + green, all_blue + blue
        x = min(max(int(p * a[0] + q * b[0] + r * c[0]), box[0]), box[1]) - box[0]
        y = min(max(int(p * a[1] + q * b[1] + r * c[1]), box[2]), box[3]) - box[2]
        z = min(max(int(p * a[2] + q * b[2] + r * c[2]), box[4]), box[5]) - box[4]
        row = near[(x * size_y + y) * size_z + z]
        if row >= 0:
            add(sums, row, weight * red, weight * green, weight * blue, weight)
        s, t = next_point(s, t)
    faint = FAINT / samples
    for cell in range(cells):
        row = near[cell]
        if row >= 0 and sums[row, 3] < _FAINT_STILL:
            add(sums, row, faint * all_red, faint * all_green, faint * all_blue, FAINT)
    return count
