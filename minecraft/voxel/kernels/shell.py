"""The outer layers of a solid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from meshtwin.minecraft.voxel.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray


@compiled
def hollow_out(solid: NDArray[np.bool_], thickness: int) -> None:
    """Empties the cells of `solid` (x, y, z) that are more than `thickness` steps through faces from the air.

    Two sweeps give each cell its number of steps exactly, as nothing stands in the way of a step.
    """
    size_x, size_y, size_z = solid.shape
    most = np.uint8(min(thickness + 1, 255))
    steps = np.full(solid.shape, most, np.uint8)
    for x in range(size_x):
        for y in range(size_y):
            for z in range(size_z):
                nearest: Any = 0
                if solid[x, y, z]:
                    a = steps[x - 1, y, z] if x > 0 else 0
                    b = steps[x, y - 1, z] if y > 0 else 0
                    c = steps[x, y, z - 1] if z > 0 else 0
                    nearest = min(a, b, c, most - 1) + 1
                steps[x, y, z] = nearest
    for x in range(size_x - 1, -1, -1):
        for y in range(size_y - 1, -1, -1):
            for z in range(size_z - 1, -1, -1):
                if not solid[x, y, z]:
                    continue
                a = steps[x + 1, y, z] if x < size_x - 1 else 0
                b = steps[x, y + 1, z] if y < size_y - 1 else 0
                c = steps[x, y, z + 1] if z < size_z - 1 else 0
                steps[x, y, z] = min(steps[x, y, z], min(a, b, c) + 1)
                solid[x, y, z] = steps[x, y, z] <= thickness
