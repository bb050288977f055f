"""The cells that triangles touch, and the colour of what is in each.

A triangle is cut along the sides of the cells that it touches, and each piece is sampled: as many samples as
it has texels, two at most for each, and never more than DENSITY to a cell's face. Samples count by the area
they stand for, whichever way the triangle looks: a sheet of two sides counts twice, and triangles in the same
place share the cell. Triangles in a cell's neighbours never tint it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from minecraft.voxel.clip import CORNERS, between
from minecraft.voxel.compiled import compiled, inlined
from minecraft.voxel.overlap import AXES, TOUCH, prepare, touches
from minecraft.voxel.texel import RGBA, texel

if TYPE_CHECKING:
    from numpy.typing import NDArray

DENSITY = 16.0
"""Samples to the area of a cell's face, where the texture has detail for them."""

_LEAST_MASKED = 4
"""Samples of the smallest piece whose material has holes."""

_SLIVER = 1e-5
"""The area below which a piece whose material has holes does not count."""

BOTH = 2
"""Axes along which a triangle is in more than one cell, where there is one along which it is not."""

_LEAST_SPLIT = 3
"""Samples of the smallest triangle that is in more cells than one and is not cut."""

_FAINT = 1e-12
"""The weight of a sample that stands for no area, so that what only touches a cell has a colour too."""


@compiled
def paint(  # noqa: C901, PLR0912, PLR0913, PLR0917 - one loop: calls would pass all of its state on
    positions: NDArray[np.float32],
    faces: NDArray[np.int32],
    frame: NDArray[np.float64],
    uv: NDArray[np.float32],
    colors: NDArray[np.float32],
    pixels: NDArray[np.uint8],
    light: NDArray[np.float32],
    sampler: NDArray[np.int64],
    tint: NDArray[np.float64],
    index: NDArray[np.int32],
    places: NDArray[np.int64],
    sums: NDArray[np.float64],
    count: int,
    start: int,
) -> tuple[int, int]:
    """Adds a primitive's triangles from `start` on; returns the next triangle, and how many cells there are.

    It stops before a triangle that may need more rows than are left. `frame` is the lattice: its centre, and
    the scale. `uv`, `colors` and `pixels` are empty where there are none. `tint` is the material's factor,
    and its alpha cutoff. `index` (x, y, z) is 0, or a cell's row and one; `places` (n,) a cell's place in C
    order, `sums` (n, 4) its red, green and blue in linear light, weighted, and the weight.
    """
    shape = index.shape
    axes = np.empty((AXES, 5))
    # The triangle, cut to the cells of one x, of one x and y, and to one cell.
    cuts = np.empty((5, CORNERS, 5))
    triangle = cuts[0]
    corner_uv, corner_color = np.zeros((3, 2)), np.ones((3 if len(colors) else 0, 4))
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for face in range(start, len(faces)):
        for corner in range(3):
            vertex = faces[face, corner]
            for axis in range(3):
                at = (positions[vertex, axis] - frame[axis]) * frame[3]
                triangle[corner, axis] = at + shape[axis] * 0.5
            triangle[corner, 3], triangle[corner, 4] = corner % 2, corner // 2
            if len(uv):
                corner_uv[corner, 0], corner_uv[corner, 1] = uv[vertex, 0], uv[vertex, 1]
            if len(colors):
                corner_color[corner] = colors[vertex]
        density = _density(triangle, corner_uv, pixels)
        for axis in range(3):
            low[axis], high[axis] = _span(cuts, 0, 3, axis, shape[axis])
        # In a single row of cells there is none that the triangle passes by.
        crossed = (low[0] != high[0]) + (low[1] != high[1]) + (low[2] != high[2])
        if count + _most_cells(low, high) > len(places):
            return face, count
        rows = 0
        if crossed > 1:
            rows = prepare(triangle, axes, _single(low, high) if crossed == BOTH else -1)
        if tint[4] == 0 and _is_small(low, high):
            count = _splat(
                cuts,
                axes,
                low,
                high,
                crossed,
                rows,
                density,
                corner_uv,
                corner_color,
                pixels,
                light,
                sampler,
                tint,
                index,
                places,
                sums,
                count,
            )
            continue
        for x in range(low[0], high[0] + 1):
            at_x, in_x, low_y, high_y = 0, 3, low[1], high[1]
            if low[0] != high[0]:
                at_x, in_x = 1, between(cuts, 0, 3, 0, x, 1)
                if in_x == 0:
                    continue
                low_y, high_y = _span(cuts, 1, in_x, 1, shape[1])
            for y in range(max(low_y, low[1]), min(high_y, high[1]) + 1):
                at_y, in_y, low_z, high_z = at_x, in_x, low[2], high[2]
                if low[1] != high[1]:
                    at_y, in_y = 2, between(cuts, at_x, in_x, 1, y, 2)
                    if in_y == 0:
                        continue
                if at_y > 0:
                    low_z, high_z = _span(cuts, at_y, in_y, 2, shape[2])
                for z in range(max(low_z, low[2]), min(high_z, high[2]) + 1):
                    if crossed > 1 and not touches(axes, rows, x, y, z):
                        continue
                    at_z, in_z = at_y, in_y
                    if low[2] != high[2]:
                        at_z, in_z = 3, between(cuts, at_y, in_y, 2, z, 3)
                    red, green, blue, weight = _sample(
                        cuts,
                        at_z,
                        in_z,
                        density,
                        corner_uv,
                        corner_color,
                        pixels,
                        light,
                        sampler,
                        tint,
                    )
                    if weight == 0 or in_z == 0:
                        continue
                    row, count = _row(index, places, sums, count, x, y, z)
                    _add(sums, row, red, green, blue, weight)
    return len(faces), count


@inlined
def _row(
    index: NDArray[np.int32],
    places: NDArray[np.int64],
    sums: NDArray[np.float64],
    count: int,
    x: int,
    y: int,
    z: int,
) -> tuple[int, int]:
    """A cell's row, a new one where it has none; and how many there are then."""
    row = index[x, y, z] - 1
    if row >= 0:
        return row, count
    places[count] = (x * index.shape[1] + y) * index.shape[2] + z
    sums[count] = 0.0
    index[x, y, z] = count + 1
    return count, count + 1


@inlined
def _add(sums: NDArray[np.float64], row: int, red: float, green: float, blue: float, weight: float) -> None:
    sums[row, 0] += red
    sums[row, 1] += green
    sums[row, 2] += blue
    sums[row, 3] += weight


@inlined
def _first_point(samples: int) -> tuple[float, float]:
    """The first of points that fill a unit square evenly, however many they are; a single one's own place.

    http://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences/
    """
    if samples > 1:
        return 0.2548776662466927, 0.0698402909980532
    return 1 / 3, 1 / 3


@inlined
def _next_point(s: float, t: float) -> tuple[float, float]:
    s, t = s + 0.7548776662466927, t + 0.5698402909980532
    return s - 1 if s >= 1 else s, t - 1 if t >= 1 else t


@inlined
def _in_triangle(s: float, t: float) -> tuple[float, float]:
    """A point of the square as one of a triangle: the square's far half is folded onto the near one."""
    if s + t > 1:
        return 1 - s, 1 - t
    return s, t


@inlined
def _single(low: NDArray[np.int64], high: NDArray[np.int64]) -> int:
    """The first axis along which a triangle is in one row of cells; the last, if in none before."""
    for axis in range(2):
        if low[axis] == high[axis]:
            return axis
    return 2


@inlined
def _is_small(low: NDArray[np.int64], high: NDArray[np.int64]) -> bool:
    """Whether a triangle has two cells along each axis at most."""
    small: bool = high[0] - low[0] <= 1 and high[1] - low[1] <= 1 and high[2] - low[2] <= 1
    return small


@compiled
def _splat(  # noqa: PLR0913, PLR0917 - compiled code has no records to pass
    cuts: NDArray[np.float64],
    axes: NDArray[np.float64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    crossed: int,
    rows: int,
    density: float,
    uv: NDArray[np.float64],
    colors: NDArray[np.float64],
    pixels: NDArray[np.uint8],
    light: NDArray[np.float32],
    sampler: NDArray[np.int64],
    tint: NDArray[np.float64],
    index: NDArray[np.int32],
    places: NDArray[np.int64],
    sums: NDArray[np.float64],
    count: int,
) -> int:
    """Adds a small triangle without cutting it: each sample counts for the cell that it is in.

    Of many small triangles the cells get their share of the area all the same, in a third of the time. Every
    cell that is touched has a sample that stands for no area, as where it is cut.
    """
    third = 1 / 3
    coarse = density >= DENSITY
    red, green, blue, _ = _shade(third, third, third, coarse, uv, colors, pixels, light, sampler)
    for x in range(low[0], high[0] + 1):
        for y in range(low[1], high[1] + 1):
            for z in range(low[2], high[2] + 1):
                if crossed > 1 and not touches(axes, rows, x, y, z):
                    continue
                row, count = _row(index, places, sums, count, x, y, z)
                _add(
                    sums,
                    row,
                    _FAINT * red * tint[0],
                    _FAINT * green * tint[1],
                    _FAINT * blue * tint[2],
                    _FAINT,
                )
    area = _area(cuts, 0, 1, 2)
    samples = max(1 if crossed == 0 else _LEAST_SPLIT, int(area * density + 0.5))
    weight = area / samples
    s, t = _first_point(samples)
    for _ in range(samples):
        b, c = _in_triangle(s, t)
        a = 1 - b - c
        if samples > 1:
            red, green, blue, _ = _shade(a, b, c, coarse, uv, colors, pixels, light, sampler)
        x = min(max(int(a * cuts[0, 0, 0] + b * cuts[0, 1, 0] + c * cuts[0, 2, 0]), low[0]), high[0])
        y = min(max(int(a * cuts[0, 0, 1] + b * cuts[0, 1, 1] + c * cuts[0, 2, 1]), low[1]), high[1])
        z = min(max(int(a * cuts[0, 0, 2] + b * cuts[0, 1, 2] + c * cuts[0, 2, 2]), low[2]), high[2])
        row = index[x, y, z] - 1
        if row >= 0:
            _add(sums, row, weight * red * tint[0], weight * green * tint[1], weight * blue * tint[2], weight)
        s, t = _next_point(s, t)
    return count


@inlined
def _first(at: float, cells: int) -> int:
    """The first cell that something from `at` on touches."""
    return min(max(math.ceil(at - TOUCH) - 1, 0), cells - 1)


@inlined
def _last(at: float, cells: int) -> int:
    """The last cell that something up to `at` touches."""
    return min(max(math.floor(at + TOUCH), 0), cells - 1)


@inlined
def _span(polygons: NDArray[np.float64], at: int, corners: int, axis: int, cells: int) -> tuple[int, int]:
    """The first and the last cell that a polygon touches along an axis."""
    least, most = polygons[at, 0, axis], polygons[at, 0, axis]
    for corner in range(1, corners):
        least, most = min(least, polygons[at, corner, axis]), max(most, polygons[at, corner, axis])
    return _first(least, cells), _last(most, cells)


@inlined
def _most_cells(low: NDArray[np.int64], high: NDArray[np.int64]) -> int:
    """More cells than a triangle in that box can touch: four to each it covers from where it is widest."""
    x, y, z = high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1
    most: int = min(x * y * z, 4 * max(x * y, y * z, z * x))
    return most


@inlined
def _density(triangle: NDArray[np.float64], uv: NDArray[np.float64], pixels: NDArray[np.uint8]) -> float:
    """Samples to the area of a cell's face: two a texel, where its texels are longest."""
    if len(pixels) == 0:
        return 0.0
    most = 0.0
    for corner in range(3):
        after = (corner + 1) % 3
        across = (uv[after, 0] - uv[corner, 0]) * pixels.shape[1]
        down = (uv[after, 1] - uv[corner, 1]) * pixels.shape[0]
        length = 1e-30
        for axis in range(3):
            length += (triangle[after, axis] - triangle[corner, axis]) ** 2
        most = max(most, (across * across + down * down) / length)
    return min(2 * most, DENSITY)


@inlined
def _area(polygons: NDArray[np.float64], at: int, second: int, third: int) -> float:
    """The area of the triangle of a polygon's first corner and two others."""
    ax, bx = polygons[at, second, 0] - polygons[at, 0, 0], polygons[at, third, 0] - polygons[at, 0, 0]
    ay, by = polygons[at, second, 1] - polygons[at, 0, 1], polygons[at, third, 1] - polygons[at, 0, 1]
    az, bz = polygons[at, second, 2] - polygons[at, 0, 2], polygons[at, third, 2] - polygons[at, 0, 2]
    x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    return 0.5 * math.sqrt(x * x + y * y + z * z)


@compiled
def _sample(  # noqa: PLR0913, PLR0917 - compiled code has no records to pass
    polygons: NDArray[np.float64],
    at: int,
    corners: int,
    density: float,
    uv: NDArray[np.float64],
    colors: NDArray[np.float64],
    pixels: NDArray[np.uint8],
    light: NDArray[np.float32],
    sampler: NDArray[np.int64],
    tint: NDArray[np.float64],
) -> tuple[float, float, float, float]:
    """A piece's red, green and blue, weighted, and the weight: 0 where all of it is below the cutoff."""
    red, green, blue, total = 0.0, 0.0, 0.0, 0.0
    coarse = density >= DENSITY
    for second in range(1, max(2, corners - 1)):
        # What is no more than a point or an edge is a triangle of no area.
        third = min(second + 1, corners - 1)
        area = _area(polygons, at, min(second, third), third)
        samples = max(1, int(area * density + 0.5))
        if tint[4] > 0:
            # What only touches a cell can be a texel further on, even at the texture's other end.
            if area < _SLIVER:
                continue
            samples = max(samples, _LEAST_MASKED)
        weight = max(area, _FAINT) / samples
        s, t = _first_point(samples)
        for _ in range(samples):
            p, q = _in_triangle(s, t)
            r = 1 - p - q
            b = r * polygons[at, 0, 3] + p * polygons[at, min(second, third), 3] + q * polygons[at, third, 3]
            c = r * polygons[at, 0, 4] + p * polygons[at, min(second, third), 4] + q * polygons[at, third, 4]
            shade = _shade(1 - b - c, b, c, coarse, uv, colors, pixels, light, sampler)
            if shade[3] * tint[3] >= tint[4]:
                red, green, blue = (
                    red + weight * shade[0],
                    green + weight * shade[1],
                    blue + weight * shade[2],
                )
                total += weight
            s, t = _next_point(s, t)
    return red * tint[0], green * tint[1], blue * tint[2], total


@inlined
def _shade(  # noqa: PLR0913, PLR0917 - as above
    a: float,
    b: float,
    c: float,
    coarse: bool,
    uv: NDArray[np.float64],
    colors: NDArray[np.float64],
    pixels: NDArray[np.uint8],
    light: NDArray[np.float32],
    sampler: NDArray[np.int64],
) -> RGBA:
    """Linear RGBA at barycentric a, b, c, before the material's factor.

    `coarse` takes the nearest texel: among samples with many texels between them, the mean is the same.
    """
    red, green, blue, alpha = 1.0, 1.0, 1.0, 1.0
    if len(pixels):
        u = a * uv[0, 0] + b * uv[1, 0] + c * uv[2, 0]
        v = a * uv[0, 1] + b * uv[1, 1] + c * uv[2, 1]
        red, green, blue, alpha = texel(pixels, light, sampler, coarse, u, v)
    if len(colors) == 0:
        return red, green, blue, alpha
    return (
        red * (a * colors[0, 0] + b * colors[1, 0] + c * colors[2, 0]),
        green * (a * colors[0, 1] + b * colors[1, 1] + c * colors[2, 1]),
        blue * (a * colors[0, 2] + b * colors[1, 2] + c * colors[2, 2]),
        alpha * (a * colors[0, 3] + b * colors[1, 3] + c * colors[2, 3]),
    )
