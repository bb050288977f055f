"""A build's visible faces as a mesh of few rectangles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.blocks.measured import BOTTOM, SIDE, TOP
from meshtwin.minecraft.voxel.blocks.state_colors import state_colors
from meshtwin.minecraft.voxel.kernels.compiled import compiled
from meshtwin.minecraft.voxel.kernels.visibility import outside
from meshtwin.minecraft.voxel.read.model import Material, Primitive

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.blocks.grid import Blocks

_UPRIGHT = 1
"""The axis that is up."""


def preview_mesh(blocks: Blocks) -> Primitive:
    """All visible faces, those of one block state merged to rectangles.

    A block's edge is one metre; the middle of the build's floor is the origin. Four vertices of their own
    for each rectangle, seen from outside counterclockwise, with the mean colour of that face of the block.
    The rectangles close the build's hull without a gap, though a corner of one may be on an edge of another.
    """
    air = outside(blocks.cells != 0)
    colors = state_colors(blocks.states)
    corners, shades = [], []
    for axis in range(3):
        turned = tuple((axis + step) % 3 for step in range(3))
        cells = np.ascontiguousarray(blocks.cells.transpose(turned))
        beside = np.ascontiguousarray(air.transpose(turned))
        for side in (-1, 1):
            rectangles = _rectangles(cells, beside, side)
            corners.append(_corners(rectangles, side)[..., [turned.index(to) for to in range(3)]])
            face = SIDE if axis != _UPRIGHT else TOP if side > 0 else BOTTOM
            shades.append(colors[rectangles[:, 5], face])
    size_x, _, size_z = blocks.size
    positions = np.concatenate(corners).reshape(-1, 3) - np.array([size_x / 2, 0, size_z / 2])
    opaque = np.pad(np.concatenate(shades), ((0, 0), (0, 1)), constant_values=1)
    first = np.arange(0, len(positions), 4, dtype=np.int32)[:, None]
    return Primitive(
        positions=positions.astype(np.float32),
        faces=(first + np.array([0, 1, 2, 0, 2, 3], np.int32)).reshape(-1, 3),
        material=Material(),
        colors=np.repeat(opaque, 4, axis=0),
    )


def _corners(rectangles: NDArray[np.int32], side: int) -> NDArray[np.int32]:
    """(n, 4, 3): layer, u and v of each rectangle's corners, counterclockwise from outside."""
    layer, low_u, low_v, high_u, high_v, _ = rectangles.T
    level = layer + (side > 0)
    u = (low_u, high_u, high_u, low_u)
    v = (low_v, low_v, high_v, high_v)
    around = np.stack([np.stack([level, u[i], v[i]], axis=1) for i in range(4)], axis=1)
    return around if side > 0 else around[:, ::-1]


@compiled
def _rectangles(cells: NDArray[np.uint16], air: NDArray[np.bool_], side: int) -> NDArray[np.int32]:
    """Faces along the first axis, towards `side`: (n, 6) of layer, low u, low v, high u, high v, state.

    Greedily: along v as far as the state goes, then as many such rows along u as there are.
    """
    layers, size_u, size_v = cells.shape
    found = np.empty((1024, 6), np.int32)
    count = 0
    mask = np.zeros((size_u, size_v), np.uint16)
    for layer in range(layers):
        if not _expose(cells, air, layer, layer + side, mask):
            continue
        for u in range(size_u):
            for v in range(size_v):
                state = mask[u, v]
                if not state:
                    continue
                high_u, high_v = _extent(mask, u, v)
                mask[u:high_u, v:high_v] = 0
                if count == len(found):
                    larger = np.empty((2 * count, 6), np.int32)
                    larger[:count] = found
                    found = larger
                found[count] = np.array([layer, u, v, high_u, high_v, state], np.int32)
                count += 1
    return found[:count].copy()


@compiled
def _expose(
    cells: NDArray[np.uint16], air: NDArray[np.bool_], layer: int, beyond: int, mask: NDArray[np.uint16]
) -> bool:
    """The states of a layer's cells that have outside air beyond them; whether there is one."""
    rim = beyond < 0 or beyond >= len(cells)
    some = False
    for u in range(mask.shape[0]):
        for v in range(mask.shape[1]):
            mask[u, v] = cells[layer, u, v] if rim or air[beyond, u, v] else 0
            some |= mask[u, v] > 0
    return some


@compiled
def _extent(mask: NDArray[np.uint16], u: int, v: int) -> tuple[int, int]:
    """Where the rectangle of one state that starts at (u, v) ends."""
    state = mask[u, v]
    high_v = v + 1
    while high_v < mask.shape[1] and mask[u, high_v] == state:
        high_v += 1
    high_u = u + 1
    while high_u < mask.shape[0] and np.all(mask[high_u, v:high_v] == state):
        high_u += 1
    return high_u, high_v
