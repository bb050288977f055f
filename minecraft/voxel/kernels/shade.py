"""The colour of a point of a triangle, and where its points are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from meshtwin.minecraft.voxel.kernels.compiled import inlined
from meshtwin.minecraft.voxel.kernels.texel import RGBA, texel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.kernels.overlap import Point

DENSITY = 16.0
"""Samples to the area of a cell's face, where the texture has detail for them."""

FAINT = 1e-12
"""The weight of a sample that stands for no area, so that what only touches a cell has a colour too."""

UVs = tuple[float, float, float, float, float, float]
"""The texture coordinates of a triangle's corners: u and v of each."""


@inlined
def first_point(samples: int) -> tuple[float, float]:
    """The first of points that fill a unit square evenly, however many they are; a single one's own place.

    http://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences/
    """
    if samples > 1:
        return 0.2548776662466927, 0.0698402909980532
    return 1 / 3, 1 / 3


@inlined
def next_point(s: float, t: float) -> tuple[float, float]:
    """The point after."""
    s, t = s + 0.7548776662466927, t + 0.5698402909980532
    return s - 1 if s >= 1 else s, t - 1 if t >= 1 else t


@inlined
def in_triangle(s: float, t: float) -> tuple[float, float]:
    """A point of the square as one of a triangle: the square's far half is folded onto the near one."""
    if s + t > 1:
        return 1 - s, 1 - t
    return s, t


@inlined
def area_of(a: Point, b: Point, c: Point) -> float:
    """A triangle's area."""
    ax, ay, az = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    bx, by, bz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    return 0.5 * math.sqrt(x * x + y * y + z * z)


@inlined
def density_of(a: Point, b: Point, c: Point, uvs: UVs, pixels: NDArray[np.uint8]) -> float:
    """Samples to the area of a cell's face: two a texel, where its texels are longest."""
    if len(pixels) == 0:
        return 0.0
    height, width = pixels.shape[0], pixels.shape[1]
    ab = _texels(a, b, (uvs[2] - uvs[0]) * width, (uvs[3] - uvs[1]) * height)
    bc = _texels(b, c, (uvs[4] - uvs[2]) * width, (uvs[5] - uvs[3]) * height)
    ca = _texels(c, a, (uvs[0] - uvs[4]) * width, (uvs[1] - uvs[5]) * height)
    return min(2 * max(ab, bc, ca), DENSITY)


@inlined
def _texels(start: Point, end: Point, across: float, down: float) -> float:
    x, y, z = end[0] - start[0], end[1] - start[1], end[2] - start[2]
    return (across * across + down * down) / (x * x + y * y + z * z + 1e-30)


@inlined
def shade(  # noqa: PLR0913, PLR0917 - compiled code has no records to pass
    a: float,
    b: float,
    c: float,
    coarse: bool,
    uvs: UVs,
    colors: NDArray[np.float64],
    pixels: NDArray[np.uint8],
    srgb_to_linear: NDArray[np.float32],
    sampler: NDArray[np.int64],
) -> RGBA:
    """Linear RGBA at barycentric a, b, c, before the material's factor.

    `colors` is (3, 4), the corners' own, or empty. `coarse` takes the nearest texel: among samples with many
    texels between them, the mean is the same.
    """
    red, green, blue, alpha = 1.0, 1.0, 1.0, 1.0
    if len(pixels):
        u = a * uvs[0] + b * uvs[2] + c * uvs[4]
        v = a * uvs[1] + b * uvs[3] + c * uvs[5]
        red, green, blue, alpha = texel(pixels, srgb_to_linear, sampler, coarse, u, v)
    if len(colors) == 0:
        return red, green, blue, alpha
    return (
        red * (a * colors[0, 0] + b * colors[1, 0] + c * colors[2, 0]),
        green * (a * colors[0, 1] + b * colors[1, 1] + c * colors[2, 1]),
        blue * (a * colors[0, 2] + b * colors[1, 2] + c * colors[2, 2]),
        alpha * (a * colors[0, 3] + b * colors[1, 3] + c * colors[2, 3]),
    )
