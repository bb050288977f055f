"""Compiles all that the engine compiles, so that nothing is left to compile when it is first used.

`python -m minecraft.voxel.warm` does so when an image is built, with the NUMBA_CACHE_DIR, NUMBA_CPU_NAME and
NUMBA_CPU_FEATURES that the image will run with.
"""

from __future__ import annotations

import numpy as np

from minecraft.voxel.artefacts import artefacts
from minecraft.voxel.cuboids import Order
from minecraft.voxel.engine import Options, make
from minecraft.voxel.model import Material, Model, Primitive, Texture


def warm() -> None:
    """Builds a tetrahedron each way that there is."""
    positions = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    texture = Texture(np.full((2, 2, 4), 255, np.uint8))
    primitive = Primitive(
        positions, faces, Material(texture=texture), positions[:, :2].copy(), np.ones((4, 4), np.float32)
    )
    model = Model((primitive,))
    for options in (
        Options(size=16, hollow=1, min_part=0.01, kinds=4, dither=0.5),
        Options(size=16, order=Order.GROUND, clear_air=True),
    ):
        for _ in artefacts(make(model, options), version=options.version):
            pass


if __name__ == "__main__":
    warm()
