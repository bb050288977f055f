"""An orthographic z-buffer in numpy: which triangle each pixel sees, where on it, and how near.

Triangles are cut into the rows of pixels they cross, rows into pixels, both in chunks of bounded size, so
that the memory follows the image and not the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.floating]

_FACES_AT_ONCE = 1 << 15
_ROWS_AT_ONCE = 1 << 18
_PIXELS_AT_ONCE = 1 << 19
_ON_EDGE = 1e-7
"""Pixels: a centre this near to an edge is on it, so that two triangles leave no gap between them."""

_LEVEL = 1e-9
"""Pixels: an edge that rises less is level; the triangle's other edges end where it does."""


@dataclass(frozen=True, slots=True)
class Raster:
    """What every pixel sees; all of it is (height, width, ...).

    `triangle` is int32, -1 where there is nothing; `depth` float64, higher is nearer, -inf where there is
    nothing; `barycentric` (height, width, 3) float32 weights of the triangle's corners, 0 where there is
    nothing.
    """

    triangle: NDArray[np.int32]
    depth: NDArray[np.float64]
    barycentric: NDArray[np.float32]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Where some triangle is seen."""
        return self.triangle >= 0

    def interpolate(self, faces: NDArray[np.int32], values: Floats) -> NDArray[np.float32]:
        """`values` (n, k) of the vertices as pixels see them: (height, width, k), 0 where none is."""
        covered = self.covered
        corners = faces[self.triangle[covered]]
        weights = self.barycentric[covered]
        seen = np.zeros((len(corners), values.shape[1]), np.float32)
        for corner in range(3):
            seen += weights[:, corner, None] * values[corners[:, corner]].astype(np.float32, copy=False)
        image = np.zeros((*covered.shape, values.shape[1]), np.float32)
        image[covered] = seen
        return image


def rasterize(
    points: Floats, faces: NDArray[np.int32], width: int, height: int, *, cull: bool = False
) -> Raster:
    """Draw triangles as seen along -z.

    Args:
        points: (n, 3): x in pixels to the right, y in pixels downwards, z towards the viewer in any unit.
            Pixel (column, row) has its centre at (column + 0.5, row + 0.5).
        faces: (m, 3) indices, counter-clockwise for the viewer.
        width: Pixels.
        height: Pixels.
        cull: Leave out what turns its back to the viewer.
    """
    triangle = np.full(width * height, -1, np.int32)
    depth = np.full(width * height, -np.inf)
    exact: NDArray[np.float64] = points.astype(np.float64, copy=False)
    for first in range(0, len(faces), _FACES_AT_ONCE):
        corners = exact[faces[first : first + _FACES_AT_ONCE]]
        for index, pixel, z in _fragments(corners, width, height, cull=cull):
            np.maximum.at(depth, pixel, z)
            nearest = depth[pixel] == z
            triangle[pixel[nearest]] = index[nearest] + first
    shape = (height, width)
    barycentric = _barycentric(exact, faces, triangle, width)
    return Raster(triangle.reshape(shape), depth.reshape(shape), barycentric.reshape(*shape, 3))


def _fragments(
    corners: NDArray[np.float64], width: int, height: int, *, cull: bool
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]]:
    """Every (index into `corners`, flat pixel, depth) that the triangles cover, in chunks."""
    area = _doubled_area(corners)
    kept = np.flatnonzero(area < 0 if cull else area)
    corners, area = corners[kept], area[kept]
    low, high = corners.min(axis=1), corners.max(axis=1)
    top = _first_centre(low[:, 1], height)
    rows = np.maximum(_last_centre(high[:, 1], height) - top + 1, 0)
    slope_x, slope_y = _depth_slopes(corners, area)
    for part in _chunks(rows, _ROWS_AT_ONCE):
        owner, row = _expand(rows[part])
        owner += part.start
        row += top[owner]
        first, count = _spans(corners, owner, row, width)
        for piece in _chunks(count, _PIXELS_AT_ONCE):
            span, column = _expand(count[piece])
            span += piece.start
            column += first[span]
            own, line = owner[span], row[span]
            anchor = corners[own, 0]
            z = anchor[:, 2] + slope_x[own] * (column + 0.5 - anchor[:, 0])
            z += slope_y[own] * (line + 0.5 - anchor[:, 1])
            # A sliver's plane runs away from it within a pixel; its corners bound what can be seen of it.
            np.clip(z, low[own, 2], high[own, 2], out=z)
            yield kept[own], line * width + column, z


def _first_centre(start: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """The first pixel, of `size`, whose centre is not before `start`."""
    return np.ceil(start.clip(0, size + 1) - 0.5 - _ON_EDGE).astype(np.int64).clip(0)


def _last_centre(end: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """The last pixel, of `size`, whose centre is not after `end`."""
    return np.floor(end.clip(-1, size) - 0.5 + _ON_EDGE).astype(np.int64).clip(-1, size - 1)


def _doubled_area(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice the signed area in pixels; below 0 faces the viewer, because y points down."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])


def _depth_slopes(
    corners: NDArray[np.float64], area: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How z grows per pixel to the right and downwards."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    slope_x = (first[:, 2] * second[:, 1] - second[:, 2] * first[:, 1]) / area
    slope_y = (second[:, 2] * first[:, 0] - first[:, 2] * second[:, 0]) / area
    return slope_x, slope_y


def _spans(
    corners: NDArray[np.float64], owner: NDArray[np.int64], row: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first column and the number of columns that each owner covers in its row."""
    left = np.full(len(row), np.inf)
    right = np.full(len(row), -np.inf)
    for start, end in ((0, 1), (1, 2), (2, 0)):
        # Both triangles of an edge must find the same x on it, so it is always walked from its upper end.
        turn = corners[:, start, 1] > corners[:, end, 1]
        upper = np.where(turn[:, None], corners[:, end, :2], corners[:, start, :2])
        lower = np.where(turn[:, None], corners[:, start, :2], corners[:, end, :2])
        across, rise = (lower - upper).T
        steep = rise > _LEVEL
        slope = np.divide(across, rise, out=np.zeros_like(rise), where=steep)
        below, height = row + 0.5 - upper[owner, 1], rise[owner]
        crossing = (below >= -_ON_EDGE) & (below <= height + _ON_EDGE) & steep[owner]
        x = upper[owner, 0] + np.clip(below, 0, height) * slope[owner]
        np.minimum(left, x, out=left, where=crossing)
        np.maximum(right, x, out=right, where=crossing)
    first, last = _first_centre(left, width), _last_centre(right, width)
    return first, np.maximum(last - first + 1, 0)


def _expand(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For counts (2, 3): owners (0, 0, 1, 1, 1) and offsets (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - starts[owner]


def _chunks(counts: NDArray[np.int64], limit: int) -> Iterator[slice]:
    """Slices of `counts` whose sums stay near `limit`; one count alone may be more."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = int(ends[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(ends, done + limit, side="right")))
        yield slice(start, end)
        start = end


def _barycentric(
    points: NDArray[np.float64], faces: NDArray[np.int32], triangle: NDArray[np.int32], width: int
) -> NDArray[np.float32]:
    weights = np.zeros((len(triangle), 3), np.float32)
    covered = np.flatnonzero(triangle >= 0)
    for first in range(0, len(covered), _PIXELS_AT_ONCE):
        pixel = covered[first : first + _PIXELS_AT_ONCE]
        a, b, c = (points[faces[triangle[pixel], corner], :2] for corner in range(3))
        x, y = pixel % width + 0.5, pixel // width + 0.5
        ab, ac = b - a, c - a
        area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
        px, py = x - a[:, 0], y - a[:, 1]
        # Centres on an edge may lie outside by rounding, and far outside a sliver: weights stay within it.
        second = np.clip((px * ac[:, 1] - py * ac[:, 0]) / area, 0, 1)
        third = np.minimum(np.clip((ab[:, 0] * py - ab[:, 1] * px) / area, 0, 1), 1 - second)
        weights[pixel] = np.stack([1 - second - third, second, third], axis=1)
    return weights
