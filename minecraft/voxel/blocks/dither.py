"""Ordered dither: a fixed pattern of two blocks for a lightness between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.kernels.compiled import compiled
from meshtwin.minecraft.voxel.kernels.visibility import DOWN, LEFT, RIGHT, UP

if TYPE_CHECKING:
    from numpy.typing import NDArray

BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16 - 15 / 32
"""Bayer's 4 x 4 thresholds, from -0.47 to 0.47: Bayer, IEEE ICC 1973."""

SWING = 0.12
"""The pattern's whole height at strength 1, in OKLab lightness: the step between greys of a usual palette."""

_ALIKE = 0.03
"""Neighbours that differ by less are in one flat area."""

_MARGIN = 2
"""Cells from a flat area's rim that are not dithered; an area without an inside so deep is not large."""


def dithered(
    shape: tuple[int, int, int],
    where: NDArray[np.int32],
    points: NDArray[np.float32],
    faces: NDArray[np.uint8],
    strength: float,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Points with their lightness moved by the pattern in large flat areas, and which ones were.

    `where` (n, 3) are the visible cells of a grid of `shape`, `points` (n, 3) their colours, `faces` their
    visible faces.
    """
    index = np.full(shape, -1, np.int32)
    index[tuple(where.T)] = np.arange(len(where), dtype=np.int32)
    flat = np.ones(len(where), np.bool_)
    _flatten(index, where, points, flat)
    for _ in range(_MARGIN):
        before = flat.copy()
        _erode(index, where, before, flat)
    moved = points.copy()
    moved[flat, 0] += np.float32(strength * SWING) * _pattern(where[flat], faces[flat])
    return moved, flat


def _pattern(where: NDArray[np.int32], faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The threshold of each cell, in the plane of its visible face."""
    x, y, z = where.T & 3
    level = faces & (UP | DOWN) > 0
    across = faces & (LEFT | RIGHT) > 0
    u = np.where(level | ~across, x, z)
    v = np.where(level, z, y)
    thresholds: NDArray[np.float32] = BAYER[u, v]
    return thresholds


@compiled
def _flatten(
    index: NDArray[np.int32], where: NDArray[np.int32], points: NDArray[np.float32], flat: NDArray[np.bool_]
) -> None:
    """Remove cells that differ from a neighbour."""
    for i in range(len(where)):
        for axis in range(3):
            j = _next(index, where[i], axis)
            if j >= 0:
                apart = points[i] - points[j]
                if np.sqrt((apart * apart).sum()) > _ALIKE:
                    flat[i] = False
                    flat[j] = False


@compiled
def _erode(
    index: NDArray[np.int32], where: NDArray[np.int32], before: NDArray[np.bool_], flat: NDArray[np.bool_]
) -> None:
    """Remove cells with a neighbour that was removed."""
    for i in range(len(where)):
        for axis in range(3):
            j = _next(index, where[i], axis)
            if j >= 0 and before[i] != before[j]:
                flat[i] = False
                flat[j] = False


@compiled
def _next(index: NDArray[np.int32], cell: NDArray[np.int32], axis: int) -> int:
    x = cell[0] + (axis == 0)
    y = cell[1] + (axis == 1)
    z = cell[2] + (axis == 2)  # noqa: PLR2004  # the third axis
    if x < index.shape[0] and y < index.shape[1] and z < index.shape[2]:
        return int(index[x, y, z])
    return -1
