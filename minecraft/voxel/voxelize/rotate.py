"""Quarter turns about the vertical."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshtwin.minecraft.voxel.voxelize.grid import Voxels

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rotate(voxels: Voxels, turns: int) -> Voxels:
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
    order = c_order(surface, solid.shape)
    return Voxels(solid, surface[order], voxels.colors[order])


def c_order(cells: NDArray[np.int32], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """The order that puts cells (n, 3) of a grid one after the other as the grid has them in memory."""
    return np.argsort(np.ravel_multi_index((cells[:, 0], cells[:, 1], cells[:, 2]), shape))
