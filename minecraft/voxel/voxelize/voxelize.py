"""Turns a mesh into cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.kernels.components import drop_parts
from meshtwin.minecraft.voxel.kernels.shell import hollow_out
from meshtwin.minecraft.voxel.kernels.visibility import outside
from meshtwin.minecraft.voxel.voxelize.grid import Voxels
from meshtwin.minecraft.voxel.voxelize.lattice import fit
from meshtwin.minecraft.voxel.voxelize.parts import without
from meshtwin.minecraft.voxel.voxelize.rotate import rotate
from meshtwin.minecraft.voxel.voxelize.surface import Surface, find_surface

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.read.model import Model


def voxelize(model: Model, size: int, *, rotation: int = 0, hollow: int = 0, min_part: float = 0.0) -> Voxels:
    """The cells that a model takes, with `size` of them along its longest axis.

    `rotation`, `hollow` and `min_part` are as in `BuildOptions`. Solid is every cell from which no path
    through faces of empty cells leads outside, so an open mesh stays a sheet. Once parts are dropped, the
    rest has the size to itself; what touches by a corner is one part. A model whose outermost surface is
    transparent can come out smaller.

    Equal arguments give equal cells and colours on one machine.

    Raises:
        ValueError: the model has no triangle, no extent, nothing that shows, or numbers that are not finite
            or do not belong together.
    """
    lattice = fit(model, size)
    surface = find_surface(model, lattice)
    solid = _flood_inside(surface)
    if min_part > 0 and (dropped := _drop(solid, min_part)) is not None:
        return voxelize(without(model, lattice, dropped), size, rotation=rotation, hollow=hollow)
    if hollow:
        hollow_out(solid, hollow)
    return rotate(_trim(surface, solid), rotation)


def _flood_inside(surface: Surface) -> NDArray[np.bool_]:
    if not len(surface.flat_index):
        raise ValueError("nothing of the model is visible: all of it is below its materials' alpha cutoff")
    solid = surface.touched
    solid |= ~outside(solid)
    return solid


def _drop(solid: NDArray[np.bool_], min_part: float) -> NDArray[np.bool_] | None:
    """The cells (x, y, z) of components that are too small, or None."""
    remaining = solid.copy()
    if not drop_parts(remaining, min_part):
        return None
    return solid & ~remaining


def _trim(surface: Surface, solid: NDArray[np.bool_]) -> Voxels:
    """The surface cells that are solid, in a grid that is tight around them."""
    held = solid.ravel()[surface.flat_index]
    flat_index, colors = surface.flat_index[held], surface.colors[held]
    cells = np.stack(np.unravel_index(flat_index, surface.shape), axis=1).astype(np.int32)
    low, high = cells.min(axis=0), cells.max(axis=0) + 1
    x, y, z = (slice(int(first), int(end)) for first, end in zip(low, high, strict=True))
    return Voxels(np.ascontiguousarray(solid[x, y, z]), cells - low, colors)
