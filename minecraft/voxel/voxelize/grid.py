"""A mesh as cells: which are solid, and what colour those of its surface have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Voxels:
    """Cells of a regular grid, indexed [x, y, z] with +Y up, as in the game.

    `solid` is (x, y, z) bool; its extent is tight, so that each side has a solid cell. `surface` is (n, 3)
    int32: solid cells with a colour of their own, each once, in C order. `colors` is (n, 3) float32: linear
    RGB in [0, 1], row by row for `surface`. Solid cells that are not in `surface` have no colour.
    """

    solid: NDArray[np.bool_]
    surface: NDArray[np.int32]
    colors: NDArray[np.float32]

    @property
    def size(self) -> tuple[int, int, int]:
        """Cells along x, y and z."""
        x, y, z = self.solid.shape
        return x, y, z
