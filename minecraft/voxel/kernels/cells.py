"""Rows of coloured cells, and the sums of their colours.

`index` (x, y, z) is 0, or a cell's row and one; `flat_index` (n,) a cell's index in C order; `sums` (n, 4)
its weighted red, green and blue in linear light, and the weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtwin.minecraft.voxel.kernels.compiled import inlined

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.kernels.overlap import Box


@inlined
def row_of(
    index: NDArray[np.int32],
    flat_index: NDArray[np.int64],
    sums: NDArray[np.float64],
    count: int,
    x: int,
    y: int,
    z: int,
) -> tuple[int, int]:
    """A cell's row, a new one where it has none; and how many there are then."""
    row = index[x, y, z] - 1
    if row >= 0:
        return row, count
    flat_index[count] = (x * index.shape[1] + y) * index.shape[2] + z
    sums[count, 0], sums[count, 1], sums[count, 2], sums[count, 3] = 0.0, 0.0, 0.0, 0.0
    index[x, y, z] = count + 1
    return count, count + 1


@inlined
def add(sums: NDArray[np.float64], row: int, red: float, green: float, blue: float, weight: float) -> None:
    """A colour that is weighted already, and its weight."""
    sums[row, 0] += red
    sums[row, 1] += green
    sums[row, 2] += blue
    sums[row, 3] += weight


@inlined
def most_cells(box: Box) -> int:
    """More cells than a triangle in that box can touch: four to each it covers from where it is widest."""
    x, y, z = box[1] - box[0] + 1, box[3] - box[2] + 1, box[5] - box[4] + 1
    most: int = min(x * y * z, 4 * max(x * y, y * z, z * x))
    return most
