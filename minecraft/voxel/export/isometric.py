"""An isometric image of a build, seen from above one corner."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from meshtwin.minecraft.voxel.blocks.measured import SIDE, TOP
from meshtwin.minecraft.voxel.blocks.state_colors import state_colors
from meshtwin.minecraft.voxel.color.spaces import srgb_from_linear
from meshtwin.minecraft.voxel.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.grid import Blocks

PIXELS = 1000
"""The image's longer side, margins included."""

_MARGIN = 16
_SAMPLES = 3
"""Samples of a pixel along each side."""

_COMPRESSION = 3
"""Of zlib's levels: an eighth larger than at 6, in half of the time."""

_TOP, _FRONT, _RIGHT = 0, 1, 2
_LIGHT = np.array([1.0, 0.64, 0.43], np.float32)
"""Light on the top, the front and the right side."""

_CORNER_LIGHT = np.array([0.42, 0.62, 0.8, 1.0], np.float32)
"""What a corner of a face gets of it, with three, two, one or none of the three cells around it filled."""

_EDGE, _EDGE_LIGHT = 0.7, 0.82
"""The rim of a face, in pixels, and how much darker it is."""

_EDGES_FROM = 8.0
"""Pixels that a block's edge must have for its faces to get a rim."""

_HALF_WIDTH = np.sqrt(3) / 2
"""Pixels to the right for one along x where a block's edge is one pixel high; half a pixel goes down."""


def isometric(blocks: Blocks, pixels: int = PIXELS) -> NDArray[np.uint8]:
    """(h, w, 4) uint8 sRGB with straight alpha, transparent around the build; the longer side is `pixels`.

    The front (+z) is on the left, +x on the right. Each block has the mean colours of its faces.

    Raises:
        ValueError: if there is no room for the build in `pixels`, or no block in it.
    """
    if pixels <= 4 * _MARGIN:
        raise ValueError(f"pixels {pixels}: expected more than {4 * _MARGIN}")
    if not blocks.cells.any():
        raise ValueError(f"a build of {blocks.size} without a block: nothing to show")
    faces_shown, low = _seen(blocks.cells)
    left, right, up, down = _bounds(faces_shown, low)
    scale = (pixels - 2 * _MARGIN) / max(right - left, down - up)
    width, height = (int(np.ceil(span * scale)) + 2 * _MARGIN for span in (right - left, down - up))
    image = np.zeros((height, width, 4), np.float32)
    corner = (left - _MARGIN / scale, up - _MARGIN / scale)
    edge = _EDGE / scale if scale >= _EDGES_FROM else 0.0
    _paint(image, faces_shown, low, blocks.cells, state_colors(blocks.states), (*corner, scale, edge))
    return _encoded(image)


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """(h, w, 4) uint8 RGBA as PNG."""
    target = io.BytesIO()
    Image.fromarray(image).save(target, "PNG", compress_level=_COMPRESSION)
    return target.getvalue()


def _seen(cells: NDArray[np.uint16]) -> tuple[NDArray[np.int32], tuple[int, int]]:
    """Which face each triangle of the image's lattice shows.

    Seen along (-1, -1, -1), a corner (x, y, z) is at (x - y, z - y), and each face covers two halves of unit
    squares there, cut from low to high. (a, b, half, 2) int32: the cell's flat index in C order, or -1, and
    the face; and the position of the first square.
    """
    size_x, size_y, size_z = cells.shape
    faces_shown = np.full((size_x + size_y, size_z + size_y, 2, 2), -1, np.int32)
    _cover(cells, faces_shown, np.full(faces_shown.shape[:3], -1, np.int32))
    return faces_shown, (-size_y, -size_y)


@compiled
def _cover(cells: NDArray[np.uint16], faces_shown: NDArray[np.int32], depth: NDArray[np.int32]) -> None:
    size_x, size_y, size_z = cells.shape
    for x in range(size_x):
        for y in range(size_y):
            for z in range(size_z):
                if not cells[x, y, z]:
                    continue
                cell, near = (x * size_y + y) * size_z + z, x + y + z
                a, b = x - y + size_y, z - y + size_y
                if y == size_y - 1 or not cells[x, y + 1, z]:
                    _show(faces_shown, depth, (a - 1, b - 1, 0), (near, cell, _TOP))
                    _show(faces_shown, depth, (a - 1, b - 1, 1), (near, cell, _TOP))
                if z == size_z - 1 or not cells[x, y, z + 1]:
                    _show(faces_shown, depth, (a - 1, b, 0), (near, cell, _FRONT))
                    _show(faces_shown, depth, (a, b, 1), (near, cell, _FRONT))
                if x == size_x - 1 or not cells[x + 1, y, z]:
                    _show(faces_shown, depth, (a, b - 1, 1), (near, cell, _RIGHT))
                    _show(faces_shown, depth, (a, b, 0), (near, cell, _RIGHT))


@compiled
def _show(
    faces_shown: NDArray[np.int32],
    depth: NDArray[np.int32],
    triangle: tuple[int, int, int],
    face: tuple[int, int, int],
) -> None:
    near, cell, side = face
    if near > depth[triangle]:
        depth[triangle] = near
        faces_shown[triangle][0] = cell
        faces_shown[triangle][1] = side


def _bounds(faces_shown: NDArray[np.int32], low: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, right, top and bottom of the visible faces, where a block's edge is 1 high."""
    a, b, half = np.nonzero(faces_shown[..., 0] >= 0)
    a, b = a + low[0], b + low[1]
    # Half 0 has the corners (0, 0), (1, 0), (1, 1); half 1 (0, 0), (0, 1), (1, 1).
    across, along = np.where(half == 0, a - b, a - b - 1), a + b
    return (
        float(across.min()) * _HALF_WIDTH,
        float(across.max() + 1) * _HALF_WIDTH,
        float(along.min()) / 2,
        float(along.max() + 2) / 2,
    )


@compiled
def _paint(
    image: NDArray[np.float32],
    faces_shown: NDArray[np.int32],
    low: tuple[int, int],
    cells: NDArray[np.uint16],
    colors: NDArray[np.float32],
    view: tuple[float, float, float, float],
) -> None:
    """Premultiplied linear RGBA of each pixel: the mean of its samples."""
    left, up, scale, edge = view
    size_y, size_z = cells.shape[1:]
    corners = np.empty(4, np.float32)
    share = np.float32(1 / _SAMPLES**2)
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            last = (-1, -1)
            for sample in range(_SAMPLES**2):
                right = left + (column + (sample % _SAMPLES + 0.5) / _SAMPLES) / scale
                down = up + (row + (sample // _SAMPLES + 0.5) / _SAMPLES) / scale
                a = down + right / (2 * _HALF_WIDTH) - low[0]
                b = down - right / (2 * _HALF_WIDTH) - low[1]
                i, j = int(np.floor(a)), int(np.floor(b))
                if not (0 <= i < faces_shown.shape[0] and 0 <= j < faces_shown.shape[1]):
                    continue
                u, v = a - i, b - j
                half = 1 if v > u else 0
                cell, side = faces_shown[i, j, half]
                if cell < 0:
                    continue
                x, y, z = cell // (size_y * size_z), cell // size_z % size_y, cell % size_z
                if (cell, side) != last:
                    last = (cell, side)
                    _corners(cells, (x, y, z), side, corners)
                s, t = _on_face(side, half, u, v)
                light = (1 - t) * ((1 - s) * corners[0] + s * corners[1])
                light += t * ((1 - s) * corners[2] + s * corners[3])
                if min(s, t, 1 - s, 1 - t) < edge:
                    light *= _EDGE_LIGHT
                light *= _LIGHT[side] * share
                color = colors[cells[x, y, z], TOP if side == _TOP else SIDE]
                for c in range(3):
                    image[row, column, c] += color[c] * light
                image[row, column, 3] += share


@compiled
def _on_face(side: int, half: int, u: float, v: float) -> tuple[float, float]:
    """A point of a half square as one of the face: along x and z, x and y, or z and y."""
    if side == _TOP:
        return u, v
    if side == _FRONT:
        return (u - v, 1 - v) if half == 0 else (1 - (v - u), 1 - v)
    return (v - u, 1 - u) if half == 1 else (1 - (u - v), 1 - u)


@compiled
def _corners(
    cells: NDArray[np.uint16], cell: tuple[int, int, int], side: int, corners: NDArray[np.float32]
) -> None:
    """Light at a face's corners, by the cells before it that meet there."""
    x, y, z = cell
    for corner in range(4):
        s, t = 2 * (corner & 1) - 1, 2 * (corner >> 1) - 1
        if side == _TOP:
            one, two = _filled(cells, x + s, y + 1, z), _filled(cells, x, y + 1, z + t)
            both = _filled(cells, x + s, y + 1, z + t)
        elif side == _FRONT:
            one, two = _filled(cells, x + s, y, z + 1), _filled(cells, x, y + t, z + 1)
            both = _filled(cells, x + s, y + t, z + 1)
        else:
            one, two = _filled(cells, x + 1, y, z + s), _filled(cells, x + 1, y + t, z)
            both = _filled(cells, x + 1, y + t, z + s)
        around = 3 if one and two else one + two + both
        corners[corner] = _CORNER_LIGHT[3 - around]


@compiled
def _filled(cells: NDArray[np.uint16], x: int, y: int, z: int) -> int:
    size_x, size_y, size_z = cells.shape
    inside = 0 <= x < size_x and 0 <= y < size_y and 0 <= z < size_z
    return 1 if inside and cells[x, y, z] else 0


def _encoded(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    alpha = image[:, :, 3:]
    straight = np.divide(image[:, :, :3], alpha, out=np.zeros_like(image[:, :, :3]), where=alpha > 0)
    opacity = np.rint(np.clip(alpha, 0, 1) * 255).astype(np.uint8)
    return np.concatenate([srgb_from_linear(straight), opacity], axis=2)
