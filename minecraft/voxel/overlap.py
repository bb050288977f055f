"""Whether a triangle touches a cell: the separating axis test, exact but for rounding.

Of the thirteen axes the three of the cell are compared as intervals; the nine products of an edge with an
axis and the triangle's normal are prepared once a triangle. Akenine-Moller, "Fast 3D Triangle-Box Overlap
Testing":
https://fileadmin.cs.lth.se/cs/Personal/Tomas_Akenine-Moller/pubs/tribox.pdf
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minecraft.voxel.compiled import compiled, inlined

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AXES = 10
TOUCH = 1e-9
"""How far, in cells, a triangle may be from a cell and still touch it: more than rounding can move it."""

_ROUNDING = 1e-14
"""A bound on the error of a normal, relative to the square of the longest edge, over a grid's 256 cells."""


@compiled
def prepare(triangle: NDArray[np.float64], axes: NDArray[np.float64], single: int) -> int:
    """Writes `axes` (AXES, 5): directions, and between what a touched cell's centre is along each.

    `triangle` is (3 or more, 3 or more): corners in cells. `single` is the axis along which all of it is in
    one row of cells, or -1: a square's sides and the triangle's, seen along that axis, tell all then. Returns
    how many directions there are.
    """
    if single >= 0:
        _prepare_flat(triangle, axes, single)
        return 3
    for edge in range(3):
        after = (edge + 1) % 3
        ex = triangle[after, 0] - triangle[edge, 0]
        ey = triangle[after, 1] - triangle[edge, 1]
        ez = triangle[after, 2] - triangle[edge, 2]
        _interval(triangle, axes, 3 * edge, 0.0, -ez, ey, 0.0)
        _interval(triangle, axes, 3 * edge + 1, ez, 0.0, -ex, 0.0)
        _interval(triangle, axes, 3 * edge + 2, -ey, ex, 0.0, 0.0)
    ax, bx = triangle[1, 0] - triangle[0, 0], triangle[2, 0] - triangle[0, 0]
    ay, by = triangle[1, 1] - triangle[0, 1], triangle[2, 1] - triangle[0, 1]
    az, bz = triangle[1, 2] - triangle[0, 2], triangle[2, 2] - triangle[0, 2]
    longest = max(abs(ax), abs(ay), abs(az), abs(bx), abs(by), abs(bz))
    blur = _ROUNDING * longest * longest * 256
    _interval(triangle, axes, 9, ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx, blur)
    return AXES


@inlined
def _prepare_flat(triangle: NDArray[np.float64], axes: NDArray[np.float64], single: int) -> None:
    for edge in range(3):
        after = (edge + 1) % 3
        ex = triangle[after, 0] - triangle[edge, 0]
        ey = triangle[after, 1] - triangle[edge, 1]
        ez = triangle[after, 2] - triangle[edge, 2]
        if single == 0:
            _interval(triangle, axes, edge, 0.0, -ez, ey, 0.0)
        elif single == 1:
            _interval(triangle, axes, edge, ez, 0.0, -ex, 0.0)
        else:
            _interval(triangle, axes, edge, -ey, ex, 0.0, 0.0)


@inlined
def _interval(
    triangle: NDArray[np.float64],
    axes: NDArray[np.float64],
    row: int,
    x: float,
    y: float,
    z: float,
    blur: float,
) -> None:
    low = triangle[0, 0] * x + triangle[0, 1] * y + triangle[0, 2] * z
    high = low
    for corner in range(1, 3):
        along = triangle[corner, 0] * x + triangle[corner, 1] * y + triangle[corner, 2] * z
        low, high = min(low, along), max(high, along)
    reach = (abs(x) + abs(y) + abs(z)) * (0.5 + TOUCH) + blur
    axes[row, 0], axes[row, 1], axes[row, 2] = x, y, z
    axes[row, 3], axes[row, 4] = low - reach, high + reach


@inlined
def touches(axes: NDArray[np.float64], rows: int, x: int, y: int, z: int) -> bool:
    """Whether the prepared triangle of `rows` rows touches cell x, y, z, whose box meets the triangle's."""
    cx, cy, cz = x + 0.5, y + 0.5, z + 0.5
    for row in range(rows):
        along = axes[row, 0] * cx + axes[row, 1] * cy + axes[row, 2] * cz
        if along < axes[row, 3] or along > axes[row, 4]:
            return False
    return True
