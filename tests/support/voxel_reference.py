"""What a voxeliser should find, worked out another way: slow, in numpy, a triangle at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.read.model import Model
    from meshtwin.minecraft.voxel.voxelize.lattice import Lattice

_TOUCH = 1e-9
_AT_ONCE = 1 << 21
"""Cells tested at a time."""


def triangles(model: Model, lattice: Lattice) -> NDArray[np.float64]:
    """Every triangle (m, 3, 3), in cells."""
    corners = [
        primitive.positions.astype(np.float64)[primitive.faces]
        for primitive in model.primitives
        if len(primitive.faces)
    ]
    found: NDArray[np.float64] = np.concatenate(corners)
    return (found - lattice.centre) * lattice.scale + np.array(lattice.shape) / 2


def touched(model: Model, lattice: Lattice) -> NDArray[np.bool_]:
    """The cells (x, y, z) that a triangle touches: Akenine-Moller's thirteen axes for each cell in its
    box."""
    grid = np.zeros(lattice.shape, bool)
    corners = triangles(model, lattice)
    low = np.clip(np.floor(corners.min(axis=1) - _TOUCH), 0, np.array(lattice.shape) - 1).astype(np.int64)
    high = np.clip(np.floor(corners.max(axis=1) + _TOUCH), 0, np.array(lattice.shape) - 1).astype(np.int64)
    low = np.where(corners.min(axis=1) - _TOUCH <= low, np.maximum(low - 1, 0), low)
    extent = high - low + 1
    for extents in np.unique(extent, axis=0):
        same = np.flatnonzero((extent == extents).all(axis=1))
        offsets = np.stack(np.meshgrid(*map(np.arange, extents), indexing="ij"), axis=-1).reshape(-1, 3)
        for some in _batches(same, len(offsets)):
            cells = low[some][:, None] + offsets
            held = cells[_meet(corners[some], cells + 0.5)]
            grid[held[:, 0], held[:, 1], held[:, 2]] = True
    return grid


def _batches(rows: NDArray[np.intp], cells: int) -> Iterator[NDArray[np.intp]]:
    step = max(1, _AT_ONCE // cells)
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _meet(corners: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether triangle i, of corners (m, 3, 3), meets the unit cube at each of its centres (m, k, 3)."""
    edges = np.roll(corners, -1, axis=1) - corners
    normal = np.cross(edges[:, 0], edges[:, 1])
    axes = [np.broadcast_to(unit, normal.shape) for unit in np.eye(3)]
    axes += [np.cross(unit, edges[:, edge]) for edge in range(3) for unit in np.eye(3)]
    longest = np.abs(edges).max(axis=(1, 2))
    meet = np.ones(centres.shape[:2], bool)
    for number, axis in enumerate([*axes, normal]):
        spans = np.einsum("mcd,md->mc", corners, axis)
        middle = np.einsum("mkd,md->mk", centres, axis)
        blur = 2.56e-12 * longest**2 if number == len(axes) else 0.0
        reach = (np.abs(axis).sum(axis=1) * (0.5 + _TOUCH) + blur)[:, None]
        meet &= (spans.min(axis=1)[:, None] - reach <= middle) & (
            middle <= spans.max(axis=1)[:, None] + reach
        )
    return meet


def filled(surface: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The surface and all that it encloses: whatever water from outside cannot reach through faces."""
    open_cells = np.pad(~surface, 1, constant_values=True)
    water = np.zeros_like(open_cells)
    water[0] = True
    wet = 0
    while wet != water.sum():
        wet = int(water.sum())
        for axis in range(3):
            for backwards in (False, True):
                _pour(water, open_cells, axis, backwards=backwards)
    return ~water[1:-1, 1:-1, 1:-1]


def _pour(water: NDArray[np.bool_], open_cells: NDArray[np.bool_], axis: int, *, backwards: bool) -> None:
    held, free = np.moveaxis(water, axis, 0), np.moveaxis(open_cells, axis, 0)
    if backwards:
        held, free = held[::-1], free[::-1]
    for layer in range(1, len(held)):
        held[layer] |= held[layer - 1] & free[layer]
