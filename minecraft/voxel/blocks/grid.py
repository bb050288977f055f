"""A grid of block states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AIR = "minecraft:air"


@dataclass(frozen=True, slots=True)
class Blocks:
    """One block state for each cell, indexed [x, y, z] with +Y up.

    `cells` is (x, y, z) uint16, an index into `states`. `states` are block states, such as
    `minecraft:oak_log[axis=y]`; the first is AIR. Each state is used, AIR perhaps not, and none comes twice.
    """

    cells: NDArray[np.uint16]
    states: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int, int]:
        """Blocks along x, y and z."""
        x, y, z = self.cells.shape
        return x, y, z
