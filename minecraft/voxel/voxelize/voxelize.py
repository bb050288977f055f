"""Turns a mesh into cells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.kernels.components import drop_parts
from meshtwin.minecraft.voxel.kernels.shell import hollow_out
from meshtwin.minecraft.voxel.kernels.visibility import outside
from meshtwin.minecraft.voxel.voxelize.grid import Voxels
from meshtwin.minecraft.voxel.voxelize.lattice import fit
from meshtwin.minecraft.voxel.voxelize.surface import Surface, find_surface

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.read.model import Model, Primitive
    from meshtwin.minecraft.voxel.voxelize.lattice import Lattice


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
        return voxelize(_without(model, lattice, dropped), size, rotation=rotation, hollow=hollow)
    if hollow:
        hollow_out(solid, hollow)
    return _rotated(_trim(surface, solid), rotation)


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


def _without(model: Model, lattice: Lattice, dropped: NDArray[np.bool_]) -> Model:
    """The model without the triangles that have a corner in a `dropped` cell (x, y, z).

    All cells that a triangle touches are connected, so one corner speaks for the others.
    """
    return replace(
        model, primitives=tuple(_thinned(primitive, lattice, dropped) for primitive in model.primitives)
    )


def _thinned(primitive: Primitive, lattice: Lattice, dropped: NDArray[np.bool_]) -> Primitive:
    used = primitive.faces
    x, y, z = lattice.cells(primitive.positions).T
    gone = dropped[x, y, z]
    return replace(primitive, faces=used[~gone[used].any(axis=1)])


def _trim(surface: Surface, solid: NDArray[np.bool_]) -> Voxels:
    """The surface cells that are solid, in a grid that is tight around them."""
    held = solid.ravel()[surface.flat_index]
    flat_index, colors = surface.flat_index[held], surface.colors[held]
    cells = np.stack(np.unravel_index(flat_index, surface.shape), axis=1).astype(np.int32)
    low, high = cells.min(axis=0), cells.max(axis=0) + 1
    x, y, z = (slice(int(first), int(end)) for first, end in zip(low, high, strict=True))
    return Voxels(np.ascontiguousarray(solid[x, y, z]), cells - low, colors)


def _rotated(voxels: Voxels, turns: int) -> Voxels:
    """The same cells after quarter `turns`, clockwise as seen from above.

    A quarter turn takes +X, the game's east, to +Z, its south, as `clockwise_90` does of a structure block.
    https://minecraft.wiki/w/Structure_Block
    """
    turned = voxels
    for _ in range(turns):
        turned = _quarter(turned)
    return turned


def _quarter(voxels: Voxels) -> Voxels:
    solid = np.ascontiguousarray(voxels.solid[:, :, ::-1].transpose(2, 1, 0))
    x, y, z = voxels.surface.T
    surface = np.stack([voxels.solid.shape[2] - 1 - z, y, x], axis=1).astype(np.int32)
    order = _c_order(surface, solid.shape)
    return Voxels(solid, surface[order], voxels.colors[order])


def _c_order(cells: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """The order that puts cells (n, 3) of a grid one after the other as the grid has them in memory."""
    return np.argsort(np.ravel_multi_index((cells[:, 0], cells[:, 1], cells[:, 2]), shape))
