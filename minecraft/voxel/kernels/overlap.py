"""Whether a triangle touches a cell: the separating axis test, exact but for rounding.

Of the thirteen axes the three of the cell are compared as intervals; the nine products of an edge with an
axis and the triangle's normal are prepared once a triangle. Akenine-Moller, "Fast 3D Triangle-Box Overlap
Testing":
https://fileadmin.cs.lth.se/cs/Personal/Tomas_Akenine-Moller/pubs/tribox.pdf
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from meshtwin.minecraft.voxel.kernels.compiled import inlined

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AXES = 10
TOUCH = 1e-9
"""How far, in cells, a triangle may be from a cell and still touch it: more than rounding can move it."""

_ROUNDING = 1e-14
"""A bound on the error of a normal, relative to the square of the longest edge, over a grid's 256 cells."""

_FLAT = 2
"""Axes along which a triangle is in more than one cell, where there is one along which it is not."""

Point = tuple[float, float, float]
"""A corner, in cells: cell 0 is from 0 to 1 along each axis."""

Box = tuple[int, int, int, int, int, int]
"""Cells: the first and the last along x, y and z."""


@inlined
def first_cell(at: float, cells: int) -> int:
    """The first of so many cells that something from `at` on touches."""
    return min(max(math.ceil(at - TOUCH) - 1, 0), cells - 1)


@inlined
def last_cell(at: float, cells: int) -> int:
    """The last of so many cells that something up to `at` touches."""
    return min(max(math.floor(at + TOUCH), 0), cells - 1)


@inlined
def around(a: Point, b: Point, c: Point, shape: tuple[int, int, int]) -> Box:
    """The cells of the box around a triangle."""
    return (
        first_cell(min(a[0], b[0], c[0]), shape[0]),
        last_cell(max(a[0], b[0], c[0]), shape[0]),
        first_cell(min(a[1], b[1], c[1]), shape[1]),
        last_cell(max(a[1], b[1], c[1]), shape[1]),
        first_cell(min(a[2], b[2], c[2]), shape[2]),
        last_cell(max(a[2], b[2], c[2]), shape[2]),
    )


@inlined
def prepare(a: Point, b: Point, c: Point, box: Box, axes: NDArray[np.float64]) -> int:
    """Writes `axes` (AXES, 5): directions, and between what a touched cell's centre is along each.

    `box` is what is around the triangle. Returns how many directions there are: none where the box is a
    single row of cells, as the triangle touches all of it; where it is a layer, the triangle's sides as seen
    from above tell all.
    """
    wide_x, wide_y, wide_z = box[0] != box[1], box[2] != box[3], box[4] != box[5]
    crossed = wide_x + wide_y + wide_z
    if crossed < _FLAT:
        return 0
    rows = 0
    for edge in range(3):
        start, end = (a, b) if edge == 0 else (b, c) if edge == 1 else (c, a)
        ex, ey, ez = end[0] - start[0], end[1] - start[1], end[2] - start[2]
        if wide_y and wide_z:
            _interval(a, b, c, axes, rows, (0.0, -ez, ey), 0.0)
            rows += 1
        if wide_x and wide_z:
            _interval(a, b, c, axes, rows, (ez, 0.0, -ex), 0.0)
            rows += 1
        if wide_x and wide_y:
            _interval(a, b, c, axes, rows, (-ey, ex, 0.0), 0.0)
            rows += 1
    if crossed == _FLAT:
        return rows
    ax, bx = b[0] - a[0], c[0] - a[0]
    ay, by = b[1] - a[1], c[1] - a[1]
    az, bz = b[2] - a[2], c[2] - a[2]
    longest = max(abs(ax), abs(ay), abs(az), abs(bx), abs(by), abs(bz))
    blur = _ROUNDING * longest * longest * 256
    _interval(a, b, c, axes, rows, (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx), blur)
    return AXES


@inlined
def _interval(
    a: Point, b: Point, c: Point, axes: NDArray[np.float64], row: int, direction: Point, blur: float
) -> None:
    x, y, z = direction
    at_a = a[0] * x + a[1] * y + a[2] * z
    at_b = b[0] * x + b[1] * y + b[2] * z
    at_c = c[0] * x + c[1] * y + c[2] * z
    reach = (abs(x) + abs(y) + abs(z)) * (0.5 + TOUCH) + blur
    axes[row, 0], axes[row, 1], axes[row, 2] = x, y, z
    axes[row, 3], axes[row, 4] = min(at_a, at_b, at_c) - reach, max(at_a, at_b, at_c) + reach


@inlined
def touches(axes: NDArray[np.float64], rows: int, x: int, y: int, z: int) -> bool:
    """Whether the prepared triangle of `rows` rows touches cell x, y, z of the box around it."""
    cx, cy, cz = x + 0.5, y + 0.5, z + 0.5
    for row in range(rows):
        along = axes[row, 0] * cx + axes[row, 1] * cy + axes[row, 2] * cz
        if along < axes[row, 3] or along > axes[row, 4]:
            return False
    return True
