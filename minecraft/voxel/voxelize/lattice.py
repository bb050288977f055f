"""Where a model's cells are.

The lattice has the model's bounding box in its middle. Its longest axis has `size` cells, and is longer than
the box by one part in 2**20: a face that would lie between two cells so belongs to the one nearer the middle,
and those of the bounding box to the outermost cells. Only what lies exactly in the middle of an even number
of cells touches both cells beside it. Cells are closed cubes: each that a triangle touches counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshtwin.minecraft.voxel.read.model import Model, Primitive

_SPARE = 2.0**-20


@dataclass(frozen=True, slots=True)
class Lattice:
    """A point `p` of the model is at `(p - centre) * scale + shape / 2`; cell i spans [i, i + 1]."""

    centre: tuple[float, float, float]
    scale: float
    shape: tuple[int, int, int]

    def cells(self, points: NDArray[np.float32]) -> NDArray[np.int32]:
        """The cell (n, 3) that each point (n, 3) of the model is in."""
        at = (points.astype(np.float64) - self.centre) * self.scale + np.array(self.shape) / 2
        return np.clip(np.floor(at), 0, np.array(self.shape) - 1).astype(np.int32)


def fit(model: Model, size: int) -> Lattice:
    """The lattice of `size` cells along the model's longest axis.

    Raises:
        ValueError: there is no triangle, an index is out of range, a coordinate of a triangle is not finite,
            or all are the same point.
    """
    boxes = [_bounds(number, primitive) for number, primitive in enumerate(model.primitives)]
    boxes = [box for box in boxes if len(box)]
    if not boxes:
        raise ValueError("the model has no triangles: expected one at least")
    low, high = np.min([box[0] for box in boxes], axis=0), np.max([box[1] for box in boxes], axis=0)
    longest = float((high - low).max())
    if longest == 0:
        raise ValueError(f"the model has no extent: each of its vertices is at {tuple(map(float, low))}")
    scale = size * (1 - _SPARE) / longest
    x, y, z = (max(1, min(size, int(cells))) for cells in np.ceil((high - low) * scale))
    centre = (low + high) / 2
    return Lattice((float(centre[0]), float(centre[1]), float(centre[2])), scale, (x, y, z))


def _bounds(number: int, primitive: Primitive) -> NDArray[np.float64]:
    """The lowest and the highest corner (2, 3) of the triangles; (0, 3) where there are none."""
    positions, faces = primitive.positions, primitive.faces
    if not len(faces):
        return np.empty((0, 3))
    if faces.min() < 0 or faces.max() >= len(positions):
        raise ValueError(
            f"primitive {number}: faces hold indices from {faces.min()} to {faces.max()}, "
            f"expected 0 to {len(positions) - 1}"
        )
    used = np.zeros(len(positions), bool)
    used[faces] = True
    held = positions if used.all() else positions[used]
    found = np.array([held.min(axis=0), held.max(axis=0)], np.float64)
    if not np.isfinite(found).all():
        raise ValueError(f"primitive {number}: positions hold NaN or infinity, expected finite numbers")
    return found
