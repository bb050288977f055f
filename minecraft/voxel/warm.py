"""Compiles all kernels of the engine ahead of their first use.

`python -m meshtwin.minecraft.voxel.warm` does so on two cores, also when an image is built, with the
NUMBA_CACHE_DIR, NUMBA_CPU_NAME and NUMBA_CPU_FEATURES that the image will run with.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from meshtwin.minecraft.voxel.blocks.assign import assign_blocks
from meshtwin.minecraft.voxel.blocks.palette import load_palette
from meshtwin.minecraft.voxel.boxes.cuboids import cuboids
from meshtwin.minecraft.voxel.engine import BuildResult
from meshtwin.minecraft.voxel.export.artefacts import artefacts
from meshtwin.minecraft.voxel.options import BuildOptions, Order
from meshtwin.minecraft.voxel.read.model import Material, Model, Primitive, Texture
from meshtwin.minecraft.voxel.voxelize.grid import Voxels
from meshtwin.minecraft.voxel.voxelize.voxelize import voxelize

_SIZE = 16


def main() -> None:
    """Compile the kernels of voxelizing in another process, and those of blocks in this one."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        cells = other.submit(cells_of_a_model)
        blocks_of_cells()
        cells.result()


def cells_of_a_model() -> None:
    """Voxelize a tetrahedron, through every kernel."""
    positions = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    texture = Texture(np.full((2, 2, 4), 255, np.uint8))
    primitive = Primitive(
        positions, faces, Material(texture=texture), positions[:, :2].copy(), np.ones((4, 4), np.float32)
    )
    voxelize(Model((primitive,)), _SIZE, hollow=1, min_part=0.01)


def blocks_of_cells() -> None:
    """Build a cube, through every kernel, with all its files."""
    solid = np.ones((_SIZE,) * 3, np.bool_)
    surface = np.argwhere(solid).astype(np.int32)
    voxels = Voxels(solid, surface, np.linspace((0, 0, 0), (1, 1, 1), len(surface), dtype=np.float32))
    blocks = assign_blocks(voxels, load_palette(), kinds=4, dither=0.5)
    for build in (cuboids(blocks), cuboids(blocks, order=Order.GROUND, clear_air=True)):
        for _ in artefacts(BuildResult(blocks, build, {}, BuildOptions())):
            pass


if __name__ == "__main__":
    main()
